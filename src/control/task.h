/* SPDX-License-Identifier: BSD-3-Clause */
/* Internal to the control plane: a task is a request that is not answered yet. */
#ifndef CU_CONTROL_TASK_H
#define CU_CONTROL_TASK_H

#include "base/deadline.h"
#include "base/idset.h"
#include "base/list.h"
#include "control/commands.h"

#define CU_TASK_TIMEOUT_MS 5000u /* for a request that says nothing of it */

enum cu_task_op {
    CU_OP_STATUS,
    CU_OP_STATS,
    CU_OP_WAIT,
    CU_OP_STOP,
    CU_OP_REFRESH,
    CU_OP_DROP,
    CU_OP_DOCTOR,
    CU_OP_LAUNCHED,
    CU_OP_RECIPE,
    CU_OP_STAGE,
    CU_OP_TOP,
    CU_OP_LOG,
    CU_OP_LEARN,
};

enum cu_task_state {
    CU_TASK_PARKED,    /* for the root, but there is no parent yet */
    CU_TASK_HANDED_UP, /* the parent was asked */
    CU_TASK_WAITING,   /* `wait` at the root; `top`: another one gathers */
    CU_TASK_GATHERING, /* children were asked */
    CU_TASK_OUTLIVING, /* a `stop` is answered: ends when the parent has */
    CU_TASK_LAUNCHING, /* a task of this daemon itself: waits until the launch should be over */
};

enum cu_task_scope {
    CU_SCOPE_HERE,
    CU_SCOPE_ROOT,  /* the root does it, wherever it came in */
    CU_SCOPE_BELOW, /* this node and all below it, asked by the parent */
};

/* A child that was asked. */
struct cu_task_child {
    uint32_t rank;
    bool answered; /* with a result that was taken */
    bool coming;   /* its result is being read (bulk.c) */
    bool down;     /* the connection has ended */
    bool done;     /* nothing more is awaited from it */
};

struct cu_task {
    struct cu_list link;
    struct cu_deadline deadline;
    struct cu_commands_origin origin;
    enum cu_task_op op;
    enum cu_task_scope scope;
    enum cu_task_state state;
    uint64_t id;         /* of what was sent up or down for it */
    uint64_t asked_ns;   /* when the request came */
    uint64_t timeout_ms; /* how long it may take at the root */
    json_t *request;     /* owned */
    uint32_t parent;     /* rank; HANDED_UP: that was asked; OUTLIVING: that ends first */
    bool confirms;       /* this daemon's own: does the job know that its launch is over? */
    /* GATHERING */
    struct cu_task_child *children; /* owned */
    uint32_t child_count;
    uint32_t child_open;  /* not done */
    bool own_open;        /* REFRESH, DROP: this node's kernel is still being told */
    uint64_t failures;    /* the same: notifications that had failed before */
    uint64_t failed;      /* the same: nodes on which some failed; STOP: whose mount stays */
    struct cu_idset seen; /* ranks that the result speaks for */
    struct cu_idset up;   /* STOP at the root: ranks that were ready when it came; limit 0: none */
    json_t *sum;          /* STATS, STOP: owned object, counters of all ranks in seen */
    struct cu_latency *latency; /* STATS, where it was asked for, STOP with -P: owned, as sum */
    json_t *bypassed;           /* STATS, STOP: owned or NULL (bypassed.h) */
    json_t *in_use;             /* STOP: owned or NULL (inuse.h) */
    json_t *stage;              /* STAGE: owned or NULL (staged.h) */
    struct cu_sample *sample;   /* TOP: owned, of all ranks in seen */
    struct cu_logpage *page;    /* LOG: owned, of all ranks in seen */
    char learned[CU_JOB_RECIPE_MAX + 1]; /* RECIPE: its name, as commands on them have told */
    struct cu_bulk_sum *parts; /* reference: surveys, records (bulk.h) of all ranks in seen */
    json_t *nodes;             /* STATS, where each node was asked for: owned list of lists */
};

/* The latest answer to `top`, for who asks soon after. */
struct cu_sampled {
    struct cu_buf *text; /* reference; NULL: none */
    uint64_t begun_ns;
};

struct cu_commands {
    struct cu_commands_config config;
    struct cu_list tasks;
    struct cu_list jobs; /* struct job (bulk.c) */
    uint32_t task_count;
    struct cu_deadline_queue deadlines;
    uint64_t next_id;
    bool stopping;
    bool launched; /* the launcher has said that it was successful, or there is none that would */
    struct cu_idset left_out; /* ranks that the launch went on without */
    struct cu_sampled sampled;
    char learned[CU_JOB_RECIPE_MAX + 1]; /* the recipe's name, as a command has told; "": none */
};

/* Sends result (taken; NULL: out of memory), with the task's parts, as the answer and frees the
 * task. */
void cu_task_finish(struct cu_commands *commands, struct cu_task *task, json_t *result);
/* The same with {"ok": false, "error": text}. */
__attribute__((format(printf, 3, 4))) void
cu_task_fail(struct cu_commands *commands, struct cu_task *task, const char *format, ...);
void cu_task_free(struct cu_commands *commands, struct cu_task *task);
/* At most deadline_ms after it came. When even that cannot be kept, the task is failed: false. */
bool cu_task_set_deadline(struct cu_commands *commands, struct cu_task *task, uint64_t deadline_ms);
/* A task for the root: done here, handed up, or parked. True when it moved. */
bool cu_task_towards_root(struct cu_commands *commands, struct cu_task *task, uint64_t now_ns);

/* Sends text (borrowed; NULL: out of memory) as the answer, unless its asker has gone. */
void cu_commands_reply(struct cu_commands *commands, const struct cu_commands_origin *origin,
                       struct cu_buf *text);
/* STAGE: this node's part, and its figures into task->stage. A node that cannot take it says so in
 * these. */
void cu_staged_own(struct cu_commands *commands, struct cu_task *task);

#endif
