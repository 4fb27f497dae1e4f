/* One program checks the protocol with all its rules, and with any single one taken out: the
 * environment variable MODEL_WITHOUT has the number of that rule. tests/model/check sets it.
 */
c_decl {
  \#include <stdlib.h>
};

#define RULE_3_1_3            1   /* an entry needs an epoch: nothing stamped, nothing unsettled */
#define RULE_3_2_3_CONFIRM    2   /* a match of the record is no match on a `confirm` route */
#define RULE_3_2_3_GATE       3   /* a scout's match does not decide */
#define RULE_3_2_5            4   /* decided again if stale in the step that stamps */
#define RULE_3_2_6_SEND       5   /* stamped, and unsettled, when sent */
#define RULE_3_2_6_SETTLE     6   /* stamped when settled */
#define RULE_3_2_6_ABOVE      7   /* a write overlaps what encloses it */
#define RULE_3_2_6_BELOW      8   /* an exclusive write overlaps what it encloses */
#define RULE_3_3_1_ENCLOSING  9   /* enclosing gates are held, shared */
#define RULE_3_3_1_OTHERS     10  /* what is not guarded holds its gates shared */
#define RULE_3_3_1_ORDER      11  /* an enclosing gate before what it encloses */
#define RULE_3_3_2_PASSING    12  /* no newcomer passes a waiter that it conflicts with */
#define RULE_3_3_2_TURNS      13  /* after an exclusive turn those who share go first */
#define RULE_3_4_QUARANTINE   14  /* a write in doubt keeps its gates */
#define RULE_3_4_UNCLEAN      15  /* an unclean start begins in quarantine */
#define RULE_3_2_7            16  /* sent again only if not one octet was sent */
#define RULE_3_3_3            17  /* time alone opens no gate whose writer is unaccounted for */
#define RULE_3_3_4_WRITER     18  /* a writer that was sent and leaves is only marked */
#define RULE_3_3_4_WAITER     19  /* a waiter that leaves frees what it holds */
#define RULE_3_4_EPOCH        20  /* that quarantine ends in a new epoch */
#define NO_STRAGGLER_IS_LATE  21  /* not a rule: what the promise assumes (limits, 3.8) */

byte without;
#define WITHOUT(rule) (without == rule)

inline choose_rules() {
  c_code {
    const char* rule = getenv("MODEL_WITHOUT");
    now.without = rule == NULL ? 0 : atoi(rule);
    now.may_crash = getenv("MODEL_CRASH") != NULL;
  }
}
