/* SPDX-License-Identifier: BSD-3-Clause */
/* The control plane of a daemon: requests about the job itself, from this node's control socket,
 * from the copper command over the peer port, and from the daemons above and below in tree 0. What
 * concerns the whole job is handed up to tree 0's root, goes down from there, and the results are
 * gathered on the way back up. docs/protocol.md has each request and result.
 *
 * Does no input or output of its own: the hooks do. On the loop thread. After each call the driver
 * drains the core's effects. */
#ifndef CU_CONTROL_COMMANDS_H
#define CU_CONTROL_COMMANDS_H

#include "base/buf.h"
#include "base/error.h"
#include "base/path.h"
#include "base/text.h"
#include "control/staged.h"
#include "core/core.h"
#include "loop/crew.h"
#include "proto/job.h"
#include "proto/recipe.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* bytes of one request: a path and a few fields */
#define CU_COMMANDS_REQUEST_MAX (CU_TEXT_BYTES(CU_TREE_PATH_MAX) + 1024u)
#define CU_COMMANDS_TASKS_MAX   256u /* unanswered requests; more are refused */
#define CU_COMMANDS_NAMES_MAX   100u /* host names listed in one result */
/* ms that a daemon, after it has passed the answer to a `stop` down, waits for its parent's end.
 * Longer than CU_CLIENT_END_MS, so that the client sees that not all daemons have ended. */
#define CU_COMMANDS_END_MS 6000u

struct cu_commands;
struct cu_latency;
struct cu_survey;
struct cu_sample;
struct cu_logpage;
struct cu_logpage_at;

/* Where a request came from. */
struct cu_commands_origin {
    void *owner;  /* the connection */
    uint64_t id;  /* the asker's number for it */
    bool is_link; /* owner is a link between daemons, else one of the control socket */
};

/* What a node has to tell of the job, as it was when it was taken. */
struct cu_commands_taken {
    /* The survey that is made of it; NULL: out of memory. May take long; any thread, once. */
    struct cu_survey *(*make)(struct cu_commands_taken *taken);
    void (*free)(struct cu_commands_taken *taken); /* any thread */
};

struct cu_commands_hooks {
    void *context;
    /* The one answer to a request; json is borrowed. Never called for an owner that has gone. */
    void (*reply)(void *context, const struct cu_commands_origin *origin, struct cu_buf *json);
    /* Sends a request to a child or a parent; json is borrowed. 0 or -errno. Must not call
     * back into here. */
    int (*ask)(void *context, struct cu_peer peer, uint64_t id, struct cu_buf *json);
    /* This node is to stop, after this call has returned: the driver calls cu_commands_stopping,
     * unmounts, replies to origin (owner NULL: no reply) with result (borrowed here), to which it
     * adds "lingers": true while cu_commands_lingers, and ends. */
    void (*stop)(void *context, const struct cu_commands_origin *origin, json_t *result);
    /* Text for people: the network that data takes; and what is wrong with it, "": nothing. NULL:
     * there is none. */
    void (*network)(void *context, char *text, size_t size, char *note, size_t note_size);
    /* Does the driver know what a `doctor` result tells? If not, it will, and cu_commands_poll is
     * called then. NULL: it always does. */
    bool (*known)(void *context);
    /* Adds what the driver knows to a `doctor` result. */
    void (*describe)(void *context, json_t *result);
    /* Does this job record (--learn)? */
    bool (*records)(void *context);
    /* What this node has recorded, which does not change until `returned` has been called as often.
     * NULL: out of memory. */
    const struct cu_recipe *(*recorded)(void *context);
    void (*returned)(void *context);
    /* A command has told the file of the job's recipe, which is asked for now; called once. NULL:
     * there is none. */
    void (*learn)(void *context, const char *path);
    /* Were all invalidations sent to this node's kernel? *failures: notifications that could not be
     * made so far. Asked when the core's effects are drained. */
    bool (*forgot)(void *context, uint64_t *failures);
    /* Begins a stage on this node, or tells how far it is (staged.error: borrowed until the next
     * call). 0, -EBUSY: too many wait already; -EUSERS: too many were staged; -ENOMEM. NULL:
     * there is none. */
    int (*stage)(void *context, const struct cu_staged_order *order, struct cu_staged *staged);
    /* What this node has to tell of the job (-P), owned by the caller. NULL: out of memory, or
     * nothing. The function NULL: there is none. */
    struct cu_commands_taken *(*survey)(void *context);
    /* Adds what this node did lately to an empty sample (control/sampler.h). NULL: nothing. */
    void (*sample)(void *context, uint64_t now_ns, struct cu_sample *sample);
    /* Adds the lines of this node's log that stand behind a place. 0 or -ENOMEM. NULL: there are
     * none. */
    int (*logged)(void *context, const struct cu_logpage_at *after, struct cu_logpage *page);
};

struct cu_commands_config {
    struct cu_core *core;         /* borrowed */
    const struct cu_job *job;     /* borrowed */
    struct cu_core_config limits; /* as the core was created with */
    uint64_t started_ns;
    const char *memory_note; /* borrowed, for people: why the cache is less than -m; "", NULL: no */
    uint32_t restarts;       /* daemons that died here before this one */
    const struct cu_latency *latency; /* borrowed, of this node */
    struct cu_crew *aside; /* borrowed: figures of many nodes are worked on there; NULL: here */
    struct cu_commands_hooks hooks;
};

/* NULL: out of memory. */
struct cu_commands *cu_commands_create(const struct cu_commands_config *config);
void cu_commands_destroy(struct cu_commands *commands);

/* A request's text. Anything may stand in it. */
void cu_commands_request(struct cu_commands *commands, const struct cu_commands_origin *origin,
                         const void *text, size_t size, uint64_t now_ns);
/* A RESULT from the peer to a request that `ask` sent; text is borrowed. */
void cu_commands_result(struct cu_commands *commands, struct cu_peer peer, uint64_t id,
                        struct cu_buf *text, uint64_t now_ns);
void cu_commands_peer_down(struct cu_commands *commands, struct cu_peer peer, uint64_t now_ns);
/* The connection has ended: requests that came over it need no answer any more. */
void cu_commands_gone(struct cu_commands *commands, const void *owner);
/* To be called when the core's effects are drained: continues tasks that wait for a parent or for
 * nodes to become ready. True when it did something. */
bool cu_commands_poll(struct cu_commands *commands, uint64_t now_ns);
/* When cu_commands_tick must be called; UINT64_MAX: no need. */
uint64_t cu_commands_deadline(const struct cu_commands *commands);
void cu_commands_tick(struct cu_commands *commands, uint64_t now_ns);

/* The error of a request to a daemon that is being stopped. */
#define CU_COMMANDS_STOPPING "this daemon is stopping"
/* From now on every request is refused, and waiting ones are answered with that error; except
 * `stop` requests that were handed up, whose answer will still come from the parent. */
void cu_commands_stopping(struct cu_commands *commands);
/* Requests handed up still wait for their answer or, when that was a stop's, for the parent's end.
 */
bool cu_commands_lingers(const struct cu_commands *commands);
/* Answers are being written. */
bool cu_commands_busy(const struct cu_commands *commands);
/* Sends result (taken; NULL: out of memory) as the answer, unless its asker has gone. */
void cu_commands_answer(struct cu_commands *commands, const struct cu_commands_origin *origin,
                        json_t *result);
/* Text of a result; NULL when out of memory. New reference. */
struct cu_buf *cu_commands_encode(const json_t *result);
/* This node's counters by name and what the process uses. New reference, NULL: out of memory. */
json_t *cu_commands_counters(struct cu_commands *commands);

#endif
