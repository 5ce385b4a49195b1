/* SPDX-License-Identifier: BSD-3-Clause */
/* The ports of the read-ahead library (src/ahead) for a simulated node. This file contains no
 * read-ahead rule.
 *
 * The simulated storage has only the names of the trace. A predicted name that is not among them is
 * not asked for, because it is not known whether it would exist. */
#include "sim.h"

#include "base/path.h"
#include "proto/piece.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static uint32_t file_of(const struct cu_sim_node *node, const struct cu_ahead_dir *dir)
{
    return node->sim->world->dirs[dir - node->dirs];
}

struct cu_request cu_sim_request(const struct cu_ahead_want *want)
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
    struct cu_sim_node *node = context;
    struct cu_request what = cu_sim_request(want);

    cu_core_prefetch(node->core, &what, node->sim->engine.now_ns);
}

static int on_fetch(void *context, const struct cu_ahead_want *want, uint32_t tag)
{
    struct cu_sim_node *node = context;
    struct cu_request what = cu_sim_request(want);

    what.flags |= CU_WANT_LATER;
    return cu_core_want(node->core, &what, CU_SIM_FETCH | tag, node->sim->engine.now_ns);
}

static struct cu_ahead_load on_load(void *context)
{
    const struct cu_sim_node *node = context;
    struct cu_core_ahead load = cu_core_ahead(node->core);

    return (struct cu_ahead_load){load.requests, load.bytes};
}

static void on_place(void *context, const struct cu_ahead_dir *dir, struct cu_ahead_place *out)
{
    const struct cu_sim_node *node = context;
    uint32_t file = file_of(node, dir);
    const struct cu_sim_file *f = &node->sim->world->files[file];

    *out = (struct cu_ahead_place){
        .above = file == 0 ? NULL : cu_sim_ahead_dir(node, f->parent),
        .id = file + 1,
        .name = f->path + f->path_len - f->name_len,
        .name_len = f->name_len,
    };
}

static int path_of(const struct cu_sim_file *f, char *out)
{
    memcpy(out, f->path, f->path_len + 1u);
    return f->path_len;
}

static int on_dir_path(void *context, const struct cu_ahead_dir *dir, char *out)
{
    const struct cu_sim_node *node = context;

    return path_of(&node->sim->world->files[file_of(node, dir)], out);
}

static int on_file_path(void *context, const void *owner, char *out)
{
    (void)context;
    return path_of(owner, out);
}

static bool on_settled(void *context, const struct cu_ahead_dir *dir,
                       const struct cu_ahead_name *name)
{
    const struct cu_sim_node *node = context;
    uint32_t file = cu_sim_world_find(node->sim->world, name->path, name->path_len);

    return file == CU_SIM_NONE ||
           (dir && (node->dentry[file] & CU_SIM_DENTRY_STATE) == CU_SIM_DENTRY_POSITIVE);
}

static bool on_absent(void *context, const struct cu_ahead_name *name)
{
    const struct cu_sim_node *node = context;

    return cu_core_absent(node->core, name->path, name->path_len, name->dir_len,
                          node->sim->engine.now_ns);
}

static const struct cu_value *on_listing(void *context, const char *path, size_t path_len)
{
    const struct cu_sim_node *node = context;
    struct cu_request what = {.kind = CU_KIND_DIR, .path = path, .path_len = path_len};

    return cu_core_peek(node->core, &what, node->sim->engine.now_ns);
}

struct cu_buf *cu_sim_ahead_holes(struct cu_sim *sim, struct cu_sim_node *node, uint32_t file,
                                  uint32_t version)
{
    const struct cu_sim_file *f = &sim->world->files[file];
    struct cu_request what = {.kind = CU_KIND_HOLES, .path = f->path, .path_len = f->path_len};
    const struct cu_value *value;
    struct cu_attr attr;

    cu_sim_world_attr(sim->world, file, version, &attr);
    if (!cu_ahead_may_have_holes(node->ahead, &attr))
        return NULL;
    what.version = cu_version_of(&attr);
    value = cu_core_peek(node->core, &what, sim->engine.now_ns);
    return value && !value->error ? cu_buf_ref(value->bytes) : NULL;
}

static struct cu_buf *on_holes(void *context, const void *owner, const char *path, size_t path_len)
{
    struct cu_sim_node *node = context;
    const struct cu_sim_file *f = owner;

    (void)path;
    (void)path_len;
    return cu_sim_ahead_holes(node->sim, node, (uint32_t)(f - node->sim->world->files),
                              node->read_version);
}

/* --- reading on --------------------------------------------------------------------------------
 */

static void on_read(void *context, const struct cu_ahead_want *want)
{
    const struct cu_sim_node *node = context;
    struct cu_request what = cu_sim_request(want);

    if (cu_sim_world_find(node->sim->world, want->path, want->path_len) != CU_SIM_NONE)
        (void)cu_core_read_on(node->core, &what, node->sim->engine.now_ns);
}

static struct cu_readon_load on_read_load(void *context)
{
    const struct cu_sim_node *node = context;
    struct cu_core_read_on load = cu_core_reading_on(node->core);

    return (struct cu_readon_load){load.requests, load.bytes, load.used_bytes, load.unused_bytes};
}

static const struct cu_value *on_held(void *context, const struct cu_ahead_want *want)
{
    const struct cu_sim_node *node = context;
    struct cu_request what = cu_sim_request(want);

    return cu_core_peek(node->core, &what, node->sim->engine.now_ns);
}

/* A name that is not in the trace is not there. */
static bool on_not_there(void *context, const struct cu_ahead_name *name)
{
    const struct cu_sim_node *node = context;

    return cu_sim_world_find(node->sim->world, name->path, name->path_len) == CU_SIM_NONE ||
           on_absent(context, name);
}

static void readon_init(const struct cu_sim *sim, struct cu_sim_node *node)
{
    struct cu_readon_config config = {
        .context = node,
        .read = on_read,
        .load = on_read_load,
        .held = on_held,
        .absent = on_not_there,
        .cache_bytes = sim->config.cache_bytes,
        .chunk_bytes = sim->config.chunk_bytes,
        .inline_bytes = sim->config.inline_bytes,
    };

    node->readon = cu_readon_create(&config);
    if (!node->readon) {
        fprintf(stderr, "copper-sim: out of memory\n");
        exit(3);
    }
}

/* Contents are made up here, and do not tell what a library needs: the trace does. */
static void read_on_needs(const struct cu_sim_node *node, const struct cu_request *what,
                          const struct cu_value *value)
{
    const struct cu_sim *sim = node->sim;
    uint32_t file = cu_sim_world_find(sim->world, what->path, what->path_len);

    if (value->error || (what->kind == CU_KIND_DATA ? what->chunk != 0 : !value->content))
        return;
    for (uint32_t i = 0; i < sim->need_count; i++)
        if (sim->needs[i].file == file)
            cu_readon_needs(node->readon, what->path, what->path_len, sim->needs[i].name);
}

void cu_sim_ahead_stored(struct cu_sim *sim, struct cu_sim_node *node, uint64_t id,
                         const struct cu_value *value)
{
    struct cu_request what;

    if (sim->config.no_readon || !cu_core_reads(node->core, id, &what))
        return;
    if (!node->readon)
        readon_init(sim, node);
    cu_readon_stored(node->readon,
                     &(struct cu_ahead_want){.kind = what.kind,
                                             .path = what.path,
                                             .path_len = what.path_len,
                                             .version = what.version,
                                             .chunk = what.chunk,
                                             .content = (what.flags & CU_WANT_CONTENT) != 0},
                     value);
    read_on_needs(node, &what, value);
}

void cu_sim_ahead_init(struct cu_sim *sim, struct cu_sim_node *node)
{
    const struct cu_sim_config *c = &sim->config;
    struct cu_ahead_config config = {
        .ports = {.context = node,
                  .want = on_want,
                  .fetch = on_fetch,
                  .load = on_load,
                  .place = on_place,
                  .dir_path = on_dir_path,
                  .file_path = on_file_path,
                  .settled = on_settled,
                  .absent = on_absent,
                  .listing = on_listing,
                  .holes = on_holes},
        .chunk_bytes = c->chunk_bytes,
        .cache_bytes = c->cache_bytes,
        .enoent_ttl_ns = c->enoent_ttl_ns,
        .stream_bytes = c->ahead_bytes,
        .list_after = c->list_after,
        .content = c->content,
    };

    node->sim = sim;
    node->dirs = cu_sim_alloc(sim->world->dir_count, sizeof *node->dirs);
    node->files = cu_sim_alloc(sim->world->count, sizeof *node->files);
    node->ahead = cu_ahead_create(&config);
    if (!node->ahead) {
        fprintf(stderr, "copper-sim: out of memory\n");
        exit(3);
    }
}

void cu_sim_ahead_free(struct cu_sim_node *node)
{
    for (uint32_t i = 0; node->dirs && i < node->sim->world->dir_count; i++)
        cu_ahead_dir_clear(node->ahead, &node->dirs[i]);
    cu_ahead_destroy(node->ahead);
    cu_readon_destroy(node->readon);
    node->readon = NULL;
    free(node->dirs);
    free(node->files);
    node->ahead = NULL;
    node->dirs = NULL;
    node->files = NULL;
}

void cu_sim_ahead_forget(struct cu_sim_node *node, const char *path, size_t len)
{
    const struct cu_sim_world *world = node->sim->world;

    for (uint32_t i = 0; i < world->dir_count; i++) {
        const struct cu_sim_file *f = &world->files[world->dirs[i]];

        if (cu_path_within(f->path, f->path_len, path, len))
            cu_ahead_dir_doubt(node->ahead, &node->dirs[i]);
    }
}

struct cu_ahead_name cu_sim_ahead_name(const struct cu_sim *sim, uint32_t file)
{
    const struct cu_sim_file *f = &sim->world->files[file];

    return (struct cu_ahead_name){
        .path = f->path,
        .path_len = f->path_len,
        .dir_len = sim->world->files[f->parent].path_len,
        .name = f->path + f->path_len - f->name_len,
        .name_len = f->name_len,
    };
}

void cu_sim_ahead_found(struct cu_sim *sim, struct cu_sim_node *node, uint32_t file,
                        const struct cu_value *value)
{
    const struct cu_sim_file *f = &sim->world->files[file];
    struct cu_ahead_node found = {
        .dir = cu_sim_ahead_dir(node, f->parent),
        .name = f->path + f->path_len - f->name_len,
        .name_len = f->name_len,
        .path = f->path,
        .path_len = f->path_len,
        .attr = &value->attr,
        .first = !(node->name[file] & CU_SIM_NAME_KNOWN),
        .target = value->bytes,
    };

    if (f->type == DT_DIR)
        found.self = cu_sim_ahead_dir(node, file);
    else
        found.file = &node->files[file];
    if (found.first && S_ISREG(value->attr.mode))
        cu_ahead_new_file(node->ahead, found.name, found.name_len);
    node->name[file] |= CU_SIM_NAME_KNOWN;
    if (file != 0)
        cu_ahead_found(node->ahead, &found);
}

struct cu_ahead_read cu_sim_ahead_read(const struct cu_sim *sim, struct cu_sim_node *node,
                                       const struct cu_sim_req *req, const struct cu_attr *attr)
{
    const struct cu_sim_file *f = &sim->world->files[req->file];
    uint32_t chunk_bytes = sim->config.chunk_bytes;
    uint64_t start = (uint64_t)req->chunk * chunk_bytes + cu_piece_start(chunk_bytes, req->piece);
    uint64_t end = start + cu_piece_bytes(chunk_bytes, req->piece);

    return (struct cu_ahead_read){
        .owner = f,
        .id = req->file + 1,
        .file = &node->files[req->file],
        .name = f->path + f->path_len - f->name_len,
        .name_len = f->name_len,
        .attr = attr,
        .start = start,
        .end = end < attr->size ? end : attr->size,
    };
}
