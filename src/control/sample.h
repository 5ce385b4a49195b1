/* SPDX-License-Identifier: BSD-3-Clause */
/* What nodes did in the last second or so: `copper top`. A node makes a sample of itself, a node
 * above adds those of its children, and the root has that of the job. Figures and histograms are
 * added exactly. The lists have few entries, however many nodes there are: the first few by each of
 * several columns, which of a union are the first few of the parts' first few, so that these are
 * exact, too. Paths are the exception: a path's figures are lower bounds, as a node tells of its
 * heaviest only, and estimates where a node has many requests (sampler.h).
 *
 * The text of a sample has at most CU_SAMPLE_BYTES_MAX bytes. */
#ifndef CU_CONTROL_SAMPLE_H
#define CU_CONTROL_SAMPLE_H

#include "base/histogram.h"
#include "base/idset.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define CU_SAMPLE_BYTES_MAX  (48u << 10) /* with the longest numbers; else a fifth of it */
#define CU_SAMPLE_NODES_MAX  64u
#define CU_SAMPLE_LINKS_MAX  32u
#define CU_SAMPLE_PATHS_MAX  24u
#define CU_SAMPLE_BELOW_MAX  64u
#define CU_SAMPLE_FIRST      16u  /* of nodes and links by each column: these are exact */
#define CU_SAMPLE_PATH_BYTES 160u /* of a path's text; of a longer one the end is kept */

/* The first are rates, in thousandths a second; from CU_SAMPLE_NOW on what is now. */
#define CU_SAMPLE_FIGURES(X)                                                                       \
    X(requests)                                                                                    \
    X(here)                                                                                        \
    X(flight)                                                                                      \
    X(parent)                                                                                      \
    X(storage)                                                                                     \
    X(errors)                                                                                      \
    X(storage_operations)                                                                          \
    X(storage_bytes)                                                                               \
    X(kernel_bytes)                                                                                \
    X(peer_bytes) X(read_ahead) X(cpu_ms) X(waiting) X(storage_waiting) X(cached_bytes) X(rss_bytes)

enum cu_sample_figure {
#define X(name) CU_SAMPLE_##name,
    CU_SAMPLE_FIGURES(X)
#undef X
        CU_SAMPLE_FIGURE_COUNT
};
#define CU_SAMPLE_NOW CU_SAMPLE_waiting

/* Latencies in microseconds. */
enum cu_sample_times {
    CU_SAMPLE_ANSWERS, /* to the kernel */
    CU_SAMPLE_PARENTS, /* of them: for which the parent was asked */
    CU_SAMPLE_CALLS,   /* system calls of storage operations */
    CU_SAMPLE_TIMES,
};

/* Columns of lists; each list is kept by the columns that its first enum values name. */
enum cu_sample_node_column {
    CU_SAMPLE_NODE_P50,
    CU_SAMPLE_NODE_P99,
    CU_SAMPLE_NODE_REQUESTS, /* thousandths a second */
    CU_SAMPLE_NODE_STORAGE,  /* the same: operations */
    CU_SAMPLE_NODE_WAITING,  /* requests without an answer now */
    CU_SAMPLE_NODE_COLUMNS,
};

enum cu_sample_link_column {
    CU_SAMPLE_LINK_P50, /* of answers that came over it */
    CU_SAMPLE_LINK_P99,
    CU_SAMPLE_LINK_ANSWERS, /* thousandths a second */
    CU_SAMPLE_LINK_P10,     /* about what the way there and back takes */
    CU_SAMPLE_LINK_COLUMNS,
};

enum cu_sample_path_column {
    CU_SAMPLE_PATH_REQUESTS, /* thousandths a second, as all of these */
    CU_SAMPLE_PATH_BYTES_S,
    CU_SAMPLE_PATH_MISSING,
    CU_SAMPLE_PATH_STORAGE, /* answers that came from storage */
    CU_SAMPLE_PATH_COLUMNS,
};

enum cu_sample_below_column {
    CU_SAMPLE_BELOW_P99,
    CU_SAMPLE_BELOW_REQUESTS,
    CU_SAMPLE_BELOW_STORAGE,
    CU_SAMPLE_BELOW_NODES, /* that have answered, itself included */
    CU_SAMPLE_BELOW_COLUMNS,
};

#define CU_SAMPLE_COLUMNS_MAX CU_SAMPLE_NODE_COLUMNS

struct cu_sample_row {
    uint32_t rank;   /* of a path: not used */
    uint32_t parent; /* of a link and of a node in the tree; own rank: none */
    uint32_t level;  /* in the tree: below the node that the sample is of */
    uint64_t values[CU_SAMPLE_COLUMNS_MAX];
    char *path; /* owned, the name form of base/text.h; NULL: it is none */
};

struct cu_sample_list {
    struct cu_sample_row *rows; /* owned */
    uint32_t count, room;
};

enum cu_sample_lists {
    CU_SAMPLE_NODES,
    CU_SAMPLE_LINKS,
    CU_SAMPLE_PATHS,
    CU_SAMPLE_BELOW, /* the tree's upper part: what a node and all below it did */
    CU_SAMPLE_LISTS,
};

/* All zero: empty. */
struct cu_sample {
    uint64_t window_ms; /* that the figures are of; of many nodes the longest */
    uint64_t figures[CU_SAMPLE_FIGURE_COUNT];
    struct cu_histogram times[CU_SAMPLE_TIMES];
    struct cu_sample_list lists[CU_SAMPLE_LISTS];
};

const char *cu_sample_figure_name(enum cu_sample_figure figure);
void cu_sample_free(struct cu_sample *sample);
/* Adds a row (its path is copied) to a list. False: out of memory, then it lacks. */
bool cu_sample_add_row(struct cu_sample *sample, enum cu_sample_lists list,
                       const struct cu_sample_row *row);
/* Adds what a child's result says. It may be anything: what is not of the form, or about a rank
 * that is not in ranks, is left out. from: the child, whose parent own is. */
void cu_sample_add(struct cu_sample *sample, const json_t *json, const struct cu_idset *ranks,
                   uint32_t from, uint32_t own);
/* Puts the node itself at the top of its tree: nodes that have answered, itself included. */
void cu_sample_crown(struct cu_sample *sample, uint32_t own, uint32_t nodes);
/* Leaves what a list may hold, in the order of the first column; the tree by level. */
void cu_sample_cut(struct cu_sample *sample);
/* New reference; NULL: out of memory. */
json_t *cu_sample_json(const struct cu_sample *sample);
/* The other way round, for the client: any rank below limit. */
void cu_sample_read(struct cu_sample *sample, const json_t *json, uint32_t limit);

#endif
