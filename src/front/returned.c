/* SPDX-License-Identifier: BSD-3-Clause */
/* FORGET requests of the kernel. When it is short of memory, or was asked to, the kernel forgets a
 * million nodes at once, 69,000 in one message; each costs about 1 us here. So a limited number is
 * handled in a turn of the loop, and the rest waits. References of the kernel are plain counts, so
 * lookups in the meantime do no harm. When the daemon dies, nodes whose FORGET was waiting are
 * still in the recovery area: its successor knows too many nodes then, never too few. */
#include "front/returned.h"

#include "base/list.h"
#include "front/state.h"

#include <stdlib.h>
#include <string.h>

#define AT_ONCE 1024u /* in a turn of the loop */

struct returned {
    struct cu_list link; /* front->returned */
    size_t at, count;
    struct fuse_forget_data list[];
};

static void take(struct cu_front *front, const struct fuse_forget_data *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        cu_inodes_forget(&front->inodes, list[i].ino, list[i].nlookup);
}

void cu_front_returned_begin(struct cu_front *front)
{
    front->returned_now = 0;
}

void cu_front_returned_add(struct cu_front *front, const struct fuse_forget_data *list,
                           size_t count)
{
    struct returned *r = NULL;

    /* A turn takes many messages of the kernel. */
    if (front->returned_now + count > AT_ONCE || !cu_list_empty(&front->returned))
        r = malloc(sizeof(*r) + count * sizeof(*list));
    if (!r) {
        front->returned_now += count;
        take(front, list, count);
        return;
    }
    r->at = 0;
    r->count = count;
    memcpy(r->list, list, count * sizeof(*list));
    cu_list_push_back(&front->returned, &r->link);
    uv_async_send(&front->forgets.wake);
}

void cu_front_returned_take(struct cu_front *front)
{
    size_t left = AT_ONCE;

    while (left > 0 && !cu_list_empty(&front->returned)) {
        struct returned *r = CU_LIST_ENTRY(front->returned.next, struct returned, link);
        size_t count = r->count - r->at < left ? r->count - r->at : left;

        take(front, r->list + r->at, count);
        r->at += count;
        left -= count;
        if (r->at == r->count) {
            cu_list_remove(&r->link);
            free(r);
        }
    }
    if (!cu_list_empty(&front->returned))
        uv_async_send(&front->forgets.wake);
}

void cu_front_returned_free(struct cu_front *front)
{
    struct cu_list *link;

    while ((link = cu_list_pop_front(&front->returned)))
        free(CU_LIST_ENTRY(link, struct returned, link));
}
