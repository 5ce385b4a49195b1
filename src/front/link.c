/* SPDX-License-Identifier: BSD-3-Clause */
/* With --symlinks rewrite a link that leads out of the view (base/relink.h), to a path that the
 * view shows, is shown as one that stays inside. It is relative, so it holds for a view that is
 * bound elsewhere, too, and is the same on all nodes.
 *
 * Invariant: the shown text follows from the target, the inode's place and inode->link.how, none of
 * which changes as long as the kernel holds the inode, also over the death of a daemon. */
#include "front/link.h"

#include "base/relink.h"
#include "front/lookup.h"
#include "front/state.h"
#include "proto/serve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* The text and where it leads; 0: as it is on storage. */
static int relink(const struct cu_inode *inode, char text[CU_PATH_MAX], char to[CU_TREE_PATH_MAX])
{
    const struct cu_buf *target = inode->link.target;
    char dir[CU_TREE_PATH_MAX];
    int len = cu_inode_path(inode->parent, dir);

    if (len > 0)
        len = cu_relink(dir, (size_t)len, (const char *)target->data, target->size, text, to);
    return len > 0 ? len : 0;
}

static bool is_shown(const struct cu_front *front, const char *path, size_t len)
{
    return !cu_front_hidden(front, path, len) &&
           cu_serve_judge(front->config.serve, path, len) == CU_SERVE_ALL &&
           (!front->config.events.shows ||
            front->config.events.shows(front->config.events.context, path, len));
}

static bool goes_inside(const struct cu_front *front, const struct cu_inode *inode)
{
    char text[CU_PATH_MAX], to[CU_TREE_PATH_MAX];

    return front->config.relink && inode->parent && relink(inode, text, to) > 0 &&
           is_shown(front, to, strlen(to));
}

/* --- until it is known what is mounted -------------------------------------------------------- */

struct waiting {
    struct cu_list link;
    uint64_t cookie;
    enum cu_core_where where;
    struct cu_value value; /* owned */
};

bool cu_front_links_known(const struct cu_front *front)
{
    const struct cu_front_events *events = &front->config.events;

    return !front->config.relink || !events->knows || events->knows(events->context);
}

bool cu_front_link_waits(struct cu_front *front, uint64_t cookie, enum cu_core_where where,
                         const struct cu_value **value)
{
    static const struct cu_value no_memory = {.error = ENOMEM};
    struct waiting *waiting;

    if ((*value)->error || !S_ISLNK((*value)->attr.mode) || cu_front_links_known(front))
        return false;
    waiting = calloc(1, sizeof(*waiting));
    if (!waiting) {
        CU_FRONT_COUNT(front, no_memory);
        *value = &no_memory;
        return false;
    }
    waiting->cookie = cookie;
    waiting->where = where;
    cu_value_copy(&waiting->value, *value);
    cu_list_push_back(&front->links, &waiting->link);
    return true;
}

static struct waiting *take(struct cu_list *list)
{
    struct cu_list *link = cu_list_pop_front(list);

    return link ? CU_LIST_ENTRY(link, struct waiting, link) : NULL;
}

static void drop(struct waiting *waiting)
{
    cu_value_clear(&waiting->value);
    free(waiting);
}

/* If mounts have changed again, they wait again. */
void cu_front_known(struct cu_front *front)
{
    struct waiting *waiting;
    struct cu_list now;

    if (!front)
        return;
    cu_list_init(&now);
    cu_list_splice_back(&now, &front->links);
    while ((waiting = take(&now))) {
        cu_front_reply(front, waiting->cookie, waiting->where, &waiting->value);
        drop(waiting);
    }
}

void cu_front_links_close(struct cu_front *front)
{
    struct waiting *waiting;

    while ((waiting = take(&front->links)))
        drop(waiting);
}

/* --- how it is shown -------------------------------------------------------------------------- */

void cu_front_link_set(struct cu_front *front, struct cu_inode *inode, struct cu_buf *target)
{
    if (cu_target_error(target)) {
        cu_buf_unref(inode->link.target);
        inode->link.target = NULL; /* who needs it asks again */
        return;
    }
    target = target ? cu_buf_ref(target) : cu_buf_new(0); /* it may be empty */
    if (!target) {
        CU_FRONT_COUNT(front, no_memory); /* the same */
        return;
    }
    cu_buf_unref(inode->link.target);
    inode->link.target = target;
    if (inode->link.how != CU_INODE_LINK_OPEN)
        return;
    if (goes_inside(front, inode)) {
        CU_FRONT_COUNT(front, links_rewritten);
        cu_inodes_set_link(&front->inodes, inode, CU_INODE_LINK_INSIDE);
    } else {
        cu_inodes_set_link(&front->inodes, inode, CU_INODE_LINK_KEPT);
    }
}

bool cu_front_link_known(const struct cu_inode *inode)
{
    return !S_ISLNK(inode->attr.mode) || inode->link.target;
}

void cu_front_link_text(const struct cu_inode *inode, char text[CU_PATH_MAX])
{
    const struct cu_buf *target = inode->link.target;
    size_t len = target->size < CU_PATH_MAX - 1 ? target->size : CU_PATH_MAX - 1;
    char to[CU_TREE_PATH_MAX];

    if (inode->link.how == CU_INODE_LINK_INSIDE && relink(inode, text, to) > 0)
        return;
    memcpy(text, target->data, len);
    text[len] = '\0';
}

void cu_front_link_stat(const struct cu_inode *inode, struct stat *st)
{
    char text[CU_PATH_MAX];

    if (!S_ISLNK(inode->attr.mode) || !inode->link.target)
        return;
    cu_front_link_text(inode, text);
    st->st_size = (off_t)strlen(text);
}
