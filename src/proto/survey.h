/* SPDX-License-Identifier: BSD-3-Clause */
/* What a job did (-P), of a node or of many: lists of base/keyed.h, which are merged up the tree
 * when the job is stopped. Its size is bounded, whatever the number of nodes and paths: the lists
 * of paths are cut, and say how far off they may be; all others are exact. docs/protocol.md has its
 * encoding. */
#ifndef CU_PROTO_SURVEY_H
#define CU_PROTO_SURVEY_H

#include "base/keyed.h"
#include "base/topk.h"
#include "proto/msg.h"

#define CU_SURVEY_PATHS_MIN  2048u /* paths kept in a list; twice -N, if that is more */
#define CU_SURVEY_SAMPLE     1024u /* paths of the sample */
#define CU_SURVEY_PAST_FILES 64u   /* files of a node above -M, as the core keeps them */
#define CU_SURVEY_SEARCHES   16u   /* values of search paths */
#define CU_SURVEY_VALUE_MAX  8192u /* bytes of such a value, with its name */
#define CU_SURVEY_PAIR_MAX   (2u * CU_TOPK_KEY_MAX + 1)
#define CU_SURVEY_LIST_BYTES (1u << 20) /* of an encoded list of paths */
#define CU_SURVEY_COUNTERS   256u       /* that a node may have */
#define CU_SURVEY_INTERVALS_MAX                                                                    \
    65536u /* counters in all intervals; later ones are left out, which a job would reach in years \
            */

enum cu_survey_list {
    CU_SURVEY_CLASSES,       /* key: a byte, of enum cu_survey_class; cu_survey_path_number */
    CU_SURVEY_TIMELINE,      /* key: number of the bin; cu_survey_time_number */
    CU_SURVEY_NODES,         /* key: rank; cu_survey_node_number */
    CU_SURVEY_PARENTS,       /* key: rank; the rank of its parent + 1 by tree, 0: it has none */
    CU_SURVEY_BY_REQUESTS,   /* key: path; from here on cu_survey_path_number */
    CU_SURVEY_BY_BYTES,      /* weight: bytes read */
    CU_SURVEY_BY_WAIT,       /* weight: us that processes waited */
    CU_SURVEY_MISSING_NAMES, /* key: a name that was looked up in vain, in any directory */
    CU_SURVEY_MISSING_DIRS,  /* key: a directory in which names were looked up in vain */
    CU_SURVEY_FOUND_DIRS,    /* the same, and they were there */
    CU_SURVEY_PAST_TREES,    /* weight: bytes read past the trees because of -M */
    CU_SURVEY_SEARCHED,      /* key: a directory; weight: lookups and listings of it */
    CU_SURVEY_PAIRS,         /* key: two directories, a NUL between; weight: lookups in vain in the
                                first of names that were found in the second */
    CU_SURVEY_SEARCHES_SEEN, /* key: "NAME=VALUE" of a search path; weight: processes */
    CU_SURVEY_DISTINCT,      /* a sample of all paths */
    CU_SURVEY_INTERVALS,     /* key: cu_survey_interval_key; by how much the counter has grown */
    CU_SURVEY_LISTS,
};

enum cu_survey_class {
    CU_SURVEY_STANDARD_LIBRARY,
    CU_SURVEY_SITE_PACKAGES,
    CU_SURVEY_NATIVE_LIBRARIES,
    CU_SURVEY_MISSING_LIBRARIES,
    CU_SURVEY_MISSING_MODULES,
    CU_SURVEY_MISSING_OTHERS,
    CU_SURVEY_OTHERS,
    CU_SURVEY_CLASS_COUNT,
};

/* Numbers of a path, and of a class. The lists of paths know at least `got` of a path's weight:
 * what was counted while it was listed. max_us and rank, of a node, + 1, are the most. */
/* clang-format off */
#define CU_SURVEY_PATH_NUMBERS(X) \
    X(got) X(nodes) X(lookups) X(missing) X(reads) X(listings) X(others) \
    X(here) X(flight) X(parent) X(storage) X(bytes) X(wait_us) X(max_us) X(rank)
#define CU_SURVEY_TIME_NUMBERS(X) \
    X(requests) X(here) X(flight) X(parent) X(storage) X(storage_operations) X(storage_bytes) \
    X(kernel_bytes) X(wait_us)
#define CU_SURVEY_NODE_NUMBERS(X) \
    X(restarts) X(requests) X(here) X(flight) X(parent) X(storage) X(negative) X(child_wants) \
    X(storage_operations) X(storage_bytes) X(peer_bytes_in) X(peer_bytes_out) X(kernel_bytes) \
    X(bypass_bytes) X(p50_us) X(p99_us) X(max_us) X(cpu_ms) X(rss_bytes) X(loop_longest_us) \
    X(parents_changed) X(parents_lost) X(asked_again) X(requests_waiting_most) \
    X(storage_waiting_most) X(read_ahead) X(read_ahead_used) X(read_ahead_wasted)
/* clang-format on */

enum cu_survey_path_number {
#define X(name) CU_SURVEY_PATH_##name,
    CU_SURVEY_PATH_NUMBERS(X)
#undef X
        CU_SURVEY_PATH_NUMBER_COUNT
};
enum cu_survey_time_number {
#define X(name) CU_SURVEY_TIME_##name,
    CU_SURVEY_TIME_NUMBERS(X)
#undef X
        CU_SURVEY_TIME_NUMBER_COUNT
};
enum cu_survey_node_number {
#define X(name) CU_SURVEY_NODE_##name,
    CU_SURVEY_NODE_NUMBERS(X)
#undef X
        CU_SURVEY_NODE_NUMBER_COUNT
};
_Static_assert(CU_SURVEY_NODE_NUMBER_COUNT <= CU_KEYED_WIDTH_MAX, "all fit");
_Static_assert(CU_TREES_MAX <= CU_KEYED_WIDTH_MAX, "all fit");

/* Of the job; the same on all its nodes. */
struct cu_survey_limits {
    uint32_t nodes;
    uint32_t trees;
    uint32_t top; /* -N */
};

struct cu_survey {
    struct cu_survey_limits limits;
    struct cu_keyed_kind kinds[CU_SURVEY_LISTS];
    struct cu_keyed lists[CU_SURVEY_LISTS];
};

/* Empty. NULL: out of memory. */
struct cu_survey *cu_survey_new(const struct cu_survey_limits *limits);
/* NULL does nothing. */
void cu_survey_free(struct cu_survey *survey);
/* Paths that a list of so many -N keeps. */
uint32_t cu_survey_paths(uint32_t top);
/* Cuts each list to what may be sent. */
void cu_survey_cut(struct cu_survey *survey);
/* Adds all of from, of the same limits, which is empty then, and cuts. 0, -EINVAL: a node is in
 * both, nothing was added; -ENOMEM: what is in either is undefined. */
__attribute__((warn_unused_result)) int cu_survey_merge(struct cu_survey *survey,
                                                        struct cu_survey *from);

/* A new buffer; NULL: out of memory. */
struct cu_buf *cu_survey_encode(const struct cu_survey *survey);
/* Bytes of any origin. 0 with a new survey, -EBADMSG, -ENOTSUP (another version), -ENOMEM. */
__attribute__((warn_unused_result)) int cu_survey_decode(const void *bytes, size_t size,
                                                         const struct cu_survey_limits *limits,
                                                         struct cu_survey **survey);

/* A number as a key: the order of the keys is that of the numbers. */
#define CU_SURVEY_KEY_BYTES 4u
void cu_survey_key(uint32_t number, unsigned char key[CU_SURVEY_KEY_BYTES]);
uint32_t cu_survey_number(const unsigned char *key);
/* The number of the bin of a time since the launch, and the bin's bounds: 600 of 100 ms, and from
 * then on 300 of each next width, which is twice the one before. */
uint32_t cu_survey_bin(uint64_t ms);
void cu_survey_bin_bounds(uint32_t bin, uint64_t *begin_ms, uint64_t *width_ms);

/* -I: the intervals have this length, in order from the launch on, as far as 120 of them go; then
 * 60 each of twice, four times the length, and so on. The number of the one in which a time since
 * the launch is, the bounds of one (in intervals, from the launch on), and the key of a counter
 * there. */
uint32_t cu_survey_interval(uint64_t ms, uint32_t seconds);
void cu_survey_interval_bounds(uint32_t number, uint64_t *begin, uint64_t *width);
#define CU_SURVEY_INTERVAL_KEY_BYTES 5u
void cu_survey_interval_key(uint32_t number, uint8_t counter,
                            unsigned char key[CU_SURVEY_INTERVAL_KEY_BYTES]);

/* What kind of path (normal form) this is; missing: there is nothing of that name. */
enum cu_survey_class cu_survey_class_of(const char *path, size_t len, bool missing);
const char *cu_survey_class_name(enum cu_survey_class class);
const char *cu_survey_path_number_name(unsigned i);
const char *cu_survey_time_number_name(unsigned i);
const char *cu_survey_node_number_name(unsigned i);

#endif
