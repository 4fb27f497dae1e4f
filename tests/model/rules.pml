/* One program checks the protocol with all its rules, and with any single one taken out: the
 * environment variable MODEL_WITHOUT has the number of that rule, and tests/model/check sets it.
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
#define RULE_3_3_2_TURNS      13  /* shared ones go first after an exclusive turn only */
#define RULE_3_4_QUARANTINE   14  /* a write in doubt keeps its gates */
#define RULE_3_4_UNCLEAN      15  /* an unclean start begins in quarantine */
#define RULE_3_2_7            16  /* sent again only if not one octet was sent */
#define RULE_3_3_3            17  /* time alone opens no gate whose writer is unaccounted for */
#define RULE_3_3_4_WRITER     18  /* a writer that was sent and leaves is only marked */
#define RULE_3_3_4_WAITER     19  /* a waiter that leaves frees what it holds */
#define RULE_3_4_EPOCH        20  /* that quarantine ends in a new epoch */
#define RULE_3_2_5_BOUND      22  /* a decision is made again a bounded number of times */
#define NO_STRAGGLER_IS_LATE  21  /* not a rule: what the promise assumes (limits, 3.8) */

/* Two instances. */
#define RULE_3_7_ALL_OR_NONE     31  /* all holds are checked and taken in one script */
#define RULE_3_7_SHARED          32  /* shared holds are in the ledger, too */
#define RULE_3_7_OWN_HOLD        33  /* the last script checks that every hold is own, unexpired */
#define RULE_3_7_GENERATION      34  /* every script checks the generation */
#define RULE_3_7_DECISION        35  /* and that what the decision rests on is valid */
#define RULE_3_7_BEFORE_ASKING   36  /* a hold counts from before it was asked for */
#define RULE_3_7_DEADLINE        37  /* the upstream's deadline is strictly inside the hold */
#define RULE_3_7_MARK            38  /* an expired hold with a mark is in doubt, not free */
#define RULE_3_7_MARKS_ALL       39  /* every hold of the request has the mark */
#define RULE_3_7_TOKEN           40  /* settling removes only the holds of that token */
#define RULE_3_7_EPOCH           41  /* the end of a quarantine draws an epoch */
#define RULE_3_7_WAIT            42  /* a new generation is closed for lease plus in_doubt */
#define RULE_3_7_CLOSED          43  /* the ledger itself keeps that time, not each instance */
#define RULE_3_7_VOID            44  /* a new generation voids all entries */
#define RULE_3_7_CLEARS_NOTHING  45  /* a starting instance clears nothing of others */
#define RULE_3_7_WANT            46  /* younger requests do not pass a want */
#define RULE_3_7_WANT_EXPIRES    49  /* a want that is no longer polled for expires */
#define RULE_3_7_OPENS           48  /* that closed time ends in a new epoch */
#define NO_PAUSE_BEFORE_SEND     47  /* not a rule: what the promise assumes (limits, 3.8) */

/* Not a rule either: a proof in which nothing can happen proves nothing. */
#define SHOW_A_WRITE_LANDS       50  /* fails when the second write lands after the first */

byte without;
bit with_option;  /* what it means, each model says itself */
#define WITHOUT(rule) (without == rule)

inline choose_rules() {
  c_code {
    const char* rule = getenv("MODEL_WITHOUT");
    now.without = rule == NULL ? 0 : atoi(rule);
    now.with_option = getenv("MODEL_OPTION") != NULL;
  }
}
