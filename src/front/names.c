/* SPDX-License-Identifier: BSD-3-Clause */
/* The memory of the names that the kernel holds, and its bound. A node and its record must stay
 * until the kernel sends a FORGET for it. The kernel does so when it needs memory itself; an
 * expired name stays in its cache like any other, so a timeout does not bound their number. Linux
 * 6.18 can be asked to drop a list of nodes: it forgets those that are not in use, with their
 * pages, and keeps the others. The oldest nodes are asked back first, a batch at a time, in rounds;
 * files that were read are included only when a round without them has not helped.
 *
 * Older kernels have only notifications that take a name away from processes that use it (a working
 * directory, a running program, a mount on it), and outside of the kernel it cannot be known for
 * sure that a name is unused: a process may begin to use it between a look into /proc and the
 * notification. So older kernels are not asked for single names. But when a file system is
 * remounted with other options (MS_REMOUNT), the kernel forgets all of its unused names, and no
 * others. A daemon with CAP_SYS_ADMIN may remount, and does so when the bound is reached. Without
 * this capability, only the cache can be made smaller. */
#include "front/names.h"

#include "base/list.h"
#include "front/notify.h"
#include "front/state.h"
#include "host/log.h"

#include <sys/stat.h>

#define BATCH       512u
#define LOOKS       4096u       /* nodes looked at for a batch */
#define REST_NS     1000000000u /* after a round that has not helped: all are in use */
#define REST_ALL_NS (60u * (uint64_t)REST_NS) /* the same, where all must go at once */

static bool is_over(const struct cu_front *front)
{
    const struct cu_inodes *t = &front->inodes;
    uint64_t records = front->config.recovery ? t->count * CU_RECOVERY_NODE_BYTES : 0;
    uint64_t room = cu_recovery_size(front->config.recovery), max = front->config.name_bytes_max;

    return (max > 0 && t->bytes + records > max) || records > room - room / 8;
}

/* The number of nodes forgotten since the round began. */
static uint64_t gone(const struct cu_front *front)
{
    const struct cu_front_names *n = &front->names;

    return front->inodes.next_id - n->next_id - (front->inodes.count - n->count);
}

static void begin_round(struct cu_front *front)
{
    front->names.next_id = front->inodes.next_id;
    front->names.count = front->inodes.count;
}

static void on_rested(uv_timer_t *timer);

static void rest(struct cu_front *front, uint64_t ns)
{
    front->names.rest_ns = uv_hrtime() + ns;
    uv_update_time(front->config.loop);
    uv_timer_start(&front->names.timer, on_rested, ns / 1000000 + 1, 0);
}

static void end_round(struct cu_front *front)
{
    struct cu_front_names *n = &front->names;

    if (gone(front) < n->count / 8) {
        if (n->read_too)
            rest(front, REST_NS);
        n->read_too = !n->read_too;
    }
    begin_round(front);
}

/* A node with names below it, or with a request under way, is in use. */
static bool may_go(const struct cu_front *front, const struct cu_inode *inode)
{
    return inode->refs == 1 && inode->lookups > 0 &&
           (front->names.read_too || !S_ISREG(inode->attr.mode) || !inode->file.ahead.read);
}

static void ask_back(struct cu_front *front)
{
    struct cu_front_names *n = &front->names;
    uint64_t nodes[BATCH];
    struct cu_invalidation idle = {.what = CU_INVALIDATE_IDLE, .nodes = nodes};

    if (!n->at)
        begin_round(front);
    for (uint32_t looks = 0; looks < LOOKS && idle.count < BATCH; looks++) {
        struct cu_inode *next = cu_inode_ref(cu_inodes_next(&front->inodes, n->at));

        cu_inodes_unref(&front->inodes, n->at);
        n->at = next;
        if (!next) {
            end_round(front);
            break;
        }
        if (may_go(front, next))
            nodes[idle.count++] = next->nodeid;
    }
    if (idle.count == 0)
        return;
    if (cu_invalidator_add(front->invalidator, &idle) < 0)
        CU_FRONT_COUNT(front, no_memory);
    else
        front->counters[CU_COUNT_names_asked_back] += idle.count;
}

/* Makes the kernel forget all unused names at once. When that has not helped it is not tried again
 * soon, because names that are needed afterwards have to be looked up again. */
static void ask_back_all(struct cu_front *front)
{
    static const struct cu_invalidation all = {.what = CU_INVALIDATE_ALL_IDLE};
    struct cu_front_names *n = &front->names;

    if (n->asked_all && gone(front) < n->count / 8) {
        n->asked_all = false;
        rest(front, REST_ALL_NS);
        return;
    }
    begin_round(front);
    n->asked_all = true;
    rest(front, REST_NS); /* then all of them have come back */
    if (cu_invalidator_add(front->invalidator, &all) < 0)
        CU_FRONT_COUNT(front, no_memory);
    else
        front->counters[CU_COUNT_names_asked_back] += front->inodes.count;
}

void cu_front_names_count(struct cu_front *front)
{
    struct cu_recovery *recovery = front->config.recovery;
    uint64_t records = cu_recovery_used(recovery), full = cu_recovery_left_out(recovery);

    if (full > 0 && front->counters[CU_COUNT_recovery_full] == 0)
        cu_log_warn(
            "the recovery area is full at %llu MiB: if the daemon dies, processes that use a "
            "file that is not in it get an error",
            (unsigned long long)(records >> 20));
    front->counters[CU_COUNT_inode_bytes] = front->inodes.bytes;
    front->counters[CU_COUNT_recovery_bytes] = records;
    front->counters[CU_COUNT_recovery_full] = full;
    cu_core_outside(front->config.core, front->inodes.bytes + records);
}

void cu_front_names_bound(struct cu_front *front)
{
    cu_front_names_count(front);
    /* A refresh waits for the invalidator: it goes first. */
    if (front->closing || !is_over(front) || !cu_list_empty(&front->returned) ||
        !cu_list_empty(&front->forgets.jobs) || !cu_invalidator_is_idle(front->invalidator) ||
        uv_hrtime() < front->names.rest_ns)
        return;
    if (front->can_prune)
        ask_back(front);
    else if (cu_front_can_remount(front))
        ask_back_all(front);
}

static void on_rested(uv_timer_t *timer)
{
    struct cu_front *front = timer->data;

    if (!front->closing)
        cu_front_names_bound(front);
}

void cu_front_names_init(struct cu_front *front)
{
    uv_timer_init(front->config.loop, &front->names.timer);
    front->names.timer.data = front;
    uv_unref((uv_handle_t *)&front->names.timer);
}

void cu_front_names_close(struct cu_front *front)
{
    cu_inodes_unref(&front->inodes, front->names.at);
    front->names.at = NULL;
}
