/* SPDX-License-Identifier: BSD-3-Clause */
/* Deadlines in order of time: a binary heap of entries that are embedded in their owners. Reads no
 * clock: the caller passes the time. Not thread-safe: one thread owns a queue. The order in which
 * equal deadlines come out is a function of the calls made, so that a simulation repeats. */
#ifndef CU_BASE_DEADLINE_H
#define CU_BASE_DEADLINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CU_DEADLINE_NEVER UINT64_MAX

/* Embedded in its owner, zeroed before first use. Find the owner with CU_LIST_ENTRY's idiom:
 * CU_DEADLINE_ENTRY(d, struct flight, deadline). Must be disarmed before the owner is freed. */
struct cu_deadline {
    uint64_t at_ns;
    uint32_t index; /* place in the heap, from 1; 0: not armed */
};

#define CU_DEADLINE_ENTRY(deadline, type, member)                                                  \
    ((type *)((char *)(deadline)-offsetof(type, member)))

struct cu_deadline_queue {
    struct cu_deadline **heap; /* owned; the entries are borrowed. heap[0] is not used */
    uint32_t count;
    uint32_t capacity;
};

/* An empty queue; all zero is one too. */
void cu_deadline_init(struct cu_deadline_queue *queue);
/* Disarms all entries and frees the heap; the queue is empty and usable then. */
void cu_deadline_free(struct cu_deadline_queue *queue);
/* Arms d at at_ns, or moves it there when it is armed. 0, or -ENOMEM (nothing changed), which can
 * only come when more entries are armed than ever before. Moving never fails. */
__attribute__((warn_unused_result)) int cu_deadline_arm(struct cu_deadline_queue *queue,
                                                        struct cu_deadline *d, uint64_t at_ns);
/* Disarming what is not armed does nothing. */
void cu_deadline_disarm(struct cu_deadline_queue *queue, struct cu_deadline *d);
/* The earliest deadline, or CU_DEADLINE_NEVER when none is armed. */
uint64_t cu_deadline_next(const struct cu_deadline_queue *queue);
/* Takes out the earliest entry with at_ns <= now_ns; NULL when there is none. An owner that arms
 * again at or before now_ns is popped again in the same loop. */
struct cu_deadline *cu_deadline_pop(struct cu_deadline_queue *queue, uint64_t now_ns);

static inline bool cu_deadline_armed(const struct cu_deadline *d)
{
    return d->index != 0;
}

#endif
