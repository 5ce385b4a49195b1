/* SPDX-License-Identifier: BSD-3-Clause */
/* What is asked for ahead when a name is looked up: each request that waits for the parent costs a
 * way through the tree, so what will follow by all that was seen so far goes up along with it. A
 * guess that is wrong costs a request, never an answer. Walks and sequential reads are in
 * walk.c and read.c.
 *
 * Files: when files like it are read, one of up to WHOLE_BYTES is asked for as a whole (a loader
 * touches most of a small library), of a larger one the part that the kernel's first read takes,
 * and the end: a loader goes from the headers to what it relocates there. Links: what they lead to.
 * Directories: the listing, where directories are listed. Names: what usually follows them. */
#include "front/internal.h"

#include <string.h>
#include <sys/stat.h>

#define WHOLE_BYTES (UINT64_C(4) << 20)
#define HEAD_BYTES  (UINT64_C(1) << 20) /* the kernel reads ahead so far around a page fault */
#define TAIL_BYTES  (UINT64_C(512) << 10)

static void want_ahead(struct cu_front *front, const struct cu_inode *dir, const char *path,
                       size_t path_len, const char *name, size_t name_len)
{
    struct cu_request what = {.kind = CU_KIND_ATTR};
    uint64_t now_ns = uv_hrtime();
    char full[CU_TREE_PATH_MAX];
    int len = cu_path_join(path, path_len, name, name_len, full, CU_TREE_PATH_MAX);

    if (len < 0 || (dir && cu_inodes_find(&front->inodes, dir, name, name_len)) ||
        cu_front_hidden(front, full, (size_t)len) ||
        cu_core_listed(front->config.core, path, path_len, name, name_len, now_ns) == 1)
        return;
    what.path = full;
    what.path_len = (size_t)len;
    if (cu_predict_content(&front->predict, name, name_len))
        what.flags = CU_WANT_CONTENT;
    cu_core_prefetch(front->config.core, &what, now_ns);
}

void cu_front_ahead_asked(struct cu_front *front, const struct cu_inode *dir, const char *path,
                          size_t path_len, const char *name)
{
    char file[CU_HABIT_NAME_MAX + 1], sub_path[CU_TREE_PATH_MAX];
    const char *sub;
    int len;

    cu_habit_lookup(&front->habit, dir->nodeid, dir->parent ? dir->parent->nodeid : 0, dir->name,
                    name);
    if (front->closing || !cu_habit_companion(&front->habit, name, &sub, file))
        return;
    len = cu_path_join(path, path_len, sub, strlen(sub), sub_path, CU_TREE_PATH_MAX);
    if (len < 0 ||
        cu_core_listed(front->config.core, path, path_len, sub, strlen(sub), uv_hrtime()) == 1)
        return;
    want_ahead(front, dir, path, path_len, sub, strlen(sub));
    want_ahead(front, NULL, sub_path, (size_t)len, file, strlen(file));
}

static void want_chunks(struct cu_front *front, struct cu_request *what, uint64_t from,
                        uint64_t end)
{
    uint32_t chunk_bytes = front->config.chunk_bytes;

    for (what->chunk = from / chunk_bytes; what->chunk * chunk_bytes < end; what->chunk++)
        cu_core_prefetch(front->config.core, what, uv_hrtime());
}

static void file_found(struct cu_front *front, const struct cu_inode *inode, const char *path,
                       size_t path_len)
{
    struct cu_request what = {.kind = CU_KIND_DATA,
                              .path = path,
                              .path_len = path_len,
                              .version = cu_version_of(&inode->attr)};
    uint64_t size = inode->attr.size;

    if (inode->read_before || !cu_predict_content(&front->predict, inode->name, inode->name_len))
        return;
    if (size <= WHOLE_BYTES) {
        want_chunks(front, &what, 0, size);
    } else {
        want_chunks(front, &what, 0, HEAD_BYTES);
        want_chunks(front, &what, size - TAIL_BYTES, size);
    }
}

/* A name beside the link is asked for; further ways are the kernel's to walk. */
static void link_found(struct cu_front *front, const struct cu_inode *inode)
{
    const struct cu_inode *dir = inode->parent;
    const struct cu_buf *target = inode->link.target;
    const char *name = target ? (const char *)target->data : "";
    char path[CU_TREE_PATH_MAX];
    int len;

    if (!target || !dir || target->size == 0 || target->size > CU_NAME_MAX || name[0] == '.' ||
        memchr(name, '/', target->size))
        return;
    len = cu_inode_path(dir, path);
    if (len > 0)
        want_ahead(front, dir, path, (size_t)len, name, target->size);
}

static void dir_found(struct cu_front *front, const struct cu_inode *inode, const char *path,
                      size_t path_len)
{
    struct cu_request what = {.kind = CU_KIND_DIR, .path = path, .path_len = path_len};

    if (inode->listed_before)
        return;
    if (cu_habit_lists(&front->habit, inode->name, inode->name_len))
        cu_core_prefetch(front->config.core, &what, uv_hrtime());
    if (inode->lookups == 1)
        cu_habit_dir(&front->habit, inode->name, inode->name_len);
}

void cu_front_ahead_found(struct cu_front *front, const struct cu_inode *inode)
{
    char path[CU_TREE_PATH_MAX];
    int len;

    if (S_ISLNK(inode->attr.mode)) {
        link_found(front, inode);
        return;
    }
    len = cu_inode_path(inode, path);
    if (len < 0)
        return;
    if (S_ISREG(inode->attr.mode))
        file_found(front, inode, path, (size_t)len);
    else if (S_ISDIR(inode->attr.mode))
        dir_found(front, inode, path, (size_t)len);
}

void cu_front_ahead_listed(struct cu_front *front, struct cu_inode *dir)
{
    if (!dir->listed_before && dir->parent)
        cu_habit_listed(&front->habit, dir->name, dir->name_len);
    dir->listed_before = true;
}
