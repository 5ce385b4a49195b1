/* SPDX-License-Identifier: BSD-3-Clause */
/* Invariant: at most HELD_MAX listings are held, of HELD_BYTES_MAX together when there are two or
 * more, each by exactly one directory. */
#include "ahead/internal.h"

#include <errno.h>
#include <stdlib.h>

#define HELD_MAX       64u
#define HELD_BYTES_MAX (16u << 20) /* with the search index */

void cu_helds_init(struct cu_helds *helds)
{
    *helds = (struct cu_helds){0};
    cu_list_init(&helds->all);
}

static size_t size_of(const struct cu_held *held)
{
    const struct cu_dirview *view = held->view;

    return sizeof(*held) + cu_dirview_size(view) + (view->bytes ? view->bytes->capacity : 0);
}

void cu_ahead_held_drop(struct cu_ahead *a, struct cu_ahead_dir *dir)
{
    struct cu_held *held = dir->held;

    if (!held)
        return;
    dir->held = NULL;
    cu_list_remove(&held->link);
    a->helds.count--;
    a->helds.bytes -= size_of(held);
    cu_dirview_unref(held->view);
    free(held);
}

void cu_ahead_held_used(struct cu_ahead *a, struct cu_ahead_dir *dir)
{
    cu_list_remove(&dir->held->link);
    cu_list_push_back(&a->helds.all, &dir->held->link);
}

static int build(struct cu_held **out, const struct cu_value *value)
{
    struct cu_held *held = calloc(1, sizeof(*held));
    int rc = 0;

    if (!held)
        return -ENOMEM;
    held->view = cu_dirview_ref(value->view);
    if (!held->view)
        rc = cu_dirview_make(value->bytes, &held->view);
    if (rc < 0) {
        free(held);
        return rc == -EINVAL ? -EIO : rc;
    }
    held->cut = value->cut;
    *out = held;
    return 0;
}

int cu_ahead_hold(struct cu_ahead *a, struct cu_ahead_dir *dir, const struct cu_value *value)
{
    struct cu_helds *helds = &a->helds;
    struct cu_held *held;
    int rc;

    if (dir->held && dir->held->view->bytes == value->bytes) {
        cu_ahead_held_used(a, dir);
        return 0;
    }
    cu_ahead_held_drop(a, dir);
    rc = build(&held, value);
    if (rc < 0)
        return rc;
    held->dir = dir;
    dir->held = held;
    dir->found = 0;
    cu_list_push_back(&helds->all, &held->link);
    helds->count++;
    helds->bytes += size_of(held);
    while (helds->count > HELD_MAX || (helds->bytes > HELD_BYTES_MAX && helds->count > 1))
        cu_ahead_held_drop(a, CU_LIST_ENTRY(helds->all.next, struct cu_held, link)->dir);
    return 0;
}
