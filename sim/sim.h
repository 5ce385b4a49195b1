/* SPDX-License-Identifier: BSD-3-Clause */
/* Shapes shared by the files of the simulator. A run lives in one struct cu_sim; every change
 * happens in an event of its queue. */
#ifndef CU_SIM_SIM_H
#define CU_SIM_SIM_H

#include "ahead/ahead.h"
#include "ahead/readon.h"
#include "core/core.h"
#include "core/driver.h"
#include "core/names.h"
#include "core/tree.h"
#include "cusim.h"
#include "engine.h"
#include "rng.h"
#include "world.h"

#define CU_SIM_MS 1000000ull
#define CU_SIM_S  1000000000ull

#define CU_SIM_FETCH (1ull << 63) /* cookie of a want of a recipe */

#define CU_SIM_CREW_MAX     16u /* threads beside the loop's */
#define CU_SIM_CREW_WAITING 8u  /* jobs that wait, for each of them; as in loop/crew.h */

enum cu_sim_event_type {
    CU_SIM_BOOT,     /* a node's daemon starts; a: 1 with processes */
    CU_SIM_MOUNT,    /* its mount stands; a: incarnation, as in all below that say so */
    CU_SIM_TIMER,    /* cu_core_deadline; a: incarnation */
    CU_SIM_ARRIVE,   /* a message's head is at the NIC; p: message */
    CU_SIM_RECEIVED, /* all of it is; p: message */
    CU_SIM_DELIVER,  /* the loop thread has it; p: message */
    CU_SIM_ACCEPT,   /* a connection's first packet; a: connection */
    CU_SIM_UP,       /* the opener knows that it is up; a: connection */
    CU_SIM_TIMEOUT,  /* the opener's time limit is over; a: connection */
    CU_SIM_DOWN,     /* an end learns that it is closed; a: connection * 2 + end */
    CU_SIM_FRONT,    /* a request of the kernel is at the daemon; a: request */
    CU_SIM_REPLY,    /* its reply is at the kernel; a: request */
    CU_SIM_STEP,     /* a process goes on; a: process */
    CU_SIM_STORED,   /* storage is done; p: operation */
    CU_SIM_FAULT,    /* a: what (fault.c), p unused */
    CU_SIM_CLEAR,    /* the end of a fault that lasts */
    CU_SIM_REFRESH,  /* `copper refresh` reaches a node; a: generation it asks for */
    CU_SIM_TAKEN,    /* a thread of the crew has received a payload; p: message */
    CU_SIM_WRITTEN,  /* it has written one; p: message */
    CU_SIM_EVENT_COUNT
};

/* One direction of an end of a connection. */
struct cu_sim_line {
    struct cu_sim_message *first, *last; /* owned: what waits behind a job, in order */
    bool job;                            /* the crew has one */
    uint32_t entered, left;              /* messages so far */
};

struct cu_sim_conn {
    uint32_t rank[2]; /* 0: the opener, 1: the acceptor */
    uint32_t inc[2];
    bool open[2];        /* this end has not closed it and was not told that it is closed */
    bool up[2];          /* told to its core */
    uint64_t last_ns[2]; /* when what end i sent last arrives: the order is kept */
    uint64_t queued[2];  /* bytes that end i has sent and the network not taken yet */
    struct cu_sim_line out[2], in[2];
};

struct cu_sim_link {
    struct cu_peer peer;
    uint32_t conn;
};

struct cu_sim_message {
    struct cu_sim_message *next; /* in the pool, or in a line */
    uint32_t conn;
    uint8_t from; /* end */
    uint32_t bytes;
    uint32_t number; /* in the line */
    uint64_t sent_ns;
    struct cu_msg msg;
    uint8_t *bits; /* owned copy behind msg.ready.bits */
};

/* Of a node's kernel: what it holds. A dentry is a state and, in the low bits, a version (positive,
 * or out of date when unknown) or the time in ms until which it is negative. */
#define CU_SIM_DENTRY_UNKNOWN  0u
#define CU_SIM_DENTRY_PENDING  (1u << 30)
#define CU_SIM_DENTRY_POSITIVE (2u << 30)
#define CU_SIM_DENTRY_NEGATIVE (3u << 30)
#define CU_SIM_DENTRY_STATE    (3u << 30)
#define CU_SIM_DENTRY_LOW      ((1u << 30) - 1)

enum { CU_SIM_PAGE_NONE, CU_SIM_PAGE_PENDING, CU_SIM_PAGE_HELD };

/* Per name and node. */
#define CU_SIM_NAME_LISTING 0x10u /* readdir under way */
#define CU_SIM_NAME_LISTED  0x20u /* the kernel holds the listing */
#define CU_SIM_NAME_KNOWN   0x80u /* was looked up before */

struct cu_sim_node {
    struct cu_sim *sim;
    struct cu_core *core; /* NULL: dead */
    struct cu_driver driver;
    uint32_t rank;
    uint32_t inc; /* incarnation: counts starts */
    bool mounted;
    bool host_down;                /* the host is down: connections are not refused */
    uint32_t slow;                 /* percent: 100 is full speed */
    uint64_t frozen_ns;            /* until then it does nothing */
    uint64_t cpu_ns, tx_ns, rx_ns; /* free from then on */
    uint64_t cpu_busy_ns, crew_busy_ns, tx_busy_ns, rx_busy_ns;
    uint64_t crew_ns[CU_SIM_CREW_MAX]; /* each thread of the crew is free from then on */
    uint64_t crew_ends[(1 + CU_SIM_CREW_WAITING) *
                       CU_SIM_CREW_MAX]; /* of the jobs that it has; those in the past are none */
    uint64_t refreshed_ns;     /* when the newest refresh that this node carried out was begun */
    struct cu_sim_link *links; /* owned */
    uint32_t link_count, link_capacity;
    uint32_t *dentry;            /* owned, by file */
    bool replayed;               /* counted as such */
    uint8_t *page;               /* owned, by chunk of the world and part of it */
    uint8_t *name;               /* owned, by file: CU_SIM_NAME_* */
    struct cu_stage *stage;      /* owned; NULL: none */
    struct cu_readon *readon;    /* owned; NULL: no storage has answered it */
    struct cu_ahead *ahead;      /* owned, with what it keeps: */
    struct cu_ahead_dir *dirs;   /* owned, by number as a directory */
    struct cu_ahead_file *files; /* owned, by file */
    uint32_t read_version;       /* of the file for which the library asks for holes */
    uint16_t *reads;    /* owned, faults only: storage reads of this incarnation by object */
    uint32_t reads_why; /* what explains a second read of an object by this incarnation */
};

enum cu_sim_op_kind { CU_SIM_OP_LOOKUP, CU_SIM_OP_READ, CU_SIM_OP_LIST };

struct cu_sim_op {
    uint8_t kind;
    uint32_t file;
    uint64_t first; /* READ: bytes from `first`, so many */
    uint32_t length;
    uint16_t piece; /* READ: of the chunk at first, by a jump; 0: all bytes, one after the other */
    uint32_t think_us;
};

enum cu_sim_proc_state { CU_SIM_PROC_IDLE, CU_SIM_PROC_RUNS, CU_SIM_PROC_WAITS, CU_SIM_PROC_DONE };

struct cu_sim_proc {
    uint32_t node;
    uint32_t pc;
    uint8_t state;
    uint8_t run;
    bool opened;       /* direct only */
    bool thought;      /* the time before this operation is spent */
    uint8_t tries;     /* of a read that found the file changed */
    uint8_t wait_kind; /* enum cu_kind */
    uint32_t wait_file, wait_chunk, wait_piece;
    uint32_t at;      /* READ: chunk to read next, relative to the range */
    uint32_t version; /* of the file being read, 0: none yet */
    uint64_t local_ns;
    uint64_t since_ns, start_ns, end_ns;
};

enum cu_sim_req_state { CU_SIM_REQ_FREE, CU_SIM_REQ_OPEN, CU_SIM_REQ_REPLIED };

/* A request of a kernel. */
struct cu_sim_req {
    uint32_t generation, next_free;
    uint32_t node, inc;
    uint8_t state;
    uint8_t kind;    /* of the object that the kernel wants */
    uint8_t waiting; /* kind of the object that the core was asked for, 0: none */
    bool remote;     /* the core did not have it */
    bool forgotten;  /* its reply is out of date by the time it reaches the kernel */
    uint32_t file, chunk, version;
    uint16_t piece;
    uint64_t start_ns;
    uint64_t asked_ns; /* when the core was asked */
    uint64_t refreshed_ns;
    int error;
    uint32_t result; /* version, or until when negative (ms) */
};

/* A program or library needs a library of this name (of a trace). */
struct cu_sim_need {
    uint32_t file;
    char *name; /* owned */
};

/* A storage operation. */
struct cu_sim_store {
    uint32_t node, inc;
    uint64_t id;
    enum cu_kind kind;
    uint8_t flags;
    uint32_t file, chunk;
    uint16_t piece;
    uint32_t begun; /* version of the file then */
    uint64_t begun_ns;
    struct cu_version version;
};

struct cu_sim_block {
    uint64_t until_ns;
    uint64_t salt; /* a rank is on the side of a bit of mix(salt, rank) */
    uint32_t one;  /* or one rank is cut off, CU_RANK_NONE: by sides */
};

struct cu_sim {
    struct cu_sim_config config;
    struct cu_sim_result *result;
    struct cu_sim_engine engine;
    struct cu_sim_world *world;
    struct cu_names *names;      /* of all cores; has all paths of the world for the whole run */
    struct cu_sim_rng rng;       /* of the run */
    struct cu_sim_rng fault_rng; /* of the faults */

    struct cu_sim_node *nodes;
    struct cu_sim_proc *procs; /* node * processes + i */
    uint32_t proc_count, procs_left;
    struct cu_sim_op *ops;     /* of all traces, NULL: random */
    struct cu_recipe *recipe;  /* of the first trace; NULL: none is replayed */
    uint32_t replays_left;     /* nodes that have not finished it */
    struct cu_sim_need *needs; /* owned */
    uint32_t need_count;
    uint32_t op_count;
    uint32_t op_end[CU_SIM_TRACES_MAX]; /* by trace */
    uint32_t parts; /* objects that a chunk may be: itself and, where processes jump, its pieces */
    uint32_t run;
    uint64_t run_start_ns;
    uint32_t crew_size; /* threads of a daemon beside the loop's */

    struct cu_sim_conn *conns;
    uint32_t conn_count, conn_capacity;
    struct cu_sim_message *spare;
    struct cu_sim_req *reqs;
    uint32_t req_count, req_free;

    uint64_t *mds_ns, *data_ns; /* servers are free from then on */
    uint64_t mds_busy_ns, data_busy_ns;
    uint32_t storage_slow;     /* percent */
    uint64_t storage_delay_ns; /* that every operation takes longer */
    uint32_t storage_eio_ppm;
    uint64_t *eio_ns;    /* by object: when storage last answered EIO for it, 0: never */
    uint16_t *reads;     /* by object: storage reads of all nodes, for the version then current */
    uint32_t store_open; /* operations under way */
    uint64_t *stored_from_ns, *stored_to_ns; /* by object: its last operation at storage */

    struct cu_sim_block blocks[8];
    uint32_t block_count;
    bool calm;     /* faults are over */
    bool refusals; /* a parent has answered EBUSY or ENOMEM: the child reads by itself */
    uint64_t calm_ns;
    uint64_t storm_ns;     /* end of the last fault: no request may wait much longer */
    uint64_t *original_ns; /* by node, kind and file: when it is there; 0: not asked for */
    uint32_t duplicate_ppm, corrupt_ppm, overtake_ppm;
    uint64_t jitter_ns; /* each message takes up to so much longer */
    uint32_t refresh_target;
    uint64_t refresh_begun[64]; /* by generation, as far as there is room */
    uint64_t delay_max_ns;      /* longest that a message was under way */
    uint64_t freeze_max_ns;     /* longest freeze */
};

/* Pieces are of one size here: eighths of a chunk. */
#define CU_SIM_PIECES 8u

/* A part of a chunk as an index. */
static inline uint32_t cu_sim_part(const struct cu_sim *sim, uint32_t file, uint32_t chunk,
                                   uint32_t piece)
{
    return (sim->world->files[file].chunk_base + chunk) * sim->parts +
           (piece ? piece - CU_SIM_PIECES + 1 : 0);
}

/* An object as an index: attr, dir and holes by file, data by part of a chunk of the world. */
static inline uint32_t cu_sim_object(const struct cu_sim *sim, enum cu_kind kind, uint32_t file,
                                     uint32_t chunk, uint32_t piece)
{
    if (kind == CU_KIND_ATTR)
        return file;
    if (kind == CU_KIND_DIR)
        return sim->world->count + file;
    if (kind == CU_KIND_HOLES)
        return 2 * sim->world->count + sim->world->chunk_total * sim->parts + file;
    return 2 * sim->world->count + cu_sim_part(sim, file, chunk, piece);
}

static inline uint32_t cu_sim_object_count(const struct cu_sim *sim)
{
    return 3 * sim->world->count + sim->world->chunk_total * sim->parts;
}

/* node.c */
/* The trees that the nodes have, bulk trees included, and the arithmetic of one. */
uint32_t cu_sim_trees(const struct cu_sim *sim);
struct cu_tree cu_sim_tree(const struct cu_sim *sim, uint32_t tree);
/* Does a core take this configuration? 0, or a negative errno with err. */
__attribute__((warn_unused_result)) int cu_sim_node_check(const struct cu_sim *sim,
                                                          struct cu_error *err);
void cu_sim_node_boot(struct cu_sim *sim, struct cu_sim_node *node);
/* Ends its daemon, kernel and processes at once. loud: its peers' connections are reset. */
void cu_sim_node_crash(struct cu_sim *sim, struct cu_sim_node *node, bool loud);
void cu_sim_node_free(struct cu_sim_node *node);
/* Carries out the core's effects and arms its timer: after every input. */
void cu_sim_node_run(struct cu_sim_node *node);
void cu_sim_node_timer(struct cu_sim_node *node);
void cu_sim_node_refresh(struct cu_sim *sim, struct cu_sim_node *node, uint32_t target);
/* Occupies the loop thread for that time; returns when it will be done. */
uint64_t cu_sim_node_cpu(struct cu_sim *sim, struct cu_sim_node *node, uint64_t cost_ns);

/* net.c */
void cu_sim_net_connect(struct cu_sim *sim, struct cu_sim_node *node, uint32_t rank);
void cu_sim_net_disconnect(struct cu_sim *sim, struct cu_sim_node *node, struct cu_peer peer);
/* Takes what msg owns. 0, with the number of bytes queued on the connection; -ENOTCONN: it ended in
 * this turn. */
int cu_sim_net_send(struct cu_sim *sim, struct cu_sim_node *node, struct cu_peer peer,
                    struct cu_msg *msg, uint64_t *queued);
void cu_sim_net_event(struct cu_sim *sim, const struct cu_sim_event *event);
/* Both ends learn that the connection broke. */
void cu_sim_net_reset(struct cu_sim *sim, uint32_t conn);
/* The node at `end` is gone; loud: the other end learns. */
void cu_sim_net_abandon(struct cu_sim *sim, uint32_t conn, unsigned end, bool loud);

/* crew.c */
/* Does a thread of the crew receive or write its payload, now or soon? */
bool cu_sim_crew_takes(const struct cu_sim *sim, const struct cu_sim_node *node,
                       const struct cu_sim_message *message);
/* The loop does that much with it, and hands it over. `done`: the event of its end. */
void cu_sim_crew_give(struct cu_sim *sim, struct cu_sim_node *node, struct cu_sim_line *line,
                      struct cu_sim_message *message, uint64_t cost_ns,
                      enum cu_sim_event_type done);
/* The loop takes back a job that is done now, and does that much with it: when that is done. */
uint64_t cu_sim_crew_back(struct cu_sim *sim, struct cu_sim_node *node, uint64_t cost_ns);
/* The next message of this direction. False: it waits in the line, which owns it then. */
bool cu_sim_line_enter(struct cu_sim *sim, struct cu_sim_line *line,
                       struct cu_sim_message *message);
/* Takes the first that waits; NULL: none does, or a job is under way. */
struct cu_sim_message *cu_sim_line_next(struct cu_sim_line *line);
/* It is done with: a violation when one before it is not. */
void cu_sim_line_leave(struct cu_sim *sim, struct cu_sim_line *line,
                       const struct cu_sim_message *message);
/* The end of the connection: what waits is dropped. */
void cu_sim_line_drop(struct cu_sim *sim, struct cu_sim_line *line);

/* message.c */
struct cu_sim_message *cu_sim_message_new(struct cu_sim *sim);
/* Copies what its msg points to, so that it outlives the core's call. */
void cu_sim_message_own(struct cu_sim *sim, struct cu_sim_message *message);
/* Frees what it owns; it is done with, or will not be handled. */
void cu_sim_message_drop(struct cu_sim *sim, struct cu_sim_message *message);
/* Bytes of payload, and of all of it on the wire. */
uint64_t cu_sim_message_bulk(const struct cu_sim *sim, const struct cu_msg *msg);
uint64_t cu_sim_message_wire_bytes(const struct cu_sim *sim, const struct cu_msg *msg);
/* The time of a processor to put its payload through a socket. */
uint64_t cu_sim_message_cpu(const struct cu_sim *sim, const struct cu_msg *msg);
/* Spoils one bit of an answer's payload. */
void cu_sim_message_spoil(struct cu_sim *sim, struct cu_msg *msg);

/* store.c */
void cu_sim_store_init(struct cu_sim *sim);
void cu_sim_store_submit(struct cu_sim *sim, struct cu_sim_node *node,
                         const struct cu_request *request, uint64_t id, bool direct);
void cu_sim_store_done(struct cu_sim *sim, struct cu_sim_store *op);
/* Storage works on the object from now until then. */
void cu_sim_store_note(struct cu_sim *sim, uint32_t object, uint64_t from_ns, uint64_t to_ns);
/* When an operation on names, or on so many bytes of a file, that is sent now is done. */
uint64_t cu_sim_store_names(struct cu_sim *sim, uint64_t service_ns);
uint64_t cu_sim_store_bytes(struct cu_sim *sim, uint64_t from_ns, uint32_t file, uint32_t chunk,
                            uint64_t bytes);

/* kernel.c: processes and what their kernels hold; front.c: what the daemon makes of it */
void cu_sim_kernel_start(struct cu_sim *sim, struct cu_sim_node *node, uint64_t from_ns);
void cu_sim_kernel_step(struct cu_sim *sim, uint32_t proc);
void cu_sim_kernel_reply(struct cu_sim *sim, uint32_t req);
void cu_sim_kernel_forget(struct cu_sim *sim, struct cu_sim_node *node, const char *path,
                          size_t len);
void cu_sim_kernel_clear_file(struct cu_sim *sim, struct cu_sim_node *node, uint32_t file);
void cu_sim_front_request(struct cu_sim *sim, struct cu_sim_node *node, enum cu_kind kind,
                          uint32_t file, uint32_t chunk, uint16_t piece, uint32_t version,
                          uint64_t at_ns);
void cu_sim_front_free(struct cu_sim *sim, uint32_t req);
void cu_sim_front_event(struct cu_sim *sim, uint32_t req);
void cu_sim_front_reply(struct cu_sim *sim, struct cu_sim_node *node, uint64_t cookie,
                        enum cu_core_where where, const struct cu_value *value);

/* ahead.c: the read-ahead library, driven */
/* A want of the library as a request of the core; borrows from want. */
struct cu_request cu_sim_request(const struct cu_ahead_want *want);
void cu_sim_ahead_init(struct cu_sim *sim, struct cu_sim_node *node);
void cu_sim_ahead_free(struct cu_sim_node *node);
/* Storage will answer the node's operation with this. */
void cu_sim_ahead_stored(struct cu_sim *sim, struct cu_sim_node *node, uint64_t id,
                         const struct cu_value *value);
/* What is known of path and all below it may be out of date. */
void cu_sim_ahead_forget(struct cu_sim_node *node, const char *path, size_t len);
struct cu_ahead_name cu_sim_ahead_name(const struct cu_sim *sim, uint32_t file);
/* file was looked up and found. */
void cu_sim_ahead_found(struct cu_sim *sim, struct cu_sim_node *node, uint32_t file,
                        const struct cu_value *value);
/* The read that a request of the kernel is. */
/* The list of holes of that version that the node holds: new reference, or NULL. */
struct cu_buf *cu_sim_ahead_holes(struct cu_sim *sim, struct cu_sim_node *node, uint32_t file,
                                  uint32_t version);
struct cu_ahead_read cu_sim_ahead_read(const struct cu_sim *sim, struct cu_sim_node *node,
                                       const struct cu_sim_req *req, const struct cu_attr *attr);
static inline struct cu_ahead_dir *cu_sim_ahead_dir(const struct cu_sim_node *node, uint32_t file)
{
    return &node->dirs[node->sim->world->files[file].dir];
}

/* recipe.c: what the processes will touch, asked for before */
int cu_sim_recipe_make(struct cu_sim *sim);
void cu_sim_recipe_start(struct cu_sim *sim, struct cu_sim_node *node);
void cu_sim_recipe_fetched(struct cu_sim *sim, struct cu_sim_node *node, uint64_t cookie,
                           const struct cu_value *value);
/* The node has all of the recipe or stage. */
void cu_sim_recipe_end(struct cu_sim *sim, struct cu_sim_node *node);

/* stage.c: a whole directory, the same */
void cu_sim_stage_start(struct cu_sim *sim, struct cu_sim_node *node);
void cu_sim_stage_fetched(struct cu_sim *sim, struct cu_sim_node *node, uint64_t cookie,
                          const struct cu_value *value);

/* direct.c: the baseline without Copper */
void cu_sim_direct_request(struct cu_sim *sim, uint32_t req);

/* original.c: the baseline with the original Copper */
void cu_sim_original_request(struct cu_sim *sim, uint32_t req);

/* workload.c */
__attribute__((warn_unused_result)) int cu_sim_workload_init(struct cu_sim *sim,
                                                             struct cu_error *err);
/* Operation `pc` of a process; false at the end. */
bool cu_sim_workload_op(const struct cu_sim *sim, uint32_t proc, uint32_t pc, struct cu_sim_op *op);
__attribute__((warn_unused_result)) int cu_sim_trace_load(struct cu_sim *sim, const char *file,
                                                          struct cu_error *err);

/* fault.c */
void cu_sim_fault_plan(struct cu_sim *sim);
void cu_sim_fault_event(struct cu_sim *sim, const struct cu_sim_event *event);
/* Until when the way between two ranks is cut; 0: it is not. */
uint64_t cu_sim_fault_blocked(const struct cu_sim *sim, uint32_t a, uint32_t b);

/* check.c */
__attribute__((format(printf, 2, 3))) void cu_sim_violation(struct cu_sim *sim, const char *format,
                                                            ...);
/* A read that is answered from a list of holes. */
void cu_sim_check_hole(struct cu_sim *sim, const struct cu_sim_req *req);
void cu_sim_check_value(struct cu_sim *sim, const struct cu_sim_req *req,
                        const struct cu_value *value);
void cu_sim_check_read(struct cu_sim *sim, struct cu_sim_node *node,
                       const struct cu_request *request, uint32_t file, bool direct);
/* A request of a kernel was answered. */
void cu_sim_check_latency(struct cu_sim *sim, const struct cu_sim_req *req);
void cu_sim_check_memory(struct cu_sim *sim, struct cu_sim_node *node);
/* At the end: nothing waits, nothing is under way. */
void cu_sim_check_end(struct cu_sim *sim);

#endif
