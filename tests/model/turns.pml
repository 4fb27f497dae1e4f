/* Every request is answered, however many others come: the gates of gates.pml under endless load.
 *
 * Request 0 comes once, in any mode at either node, and neither leaves nor gives up: its wait is
 * not bounded here, so that a deadlock or a starvation could not hide behind a time-out. The other
 * two come again and again, each time in any mode at either node, and may leave at any step. What
 * versions and epochs decide is left open: every probe and every check may go either way.
 *
 * Weak fairness: whatever could go on goes on at last, since probes, connections, writes and
 * quarantines all end by time.
 */
#include "rules.pml"
#include "gates.pml"

bit decided_again[REQUESTS];

#define IS_ANSWERED(i) (state[i] == ANSWERED || state[i] == QUARANTINED)
ltl every_request_is_answered { <> IS_ANSWERED(0) }

#define GONE 11  /* only without 3.3.4: it left, and still holds what it held */

inline drop(i) {
  if
  :: state[i] == QUEUED -> node = NTH_GATE(i, taken[i]); give_up(i, node)
  :: state[i] == QUARANTINED -> unmark_gates(i)
  :: else
  fi;
  decided_again[i] = 0;
  if
  :: WITHOUT(RULE_3_3_4_WAITER) && state[i] == QUEUED -> state[i] = GONE; node = 0
  :: else -> state[i] = ANSWERED; release_gates(i)
  fi
}

inline come(i, node_of_it, mode) {
  taken[i] = 0;
  own[i] = node_of_it;
  guarded[i] = mode;
  state[i] = COMING
}

#define COMES(i) (state[i] == AWAY || state[i] == ANSWERED && i != 0)

proctype Request(byte i) {
end:
  do
  :: d_step { COMES(i) -> come(i, COLLECTION, 0) }
  :: d_step { COMES(i) -> come(i, MEMBER, 0) }
  :: d_step { COMES(i) -> come(i, COLLECTION, 1) }
  :: d_step { COMES(i) -> come(i, MEMBER, 1) }

  :: d_step {
       state[i] == COMING && !GATES_DOUBTFUL(i) && guarded[i] && !GATES_FREE(i) ->
       state[i] = SCOUTING }
  :: d_step {
       state[i] == ARRIVING || state[i] == SCOUTING ||
       state[i] == COMING && !GATES_DOUBTFUL(i) && (GATES_FREE(i) || !guarded[i]) ->
       advance(i) }
  :: d_step { state[i] == DECIDING -> state[i] = SENT }
  /* Decided again, or unsent. */
  :: d_step {
       (state[i] == DECIDING && guarded[i] || state[i] == SENT) &&
       (!decided_again[i] || WITHOUT(RULE_3_2_5_BOUND)) ->
       decided_again[i] = 1;
       state[i] = DECIDING }
  :: d_step { state[i] == SENT -> mark_gates(i); state[i] = QUARANTINED }
  :: d_step {
       state[i] == COMING && GATES_DOUBTFUL(i) || state[i] == SCOUTING || state[i] == EXPELLED ||
       state[i] == DECIDING || state[i] == SENT || state[i] == QUARANTINED ->
       drop(i) }
  od
}

/* A client that waits may leave; nothing obliges it to. */
proctype Clients() {
end:
  do
  :: d_step { state[1] == QUEUED -> drop(1) }
  :: d_step { state[2] == QUEUED -> drop(2) }
  :: true -> true
  od
}

init {
  atomic {
    choose_rules();
    run Request(0);
    run Request(1);
    run Request(2);
    run Clients()
  }
}
