/* No update is lost with two instances that share a leased ledger: the design, checked before there
 * is code for it.
 *
 * A guarded writer at each of two instances, and a creation at the second; both instances may stop
 * for as long as they like between any two of their steps (nothing obliges them to go on), and so
 * may every message to and from the ledger. The ledger may lose everything once. The second
 * instance may start late. Time passes in ticks, which nobody can hold up but the upstream: what
 * was sent lands before the fuse has burnt down, or never.
 *
 * The one pause that is left out is between an instance's last look at its clock and the send of
 * the last octets: look and send are one step here. NO_PAUSE_BEFORE_SEND shows what that pause can
 * do. A version is its age, an epoch the bit "nothing that overlaps was stamped since", as in
 * one_instance.pml.
 */
#define COLLECTION 0
#define MEMBER     1
#define REQUESTS   3
#define CREATION   2

#define LEASE    3  /* in ticks */
#define IN_DOUBT 2

#include "rules.pml"

#define AWAY         0
#define COMING       1   /* its client has read a tag; it asks for its holds, perhaps again */
#define CHECKED      2   /* only without ALL_OR_NONE: seen to be free, not yet taken */
#define HOLDING      3   /* they are taken; the condition is to be decided */
#define MARK_ASKED   4   /* the script that checks, renews, marks and stamps is on its way */
#define MARKED       5   /* it has run */
#define LOOKED       6   /* only without NO_PAUSE_BEFORE_SEND: it saw that there is time */
#define SENT         7
#define RENEW_ASKED  8
#define ANSWERED     9

/* The instances. */
#define AT(k) ((k) != 0)    /* which instance has request k */
#define UNSTARTED 2
byte known[2];              /* the generation that the instance has seen */
byte refuses[2];            /* ticks for which it refuses on its own account */
byte state[REQUESTS];
byte own[REQUESTS];
byte local_left[REQUESTS];  /* of the hold, counted from before it was asked for */
byte asked_left[REQUESTS];  /* of a renewal that is not confirmed yet */
bit fresh[REQUESTS];        /* of the last look that showed the tag's version: no stamp since */
bit of_lost[REQUESTS];      /* its epoch is of a generation that was lost: no new one is newer */

/* The ledger: each request's holds, which are taken, renewed, marked and removed together. */
bit may_lose;               /* it may lose everything, once; the second instance starts late */
byte generation;
bit generation_missing;
byte closed_left;           /* ticks until it takes anything in its new generation */
bit hold[REQUESTS];
bit mark[REQUESTS];
byte left[REQUESTS];        /* until expiry */
byte doubt_left[REQUESTS];  /* after it, of one that is marked */

/* The upstream. */
bit on_its_way[REQUESTS];
byte fuse[REQUESTS];        /* ticks in which it may still land */
byte tag_age[REQUESTS];     /* changes of the resource since the tag was current */

#define GUARDED(k)         ((k) != CREATION)
#define HAS_TAG(k)         (GUARDED(k) && (state[k] >= COMING && state[k] < SENT || on_its_way[k]))
#define NEEDS(k, n)        ((n) <= own[k] && (GUARDED(k) || !WITHOUT(RULE_3_7_SHARED)))
#define EXCLUSIVE_AT(k, n) (GUARDED(k) && (n) == own[k])
#define OVERLAPS(k, n)     ((n) <= own[k] || GUARDED(k))

/* A hold keeps others out until it expires; if it is marked, until its quarantine is over. */
#define MARKED_AT(k, n) (mark[k] && ((n) == own[k] || !WITHOUT(RULE_3_7_MARKS_ALL)))
#define STANDS(k, n)    (hold[k] && (left[k] > 0 || MARKED_AT(k, n)))
#define KEEPS_OUT(j, k, n)                                            \
  ((j) != (k) && NEEDS(j, n) && NEEDS(k, n) && STANDS(j, n) &&        \
   (EXCLUSIVE_AT(j, n) || EXCLUSIVE_AT(k, n)))
#define KEEPS_OUT_ANYWHERE(j, k) \
  (KEEPS_OUT(j, k, COLLECTION) || KEEPS_OUT(j, k, MEMBER))
#define ALL_FREE(k) \
  (!KEEPS_OUT_ANYWHERE(0, k) && !KEEPS_OUT_ANYWHERE(1, k) && !KEEPS_OUT_ANYWHERE(2, k))
/* A script sees the marks at the gates of its own request: of two, at the one that encloses. */
#define UNSETTLED_FOR(j, k)                                           \
  ((j) != (k) && hold[j] && OVERLAPS(j, own[k]) &&                    \
   MARKED_AT(j, (own[j] < own[k] -> own[j] : own[k])))
#define UNSETTLED(k)        (UNSETTLED_FOR(0, k) || UNSETTLED_FOR(1, k) || UNSETTLED_FOR(2, k))

#define SAME_GENERATION(k)                                            \
  (WITHOUT(RULE_3_7_GENERATION) ||                                    \
   !generation_missing && known[AT(k)] == generation && closed_left == 0)
#define OWN_AND_UNEXPIRED(k) (hold[k] && left[k] > 0)
#define STILL_VALID(k) \
  (!GUARDED(k) || WITHOUT(RULE_3_7_DECISION) || fresh[k] && !UNSETTLED(k))

inline stamp_for(by, whom) {
  if
  :: OVERLAPS(by, own[whom]) && !of_lost[whom] -> fresh[whom] = 0
  :: else
  fi
}

/* Its epoch voids what was learnt before of all that it overlaps. */
inline stamp(j) {
  stamp_for(j, 0);
  stamp_for(j, 1)
}

inline remove_hold(k) {
  hold[k] = 0;
  mark[k] = 0;
  left[k] = 0;
  doubt_left[k] = 0
}

/* The settling script takes away the holds of this token, whoever holds the gates by now. */
inline settle(k) {
  stamp(k);
  remove_hold(k);
  if
  :: WITHOUT(RULE_3_7_TOKEN) ->
     if :: own[0] == own[k] -> remove_hold(0) :: else fi;
     if :: own[1] == own[k] -> remove_hold(1) :: else fi;
     if :: own[2] == own[k] -> remove_hold(2) :: else fi
  :: else
  fi
}

inline answer(k) {
  state[k] = ANSWERED;
  local_left[k] = 0;
  asked_left[k] = 0;
  fresh[k] = 0;
  of_lost[k] = 0;
  clear(k)
}

/* Nothing more can come of it: equal states shall look equal. */
inline clear(k) {
  if
  :: !on_its_way[k] && state[k] >= SENT -> tag_age[k] = 0; fuse[k] = 0
  :: else
  fi;
  if
  :: !on_its_way[k] && !hold[k] && state[k] == ANSWERED -> own[k] = 0
  :: else
  fi
}

/* The instance closes the upstream connection one tick before its hold ends, as it counts. What
 * has left by then may land for IN_DOUBT ticks more. */
#define FUSE(ticks) ((ticks) - (WITHOUT(RULE_3_7_DEADLINE) -> 0 : 1) + IN_DOUBT)
#define TIME_LEFT(k) (local_left[k] > 1 || WITHOUT(RULE_3_7_DEADLINE) && local_left[k] == 1)

inline send(k) {
  on_its_way[k] = 1;
  fresh[k] = 0;
  of_lost[k] = 0;
  state[k] = SENT
}

#define COMES(k) (state[k] == AWAY && (may_lose -> GUARDED(k) : (k) != 1 || state[0] != AWAY))

proctype Request(byte k) {
end:
  do
  /* With both instances up, the writers are alike, and the first begins. */
  :: d_step { COMES(k) && GUARDED(k) -> state[k] = COMING }
  :: d_step { COMES(k) -> state[k] = COMING; own[k] = MEMBER }

  /* A read, or its probe, sees the version that the tag names. What is decided, by the probe or by
   * the record, rests on the last such look; it may be out of date when the script comes to it. */
  :: d_step {
       GUARDED(k) && state[k] >= COMING && state[k] < MARKED && tag_age[k] == 0 &&
       known[AT(k)] != UNSTARTED && !fresh[k] ->
       fresh[k] = 1;
       of_lost[k] = (generation_missing || known[AT(k)] != generation) }

  /* All the holds, in one script, or none: then it may ask again. */
  :: d_step {
       state[k] == COMING && known[AT(k)] != UNSTARTED && refuses[AT(k)] == 0 &&
       SAME_GENERATION(k) && ALL_FREE(k) ->
       if
       :: WITHOUT(RULE_3_7_ALL_OR_NONE) -> state[k] = CHECKED
       :: else -> hold[k] = 1; left[k] = LEASE; state[k] = HOLDING
       fi }
  :: d_step { state[k] == CHECKED -> hold[k] = 1; left[k] = LEASE; state[k] = HOLDING }

  :: d_step { state[k] == HOLDING -> local_left[k] = LEASE; state[k] = MARK_ASKED }
  :: d_step {
       state[k] == MARK_ASKED ->
       if
       :: SAME_GENERATION(k) && (OWN_AND_UNEXPIRED(k) || WITHOUT(RULE_3_7_OWN_HOLD)) &&
          STILL_VALID(k) ->
          stamp(k);
          if
          :: hold[k] -> left[k] = LEASE; mark[k] = 1; doubt_left[k] = 0
          :: else
          fi;
          state[k] = MARKED
       :: else -> remove_hold(k); answer(k)
       fi }

  /* It looks at its clock and sends, in one step; or it is too late, and nothing was sent. */
  :: d_step {
       state[k] == MARKED && !WITHOUT(NO_PAUSE_BEFORE_SEND) ->
       if
       :: WITHOUT(RULE_3_7_BEFORE_ASKING) -> local_left[k] = LEASE
       :: else
       fi;
       if
       :: TIME_LEFT(k) -> fuse[k] = FUSE(local_left[k]); send(k)
       :: else -> settle(k); answer(k)
       fi }
  :: d_step {
       state[k] == MARKED && WITHOUT(NO_PAUSE_BEFORE_SEND) && TIME_LEFT(k) -> state[k] = LOOKED }
  :: d_step { state[k] == LOOKED -> fuse[k] = IN_DOUBT; send(k) }

  /* It renews, and closes the connection unless it knows in time that it did. */
  :: d_step {
       state[k] == SENT && on_its_way[k] && TIME_LEFT(k) ->
       asked_left[k] = LEASE;
       state[k] = RENEW_ASKED }
  :: d_step {
       state[k] == RENEW_ASKED ->
       if
       :: OWN_AND_UNEXPIRED(k) ->
          left[k] = LEASE;
          if
          :: TIME_LEFT(k) && on_its_way[k] ->
             local_left[k] = asked_left[k];
             fuse[k] = FUSE(asked_left[k])
          :: else
          fi
       :: else
       fi;
       asked_left[k] = 0;
       state[k] = SENT }

  /* Settled. */
  :: d_step { state[k] == SENT && !on_its_way[k] -> settle(k); answer(k) }
  /* In doubt: nothing is said to the ledger, where the mark stands. Before the send: it left. */
  :: d_step { state[k] >= SENT && state[k] < ANSWERED -> answer(k) }
  :: d_step { state[k] >= COMING && state[k] < MARK_ASKED -> remove_hold(k); answer(k) }
  od
}

inline change_for(by, whom, at) {
  if
  :: by != whom && HAS_TAG(whom) && own[whom] == at -> tag_age[whom]++
  :: else
  fi
}

/* The promise: a guarded write lands on the version that its tag names. */
inline land(k) {
  assert(!GUARDED(k) || tag_age[k] == 0);
  assert(!(WITHOUT(SHOW_A_WRITE_LANDS) && k == 1 && state[0] == ANSWERED && state[1] == SENT));
  change_for(k, 0, COLLECTION);
  change_for(k, 1, COLLECTION);
  if
  :: own[k] == MEMBER || GUARDED(k) -> change_for(k, 0, MEMBER); change_for(k, 1, MEMBER)
  :: else
  fi;
  on_its_way[k] = 0;
  clear(k)
}

proctype Upstream() {
end:
  do
  :: d_step { on_its_way[0] -> land(0) }
  :: d_step { on_its_way[1] -> land(1) }
  :: d_step { on_its_way[2] -> land(2) }
  :: d_step { on_its_way[0] -> on_its_way[0] = 0; clear(0) }
  :: d_step { on_its_way[1] -> on_its_way[1] = 0; clear(1) }
  :: d_step { on_its_way[2] -> on_its_way[2] = 0; clear(2) }
  od
}

inline void_entries(n) {
  if :: AT(0) == n -> fresh[0] = 0; of_lost[0] = 0 :: else fi;
  if :: AT(1) == n -> fresh[1] = 0; of_lost[1] = 0 :: else fi
}

/* An instance that connects looks at the generation. Whoever finds none makes one, and with it the
 * ledger stays closed for as long as what the lost one allowed may still land. */
proctype Instance(byte n) {
end:
  do
  :: d_step {
       known[n] != generation || generation_missing ->
       /* By the letter, whoever misses the generation that it knew, or any, waits on its own. */
       if
       :: WITHOUT(RULE_3_7_CLOSED) && (generation_missing || known[n] != UNSTARTED) ->
          refuses[n] = LEASE + IN_DOUBT
       :: else
       fi;
       if
       :: generation_missing ->
          generation++;
          generation_missing = 0;
          closed_left =
            (WITHOUT(RULE_3_7_WAIT) || WITHOUT(RULE_3_7_CLOSED) -> 0 : LEASE + IN_DOUBT)
       :: else
       fi;
       if
       :: WITHOUT(RULE_3_7_CLEARS_NOTHING) && known[n] == UNSTARTED ->
          remove_hold(0);
          remove_hold(1);
          remove_hold(2)
       :: else
       fi;
       if
       :: known[n] != UNSTARTED && !WITHOUT(RULE_3_7_VOID) -> void_entries(n)
       :: else
       fi;
       known[n] = generation }
  od
}

inline lose_stamps(k) {
  fresh[k] = HAS_TAG(k) && known[AT(k)] != UNSTARTED;
  of_lost[k] = fresh[k]
}

/* The ledger is emptied: no hold, no mark, no stamp is left, so whatever was learnt looks valid. */
proctype Loss() {
end:
  d_step {
    may_lose ->
    generation_missing = 1;
    remove_hold(0);
    remove_hold(1);
    remove_hold(2);
    lose_stamps(0);
    lose_stamps(1)
  }
}

inline burn(timer) {
  if :: timer > 0 -> timer-- :: else fi
}

/* An expired hold is free; a marked one is in doubt first, and ending that draws an epoch. */
inline tick_hold(k) {
  burn(local_left[k]);
  burn(asked_left[k]);
  burn(fuse[k]);
  if
  :: hold[k] && left[k] > 0 ->
     left[k]--;
     if
     :: left[k] == 0 && (!mark[k] || WITHOUT(RULE_3_7_MARK)) -> remove_hold(k)
     :: left[k] == 0 && mark[k] && !WITHOUT(RULE_3_7_MARK) -> doubt_left[k] = IN_DOUBT
     :: else
     fi
  :: hold[k] && left[k] == 0 ->
     doubt_left[k]--;
     if
     :: doubt_left[k] == 0 ->
        if :: !WITHOUT(RULE_3_7_EPOCH) -> stamp(k) :: else fi;
        remove_hold(k)
     :: else
     fi
  :: else
  fi;
  clear(k)
}

#define MAY_WAIT(k) (!on_its_way[k] || fuse[k] > 0 || WITHOUT(NO_STRAGGLER_IS_LATE))

proctype Clock() {
end:
  do
  :: d_step {
       MAY_WAIT(0) && MAY_WAIT(1) && MAY_WAIT(2) ->
       tick_hold(0);
       tick_hold(1);
       tick_hold(2);
       if :: refuses[0] == 1 -> void_entries(0) :: else fi;
       if :: refuses[1] == 1 -> void_entries(1) :: else fi;
       burn(refuses[0]);
       burn(refuses[1]);
       /* What was read meanwhile may be older than what was still to land. */
       if
       :: closed_left == 1 && !WITHOUT(RULE_3_7_OPENS) ->
          fresh[0] = fresh[0] && of_lost[0];
          fresh[1] = fresh[1] && of_lost[1]
       :: else
       fi;
       burn(closed_left) }
  od
}

init {
  atomic {
    choose_rules();
    may_lose = with_option;
    if
    :: may_lose -> known[1] = UNSTARTED
    :: else
    fi;
    run Request(0);
    run Request(1);
    run Request(2);
    run Upstream();
    run Instance(0);
    run Instance(1);
    run Loss();
    run Clock()
  }
}
