/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel uses node numbers, the core uses paths; this table translates. Invariants: a node
 * lives as long as the kernel's references and ours together; each child holds its parent, so that
 * a path can always be built by walking up; both tables hold every node but the root, which is in
 * by_id only. A parent's number is below its children's. What the recovery area has is never behind
 * what the kernel was told. */
#include "front/inode.h"

#include "base/hash.h"
#include "base/mem.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Bytes of a node: a bucket of each table, and what malloc adds. */
#define NODE_EXTRA 32u

#define NODEID_MAX (UINT64_C(1) << 62) /* never reached in the lifetime of a mount */

static struct cu_inode *by_id(struct cu_table_link *link)
{
    return link ? CU_LIST_ENTRY(link, struct cu_inode, id_link) : NULL;
}

static struct cu_inode *by_name(struct cu_table_link *link)
{
    return link ? CU_LIST_ENTRY(link, struct cu_inode, name_link) : NULL;
}

static uint64_t id_hash(const struct cu_table_link *link)
{
    /* Numbers are consecutive: no hash needed. */
    return CU_LIST_ENTRY((uintptr_t)link, const struct cu_inode, id_link)->nodeid;
}

static uint64_t hash_name(const struct cu_inode *parent, const char *name, size_t name_len)
{
    return cu_hash_seeded(name, name_len, parent->nodeid);
}

static uint64_t name_hash(const struct cu_table_link *link)
{
    const struct cu_inode *inode = CU_LIST_ENTRY((uintptr_t)link, const struct cu_inode, name_link);

    return hash_name(inode->parent, inode->name, inode->name_len);
}

static bool named(const struct cu_inode *inode, const struct cu_inode *parent, const char *name,
                  size_t name_len)
{
    return inode->parent == parent && inode->name_len == name_len &&
           memcmp(inode->name, name, name_len) == 0;
}

/* A directory is the same node as long as a directory of that name exists: it may be a process's
 * working directory, and its content is found by path. A file is the same node as long as its
 * version is the same, whatever its inode number is. Other types (links, sockets) cannot be held
 * open, so a new inode number makes a new node. */
static bool same_identity(const struct cu_attr *a, const struct cu_attr *b)
{
    struct cu_version va = cu_version_of(a), vb = cu_version_of(b);

    if ((a->mode & S_IFMT) != (b->mode & S_IFMT))
        return false;
    if (S_ISDIR(a->mode))
        return true;
    return cu_version_equal(&va, &vb) && (S_ISREG(a->mode) || a->ino == b->ino);
}

/* --- table ------------------------------------------------------------------------------------ */

static size_t bytes_of(const struct cu_inode *inode)
{
    return sizeof(*inode) + inode->name_len + 1u + NODE_EXTRA;
}

static void link_in(struct cu_inodes *t, struct cu_inode *inode)
{
    cu_table_add(&t->by_id, &inode->id_link);
    cu_list_push_back(&t->all, &inode->order);
    if (inode->parent)
        cu_table_add(&t->by_name, &inode->name_link);
    t->count++;
    t->bytes += bytes_of(inode);
}

static void link_out(struct cu_inodes *t, struct cu_inode *inode)
{
    cu_table_remove(&t->by_id, &inode->id_link);
    cu_list_remove(&inode->order);
    if (inode->parent)
        cu_table_remove(&t->by_name, &inode->name_link);
    assert(t->count > 0 && t->bytes >= bytes_of(inode));
    t->count--;
    t->bytes -= bytes_of(inode);
}

/* nodeid 0: the next number. */
static struct cu_inode *make(struct cu_inodes *t, struct cu_inode *parent, uint64_t nodeid,
                             const char *name, size_t name_len)
{
    struct cu_inode *inode = cu_mem_zero(sizeof(*inode) + name_len + 1);

    if (!inode)
        return NULL;
    if (nodeid == 0) {
        nodeid = t->next_id++;
        cu_recovery_set_next_id(t->recovery, t->next_id);
    }
    assert(!parent || parent->nodeid < nodeid); /* no loops */
    inode->nodeid = nodeid;
    inode->parent = cu_inode_ref(parent);
    inode->name_len = (uint16_t)name_len;
    memcpy(inode->name, name, name_len);
    link_in(t, inode);
    return inode;
}

int cu_inodes_init(struct cu_inodes *t, void (*on_free)(void *context, struct cu_inode *inode),
                   void *context)
{
    *t = (struct cu_inodes){.next_id = CU_INODE_ROOT, .on_free = on_free, .context = context};
    cu_list_init(&t->all);
    if (cu_table_init(&t->by_id, id_hash) == 0 && cu_table_init(&t->by_name, name_hash) == 0)
        t->root = make(t, NULL, 0, "", 0);
    if (!t->root) {
        cu_inodes_free(t);
        return -ENOMEM;
    }
    t->root->refs = 1;
    t->root->attr.mode = S_IFDIR | 0555;
    return 0;
}

static void free_node(struct cu_inodes *t, struct cu_inode *inode)
{
    if (t->on_free)
        t->on_free(t->context, inode);
    if (S_ISLNK(inode->attr.mode))
        cu_buf_unref(inode->link.target);
    if (S_ISREG(inode->attr.mode)) {
        cu_seen_clear(&inode->file.seen);
        free(inode->file.moved);
    }
    cu_recovery_drop(t->recovery, inode->record);
    cu_mem_give(inode, sizeof(*inode) + inode->name_len + 1u);
}

void cu_inodes_free(struct cu_inodes *t)
{
    cu_list_for_each_safe (link, &t->all)
        free_node(t, CU_LIST_ENTRY(link, struct cu_inode, order));
    cu_table_free(&t->by_id);
    cu_table_free(&t->by_name);
    *t = (struct cu_inodes){0};
}

/* --- nodes ------------------------------------------------------------------------------------ */

struct cu_inode *cu_inodes_get(const struct cu_inodes *t, uint64_t nodeid)
{
    struct cu_inode *inode = by_id(cu_table_chain(&t->by_id, nodeid));

    while (inode && inode->nodeid != nodeid)
        inode = by_id(inode->id_link.next);
    return inode;
}

/* Replaces the first record by another one: a reader must never see it half written. */
static void keep(struct cu_inodes *t, struct cu_inode *inode)
{
    uint32_t before = inode->record;
    struct cu_recovery_node node = {
        .nodeid = inode->nodeid,
        .parent = inode->parent ? inode->parent->nodeid : 0,
        .lookups = inode->lookups,
        .attr = inode->has_attr ? &inode->attr : NULL,
        .name = inode->name,
        .name_len = inode->name_len,
        .inside = S_ISLNK(inode->attr.mode) && inode->link.how == CU_INODE_LINK_INSIDE,
    };

    if (!t->recovery)
        return;
    inode->record = cu_recovery_put_node(t->recovery, &node);
    cu_recovery_drop(t->recovery, before);
}

static bool same_attr(const struct cu_attr *a, const struct cu_attr *b)
{
    return a->mode == b->mode && a->nlink == b->nlink && a->uid == b->uid && a->gid == b->gid &&
           a->ino == b->ino && a->rdev == b->rdev && a->size == b->size && a->blocks == b->blocks &&
           a->blksize == b->blksize && a->atime.sec == b->atime.sec &&
           a->atime.nsec == b->atime.nsec && a->mtime.sec == b->mtime.sec &&
           a->mtime.nsec == b->mtime.nsec && a->ctime.sec == b->ctime.sec &&
           a->ctime.nsec == b->ctime.nsec;
}

void cu_inodes_set_attr(struct cu_inodes *t, struct cu_inode *inode, const struct cu_attr *attr)
{
    bool same = inode->record != 0 && inode->has_attr && same_attr(&inode->attr, attr);

    inode->attr = *attr;
    inode->has_attr = true;
    inode->doubted = false;
    if (!same)
        keep(t, inode);
}

void cu_inodes_set_link(struct cu_inodes *t, struct cu_inode *inode, enum cu_inode_link how)
{
    assert(S_ISLNK(inode->attr.mode) && inode->link.how == CU_INODE_LINK_OPEN);
    inode->link.how = how;
    if (how == CU_INODE_LINK_INSIDE)
        keep(t, inode);
}

void cu_inodes_looked_up(struct cu_inodes *t, struct cu_inode *inode)
{
    inode->lookups++;
    cu_recovery_set_lookups(t->recovery, inode->record, inode->lookups);
}

bool cu_inode_is(const struct cu_inode *inode, const struct cu_attr *attr)
{
    return same_identity(&inode->attr, attr);
}

static struct cu_inode *chain_of(const struct cu_inodes *t, const struct cu_inode *parent,
                                 const char *name, size_t name_len)
{
    return by_name(cu_table_chain(&t->by_name, hash_name(parent, name, name_len)));
}

struct cu_inode *cu_inodes_enter(struct cu_inodes *t, struct cu_inode *parent, const char *name,
                                 size_t name_len, const struct cu_attr *attr)
{
    struct cu_inode *inode = chain_of(t, parent, name, name_len);

    while (inode && (!named(inode, parent, name, name_len) || !same_identity(&inode->attr, attr)))
        inode = by_name(inode->name_link.next);
    if (!inode)
        inode = make(t, parent, 0, name, name_len);
    if (inode) {
        inode->absent = false;
        cu_inodes_set_attr(t, inode, attr);
    }
    return inode;
}

struct cu_inode *cu_inodes_find_stale(const struct cu_inodes *t, const struct cu_inode *parent,
                                      const char *name, size_t name_len)
{
    struct cu_inode *inode = chain_of(t, parent, name, name_len);

    while (inode && (!inode->stale || !named(inode, parent, name, name_len)))
        inode = by_name(inode->name_link.next);
    return inode;
}

struct cu_inode *cu_inodes_find(const struct cu_inodes *t, const struct cu_inode *parent,
                                const char *name, size_t name_len)
{
    struct cu_inode *inode = chain_of(t, parent, name, name_len);

    while (inode && !named(inode, parent, name, name_len))
        inode = by_name(inode->name_link.next);
    return inode;
}

void cu_inodes_set_absent(struct cu_inodes *t, const struct cu_inode *parent, const char *name,
                          size_t name_len)
{
    struct cu_inode *inode = chain_of(t, parent, name, name_len);

    for (; inode; inode = by_name(inode->name_link.next))
        if (named(inode, parent, name, name_len))
            inode->absent = true;
}

struct cu_inode *cu_inodes_find_present(const struct cu_inodes *t, const struct cu_inode *parent,
                                        const char *name, size_t name_len)
{
    struct cu_inode *inode = chain_of(t, parent, name, name_len);

    while (inode && (inode->absent || !named(inode, parent, name, name_len)))
        inode = by_name(inode->name_link.next);
    return inode;
}

struct cu_inode *cu_inode_ref(struct cu_inode *inode)
{
    if (inode)
        inode->refs++;
    return inode;
}

static void free_unused(struct cu_inodes *t, struct cu_inode *inode)
{
    while (inode && inode->refs == 0 && inode->lookups == 0) {
        struct cu_inode *parent = inode->parent;

        link_out(t, inode);
        free_node(t, inode);
        inode = parent;
        if (inode)
            inode->refs--;
    }
}

void cu_inodes_forget(struct cu_inodes *t, uint64_t nodeid, uint64_t count)
{
    struct cu_inode *inode = cu_inodes_get(t, nodeid);

    if (!inode)
        return;
    inode->lookups -= count < inode->lookups ? count : inode->lookups;
    cu_recovery_set_lookups(t->recovery, inode->record, inode->lookups);
    free_unused(t, inode);
}

void cu_inodes_unref(struct cu_inodes *t, struct cu_inode *inode)
{
    if (!inode)
        return;
    inode->refs--;
    free_unused(t, inode);
}

static int path_of_names(const struct cu_inode *inode, char *out)
{
    size_t len = 0, at;

    for (const struct cu_inode *i = inode; i->parent; i = i->parent)
        len += (size_t)i->name_len + 1;
    if (len == 0) {
        memcpy(out, "/", 2);
        return 1;
    }
    if (len >= CU_TREE_PATH_MAX)
        return -ENAMETOOLONG;
    out[len] = '\0';
    at = len;
    for (const struct cu_inode *i = inode; i->parent; i = i->parent) {
        at -= i->name_len;
        memcpy(out + at, i->name, i->name_len);
        out[--at] = '/';
    }
    return (int)len;
}

int cu_inode_path(const struct cu_inode *inode, char *out)
{
    size_t len;

    if (!S_ISREG(inode->attr.mode) || !inode->file.moved)
        return path_of_names(inode, out);
    len = strlen(inode->file.moved);
    memcpy(out, inode->file.moved, len + 1);
    return (int)len;
}

int cu_inode_set_path(struct cu_inode *inode, const char *path)
{
    char now[CU_TREE_PATH_MAX];
    char *moved;

    if (cu_inode_path(inode, now) >= 0 && strcmp(now, path) == 0)
        return 0;
    moved = strdup(path);
    if (!moved)
        return -ENOMEM;
    free(inode->file.moved);
    inode->file.moved = moved;
    return 0;
}

/* --- carrying on ------------------------------------------------------------------------------ */

struct kept {
    uint64_t nodeid;
    uint32_t handle;
};

static int by_nodeid(const void *a, const void *b)
{
    const struct kept *x = a, *y = b;

    return x->nodeid < y->nodeid ? -1 : x->nodeid > y->nodeid;
}

static bool valid_name(const char *name, size_t len)
{
    return len > 0 && !memchr(name, '/', len) && !memchr(name, '\0', len) &&
           (len > 1 || name[0] != '.') && (len != 2 || memcmp(name, "..", 2) != 0);
}

/* Restores one node, whose parent was restored already. 0; -EINVAL: the record makes no sense;
 * -ENOMEM. */
static int restore(struct cu_inodes *t, const struct cu_recovery_node *node)
{
    struct cu_inode *parent, *inode;

    if (!node->attr)
        return -EINVAL;
    if (node->nodeid == CU_INODE_ROOT) {
        if (!S_ISDIR(node->attr->mode) || t->root->record)
            return -EINVAL;
        t->root->attr = *node->attr;
        t->root->has_attr = true;
        t->root->dir.relisted = true;
        t->root->record = node->handle;
        return 0;
    }
    parent = node->parent < node->nodeid ? cu_inodes_get(t, node->parent) : NULL;
    if (!parent || !S_ISDIR(parent->attr.mode) || !valid_name(node->name, node->name_len) ||
        cu_inodes_get(t, node->nodeid))
        return -EINVAL;
    inode = make(t, parent, node->nodeid, node->name, node->name_len);
    if (!inode)
        return -ENOMEM;
    inode->attr = *node->attr;
    inode->has_attr = true;
    if (S_ISDIR(inode->attr.mode))
        inode->dir.relisted = true; /* what the kernel was shown is not known any more */
    inode->lookups = node->lookups;
    if (S_ISREG(inode->attr.mode))
        inode->file.seen.lost = true; /* another daemon has read it */
    if (S_ISLNK(inode->attr.mode))
        inode->link.how = node->inside ? CU_INODE_LINK_INSIDE : CU_INODE_LINK_KEPT;
    inode->record = node->handle;
    return 0;
}

/* In order of their numbers, so that parents come first; nodes that are not needed are freed at the
 * end. */
static int restore_all(struct cu_inodes *t, struct kept *kept, size_t count)
{
    struct cu_recovery_node node;
    int rc;

    qsort(kept, count, sizeof(*kept), by_nodeid);
    for (size_t i = 0; i < count; i++) {
        uint32_t at = kept[i].handle;

        rc = cu_recovery_next_node(t->recovery, &at, &node) ? restore(t, &node) : -EINVAL;
        if (rc == -ENOMEM)
            return rc;
        if (rc < 0)
            cu_recovery_drop(t->recovery, kept[i].handle);
        else if (node.nodeid >= t->next_id)
            t->next_id = node.nodeid + 1;
    }
    for (size_t i = count; i-- > 0;)
        free_unused(t, cu_inodes_get(t, kept[i].nodeid));
    return 0;
}

int cu_inodes_keep(struct cu_inodes *t, struct cu_recovery *recovery, bool restore_it)
{
    uint64_t next_id = cu_recovery_next_id(recovery);
    struct cu_recovery_node node;
    struct kept *kept;
    size_t count = 0, n = 0;
    uint32_t at = 0;
    int rc = 0;

    t->recovery = recovery;
    if (restore_it) {
        while (cu_recovery_next_node(recovery, &at, &node))
            count++;
        kept = calloc(count + 1, sizeof(*kept));
        if (!kept)
            return -ENOMEM;
        for (at = 0; n < count && cu_recovery_next_node(recovery, &at, &node);)
            if (node.nodeid > 0 && node.nodeid < NODEID_MAX)
                kept[n++] = (struct kept){.nodeid = node.nodeid, .handle = node.handle};
        rc = restore_all(t, kept, n);
        free(kept);
        if (next_id > t->next_id && next_id < NODEID_MAX)
            t->next_id = next_id;
    }
    cu_recovery_set_next_id(recovery, t->next_id);
    return rc;
}

struct cu_inode *cu_inodes_next(const struct cu_inodes *t, const struct cu_inode *inode)
{
    const struct cu_list *next = inode ? inode->order.next : t->all.next;

    return next == &t->all ? NULL : CU_LIST_ENTRY((uintptr_t)next, struct cu_inode, order);
}
