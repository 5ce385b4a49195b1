/* SPDX-License-Identifier: BSD-3-Clause */
/* Figures of many nodes, and the parts of parts.h: large results are handled on a thread of their
 * own (cu_commands_config.aside), small ones at once. */
#ifndef CU_CONTROL_BULK_H
#define CU_CONTROL_BULK_H

#include "control/parts.h"
#include "control/task.h"

#define CU_BULK_BYTES 65536u /* bytes of text from which on it is decoded on the thread */
#define CU_BULK_NODES 64u    /* nodes from which on figures are encoded and freed there */

/* JSON of a text from another daemon; NULL: it is none, has more values than a result about
 * node_count nodes, or figures of a node that is not in its "ranks", or twice. A decoded value
 * takes up to fifty times the memory of its text ("[],"), so the size of the text is not enough of
 * a limit. */
json_t *cu_bulk_decode(const struct cu_buf *text, uint32_t node_count);
/* False: text is not large; cu_gather_read is not called. Takes a reference. */
bool cu_bulk_read(struct cu_commands *commands, uint32_t rank, uint64_t id, struct cu_buf *text);

/* The parts of a task's results as one. */
struct cu_bulk_sum {
    struct cu_parts parts; /* the thread's, when refs > 1; but for the page */
    unsigned refs;         /* of the task, and of each job that is under way */
    bool used;             /* there is, or was, something in it */
    bool surveyed;         /* the same, a survey */
};

/* A reference; NULL: out of memory. */
struct cu_bulk_sum *cu_bulk_sum_new(void);
/* NULL does nothing. */
void cu_bulk_sum_unref(struct cu_bulk_sum *sum);
/* Adds the survey and the recipe of more (taken). */
void cu_bulk_add(struct cu_commands *commands, struct cu_bulk_sum *sum, struct cu_parts *more);
/* Adds the survey that is made of what this node has to tell (taken). */
void cu_bulk_add_taken(struct cu_commands *commands, struct cu_bulk_sum *sum,
                       struct cu_commands_taken *taken);
/* Adds what this node has recorded. */
void cu_bulk_add_recorded(struct cu_commands *commands, struct cu_bulk_sum *sum);

/* Sends result (taken; NULL: out of memory), whose "nodes" are a list of lists here, as the answer,
 * with the sum (borrowed; NULL: none), unless its asker has gone. */
void cu_bulk_reply(struct cu_commands *commands, const struct cu_commands_origin *origin,
                   json_t *result, struct cu_bulk_sum *sum);
/* Puts the sum (borrowed) into result (taken) and calls cu_gather_stopped. */
void cu_bulk_stop(struct cu_commands *commands, const struct cu_commands_origin *origin,
                  json_t *result, struct cu_bulk_sum *sum);
/* Drops the reference, which is the only one if it is of a list of nodes. NULL does nothing. */
void cu_bulk_free(struct cu_commands *commands, json_t *json);
/* The connection has ended: no answer may be sent to it. */
void cu_bulk_gone(struct cu_commands *commands, const void *owner);
/* Detaches all jobs under way; their results are dropped. */
void cu_bulk_close(struct cu_commands *commands);

#endif
