/* SPDX-License-Identifier: BSD-3-Clause */
/* THE request state machine: the life of an object on a node, as one table of state x event.
 *
 *   ABSENT   nothing is known                 ASKING   the parent was asked, or will be
 *   READING  storage was asked, or will be    FILLED   the value is here
 *
 * A want of the kernel and a want of a child are the same event. Wants that arrive while an object
 * is ASKING or READING wait for that one flight. A flight for which nobody waits gives way to all
 * others on each node (`later`), until a want joins for which somebody waits. The table is total;
 * the compiler checks its shape, and tests/unit/core_flight_rules_test.c the rules for every entry.
 */
#ifndef CU_CORE_FLIGHT_H
#define CU_CORE_FLIGHT_H

#include "base/list.h"
#include "core/effects.h"
#include "proto/object.h"

#include <stdbool.h>
#include <stdint.h>

struct cu_core;
struct cu_request;
struct object;
struct route;
struct waiter;

enum cu_flight_state {
    CU_FLIGHT_ABSENT,
    CU_FLIGHT_ASKING,
    CU_FLIGHT_READING,
    CU_FLIGHT_FILLED,
};
#define CU_FLIGHT_STATES 4

enum cu_flight_event {
    CU_EVENT_WANT,    /* it is wanted, and the value held (if any) is valid */
    CU_EVENT_EXPIRED, /* it is wanted, and the value held is expired or known to be wrong */
    CU_EVENT_NOW,     /* somebody waits from now on, where nobody did */
    CU_EVENT_REROUTE, /* the parent that was asked is gone, or there is one now (READING: only what
                         is not issued yet) */
    CU_EVENT_ANSWER,  /* the parent's value, or its lasting error */
    CU_EVENT_BUSY,    /* the parent cannot: it is out of memory or overloaded */
    CU_EVENT_STORED,  /* storage's value, or its lasting error */
    CU_EVENT_FAILED,  /* a passing error from the parent or from storage */
    CU_EVENT_CORRUPT, /* the checksum is wrong */
    CU_EVENT_DROP,    /* refresh: the value held is out of date */
    CU_EVENT_EVICT,   /* memory is needed */
};
#define CU_FLIGHT_EVENTS 11

enum cu_flight_action {
    CU_ACTION_IGNORE,  /* nothing to do in this state */
    CU_ACTION_SERVE,   /* answer from what is held */
    CU_ACTION_WAIT,    /* park on the flight */
    CU_ACTION_NOW,     /* let it overtake what nobody waits for */
    CU_ACTION_START,   /* park, and ask the parent or, at the root, storage */
    CU_ACTION_RESTART, /* ask again, along the route as it is now */
    CU_ACTION_READ,    /* ask storage here, whatever the tree */
    CU_ACTION_AGAIN,   /* when the read returns, read once more */
    CU_ACTION_FILL,    /* keep the value and answer all who wait */
    CU_ACTION_FAIL,    /* answer all who wait with the error and keep nothing */
    CU_ACTION_REMOVE,  /* forget the value */
};

enum cu_flight_action cu_flight_action(enum cu_flight_state state, enum cu_flight_event event);

/* Exists while an object is asked for or read. It has a slot, so that exactly one answer can match
 * it. */
struct flight {
    struct pending pending; /* ASKING: message to send; READING: operation to issue */
    struct cu_list link;    /* ASKING: core->routes[].flights; READING: lane */
    struct cu_list waiters; /* struct waiter */
    struct object *object;
    uint64_t asked_ns;       /* when the message or the operation was issued; READING, not issued:
                                when it was queued */
    uint64_t space;          /* READING: the file system */
    struct cu_version stale; /* ATTR: known to be out of date */
    uint32_t asked;          /* ASKING: rank, or CU_RANK_NONE while there is no parent to ask */
    uint32_t slot;           /* index in core->slots */
    bool direct;             /* read here whatever the tree: too large, or the parent cannot */
    bool bypass;             /* direct, and only because it is too large */
    bool orphan;             /* this read runs under the orphans' budget */
    bool again;              /* dropped while READING: read once more */
    bool content;            /* ATTR: ask for the content along */
    bool issued;             /* READING: the operation is under way */
    bool told;               /* ASKING: the message has left, if only in a CHECK */
    bool later;              /* nobody waits for it: what somebody waits for goes first */
    bool ahead;              /* started by read-ahead */
    bool read_on;            /* started by reading on (readon.h) */
    bool used;               /* the same two: somebody has asked for it meanwhile */
    bool advance;            /* a recipe waits for it (advance.h) */
    bool kernel;             /* this node's kernel waits for it */
    bool first;              /* the same, and did before a recipe */
    bool check;              /* DIR: asked about in a CHECK (renew.h) */
    uint32_t held_bytes;     /* DIR: of the listing held meanwhile; in core->held_bytes */
    bool home;               /* DATA: from where the attributes are, along the tree of the path */
};

/* What comes with an event. */
struct flight_input {
    const struct cu_request *request; /* WANT, EXPIRED */
    struct waiter *waiter;            /* the same; NULL: read ahead, renew, or read on */
    bool renew;                       /* EXPIRED: with others (renew.h) */
    bool read_on;                     /* WANT, EXPIRED: readon.h */
    const struct cu_value *value;     /* ANSWER, BUSY, STORED, FAILED */
};

/* Runs the state machine: looks up the actions for the event in the object's state, and performs
 * them. The object may be freed afterwards. */
void cu_flight_step(struct cu_core *core, struct object *object, enum cu_flight_event event,
                    const struct flight_input *in);
/* The value held is out of date; a request under way is started again. */
void cu_flight_drop(struct cu_core *core, struct object *object);
/* Memory is needed: frees a FILLED object. */
void cu_flight_evict(struct cu_core *core, struct object *object);
/* The route of a tree has changed: flights whose request went to `lost`, or was not sent yet, start
 * again. */
void cu_flight_reroute(struct cu_core *core, struct route *route, uint32_t lost);
/* The storage of this node does not have the file of a DATA flight, or the read failed in a way
 * that does not tell: the next start of the flight asks the root of the path's tree, which read the
 * attributes. False: that root was asked already, or is this node. */
bool cu_flight_send_home(struct cu_core *core, struct flight *flight);
/* The tree along which a flight goes. */
uint8_t cu_flight_tree(const struct cu_core *core, const struct flight *flight);
/* Is the value of a FILLED object still valid? */
bool cu_flight_fresh(const struct cu_core *core, const struct object *object);
/* Is the checksum right of a value that is about to go to this node's kernel? Checked once per
 * value. */
bool cu_flight_verify(struct object *object);
/* How long ago storage was asked for what a FILLED object holds. */
uint32_t cu_flight_age_ms(const struct cu_core *core, const struct object *object);

#endif
