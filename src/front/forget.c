/* SPDX-License-Identifier: BSD-3-Clause */
/* Invalidates the kernel's caches after a refresh. Nodes are visited in steps of some hundred, and
 * the next step waits until the notifications of the last one were sent. So a table of millions of
 * nodes blocks neither the loop nor fills the queue.
 *
 * Processes keep what they use. Where names can expire (notify.c), the names of all nodes are
 * expired, and the kernel looks each up at its next use; attributes come with the answer. A node is
 * one version of a file, so its pages stay valid. On older kernels (before Linux 6.2) names stay,
 * and attributes are asked for again: when the node no longer belongs to its name, the answer is
 * ESTALE, and the kernel looks the name up again. */
#include "front/forget.h"

#include "ahead/ahead.h"
#include "base/list.h"
#include "base/path.h"
#include "front/names.h"
#include "front/notify.h"
#include "front/returned.h"
#include "front/state.h"
#include "host/log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define STEP_QUEUED 1024u    /* notifications of one step */
#define STEP_LOOKS  64u      /* nodes between two looks at the clock */
#define STEP_NS     1000000u /* of the loop's time */

struct forget {
    struct cu_list link;
    bool pages;
    bool failed; /* something was left out */
    size_t path_len;
    char path[];
};

static struct forget *under_way(struct cu_front *front)
{
    if (cu_list_empty(&front->forgets.jobs))
        return NULL;
    return CU_LIST_ENTRY(front->forgets.jobs.next, struct forget, link);
}

static int tell(struct cu_front *front, enum cu_invalidate_what what, uint64_t node)
{
    const struct cu_invalidation i = {.what = what, .node = node};

    return cu_invalidator_add(front->invalidator, &i);
}

int cu_front_doubt(struct cu_front *front, struct cu_inode *inode, bool pages)
{
    bool dir = S_ISDIR(inode->attr.mode);
    int rc = 0;

    /* A file of another version is another node, found by its name; a directory stays the same. */
    inode->doubted |= dir || !front->can_expire;
    if (inode->parent && front->can_expire)
        rc = cu_front_tell_name(front, inode->parent, inode->name, inode->name_len);
    if (rc == 0 && (dir || pages || (S_ISLNK(inode->attr.mode) && !front->can_expire)))
        rc = tell(front, CU_INVALIDATE_PAGES, inode->nodeid);
    else if (rc == 0 && !front->can_expire)
        rc = tell(front, CU_INVALIDATE_ATTR, inode->nodeid);
    if (rc < 0)
        CU_FRONT_COUNT(front, no_memory);
    return rc;
}

void cu_front_replaced(struct cu_front *front, struct cu_front_request *r)
{
    struct cu_inode *inode = r->inode;

    /* Processes that have it open keep the old version. */
    if (!S_ISDIR(inode->attr.mode) && inode->parent) {
        inode->doubted = false;
        if (cu_front_tell_name(front, inode->parent, inode->name, inode->name_len) < 0) {
            CU_FRONT_COUNT(front, no_memory);
            inode->doubted = true;
        }
    }
    cu_front_request_fail(front, r, ESTALE);
}

/* --- one path --------------------------------------------------------------------------------- */

/* What a refresh of a path means for a node. */
enum place {
    APART,
    COVERED,    /* at the path or below; or the directory that contains it: it has a new name */
    IN_THE_WAY, /* above it, and no directory: there may be one now */
};

static enum place place_of(const struct forget *job, const struct cu_inode *inode)
{
    char path[CU_TREE_PATH_MAX];
    int len;

    if (job->path_len == 1)
        return COVERED;
    len = cu_inode_path(inode, path);
    if (len < 0 || cu_path_within(path, (size_t)len, job->path, job->path_len))
        return COVERED;
    if (!cu_path_within(job->path, job->path_len, path, (size_t)len))
        return APART;
    if (!S_ISDIR(inode->attr.mode))
        return IN_THE_WAY;
    return (size_t)len == cu_path_parent_len(job->path, job->path_len) ? COVERED : APART;
}

static void visit(struct cu_front *front, struct forget *job, struct cu_inode *inode)
{
    enum place place = place_of(job, inode);
    int rc = 0;

    if (place == APART)
        return;
    /* Where names cannot expire, the kernel walks into it without asking for its attributes. */
    if (place == IN_THE_WAY && !front->can_expire && inode->parent)
        rc = cu_front_tell_name(front, inode->parent, inode->name, inode->name_len);
    if (rc < 0 || cu_front_doubt(front, inode, job->pages) < 0)
        job->failed = true;
    if (S_ISDIR(inode->attr.mode))
        cu_ahead_dir_doubt(front->ahead, &inode->dir.ahead);
}

/* The kernel holds a negative entry for name, or has found the name since: then, without expiry,
 * the invalidation would take the name away from processes that use it. */
static void visit_negative(struct cu_front *front, struct forget *job,
                           const struct cu_negative *negative, uint64_t now_ns)
{
    struct cu_inode *dir = cu_inodes_get(&front->inodes, negative->dir);
    char path[CU_TREE_PATH_MAX];
    int len;

    if (negative->until_ns <= now_ns || !dir)
        return;
    len = cu_inode_path(dir, path);
    if (len > 0)
        len = cu_path_join(path, (size_t)len, negative->name, negative->name_len, path,
                           CU_TREE_PATH_MAX);
    if (len > 0 && !cu_path_within(path, (size_t)len, job->path, job->path_len) &&
        !cu_path_within(job->path, job->path_len, path, (size_t)len))
        return;
    if (!front->can_expire &&
        cu_inodes_find_present(&front->inodes, dir, negative->name, negative->name_len))
        return;
    if (cu_front_tell_name(front, dir, negative->name, negative->name_len) < 0)
        job->failed = true;
}

/* One step; true when all has been visited. */
static bool step(struct cu_front *front, struct forget *job)
{
    struct cu_front_forgets *f = &front->forgets;
    uint64_t began_ns = uv_hrtime();
    struct cu_negative negative;

    for (uint32_t n = 1; n < STEP_QUEUED; n++) {
        struct cu_inode *next = cu_inodes_next(&front->inodes, f->at);

        if (next) {
            cu_inode_ref(next);
            cu_inodes_unref(&front->inodes, f->at);
            f->at = next;
            visit(front, job, next);
        } else if (cu_negatives_next(&front->negatives, &f->negatives_at, &negative)) {
            visit_negative(front, job, &negative, began_ns);
        } else {
            return true;
        }
        if (n % STEP_LOOKS == 0 && uv_hrtime() - began_ns > STEP_NS)
            break;
    }
    return false;
}

/* --- all paths -------------------------------------------------------------------------------- */

static void begin(struct cu_front *front)
{
    struct cu_front_forgets *f = &front->forgets;

    f->walked = false;
    f->negatives_at = 0;
    f->settle_ns = front->negatives.lost_ns;
}

static void end_job(struct cu_front *front, struct forget *job)
{
    struct cu_front_forgets *f = &front->forgets;
    uint64_t failures = cu_invalidator_failures(front->invalidator);

    f->failures += failures - f->failures_before + job->failed;
    f->failures_before = failures;
    cu_inodes_unref(&front->inodes, f->at);
    f->at = NULL;
    cu_list_remove(&job->link);
    free(job);
    begin(front);
}

static void on_timer(uv_timer_t *timer);

/* Runs steps until one has to wait for the invalidator or for a deadline. */
static void go_on(struct cu_front *front)
{
    struct cu_front_forgets *f = &front->forgets;
    struct forget *job = under_way(front);
    uint64_t now_ns = uv_hrtime();

    if (!job || !cu_invalidator_is_idle(front->invalidator))
        return;
    if (!f->walked) {
        f->walked = step(front, job);
        uv_async_send(&f->wake); /* when nothing was sent, the invalidator does not call */
        return;
    }
    if (cu_front_holds(front))
        return; /* it wakes us */
    if (f->settle_ns > now_ns) {
        uv_update_time(front->config.loop);
        uv_timer_start(&f->timer, on_timer, (f->settle_ns - now_ns) / 1000000 + 1, 0);
        return;
    }
    end_job(front, job);
    if (under_way(front))
        uv_async_send(&f->wake);
    else
        front->config.events.kick(front->config.events.context);
}

static void on_timer(uv_timer_t *timer)
{
    go_on(timer->data);
}

static void on_wake(uv_async_t *wake)
{
    struct cu_front *front = wake->data;

    if (front->closing)
        return;
    cu_front_returned_take(front);
    go_on(front);
    cu_front_names_bound(front);
}

/* On the invalidator's thread. */
static void on_idle(void *context)
{
    struct cu_front *front = context;

    uv_async_send(&front->forgets.wake);
}

void cu_front_forget(struct cu_front *front, const char *path, size_t path_len, bool pages)
{
    struct forget *job = malloc(sizeof(*job) + path_len);
    bool first = cu_list_empty(&front->forgets.jobs);

    cu_recovery_set_forgot(front->config.recovery);
    if (!job) {
        CU_FRONT_COUNT(front, no_memory);
        front->forgets.failures++;
        return;
    }
    *job = (struct forget){.pages = pages, .path_len = path_len};
    memcpy(job->path, path, path_len);
    cu_list_push_back(&front->forgets.jobs, &job->link);
    if (first) {
        begin(front);
        go_on(front);
    }
}

bool cu_front_forgot(const struct cu_front *front, uint64_t *failures)
{
    *failures = front->forgets.failures;
    return cu_list_empty(&front->forgets.jobs);
}

bool cu_front_can_expire(const struct cu_front *front)
{
    return front->can_expire;
}

bool cu_front_can_prune(const struct cu_front *front)
{
    return front->can_prune;
}

/* --- create and close ------------------------------------------------------------------------- */

int cu_front_forgets_init(struct cu_front *front)
{
    struct cu_front_forgets *f = &front->forgets;

    if (uv_async_init(front->config.loop, &f->wake, on_wake) < 0)
        return -ENOMEM;
    uv_timer_init(front->config.loop, &f->timer);
    f->wake.data = front;
    f->timer.data = front;
    cu_front_names_init(front);
    cu_front_holds_init(front);
    front->open_handles += 3;
    front->invalidator = cu_invalidator_create(cu_front_notify, on_idle, front);
    return front->invalidator ? 0 : -ENOMEM;
}

void cu_front_closed(uv_handle_t *handle)
{
    struct cu_front *front = handle->data;

    if (--front->open_handles == 0)
        free(front);
}

void cu_front_forgets_close(struct cu_front *front)
{
    struct cu_list *link;

    while ((link = cu_list_pop_front(&front->forgets.jobs)))
        free(CU_LIST_ENTRY(link, struct forget, link));
    cu_inodes_unref(&front->inodes, front->forgets.at);
    front->forgets.at = NULL;
    cu_front_names_close(front);
    if (front->open_handles > 1) {
        cu_front_holds_close(front);
        uv_close((uv_handle_t *)&front->forgets.wake, cu_front_closed);
        uv_close((uv_handle_t *)&front->forgets.timer, cu_front_closed);
        uv_close((uv_handle_t *)&front->names.timer, cu_front_closed);
        uv_close((uv_handle_t *)&front->holds.timer, cu_front_closed);
    }
}
