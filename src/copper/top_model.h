/* SPDX-License-Identifier: BSD-3-Clause */
/* What `copper top` knows and shows: the latest sample, and what the user has chosen. Does no I/O:
 * a sample or a key in, top_page.h makes the page. */
#ifndef CU_COPPER_TOP_MODEL_H
#define CU_COPPER_TOP_MODEL_H

#include "base/idset.h"
#include "control/sample.h"
#include "core/tree.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define CU_TOP_FILTER_BYTES 128u
#define CU_TOP_NOTE_BYTES   256u
#define CU_TOP_SLOW_TIMES   4u /* a node is slow when its median is so many times the job's ... */
#define CU_TOP_SLOW_US      1000u /* ... and no less than this */

enum cu_top_view {
    CU_TOP_NODES,
    CU_TOP_LINKS,
    CU_TOP_PATHS,
    CU_TOP_TREE,
    CU_TOP_VIEWS,
};

enum cu_top_state {
    CU_TOP_ANSWERS,
    CU_TOP_SLOW,
    CU_TOP_SILENT,   /* joined, and did not answer in time */
    CU_TOP_DEAD,     /* has no daemon that is ready */
    CU_TOP_LEFT_OUT, /* the launch went on without it */
};

struct cu_top_model {
    json_t *hosts; /* reference: names by rank, as text for people */
    uint32_t node_count;
    struct cu_tree tree;
    char job[9];
    bool sampled; /* there is a sample */
    struct cu_sample sample;
    uint32_t answered;
    struct cu_idset dead, silent, left_out; /* as many as were named */
    uint64_t dead_count, silent_count, left_out_count;
    enum cu_top_view view;
    uint32_t sort[CU_TOP_VIEWS]; /* column of a row; the number of columns: by name */
    bool reverse;
    uint32_t scroll;
    char filter[CU_TOP_FILTER_BYTES];
    bool typing; /* the filter */
    bool paused, help;
    char note[CU_TOP_NOTE_BYTES]; /* what is wrong, or "" */
    char clock[16];               /* when the sample came */
};

/* status: answer to `doctor` with hosts. 0, -EINVAL: it is none; -ENOMEM. */
__attribute__((warn_unused_result)) int cu_top_model_init(struct cu_top_model *model,
                                                          const json_t *status);
void cu_top_model_free(struct cu_top_model *model);
/* The answer to `top` of the root. False: it is none. */
bool cu_top_model_take(struct cu_top_model *model, const json_t *answer);
/* A key (screen.h); page: rows of a list that are visible. False: the user quits. */
bool cu_top_model_key(struct cu_top_model *model, int key, uint32_t page);

const char *cu_top_host(const struct cu_top_model *model, uint32_t rank);
enum cu_top_state cu_top_state(const struct cu_top_model *model, uint32_t rank);
/* Rows of the view's list that the filter lets through, in the order that was chosen, into rows
 * (room for all); returns how many. Not for the tree. */
uint32_t cu_top_rows(const struct cu_top_model *model, enum cu_top_view view,
                     const struct cu_sample_row **rows);
/* "p99"; what the view is sorted by. */
const char *cu_top_sort_name(const struct cu_top_model *model, enum cu_top_view view);

#endif
