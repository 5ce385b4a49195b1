/* SPDX-License-Identifier: BSD-3-Clause */
/* See hold.h. A directory's requests are counted, so that it costs nothing where none waits. What
 * is held is looked at again after HOLD_MS. Requests that came later do not count: a directory that
 * is always in use is not held for good. */
#include "front/hold.h"

#include "front/invalidate.h"
#include "front/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define HOLD_MS 10u

struct held_dir {
    struct cu_list link;
    struct cu_inode *dir; /* reference */
    uint64_t until;       /* requests up to this number are waited for */
    struct cu_list names; /* struct held_name */
};

struct held_name {
    struct cu_list link;
    size_t len;
    char name[];
};

/* Requests for which the kernel holds the lock of their inode, a directory. */
static bool locks(const struct cu_front_request *r)
{
    return r->kind == CU_FRONT_LOOKUP || r->kind == CU_FRONT_LOOKUP_LISTING ||
           r->kind == CU_FRONT_READDIR;
}

void cu_front_hold_begin(struct cu_front_request *r)
{
    r->locks = locks(r) && r->inode->locked < UINT16_MAX;
    r->inode->locked += r->locks;
}

void cu_front_hold_end(struct cu_front_request *r)
{
    r->inode->locked -= r->locks;
    r->locks = false;
}

static bool waits(const struct cu_front *front, const struct held_dir *held)
{
    if (held->dir->locked == 0)
        return false;
    cu_list_for_each (link, &front->requests.busy) { /* in their order */
        const struct cu_front_request *r = CU_LIST_ENTRY(link, struct cu_front_request, link);

        if (r->number > held->until)
            return false;
        if (r->locks && r->inode == held->dir)
            return true;
    }
    return false;
}

static int tell(struct cu_front *front, const struct cu_inode *dir, const char *name,
                size_t name_len)
{
    const struct cu_invalidation i = {
        .what = CU_INVALIDATE_NAME, .node = dir->nodeid, .name = name, .name_len = name_len};

    return cu_invalidator_add(front->invalidator, &i);
}

/* Ends the hold; told: the kernel is told. */
static void let_go(struct cu_front *front, struct held_dir *held, bool told)
{
    struct cu_list *link;

    while ((link = cu_list_pop_front(&held->names))) {
        struct held_name *name = CU_LIST_ENTRY(link, struct held_name, link);

        if (told && tell(front, held->dir, name->name, name->len) < 0) {
            CU_FRONT_COUNT(front, no_memory);
            front->forgets.failures++;
        }
        free(name);
    }
    cu_list_remove(&held->link);
    cu_inodes_unref(&front->inodes, held->dir);
    free(held);
}

static void on_timer(uv_timer_t *timer)
{
    struct cu_front *front = timer->data;

    cu_list_for_each_safe (link, &front->holds.dirs) {
        struct held_dir *held = CU_LIST_ENTRY(link, struct held_dir, link);

        if (!waits(front, held))
            let_go(front, held, true);
    }
    if (cu_front_holds(front))
        return;
    uv_timer_stop(timer);
    uv_async_send(&front->forgets.wake);
}

static struct held_dir *held_of(struct cu_front *front, struct cu_inode *dir)
{
    struct held_dir *held;

    cu_list_for_each (link, &front->holds.dirs) {
        held = CU_LIST_ENTRY(link, struct held_dir, link);
        if (held->dir == dir)
            return held;
    }
    if (dir->locked == 0)
        return NULL;
    held = malloc(sizeof(*held));
    if (!held)
        return NULL;
    held->dir = cu_inode_ref(dir);
    cu_list_init(&held->names);
    cu_list_push_back(&front->holds.dirs, &held->link);
    if (!uv_is_active((uv_handle_t *)&front->holds.timer))
        uv_timer_start(&front->holds.timer, on_timer, HOLD_MS, HOLD_MS);
    return held;
}

int cu_front_tell_name(struct cu_front *front, struct cu_inode *dir, const char *name,
                       size_t name_len)
{
    struct held_name *one;
    struct held_dir *held;

    if (dir->locked == 0 && !cu_front_holds(front))
        return tell(front, dir, name, name_len);
    held = held_of(front, dir);
    if (!held)
        return dir->locked == 0 ? tell(front, dir, name, name_len) : -ENOMEM;
    one = malloc(sizeof(*one) + name_len);
    if (!one)
        return -ENOMEM;
    one->len = name_len;
    memcpy(one->name, name, name_len);
    cu_list_push_back(&held->names, &one->link);
    held->until = front->requests.taken;
    return 0;
}

bool cu_front_holds(const struct cu_front *front)
{
    return !cu_list_empty(&front->holds.dirs);
}

void cu_front_holds_init(struct cu_front *front)
{
    cu_list_init(&front->holds.dirs);
    uv_timer_init(front->config.loop, &front->holds.timer);
    front->holds.timer.data = front;
    front->open_handles++;
}

void cu_front_holds_close(struct cu_front *front)
{
    cu_list_for_each_safe (link, &front->holds.dirs)
        let_go(front, CU_LIST_ENTRY(link, struct held_dir, link), false);
}
