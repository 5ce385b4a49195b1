/* SPDX-License-Identifier: BSD-3-Clause */
/* The wants of a child in one tree, counted by their paths and by how long they have been in
 * service: what hangs is told apart from what is on its way. */
#ifndef CU_CORE_FLOWPATH_H
#define CU_CORE_FLOWPATH_H

#include "base/list.h"
#include "base/table.h"
#include "core/haste.h"

#include <stdbool.h>
#include <stdint.h>

struct cu_core;

/* A child's wants in one tree. In service: recent since the period began, before in the one before
 * it, and the rest hangs. */
struct flow {
    struct cu_list paths;        /* struct flow_path */
    struct cu_list turns[LINES]; /* the same, those with parked wants */
    uint32_t waiting[LINES];     /* length of turns */
    uint32_t wants;              /* in service */
    uint32_t recent, before;
    uint32_t period; /* the last one in which something was counted */
    uint64_t bytes;  /* of the answers to those in service, at most */
    uint64_t recent_bytes, before_bytes;
};

/* A child's wants of one path in one tree, those for which somebody waits or the others; it goes
 * with the last of them. */
struct flow_path {
    struct cu_table_link link; /* in core->flow_paths */
    struct cu_list all;        /* in flow->paths */
    struct cu_list turn;       /* in flow->turns[line] */
    struct cu_list parked;     /* struct parked: not worked on yet */
    enum line line;            /* as it was parked or served */
    uint64_t key;              /* of path, child, tree and line */
    uint32_t wants;            /* in service; as in struct flow: */
    uint32_t recent, before;
    uint32_t period;
};

/* The table of paths. 0 or -ENOMEM. */
__attribute__((warn_unused_result)) int cu_flowpath_start(struct cu_core *core);
/* When no path is left. */
void cu_flowpath_end(struct cu_core *core);
void cu_flow_init(struct flow *flow);
/* It is now: what has been in service for a period or two hangs. Before anything is counted. */
void cu_flow_age(const struct cu_core *core, struct flow *flow);
/* When the next period begins. */
uint64_t cu_flow_next_period(const struct cu_core *core);
/* NULL: there is none. */
struct flow_path *cu_flowpath_find(const struct cu_core *core, uint64_t key);
/* The same, made where there is none. NULL: out of memory. */
struct flow_path *cu_flowpath_get(struct cu_core *core, struct flow *flow, uint64_t key,
                                  enum line line);
/* As its flow. */
void cu_flowpath_age(const struct flow *flow, struct flow_path *path);
/* Frees it. Its parked wants are gone, and so is its turn. */
void cu_flowpath_drop(struct cu_core *core, struct flow_path *path);
/* The same, if it has no wants. */
void cu_flowpath_unused(struct cu_core *core, struct flow_path *path);
/* Has a want of it been in service for so long? */
bool cu_flowpath_hangs(const struct flow_path *path);
/* A want is in service from now on. */
void cu_flowpath_served(struct flow *flow, struct flow_path *path, uint32_t bytes);
/* One that was served in that period was answered. */
void cu_flowpath_answered(struct flow *flow, struct flow_path *path, uint32_t period,
                          uint32_t bytes);

#endif
