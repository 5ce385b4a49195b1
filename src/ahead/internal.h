/* SPDX-License-Identifier: BSD-3-Clause */
/* Types and functions shared by the rules; not to be included outside of src/ahead. */
#ifndef CU_AHEAD_INTERNAL_H
#define CU_AHEAD_INTERNAL_H

#include "ahead/ahead.h"
#include "ahead/habit.h"
#include "ahead/predict.h"
#include "ahead/streams.h"
#include "proto/recipe.h"

/* What a loader reads of a library: a small one as a whole; of a larger one both ends. */
#define CU_LIBRARY_WHOLE (UINT64_C(4) << 20)
#define CU_LIBRARY_HEAD  (UINT64_C(1) << 20)
#define CU_LIBRARY_TAIL  (UINT64_C(512) << 10)

/* A recipe that is replayed (replay.c). */
struct cu_replay {
    struct cu_recipe *recipe; /* a reference; NULL: none */
    struct file *files;       /* owned list: their chunks come next */
    uint32_t next;            /* entry to ask for next */
    uint32_t requests;        /* under way */
    uint64_t bytes;           /* of these */
    uint64_t total;           /* bytes asked for so far */
    uint64_t allowed;         /* of total; UINT64_MAX: no bound */
    uint64_t planned, done;   /* objects: that the recipe names; that are settled */
    bool full;                /* there is no room for more of it */
};

struct cu_ahead {
    struct cu_ahead_config config;
    struct cu_replay replay;
    struct cu_predict predict;
    struct cu_habit habit;
    struct cu_streams streams;
    struct cu_helds helds;
};

/* ahead.c: all requests leave here. Dropped when the budget is used up. */
void cu_ahead_emit(struct cu_ahead *a, const struct cu_ahead_want *want);
/* Attributes of name in the directory with this path, and content where its suffix says so, unless
 * there is nothing to ask. dir: its state; NULL: it is not known. */
void cu_ahead_emit_name(struct cu_ahead *a, const struct cu_ahead_dir *dir, const char *path,
                        size_t path_len, const char *name, size_t name_len);
struct cu_ahead_place cu_ahead_place_of(const struct cu_ahead *a, const struct cu_ahead_dir *dir);
int cu_ahead_dir_path(const struct cu_ahead *a, const struct cu_ahead_dir *dir, char *out);

/* replay.c */
void cu_replay_free(struct cu_replay *r);

/* The rules, each about a node that was found. */
void cu_ahead_library(struct cu_ahead *a, const struct cu_ahead_node *node);
void cu_ahead_link(struct cu_ahead *a, const struct cu_ahead_node *node);
void cu_ahead_list(struct cu_ahead *a, const struct cu_ahead_node *node);

#endif
