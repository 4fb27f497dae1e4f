/* An exclusive request at a shared ledger is not starved by those that share, nor they by one that
 * is gone: rule 3.7, the list of wants.
 *
 * Two clients create without end, so that one of them holds the gate at almost any time. A writer
 * that needs it exclusively asks again and again; it may be gone for good at any moment. All of
 * them only poll: nobody is woken, and polls come in any order. A want expires after three polls of
 * silence: here when its owner is gone, which says that one who is there polls in time.
 */
#include "rules.pml"

#define AWAY    0
#define ASKING  1
#define HOLDING 2
#define GONE    3
byte writer;
byte creation[2];
bit older[2];  /* it came before the want */
bit want;

ltl the_writer_is_answered { <> (writer == HOLDING || writer == GONE) }
ltl the_creation_is_answered { [] (creation[0] == ASKING -> <> (creation[0] == HOLDING)) }

proctype Writer() {
  do
  :: d_step { writer == AWAY -> writer = ASKING }
  :: d_step {
       writer == ASKING && (creation[0] == HOLDING || creation[1] == HOLDING) ->
       want = !WITHOUT(RULE_3_7_WANT) }
  :: d_step {
       writer == ASKING && creation[0] != HOLDING && creation[1] != HOLDING ->
       writer = HOLDING;
       want = 0 }
  :: writer == ASKING -> writer = GONE; break
  :: d_step { writer == HOLDING -> writer = GONE }; break
  od
}

proctype Creation(byte i) {
  do
  :: d_step { creation[i] == AWAY -> creation[i] = ASKING; older[i] = !want }
  :: d_step {
       creation[i] == ASKING ->
       if
       :: writer != HOLDING && (!want || older[i]) -> creation[i] = HOLDING
       :: else
       fi }
  :: d_step { creation[i] == HOLDING -> creation[i] = AWAY }
  od
}

proctype Expiry() {
end:
  d_step { want && writer == GONE && !WITHOUT(RULE_3_7_WANT_EXPIRES) -> want = 0 }
}

init {
  atomic {
    choose_rules();
    run Writer();
    run Creation(0);
    run Creation(1);
    run Expiry()
  }
}
