/* SPDX-License-Identifier: BSD-3-Clause */
/* Sends invalidations to the kernel on a thread of its own. The kernel may hold a directory's lock
 * while it waits for an answer of this daemon, and the notification waits for that lock: on the
 * loop thread this would be a deadlock. */
#ifndef CU_FRONT_INVALIDATE_H
#define CU_FRONT_INVALIDATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cu_invalidator;

enum cu_invalidate_what {
    CU_INVALIDATE_NAME,     /* the entry `name` in directory node */
    CU_INVALIDATE_ATTR,     /* attributes of node */
    CU_INVALIDATE_PAGES,    /* the same, and its pages: content, listing, link target */
    CU_INVALIDATE_IDLE,     /* unused nodes, out of `count` numbers */
    CU_INVALIDATE_ALL_IDLE, /* all unused nodes */
};

struct cu_invalidation {
    enum cu_invalidate_what what;
    uint64_t node;
    const char *name;      /* NAME; borrowed */
    size_t name_len;       /* the same */
    const uint64_t *nodes; /* IDLE; borrowed */
    size_t count;          /* the same */
};

/* How one notification is made; called on the thread. 0 or -errno; -ENOENT (the kernel has
 * forgotten already) is no failure. */
typedef int (*cu_invalidate_fn)(void *context, const struct cu_invalidation *what);
/* Nothing is queued or under way any more; called on the thread. */
typedef void (*cu_invalidate_idle_fn)(void *context);

/* NULL: out of memory or threads. */
struct cu_invalidator *cu_invalidator_create(cu_invalidate_fn notify, cu_invalidate_idle_fn idle,
                                             void *context);
/* Queues one, of which it makes a copy; any thread. 0, or -ENOMEM. */
__attribute__((warn_unused_result)) int cu_invalidator_add(struct cu_invalidator *inv,
                                                           const struct cu_invalidation *what);
/* Nothing queued and nothing under way? Any thread. */
bool cu_invalidator_is_idle(struct cu_invalidator *inv);
/* How many have failed so far; any thread. */
uint64_t cu_invalidator_failures(struct cu_invalidator *inv);
/* Drops the queue and makes the thread end. The thread may be inside a notification that waits for
 * the kernel; the returned descriptor (owned by the invalidator) becomes readable when the thread
 * has ended.
 * */
int cu_invalidator_stop(struct cu_invalidator *inv);
/* Joins the thread; stops it first when needed. NULL does nothing. */
void cu_invalidator_destroy(struct cu_invalidator *inv);

#endif
