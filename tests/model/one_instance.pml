/* No update is lost with one instance: the protocol of proxy/guard, checked exhaustively.
 *
 * Two guarded writers, a third request (a creation, or a write of `mode: observe` that holds no
 * gate), a reader without end, an upstream that answers when it likes, and a writer around the
 * proxy, on a collection and a member of it. Every client may leave at any step, and every write
 * that was sent may be answered, fail before its first octet, or end in doubt and land late. The
 * instance dies once, at any moment or in the end, and starts uncleanly.
 *
 * Versions and epochs are only ever compared, and are modelled by what the comparison says:
 * - a version is its age, the number of changes of its node since it was the current one;
 * - the epoch at which something was learnt is one bit, "nothing that overlaps was stamped since".
 *
 * Each NO_RULE_x takes one rule out; then an assertion below must fail. README.md tells which.
 */
#include "rules.pml"
#include "gates.pml"

#define WRITERS 2
#define THIRD   2

/* The upstream. */
byte on_its_way[REQUESTS];  /* copies of the write that were sent and have not landed */

/* What the engine knows. */
bit entry_fresh[NODES];     /* the record: an entry of which no overlapping stamp is newer, */
byte entry_age[NODES];      /*   and its version */
bit unsettled[REQUESTS];
bit decision_fresh[REQUESTS];  /* what the decision rests on, likewise */
bit everything_in_doubt;      /* after an unclean start */

/* The writers. */
byte tag_age[REQUESTS];      /* the version that `If-Match` names */

/* The auditor knows what no proxy can: which changes a writer's tag does not cover. */
#define UNSEEN_PROXIED 1    /* one through the proxy */
#define UNSEEN_AROUND  2    /* one around it, before the confirming probe looked */
#define SENT_LATER     4    /* an observed one that was sent after this writer's write */
#define SLIPPED_AROUND 8    /* one around it, between the probe's look and the landing */
byte unseen[REQUESTS];
bit looked[REQUESTS];        /* the probe inside the gate has looked, and it was a match */
bit landed[REQUESTS];
bit sent_before[REQUESTS];   /* this writer's write was sent before the third's */

#define HAS_TAG(j) (state[j] >= COMING && state[j] < SENT || on_its_way[j] > 0)

/* Rule 3.2.6: what a write of request i concerns. One relation, everywhere. */
#define REACHES_ABOVE(i, n) (!WITHOUT(RULE_3_2_6_ABOVE) && (n) < own[i])
#define REACHES_BELOW(i, n) \
  (!WITHOUT(RULE_3_2_6_BELOW) && (guarded[i] || unheld[i]) && (n) > own[i])
#define OVERLAPS(i, n) ((n) == own[i] || REACHES_ABOVE(i, n) || REACHES_BELOW(i, n))
#define UNSETTLED_AT(n)                                                     \
  (unsettled[0] && OVERLAPS(0, n) || unsettled[1] && OVERLAPS(1, n) ||      \
   unsettled[2] && OVERLAPS(2, n))

/* Rule 3.1.3, Engine::Body::entries_valid_from */
#define ENTRY_VALID(n) \
  (entry_fresh[n] && (WITHOUT(RULE_3_1_3) || !UNSETTLED_AT(n) && !everything_in_doubt))
/* Rule 3.2.3, Engine::Body::consult */
#define RECORD_MATCHES(i) (ENTRY_VALID(own[i]) && entry_age[own[i]] == tag_age[i])
#define RECORD_DIFFERS(i) (ENTRY_VALID(own[i]) && entry_age[own[i]] != tag_age[i])
/* Rule 3.2.5, Engine::Body::connected */
#define STILL_VALID(i) \
  (!guarded[i] || WITHOUT(RULE_3_2_5) || decision_fresh[i] && !UNSETTLED_AT(own[i]))

/* Nodes::stamp: what was learnt before of anything that the write overlaps is void. */
inline stamp_node(i, n) {
  if
  :: OVERLAPS(i, n) ->
     if :: !WITHOUT(RULE_3_1_3) -> entry_fresh[n] = 0; entry_age[n] = 0 :: else fi;
     if :: own[0] == n -> decision_fresh[0] = 0 :: else fi;
     if :: own[1] == n -> decision_fresh[1] = 0 :: else fi
  :: else
  fi
}

inline stamp(i) {
  stamp_node(i, COLLECTION);
  stamp_node(i, MEMBER)
}

/* Engine::Body::send */
inline send(i) {
  if :: !WITHOUT(RULE_3_2_6_SEND) -> stamp(i); unsettled[i] = 1 :: else fi;
  on_its_way[i]++;
  state[i] = SENT
}

/* Engine::Body::void_stamps */
inline void_stamps(i) {
  unsettled[i] = 0;
  if :: !WITHOUT(RULE_3_2_6_SETTLE) -> stamp(i) :: else fi
}

/* Engine::Body::drop. The request is answered, or there is nobody left to answer. */
inline drop(i) {
  release_gates(i);
  state[i] = ANSWERED;
  decision_fresh[i] = 0;
  if
  :: on_its_way[i] == 0 -> clear(i)
  :: else
  fi
}

/* Nothing more can come of it: equal states shall look equal. */
inline clear(i) {
  own[i] = 0;
  unheld[i] = 0;
  tag_age[i] = 0;
  unseen[i] = 0;
  looked[i] = 0;
  landed[i] = 0;
  sent_before[i] = 0;
  if :: i == THIRD -> sent_before[0] = 0; sent_before[1] = 0 :: else fi
}

/* What has changed before a new decision is no longer excused by coming later. */
inline audit_again(j) {
  looked[j] = 0;
  sent_before[j] = 0;
  decision_fresh[j] = 0;
  if
  :: unseen[j] & SENT_LATER -> unseen[j] = UNSEEN_PROXIED
  :: unseen[j] == SLIPPED_AROUND -> unseen[j] = UNSEEN_AROUND
  :: else
  fi
}

/* What the promise is: a guarded write lands on the version that its tag names. */
inline audit_landing(j) {
  assert(!(unseen[j] & UNSEEN_PROXIED));
  assert(!(unseen[j] & UNSEEN_AROUND));
  assert((tag_age[j] == 0) == (unseen[j] == 0));
  assert(!(WITHOUT(SHOW_A_WRITE_LANDS) && j == 1 && state[0] == ANSWERED))
}

/* `note` is why writer j may have missed the change, if it was of its own node. */
inline change_for(j, n, note) {
  if
  :: HAS_TAG(j) && own[j] == n ->
     tag_age[j]++;
     unseen[j] = (unseen[j] | (note)) & ((unseen[j] | (note)) & 1 -> 1 : 15)
  :: else
  fi
}

inline change_known(n) {
  if :: entry_fresh[n] -> entry_age[n]++ :: else fi
}

#define PROXIED_NOTE(i, j)                                                   \
  ((i) == (j) -> 0 :                                                         \
   ((i) == THIRD && unheld[THIRD] && sent_before[j] -> SENT_LATER : UNSEEN_PROXIED))
#define AROUND_NOTE(j) (looked[j] -> SLIPPED_AROUND : UNSEEN_AROUND)

/* The write of request i takes effect. A creation changes only what it creates in. */
inline land(i) {
  change_for(0, COLLECTION, PROXIED_NOTE(i, 0));
  change_for(1, COLLECTION, PROXIED_NOTE(i, 1));
  change_known(COLLECTION);
  if
  :: own[i] == MEMBER || guarded[i] || unheld[i] ->
     change_for(0, MEMBER, PROXIED_NOTE(i, 0));
     change_for(1, MEMBER, PROXIED_NOTE(i, 1));
     change_known(MEMBER)
  :: else
  fi;
  landed[i] = 1;
  take_off(i)
}

/* One copy is no longer on its way: it has landed, or the API refused it. */
inline take_off(i) {
  on_its_way[i]--;
  if
  :: on_its_way[i] == 0 -> tag_age[i] = 0; unseen[i] = 0; looked[i] = 0; sent_before[i] = 0
  :: else
  fi;
  if
  :: state[i] == ANSWERED && on_its_way[i] == 0 -> clear(i)
  :: else
  fi
}

/* A read or a probe saw the current version, and the record learns it: at once, since whether it is
 * entered now or when the answer has come makes no difference. Nobody is obliged to ask the record,
 * and a stamp voids an entry exactly as it voids an answer that is not entered yet. */
inline learn(n) {
  d_step { entry_fresh[n] = 1; entry_age[n] = 0 }
}

#define DOUBTFUL(i)  (!unheld[i] && (everything_in_doubt || GATES_DOUBTFUL(i)))
#define COMES(i)     (state[i] == AWAY && (i != 1 || state[0] != AWAY))

proctype Request(byte i) {
end:
  do
  /* The client of a writer reads its tag; the two writers are alike, so the first begins. The third
   * request is a creation, or a write that is only observed. */
  :: d_step { COMES(i) -> state[i] = COMING }
  :: d_step { COMES(i) -> state[i] = COMING; own[i] = MEMBER }
  :: d_step { COMES(i) && i == THIRD -> state[i] = COMING; unheld[i] = 1 }
  :: d_step { COMES(i) && i == THIRD -> state[i] = COMING; unheld[i] = 1; own[i] = MEMBER }

  /* Engine::submit: the gates are taken, with the next step, or a scout looks first. */
  :: d_step {
       state[i] == COMING && !DOUBTFUL(i) && guarded[i] && !GATES_FREE(i) ->
       state[i] = SCOUTING }
  /* Engine::Body::enter, or hand_over. A scout's match decides nothing. */
  :: d_step {
       state[i] == ARRIVING || state[i] == SCOUTING ||
       state[i] == COMING && !DOUBTFUL(i) &&
         (GATES_FREE(i) || !guarded[i] || RECORD_MATCHES(i)) ->
       if
       :: WITHOUT(RULE_3_2_3_GATE) && state[i] == SCOUTING && tag_age[i] == 0 ->
          decision_fresh[i] = 1
       :: else
       fi;
       advance(i) }

  /* Engine::Body::decide. A match of the record is enough on `recorded` routes, which do not
   * promise to see who goes around. */
  :: d_step {
       state[i] == DECIDING && guarded[i] && !everything_in_doubt && RECORD_MATCHES(i) ->
       if
       :: !WITHOUT(RULE_3_2_3_CONFIRM) ->
          unseen[i] = unseen[i] & ~UNSEEN_AROUND;
          if :: unseen[i] == 0 && tag_age[i] > 0 -> unseen[i] = SLIPPED_AROUND :: else fi;
          looked[i] = 1
       :: else
       fi;
       decision_fresh[i] = 1;
       state[i] = CONNECTING }
  /* Engine::probed: the probe inside the gate looks. */
  :: d_step {
       state[i] == DECIDING && guarded[i] && !everything_in_doubt && tag_age[i] == 0 ->
       entry_fresh[own[i]] = 1;
       entry_age[own[i]] = 0;
       looked[i] = 1;
       decision_fresh[i] = 1;
       state[i] = CONNECTING }
  /* Nothing to decide, or decided by the scout. */
  :: d_step {
       state[i] == DECIDING &&
       (!guarded[i] || WITHOUT(RULE_3_2_3_GATE) && decision_fresh[i]) ->
       state[i] = CONNECTING }

  /* Engine::connected */
  :: d_step {
       state[i] == CONNECTING && (!everything_in_doubt || unheld[i]) ->
       if
       :: STILL_VALID(i) ->
          if
          :: i == THIRD ->
             sent_before[0] = on_its_way[0] > 0;
             sent_before[1] = on_its_way[1] > 0
          :: else
          fi;
          send(i)
       :: else -> audit_again(i); state[i] = DECIDING
       fi }

  /* Engine::unsent: not one octet left. It is decided again. */
  :: d_step {
       state[i] == SENT && (on_its_way[i] > 0 || WITHOUT(RULE_3_2_7)) && on_its_way[i] < 2 ->
       void_stamps(i);
       audit_again(i);
       if
       :: WITHOUT(RULE_3_2_7)
       :: else -> on_its_way[i]--
       fi;
       state[i] = DECIDING }
  /* Engine::in_doubt: a time-out, a lost connection, a doubtful answer; or leave. */
  :: d_step {
       state[i] == SENT && !WITHOUT(RULE_3_4_QUARANTINE) ->
       mark_gates(i);
       state[i] = QUARANTINED }
  :: d_step { state[i] == SENT && taken[i] > 0 && WITHOUT(RULE_3_3_3) -> release_gates(i) }

  /* Every end: refused; given up in the queue, or left before the send; settled; and in quarantine
   * its outcome known after all, or time up. Stragglers land before that. */
  :: d_step {
       state[i] == COMING && (DOUBTFUL(i) || guarded[i] && RECORD_DIFFERS(i)) ||
       state[i] > COMING && state[i] < SENT ||
       (state[i] == SENT || state[i] == QUARANTINED) && on_its_way[i] == 0 ||
       state[i] == SENT && (WITHOUT(RULE_3_4_QUARANTINE) || WITHOUT(RULE_3_3_4_WRITER)) ||
       state[i] == QUARANTINED && WITHOUT(NO_STRAGGLER_IS_LATE) ->
       if
       :: state[i] < SENT -> assert(!landed[i])  /* a refused write never reached the API */
       :: else
       fi;
       if
       :: state[i] == QUEUED -> node = NTH_GATE(i, taken[i]); give_up(i, node)
       :: state[i] == SENT -> void_stamps(i)
       :: state[i] == QUARANTINED -> unmark_gates(i); void_stamps(i)
       :: else
       fi;
       drop(i) }
  od
}

/* The upstream lands what is on its way when it likes, or never. */
proctype Upstream() {
end:
  do
  :: d_step { on_its_way[0] > 0 -> audit_landing(0); land(0) }
  :: d_step { on_its_way[1] > 0 -> audit_landing(1); land(1) }
  :: d_step { on_its_way[2] > 0 -> land(2) }
  :: d_step { on_its_way[0] > 0 -> take_off(0) }
  :: d_step { on_its_way[1] > 0 -> take_off(1) }
  :: d_step { on_its_way[2] > 0 -> take_off(2) }
  od
}

proctype Around() {
  d_step {
    change_for(0, own[0], AROUND_NOTE(0));
    change_for(1, own[1], AROUND_NOTE(1));
    change_known(COLLECTION);
    change_known(MEMBER)
  }
}

inline lose(i) {
  taken[i] = 0;
  unsettled[i] = 0;
  decision_fresh[i] = 0;
  if
  :: state[i] > COMING ->
     state[i] = ANSWERED;
     if :: on_its_way[i] == 0 -> clear(i) :: else fi
  :: else
  fi
}

/* Nodes::raise_floor */
inline void_all(n) {
  entry_fresh[n] = 0;
  entry_age[n] = 0;
  if :: own[0] == n -> decision_fresh[0] = 0 :: else fi;
  if :: own[1] == n -> decision_fresh[1] = 0 :: else fi
}

inline lose_gate(n) {
  gate[n].exclusive = 0;
  gate[n].shared = 0;
  gate[n].doubt_exclusive = 0;
  gate[n].doubt_shared = 0;
  gate[n].first = 0;
  gate[n].second = 0;
  entry_fresh[n] = 0;
  entry_age[n] = 0
}

/* The instance dies once, and starts again: what it knew is gone, what was sent is not. Quarantine
 * of everything ends when the longest `in_doubt` is over, and stragglers land before that. */
proctype Crash() {
  d_step {
    lose(0);
    lose(1);
    lose(2);
    lose_gate(COLLECTION);
    lose_gate(MEMBER);
    everything_in_doubt = !WITHOUT(RULE_3_4_UNCLEAN) }
  d_step {
    on_its_way[0] + on_its_way[1] + on_its_way[2] == 0 ->
    everything_in_doubt = 0;
    if
    :: !WITHOUT(RULE_3_4_EPOCH) -> void_all(COLLECTION); void_all(MEMBER)
    :: else
    fi }
}

/* Reads without end, of either node. */
proctype Reader() {
end:
  do
  :: learn(COLLECTION)
  :: learn(MEMBER)
  od
}

init {
  atomic {
    choose_rules();
    guarded[0] = 1;
    guarded[1] = 1;
    run Request(0);
    run Request(1);
    run Request(2);
    run Upstream();
    run Around();
    run Crash();
    run Reader()
  }
}
