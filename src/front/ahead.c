/* SPDX-License-Identifier: BSD-3-Clause */
/* The ports of the read-ahead library (ahead/ahead.h): they give it access to the front, its inodes
 * and its core, and pass its wants to the core. This file contains no read-ahead rule. */
#include "front/ahead.h"

#include "ahead/ahead.h"
#include "base/list.h"
#include "base/path.h"
#include "front/holes.h"
#include "front/lookup.h"
#include "front/replay.h"
#include "front/state.h"
#include "front/view.h"
#include "proto/dirview.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static const struct cu_inode *inode_of(const struct cu_ahead_dir *dir)
{
    return CU_LIST_ENTRY(dir, struct cu_inode, dir.ahead);
}

struct cu_request cu_front_ahead_request(const struct cu_ahead_want *want)
{
    return (struct cu_request){
        .kind = want->kind,
        .flags = (uint8_t)((want->content ? CU_WANT_CONTENT : 0) | (want->home ? CU_WANT_HOME : 0)),
        .path = want->path,
        .path_len = want->path_len,
        .version = want->version,
        .chunk = want->chunk};
}

static void on_want(void *context, const struct cu_ahead_want *want)
{
    struct cu_front *front = context;
    struct cu_request what = cu_front_ahead_request(want);

    if (!front->closing)
        cu_core_prefetch(front->config.core, &what, uv_hrtime());
}

static struct cu_ahead_load on_load(void *context)
{
    const struct cu_front *front = context;
    struct cu_core_ahead load = cu_core_ahead(front->config.core);

    return (struct cu_ahead_load){load.requests, load.bytes};
}

static void on_place(void *context, const struct cu_ahead_dir *dir, struct cu_ahead_place *out)
{
    const struct cu_inode *inode = inode_of(dir);

    (void)context;
    *out = (struct cu_ahead_place){
        .above = inode->parent ? &inode->parent->dir.ahead : NULL,
        .id = inode->nodeid,
        .name = inode->name,
        .name_len = inode->name_len,
    };
}

static int on_dir_path(void *context, const struct cu_ahead_dir *dir, char *out)
{
    (void)context;
    return cu_inode_path(inode_of(dir), out);
}

static int on_file_path(void *context, const void *owner, char *out)
{
    (void)context;
    return cu_inode_path(owner, out);
}

static bool on_settled(void *context, const struct cu_ahead_dir *dir,
                       const struct cu_ahead_name *name)
{
    const struct cu_front *front = context;

    return (dir && cu_inodes_find(&front->inodes, inode_of(dir), name->name, name->name_len)) ||
           cu_front_hidden(front, name->path, name->path_len);
}

static bool on_absent(void *context, const struct cu_ahead_name *name)
{
    const struct cu_front *front = context;

    return cu_core_absent(front->config.core, name->path, name->path_len, name->dir_len,
                          uv_hrtime());
}

static const struct cu_value *on_listing(void *context, const char *path, size_t path_len)
{
    struct cu_front *front = context;
    struct cu_request what = {.kind = CU_KIND_DIR, .path = path, .path_len = path_len};
    const struct cu_value *value = cu_core_peek(front->config.core, &what, uv_hrtime());
    struct cu_dirview *view;

    if (!value || value->error || value->view || !cu_dirview_is_large(value->bytes))
        return value;
    if (cu_front_view(front, path, path_len, value, NULL, &view) == 0)
        cu_dirview_unref(view);
    return NULL; /* not yet */
}

static struct cu_buf *on_holes(void *context, const void *owner, const char *path, size_t path_len)
{
    return cu_front_holes(context, owner, path, path_len);
}

int cu_front_ahead_init(struct cu_front *front)
{
    struct cu_ahead_config config = {
        .ports = {.context = front,
                  .want = on_want,
                  .fetch = cu_front_fetch,
                  .load = on_load,
                  .place = on_place,
                  .dir_path = on_dir_path,
                  .file_path = on_file_path,
                  .settled = on_settled,
                  .absent = on_absent,
                  .listing = on_listing,
                  .holes = on_holes},
        .chunk_bytes = front->config.chunk_bytes,
        .cache_bytes = front->config.cache_bytes,
        .enoent_ttl_ns = front->config.enoent_ttl_ns,
        .stream_bytes = CU_AHEAD_STREAM_BYTES,
        .list_after = CU_AHEAD_LIST_AFTER,
    };

    front->ahead = cu_ahead_create(&config);
    return front->ahead ? 0 : -ENOMEM;
}

void cu_front_ahead_found(struct cu_front *front, struct cu_inode *inode)
{
    struct cu_ahead_node node = {.dir = &inode->parent->dir.ahead,
                                 .name = inode->name,
                                 .name_len = inode->name_len,
                                 .attr = &inode->attr,
                                 .first = inode->lookups == 1};
    char path[CU_TREE_PATH_MAX];
    int len = -ENOTDIR;

    if (S_ISREG(inode->attr.mode))
        node.file = &inode->file.ahead;
    else if (S_ISDIR(inode->attr.mode))
        node.self = &inode->dir.ahead;
    else if (S_ISLNK(inode->attr.mode))
        node.target = inode->link.target;
    if (node.file || node.self)
        len = cu_inode_path(inode, path);
    if (len > 0) {
        node.path = path;
        node.path_len = (size_t)len;
    }
    cu_ahead_found(front->ahead, &node);
}
