/* Tells the kernel that what it holds is out of date, on a thread of its own: the kernel may hold a
 * directory's lock while it waits for an answer of ours, and the notification waits for that lock.
 * Done on the loop's thread it would never end. */
#ifndef CU_IO_INVALIDATE_H
#define CU_IO_INVALIDATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cu_invalidator;

/* How one notification is made; called on the thread. name NULL: the pages and attributes of node;
 * else the entry name in directory node. */
typedef void (*cu_invalidate_fn)(void *context, uint64_t node, const char *name, size_t name_len);

/* NULL: out of memory or threads. */
struct cu_invalidator *cu_invalidator_create(cu_invalidate_fn notify, void *context);
/* Queues one; any thread. 0, or -ENOMEM. */
__attribute__((warn_unused_result)) int
cu_invalidator_entry(struct cu_invalidator *inv, uint64_t dir, const char *name, size_t name_len);
__attribute__((warn_unused_result)) int cu_invalidator_inode(struct cu_invalidator *inv,
                                                             uint64_t node);
/* Drops what is queued and has the thread end. It may be inside a notification that waits for the
 * kernel; the descriptor returned (owned by the invalidator) becomes readable when it is through.
 */
int cu_invalidator_stop(struct cu_invalidator *inv);
/* Joins the thread; stops it first when needed. NULL does nothing. */
void cu_invalidator_destroy(struct cu_invalidator *inv);

#endif
