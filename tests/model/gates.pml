/* Gates of a tree of two levels, as proxy/guard/gates.cpp has them: who holds in which mode, who
 * waits in which order, what is in doubt. Included by one_instance.pml and turns.pml, so that both
 * speak of the same gates. Every inline runs inside an atomic step of the caller, as every verb of
 * the engine runs under its mutex.
 *
 * Every request has a node of its own, and takes the nodes 0 .. own[i] in that order: an enclosing
 * gate before what it encloses. Two may wait at one gate, since a third holds it.
 */
#define COLLECTION 0
#define MEMBER     1
#define REQUESTS   3
#define NODES      2

typedef Gate {
  byte exclusive;        /* holders */
  byte shared;
  byte doubt_exclusive;  /* holders whose outcome is unknown */
  byte doubt_shared;
  byte first;            /* waiters: a request's number plus one, zero is none */
  byte second
};

Gate gate[NODES];
byte own[REQUESTS];         /* the node that is the request's own path */
bit guarded[REQUESTS];      /* holds its own path exclusively, else shared */
bit unheld[REQUESTS];       /* Hold::none: takes no gate */
byte taken[REQUESTS];       /* gates that it holds, in the order of taking */
byte state[REQUESTS];       /* see below */
byte waiter;                /* for use within a step; zero between steps */
byte node;

/* The states of request.hpp. `arriving` lasts within one verb there; here whoever was let in goes
 * on in a step of its own, and so does whoever was expelled. That only adds orders of events. */
#define AWAY        0  /* its client has not come yet */
#define COMING      1  /* a writer's client has read its tag */
#define SCOUTING    2
#define QUEUED      3
#define ARRIVING    4
#define EXPELLED    5
#define DECIDING    6
#define CONNECTING  7
#define SENT        8
#define QUARANTINED 9
#define ANSWERED    10

#define ENCLOSES(i, n)    (!WITHOUT(RULE_3_3_1_ENCLOSING) && (n) < own[i])
#define TAKES_GATES(i)    (!unheld[i] && (guarded[i] || !WITHOUT(RULE_3_3_1_OTHERS)))
#define NEEDS(i, n)       (TAKES_GATES(i) && ((n) == own[i] || ENCLOSES(i, n)))

/* The k-th gate that a request takes. Without the order, one request begins with the innermost. */
#define NTH_GATE(i, k)    (WITHOUT(RULE_3_3_1_ORDER) && (i) == 1 -> own[i] - (k) : (k))

#define EXCLUSIVE_AT(i, n) (guarded[i] && (n) == own[i])
#define HELD(n)            (gate[n].exclusive + gate[n].shared > 0)
#define COMPATIBLE(i, n) \
  (EXCLUSIVE_AT(i, n) -> !HELD(n) : gate[n].exclusive == 0)
#define EXCLUSIVE_WAITS(n)                                         \
  ((gate[n].first != 0 && EXCLUSIVE_AT(gate[n].first - 1, n)) ||   \
   (gate[n].second != 0 && EXCLUSIVE_AT(gate[n].second - 1, n)))
#define PASSES_NOBODY(i, n) \
  (EXCLUSIVE_AT(i, n) -> gate[n].first == 0 : !EXCLUSIVE_WAITS(n))
#define ADMITS(i, n) \
  (COMPATIBLE(i, n) && (PASSES_NOBODY(i, n) || WITHOUT(RULE_3_3_2_PASSING)))
#define IN_DOUBT(i, n)                                                        \
  (EXCLUSIVE_AT(i, n) -> gate[n].doubt_exclusive + gate[n].doubt_shared > 0   \
                      : gate[n].doubt_exclusive > 0)
#define FREE_AT(i, n)     (!NEEDS(i, n) || ADMITS(i, n))
#define DOUBTFUL_AT(i, n) (NEEDS(i, n) && IN_DOUBT(i, n))
#define GATES_FREE(i)     (FREE_AT(i, 0) && (own[i] == 0 || FREE_AT(i, 1)))
#define GATES_DOUBTFUL(i) (DOUBTFUL_AT(i, 0) || (own[i] == 1 && DOUBTFUL_AT(i, 1)))

inline take(i, n) {
  if
  :: EXCLUSIVE_AT(i, n) -> assert(!HELD(n)); gate[n].exclusive++
  :: else -> assert(gate[n].exclusive == 0); gate[n].shared++
  fi
}

inline enqueue(i, n) {
  if
  :: gate[n].first == 0 -> gate[n].first = i + 1
  :: else -> assert(gate[n].second == 0); gate[n].second = i + 1
  fi
}

/* Gate::hand_over. Nobody behind the first can be let in before it: with two modes, whoever is
 * compatible with the holders conflicts with a first one that is not. */
inline hand_over(n) {
  do
  :: gate[n].first != 0 && COMPATIBLE(gate[n].first - 1, n) ->
     waiter = gate[n].first - 1;
     take(waiter, n);
     taken[waiter]++;
     state[waiter] = ARRIVING;
     gate[n].first = gate[n].second;
     gate[n].second = 0
  :: else -> break
  od
}

/* Gate::give_up: it left, or waited too long. Whoever it kept out is looked at again. */
inline give_up(i, n) {
  if
  :: gate[n].first == i + 1 -> gate[n].first = gate[n].second; gate[n].second = 0
  :: gate[n].second == i + 1 -> gate[n].second = 0
  :: else
  fi;
  hand_over(n);
  waiter = 0
}

/* Gate::release. After an exclusive turn those who wait to share go first. Without the rule they do
 * so after every turn. */
inline release(i, n) {
  if
  :: gate[n].second != 0 && EXCLUSIVE_AT(gate[n].first - 1, n) &&
     !EXCLUSIVE_AT(gate[n].second - 1, n) &&
     (EXCLUSIVE_AT(i, n) || WITHOUT(RULE_3_3_2_TURNS)) ->
     waiter = gate[n].first;
     gate[n].first = gate[n].second;
     gate[n].second = waiter
  :: else
  fi;
  if
  :: EXCLUSIVE_AT(i, n) -> gate[n].exclusive--
  :: else -> gate[n].shared--
  fi;
  hand_over(n)
}

/* Engine::Body::advance: takes the gates that are left, in order, until one is not free. */
inline advance(i) {
  state[i] = ARRIVING;
  do
  :: state[i] == ARRIVING && taken[i] > own[i] -> state[i] = DECIDING
  :: state[i] == ARRIVING && taken[i] <= own[i] ->
     node = NTH_GATE(i, taken[i]);
     if
     :: !NEEDS(i, node) -> taken[i]++
     :: NEEDS(i, node) && IN_DOUBT(i, node) -> state[i] = EXPELLED
     :: NEEDS(i, node) && !IN_DOUBT(i, node) && ADMITS(i, node) -> take(i, node); taken[i]++
     :: NEEDS(i, node) && !IN_DOUBT(i, node) && !ADMITS(i, node) ->
        enqueue(i, node);
        state[i] = QUEUED
     fi
  :: else -> break
  od;
  node = 0
}

/* Engine::Body::release_gates: the gate taken last is opened first. */
inline release_gates(i) {
  do
  :: taken[i] > 0 ->
     taken[i]--;
     node = NTH_GATE(i, taken[i]);
     if
     :: NEEDS(i, node) -> release(i, node)
     :: else
     fi
  :: else -> break
  od;
  node = 0;
  waiter = 0
}

inline mark_one(i, n) {
  if
  :: NEEDS(i, n) && EXCLUSIVE_AT(i, n) -> gate[n].doubt_exclusive++
  :: NEEDS(i, n) && !EXCLUSIVE_AT(i, n) -> gate[n].doubt_shared++
  :: else
  fi
}

inline unmark_one(i, n) {
  if
  :: NEEDS(i, n) && EXCLUSIVE_AT(i, n) -> gate[n].doubt_exclusive--
  :: NEEDS(i, n) && !EXCLUSIVE_AT(i, n) -> gate[n].doubt_shared--
  :: else
  fi
}

/* Whoever waits at the gate in a mode that conflicts with the doubtful one is told at once. */
inline expel_one(i, n) {
  if
  :: gate[n].second != 0 && NEEDS(i, n) && IN_DOUBT(gate[n].second - 1, n) ->
     state[gate[n].second - 1] = EXPELLED;
     gate[n].second = 0
  :: else
  fi;
  if
  :: gate[n].first != 0 && NEEDS(i, n) && IN_DOUBT(gate[n].first - 1, n) ->
     state[gate[n].first - 1] = EXPELLED;
     gate[n].first = gate[n].second;
     gate[n].second = 0
  :: else
  fi;
  hand_over(n)
}

inline mark_gates(i) {
  mark_one(i, 0);
  if :: own[i] == 1 -> mark_one(i, 1) :: else fi;
  expel_one(i, 0);
  if :: own[i] == 1 -> expel_one(i, 1) :: else fi;
  waiter = 0
}

inline unmark_gates(i) {
  unmark_one(i, 0);
  if :: own[i] == 1 -> unmark_one(i, 1) :: else fi
}
