/* SPDX-License-Identifier: BSD-3-Clause */
/* What a node counts. One list: the daemon's status, `copper stats`, the ioctl and the simulator
 * all take names from it. All are monotonic from the daemon's start, except those marked gauge. New
 * ones go to the end, and to that of the list in tests/unit/core_counters_test.c, which holds the
 * order. */
#ifndef CU_CORE_COUNTERS_H
#define CU_CORE_COUNTERS_H

#include <stdint.h>

/* clang-format off */
#define CU_COUNTERS(X) \
    /* requests from this node's kernel, by operation */ \
    X(fuse_lookup) X(fuse_getattr) X(fuse_readlink) X(fuse_open) X(fuse_read) X(fuse_opendir) \
    X(fuse_readdir) X(fuse_getxattr) X(fuse_listxattr) X(fuse_statfs) X(fuse_access) X(fuse_ioctl) \
    X(fuse_forget) X(fuse_refused) X(fuse_other) \
    /* objects wanted by this node's kernel, by where the answer was */ \
    X(hit_here) X(hit_flight) X(hit_parent) X(hit_storage) X(hit_negative) \
    /* wants from children, by where the answer was */ \
    X(child_wants) X(child_hit_here) X(child_hit_flight) X(child_hit_parent) X(child_hit_storage) \
    /* wants this node sent up, and read ahead without anybody asking yet */ \
    X(asked_parent) X(asked_again) X(read_ahead) \
    /* storage operations issued by this node, by kind */ \
    X(storage_stat) X(storage_readdir) X(storage_readlink) X(storage_open) X(storage_read) \
    X(storage_xattr) X(storage_statfs) X(storage_revalidate) X(storage_bytes) X(storage_errors) \
    /* bytes */ \
    X(peer_bytes_in) X(peer_bytes_out) X(kernel_bytes) \
    /* cache */ \
    X(cached_bytes /* gauge */) X(cached_objects /* gauge */) X(evictions) X(expired) \
    X(stale_versions) X(bad_checksums) \
    /* peers that asked for too much */ \
    X(ranks_refused) X(receives_ended) \
    /* peers */ \
    X(parents_lost) X(parents_changed) X(children /* gauge */) X(handshakes_refused) \
    X(bad_messages) X(refused_busy) X(no_memory) \
    /* listings that the kernel was told not to keep; what was over a bound (docs/limits.md) */ \
    X(listings_unkept) X(names_left_out) X(listings_cut) X(xattrs_over) X(paths_over) \
    X(wrong_answers /* did not match the request: the parent is not used for a while */) \
    X(unsent /* requests and answers that could not be put on the way, and failed alone */) \
    /* storage operations: lists of holes */ \
    X(storage_holes) \
    /* names that the kernel holds, and their records for a successor */ \
    X(inode_bytes /* gauge */) X(recovery_bytes /* gauge */) \
    X(recovery_full /* records that found no room */) \
    X(names_asked_back /* of the kernel, as they are over their bound */) \
    /* the longest turn of the loop so far, and the most processor time of one; of many nodes the \
     * longest, too, not the sum */ \
    X(loop_longest_us /* gauge */) X(loop_busy_us /* gauge */) \
    /* read from storage past the trees, only because the file is above -M; and the size of the \
     * largest such file, of many nodes the largest, too */ \
    X(bypass_bytes) X(bypass_largest /* gauge */) \
    X(recipe_asked /* objects that a recipe named, asked for in advance */) \
    X(links_rewritten /* links that the kernel was shown with another target */) \
    /* objects read ahead that somebody then asked for, and those that went unused */ \
    X(read_ahead_used) X(read_ahead_wasted) \
    /* queues: requests of the kernel and storage operations that have no answer yet, and the most \
     * there have been at a time; of many nodes the most on one of them */ \
    X(requests_waiting /* gauge */) X(requests_waiting_most /* gauge */) \
    X(storage_waiting /* gauge */) X(storage_waiting_most /* gauge */) \
    /* listings that had expired: asked about together, in so many messages; and renewed together \
     * with one that was needed; those of the renewed that were then used */ \
    X(checks) X(checked) X(renewed) X(renewed_used) \
    /* read from storage by a root before anybody asked: objects, those that were then asked for, \
     * bytes, and those of the bytes that nobody has asked for */ \
    X(read_on) X(read_on_used) X(read_on_bytes) X(read_on_unused_bytes /* gauge */) \
    /* put into this node's kernel before a process asks: names, and bytes of content */ \
    X(warmed_names) X(warmed_bytes) \
    X(spun_us /* the loop looked for events instead of sleeping, and there were none */) \
    X(searchers /* processes whose search paths were read, for -P */) \
    /* gauge: of the files in bypass_bytes, the size of the largest that the cache has room for */ \
    X(bypass_fits) \
    /* of a recipe: objects that are to be asked for, and those that were answered; objects that \
     * came to this node because of it, those that its kernel then asked for, their bytes, and \
     * those of the bytes that it has not asked for */ \
    X(recipe_objects /* gauge */) X(recipe_done /* gauge */) X(recipe_sent) X(recipe_used) \
    X(recipe_bytes) X(recipe_unused_bytes /* gauge */) \
    X(storage_given_up /* operations that waited too long behind others that hang (lanes.h) */) \
    X(sockets_aside_bytes /* sent, and received, on other threads than the loop's */)                \
    X(crypt_aside_bytes /* encrypted, and decrypted, on other threads than the loop's */) \
    X(asked_now /* wants that nobody waited for, sent up again as somebody does now */)
/* clang-format on */

enum cu_counter {
#define X(name) CU_COUNT_##name,
    CU_COUNTERS(X)
#undef X
        CU_COUNTER_COUNT
};

enum cu_counter_kind {
    CU_COUNTS,      /* grows from the start */
    CU_GAUGE,       /* what is now; of many nodes the sum */
    CU_GAUGE_WORST, /* the most so far; of many nodes the most of one */
};

const char *cu_counter_name(enum cu_counter counter);
enum cu_counter_kind cu_counter_kind(enum cu_counter counter);
/* By name; CU_COUNTS for one that is not in the list. */
enum cu_counter_kind cu_counter_kind_of(const char *name);

#endif
