/* SPDX-License-Identifier: BSD-3-Clause */
/* Shapes shared inside the core. Nobody outside src/core includes this (tests/unit/core_* may).
 *
 * Whatever waits to become an effect carries its own link in core->pending: a waiter (its reply),
 * a flight (its ask or its read), a peer (its control messages). So no effect needs memory of its
 * own, and one that became pointless is taken off the queue. */
#ifndef CU_CORE_INTERNAL_H
#define CU_CORE_INTERNAL_H

#include "base/list.h"
#include "base/table.h"
#include "core/core.h"
#include "core/flight.h"
#include "core/names.h"
#include "core/tree.h"
#include "proto/dir.h"

#include <stdbool.h>
#include <stdint.h>

#define MS_NS 1000000ull
#define S_NS  1000000000ull

enum pending_kind {
    PENDING_WAITER = 1,
    PENDING_FLIGHT,
    PENDING_PEER,
    PENDING_FORGET,
};

struct pending {
    struct cu_list link;
    enum pending_kind kind;
};

/* Somebody who wants an object: this node's kernel, or a child. */
struct waiter {
    struct pending pending;
    struct cu_list link; /* in flight->waiters */
    bool child;
    bool content;           /* a child that wants a small file's content with its attr */
    bool has_attr;          /* waits for that content; value holds the attr to send */
    uint8_t kind;           /* of the object first wanted */
    uint8_t where;          /* enum cu_core_where */
    uint16_t piece;         /* DATA: wanted; the object may hold more */
    uint8_t tree;           /* child: the window it is counted in */
    uint32_t rank;          /* child */
    uint32_t bytes;         /* child: what the answer may have, as flow.c counts it; 0: refused */
    uint64_t cookie;        /* kernel's cookie or child's message id */
    uint64_t key;           /* child: cu_object_key of what answers */
    struct cu_version held; /* DIR: version that the child holds */
    struct cu_value value;  /* filled when answered */
};

/* While an object is asked for or read. */
struct flight {
    struct pending pending; /* ASKING: message to send; READING: operation to issue */
    struct cu_list link;    /* ASKING: core->routes[].flights; READING: lane */
    struct cu_list waiters; /* struct waiter */
    struct object *object;
    uint64_t asked_ns;       /* when the message or the operation was issued */
    uint64_t space;          /* READING: the file system */
    struct cu_version stale; /* ATTR: known to be out of date */
    uint32_t asked;          /* ASKING: rank, or CU_RANK_NONE while there is no parent to ask */
    uint32_t slot;           /* index in core->slots */
    bool direct;             /* read here whatever the tree: too large, or the parent cannot */
    bool orphan;             /* this read runs under the orphans' budget */
    bool again;              /* dropped while READING: read once more */
    bool content;            /* ATTR: ask for the content along */
    bool issued;             /* READING: the operation is under way */
    bool ahead;              /* started by read-ahead */
    bool home;               /* DATA: from where the attributes are, along the tree of the path */
};

/* There are as many of these as there are names and chunks: what only some need stands elsewhere,
 * in the flight or in the shapes by kind below. */
struct object {
    struct cu_table_link hash_link;
    union {
        struct cu_list lru;    /* FILLED: in core->lru; ABSENT: nowhere */
        struct flight *flight; /* ASKING, READING */
    };
    struct cu_name *name;
    uint64_t valid_ns;    /* when storage was asked */
    struct cu_buf *bytes; /* what is held: see struct cu_value */
    uint64_t bytes_hash;
    uint32_t hash;   /* of the key */
    uint32_t charge; /* bytes accounted */
    uint16_t error;  /* what is held is this errno */
    uint8_t kind;    /* enum cu_kind */
    uint8_t state;   /* enum cu_flight_state */
    uint8_t tree;
    bool verified;      /* checksum seen to be right on this node */
    uint16_t refreshed; /* FILLED: low bits of refreshes.made when it came, or was last compared */
};

struct attr_object {
    struct object object;
    struct cu_attr attr;
};

struct dir_object {
    struct object object;
    bool indexed;
    bool partial;              /* as in struct cu_value */
    bool cut;                  /* the same */
    struct cu_version version; /* all zero: none held */
    struct cu_dir_index index; /* built when first looked into */
};

struct data_object { /* DATA, and HOLES, which has chunk and piece 0 */
    struct object object;
    uint64_t chunk;
    uint16_t piece;            /* as in struct cu_request */
    struct cu_version version; /* part of the key */
};

struct statfs_object {
    struct object object;
    struct cu_statfs statfs;
};

/* Maps ids of asks and reads to flights; an id is generation << 32 | index, so late answers miss.
 */
struct slot {
    struct flight *flight; /* NULL: free */
    uint32_t generation;
    uint32_t next_free;
};

enum peer_state {
    PEER_NONE = 1,
    PEER_CONNECTING,
    PEER_UP,
};

#define SEND_DISCONNECT_PARENT 1u
#define SEND_DISCONNECT_CHILD  2u
#define SEND_CONNECT           4u
#define SEND_REFRESH_PARENT    8u
#define SEND_REFRESH_CHILD     16u
#define SEND_JOIN              32u
#define SEND_READY             64u
#define SEND_PING              128u
#define SEND_PONG              256u

/* A child's wants in one tree, see flow.c. */
struct flow {
    struct cu_list parked; /* not worked on yet */
    uint32_t wants;        /* in service */
    uint64_t bytes;        /* of their answers, at most */
};

struct peer {
    struct pending pending;
    struct cu_list link; /* core->peers */
    uint32_t rank;
    unsigned todo;            /* SEND_* */
    uint32_t refresh_told[2]; /* refreshes told as a parent, as a child */
    /* as a parent: the connection that this node opened */
    enum peer_state state;
    bool dead; /* not considered until it is up again */
    bool ever_up;
    uint32_t failures;
    uint64_t retry_ns; /* when to connect again; 0: at once when wanted */
    uint64_t heard_ns;
    uint64_t pinged_ns; /* 0: no ping out */
    uint32_t inflight;  /* asks without answer */
    uint64_t joined;    /* trees told in the last JOIN */
    /* as a child: the connection that it opened */
    bool child;
    uint64_t child_trees;
    uint64_t child_heard_ns;
    uint64_t pong_id;
    uint64_t child_queued; /* sent, and not taken yet */
    uint8_t *ready;        /* ready ranks at and below it; NULL: none said */
    struct flow flows[];   /* by tree */
};

#define CANDIDATES_MAX 12u
#define PEERS_FOUND    16u

struct route {
    struct cu_tree tree;
    uint32_t candidates[CANDIDATES_MAX]; /* best first */
    uint32_t candidate_count;
    uint32_t parent;        /* rank in use; own rank: root; CU_RANK_NONE: looking for one */
    bool joined;            /* had a parent, or is the tree's root */
    struct cu_list flights; /* struct flight, ASKING */
};

/* A budget of storage operations at once. */
struct lane {
    struct cu_list queue;   /* struct flight, READING, not issued */
    struct cu_list blocked; /* the same, came before those: there was no place */
    struct cu_list running; /* struct flight, READING, issued */
    uint32_t used;
    uint32_t max;
    uint32_t ended; /* operations since blocked ones were looked at */
    uint32_t stuck; /* when they were */
};

#define REFRESH_LOG 32u

struct refresh {
    uint32_t generation; /* 0: of this node alone */
    bool drop;           /* chunks of files, too */
    struct cu_buf *path; /* reference; NULL: "/" */
};

/* The latest refreshes, by number: see refresh.c. */
struct refreshes {
    struct refresh log[REFRESH_LOG];
    uint32_t made;      /* how many there were */
    uint32_t swept;     /* those before have been compared with every object */
    uint32_t forgotten; /* those before the kernel was told */
    size_t sweep_at;    /* bucket */
    uint32_t heard;     /* the latest generation that a child named */
};

struct cu_core {
    struct cu_core_config config;
    uint64_t created_ns;
    uint64_t now_ns; /* of the input under way */
    uint32_t generation;

    struct cu_names *names;
    bool own_names;
    struct cu_table objects;
    struct cu_list lru; /* struct object, oldest first */

    struct slot *slots;
    uint32_t slot_count;
    uint32_t slot_free; /* UINT32_MAX: none */

    struct cu_list peers;                  /* struct peer */
    struct peer *peers_found[PEERS_FOUND]; /* by rank, some that were asked for lately */
    uint64_t peers_deadline_ns;            /* when peers want a tick, or earlier */
    struct route *routes;                  /* tree_count */
    struct lane lanes[2];                  /* 0: as a root or for itself, 1: as an orphan */
    struct cu_core_ahead ahead;            /* under way */
    uint64_t parked_bytes;                 /* of all peers */
    uint64_t queued_bytes;                 /* child_queued of all peers */
    uint64_t outside_bytes;                /* the driver's, for names */

    uint8_t *ready_bits;
    uint32_t ready_count;
    bool self_ready;
    bool mounted;
    bool ready_changed;
    uint64_t ready_ns; /* when to send READY up; 0: nothing to send */

    struct cu_list pending; /* struct pending */
    struct pending forget;
    struct refreshes refreshes;
    struct cu_value peeked; /* what the driver peeks at; borrows from an object */

    uint64_t counters[CU_COUNTER_COUNT];
};

#define COUNT(core, name) ((core)->counters[CU_COUNT_##name]++)

/* cache.c: the objects. */
int cu_cache_init(struct cu_core *core);
void cu_cache_free(struct cu_core *core);
struct object *cu_cache_find(struct cu_core *core, const struct cu_request *request);
/* Finds or makes an ABSENT one; NULL when out of memory. */
struct object *cu_cache_get(struct cu_core *core, const struct cu_request *request);
void cu_cache_touch(struct cu_core *core, struct object *object);
/* FILLED now: accounts for it and puts it on the list of what may be evicted. */
void cu_cache_keep(struct cu_core *core, struct object *object);
/* Not FILLED any more: takes it off the list. */
void cu_cache_unkeep(struct cu_core *core, struct object *object);
/* Frees an ABSENT object. */
void cu_cache_remove(struct cu_core *core, struct object *object);
void cu_cache_evict(struct cu_core *core, const struct object *but);

/* object.c: what an object holds, by kind */
static inline struct object *cu_object_of(struct cu_table_link *link) /* NULL: NULL */
{
    return link ? CU_LIST_ENTRY(link, struct object, hash_link) : NULL;
}
static inline struct cu_attr *cu_object_attr(const struct object *object) /* ATTR */
{
    return &CU_LIST_ENTRY(object, struct attr_object, object)->attr;
}
static inline struct dir_object *cu_object_dir(const struct object *object) /* DIR */
{
    return CU_LIST_ENTRY(object, struct dir_object, object);
}
static inline struct data_object *cu_object_data(const struct object *object) /* DATA, HOLES */
{
    return CU_LIST_ENTRY(object, struct data_object, object);
}
/* Of one version of a file, which is part of the key? */
static inline bool cu_kind_of_version(enum cu_kind kind)
{
    return kind == CU_KIND_DATA || kind == CU_KIND_HOLES;
}
/* The memory that it takes, without its name and bytes. */
size_t cu_object_size(enum cu_kind kind);
static inline bool cu_object_in_flight(const struct object *object)
{
    return object->state == CU_FLIGHT_ASKING || object->state == CU_FLIGHT_READING;
}
/* The tree of its path, whose root answers for the attributes. */
static inline uint8_t cu_object_home(const struct cu_core *core, const struct object *object)
{
    return (uint8_t)((object->name->hash >> 8) % core->config.tree_count);
}
/* The tree along which its flight goes. */
static inline uint8_t cu_flight_tree(const struct cu_core *core, const struct flight *flight)
{
    return flight->home ? cu_object_home(core, flight->object) : flight->object->tree;
}
/* Its key as a request, with what its flight wants besides. */
struct cu_request cu_object_request(const struct object *object);
/* As answers carry it that are about the object, or about that piece of it. */
uint64_t cu_object_key_of(const struct object *object, uint32_t piece);
/* What it holds, borrowed. */
void cu_object_peek(const struct object *object, struct cu_value *value);
/* Holds the value from now on; not its content. */
void cu_object_set(struct object *object, const struct cu_value *value);
void cu_object_forget(struct object *object);

/* pieces.c */
/* What is held or under way and has all of the piece that is asked for, and more; NULL: nothing. */
struct object *cu_pieces_around(struct cu_core *core, const struct cu_request *request);
/* Does the waiter want a part of what the object has? */
bool cu_pieces_part(const struct object *object, const struct waiter *waiter);
/* Fills the waiter's value with its part, a copy. 0, -ENOMEM, -EINVAL: it has no such part. */
int cu_pieces_take(const struct cu_core *core, const struct object *object, struct waiter *waiter);

/* waiters.c */
struct waiter *cu_waiter_new(struct cu_core *core); /* NULL: out of memory */
void cu_waiter_free(struct waiter *waiter);         /* NULL does nothing */
void cu_waiter_fail(struct cu_core *core, struct waiter *waiter, int error);
/* Answers one who is on no list with what the object holds. */
void cu_waiter_answer(struct cu_core *core, const struct object *object, struct waiter *waiter);
/* Answers all on the list, with what the object holds or with an error. */
void cu_waiters_answer(struct cu_core *core, const struct object *object, struct cu_list *waiters,
                       int error);
void cu_waiters_forget_child(struct cu_core *core, uint32_t rank);

/* slots.c */
int cu_slot_take(struct cu_core *core, struct flight *flight);
void cu_slot_give(struct cu_core *core, struct flight *flight);
uint64_t cu_slot_id(const struct cu_core *core, const struct flight *flight);
/* Issues reads while there are slots. */
void cu_lanes_pump(struct cu_core *core);
/* When an operation that runs is taken for stuck, while others wait. */
uint64_t cu_lanes_deadline(const struct cu_core *core);
struct flight *cu_slot_find(const struct cu_core *core, uint64_t id);

/* flight.c */
/* What comes with an event. */
struct flight_input {
    const struct cu_request *request; /* WANT, EXPIRED */
    struct waiter *waiter;            /* the same; NULL: read ahead */
    const struct cu_value *value;     /* ANSWER, BUSY, STORED, FAILED */
};
/* The machine: looks up what an event means in the object's state, and does it. The object may be
 * gone afterwards. */
void cu_flight_step(struct cu_core *core, struct object *object, enum cu_flight_event event,
                    const struct flight_input *in);
/* A want; waiter NULL: read ahead. The waiter is owned by the core from here on. */
void cu_flight_want(struct cu_core *core, const struct cu_request *request, struct waiter *waiter);
/* The route of a tree has changed: flights that were asked of `lost` (or of nobody yet) start anew.
 */
void cu_flight_reroute(struct cu_core *core, struct route *route, uint32_t lost);
/* Storage here does not have what a DATA flight is to read, or cannot say: the next start asks the
 * root of the path's tree, which read the attributes. False: it was asked, or is this node. */
bool cu_flight_send_home(struct cu_core *core, struct flight *flight);
void cu_flight_drop(struct cu_core *core, struct object *object);
void cu_flight_evict(struct cu_core *core, struct object *object);
/* Is a FILLED object still to be believed? */
bool cu_flight_fresh(const struct cu_core *core, const struct object *object);
/* Is the checksum of what is about to go to this node's kernel right? Looked at once. */
bool cu_flight_verify(struct object *object);
uint32_t cu_flight_age_ms(const struct cu_core *core, const struct object *object);

/* answers.c */
void cu_flight_answer(struct cu_core *core, uint32_t rank, uint64_t id,
                      const struct cu_msg_answer *answer);
/* A want that did not leave. */
void cu_flight_unsent(struct cu_core *core, uint32_t rank, uint64_t id);
void cu_flight_stored(struct cu_core *core, uint64_t id, const struct cu_value *value);

/* refresh.c */
/* Is what a FILLED object holds from before a refresh of its path? */
bool cu_refresh_outdates(struct cu_core *core, const struct object *object);
/* Drops path and all below it here, chunks too. */
void cu_refresh_drop(struct cu_core *core, const char *path, size_t path_len);
/* There is a refresh; news: a peer says so, else it was commanded. Once known it is ignored. */
void cu_refresh_learn(struct cu_core *core, uint32_t generation, const char *path, size_t path_len,
                      bool news);
/* A child's WANT, before it is worked on: it may know of a refresh that this node has not heard of.
 */
void cu_refresh_heard(struct cu_core *core, const struct cu_msg_want *want);
/* The generation that a WANT of this node names. */
uint32_t cu_refresh_asks_for(const struct cu_core *core);
/* A connection is new: the other side may have missed some. child: it opened it. */
void cu_refresh_tell_anew(struct cu_core *core, struct peer *peer, bool child);
/* The next REFRESH for a peer; false: it knows all. */
bool cu_refresh_message(struct cu_core *core, struct peer *peer, bool child,
                        struct cu_effect *effect);
/* The next CU_EFFECT_FORGET; false: none. */
bool cu_refresh_forget(struct cu_core *core, struct cu_effect *effect);
/* Objects are still being compared: cu_refresh_tick goes on. */
bool cu_refresh_sweeps(const struct cu_core *core);
void cu_refresh_tick(struct cu_core *core);
void cu_refresh_free(struct cu_core *core);

/* peers.c */
int cu_peers_init(struct cu_core *core);
void cu_peers_free(struct cu_core *core);
struct peer *cu_peers_find(struct cu_core *core, uint32_t rank);
void cu_peers_up(struct cu_core *core, uint32_t rank, bool child);
void cu_peers_down(struct cu_core *core, uint32_t rank, bool child, int error);
void cu_peers_heard(struct cu_core *core, uint32_t rank, bool child);
void cu_peers_todo(struct cu_core *core, struct peer *peer, unsigned what);
void cu_peers_tick(struct cu_core *core);
uint64_t cu_peers_deadline(const struct cu_core *core);
/* A parent that answers what was not asked: its connection goes, and it is not asked for a while.
 */
void cu_peers_distrust(struct cu_core *core, uint32_t rank);
/* Counts asks under way at a parent. */
void cu_peers_asked(struct cu_core *core, uint32_t rank, int change);

/* flow.c */
/* A child's want: worked on, parked or refused. -ENOMEM, -ENOBUFS: not even an answer is possible.
 */
int cu_flow_want(struct cu_core *core, struct peer *peer, uint64_t id,
                 const struct cu_msg_want *want);
/* An answer did not leave: the child is told EBUSY instead. -ENOMEM. */
int cu_flow_unsent(struct cu_core *core, struct peer *peer, uint64_t id,
                   const struct cu_msg_answer *answer);
/* A child's answer leaves. */
void cu_flow_answered(struct cu_core *core, const struct waiter *waiter);
void cu_flow_queued(struct cu_core *core, struct peer *peer, uint64_t bytes);
/* Goes on with parked wants where there is room. True when there were any. */
bool cu_flow_pump(struct cu_core *core);
void cu_flow_child_lost(struct cu_core *core, struct peer *peer);

/* ready.c */
int cu_ready_init(struct cu_core *core);
void cu_ready_check_self(struct cu_core *core);
/* The set of ready ranks at and below a child, whole. */
void cu_ready_hear(struct cu_core *core, struct peer *child, uint32_t first, uint32_t count,
                   const uint8_t *bits);
/* The child is gone, and with it what it said. */
void cu_ready_forget(struct cu_core *core, struct peer *child);
/* The parent in tree 0 is new: it must learn all that is known here. */
void cu_ready_resend(struct cu_core *core);
void cu_ready_tick(struct cu_core *core);
/* It could not be made: again a little later. */
void cu_ready_later(struct cu_core *core);

/* effects.c */
void cu_pending_add(struct cu_core *core, struct pending *pending, enum pending_kind kind);

#endif
