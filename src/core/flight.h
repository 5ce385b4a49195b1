/* SPDX-License-Identifier: BSD-3-Clause */
/* THE request state machine: the life of an object on a node, as one table of state x event.
 *
 *   ABSENT   nothing is known                 ASKING   the parent was asked, or will be
 *   READING  storage was asked, or will be    FILLED   the value is here
 *
 * A want from the kernel and a want from a child are the same event. Whoever comes while an object
 * is ASKING or READING waits for that one flight. The table is total; the compiler checks its shape
 * and tests/unit/core_flight_rules_test.c what must hold of every entry. */
#ifndef CU_CORE_FLIGHT_H
#define CU_CORE_FLIGHT_H

enum cu_flight_state {
    CU_FLIGHT_ABSENT,
    CU_FLIGHT_ASKING,
    CU_FLIGHT_READING,
    CU_FLIGHT_FILLED,
};
#define CU_FLIGHT_STATES 4

enum cu_flight_event {
    CU_EVENT_WANT,    /* somebody wants it, and what is held (if anything) is to be believed */
    CU_EVENT_EXPIRED, /* somebody wants it, and what is held is too old or known to be wrong */
    CU_EVENT_REROUTE, /* the parent that was asked is gone, or there is one now (READING: only what
                         is not issued yet) */
    CU_EVENT_ANSWER,  /* the parent's value, or its lasting error */
    CU_EVENT_BUSY,    /* the parent cannot: it is out of memory or overloaded */
    CU_EVENT_STORED,  /* storage's value, or its lasting error */
    CU_EVENT_FAILED,  /* a passing error from the parent or from storage */
    CU_EVENT_CORRUPT, /* the checksum is wrong */
    CU_EVENT_DROP,    /* refresh: what was known until now no longer counts */
    CU_EVENT_EVICT,   /* memory is needed */
};
#define CU_FLIGHT_EVENTS 10

enum cu_flight_action {
    CU_ACTION_IGNORE,  /* nothing to do in this state */
    CU_ACTION_SERVE,   /* answer from what is held */
    CU_ACTION_WAIT,    /* park on the flight */
    CU_ACTION_START,   /* park, and ask the parent or, at the root, storage */
    CU_ACTION_RESTART, /* ask anew, along the route as it is now */
    CU_ACTION_READ,    /* ask storage here, whatever the tree */
    CU_ACTION_AGAIN,   /* when the read returns, read once more */
    CU_ACTION_FILL,    /* keep the value and answer all who wait */
    CU_ACTION_FAIL,    /* answer all who wait with the error and keep nothing */
    CU_ACTION_REMOVE,  /* forget the value */
};

enum cu_flight_action cu_flight_action(enum cu_flight_state state, enum cu_flight_event event);

#endif
