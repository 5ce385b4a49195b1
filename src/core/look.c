/* SPDX-License-Identifier: BSD-3-Clause */
/* A chunk is here as a whole, or some of its pieces are: each half that is not here is halved
 * again, down to the smallest piece that a read asks for. So a file of many chunks that are not
 * here takes many looks, and their number has a bound. */
#include "core/look.h"

#include "base/hash.h"
#include "core/bypass.h"
#include "core/cache.h"
#include "core/state.h"
#include "proto/piece.h"

#include <sys/stat.h>

#define LOOKS_MAX 16384u /* a few ms */
#define PIECE_MIN 4096u

struct search {
    struct cu_core *core;
    struct cu_request request;
    struct cu_core_look *look;
    uint32_t left; /* looks */
};

static bool has(struct search *s)
{
    const struct object *object = cu_cache_find(s->core, &s->request);

    s->left--;
    if (!object || object->state != CU_FLIGHT_FILLED || object->error || !object->bytes)
        return false;
    s->look->cached += object->bytes->size;
    return true;
}

static void look_at_chunk(struct search *s)
{
    uint32_t chunk_bytes = s->core->config.chunk_bytes, at = 0;

    while (at < chunk_bytes && s->left > 0) {
        uint32_t size = at == 0 ? chunk_bytes : at & -at; /* the largest part that begins here */

        for (;;) {
            s->request.piece = (uint16_t)cu_piece_at(chunk_bytes, at, size);
            if (has(s) || size / 2 < PIECE_MIN || s->left == 0)
                break;
            size /= 2;
        }
        at += size;
    }
    s->request.piece = CU_PIECE_WHOLE;
}

static void look_at_file(struct search *s, const struct cu_attr *attr)
{
    uint64_t chunks = (attr->size + s->core->config.chunk_bytes - 1) / s->core->config.chunk_bytes;

    s->request.kind = CU_KIND_DATA;
    s->request.version = cu_version_of(attr);
    for (uint64_t i = 0; i < chunks && s->left > 0; i++) {
        s->request.chunk = i;
        look_at_chunk(s);
    }
    s->look->more = s->left == 0;
}

struct cu_core_look cu_core_look(struct cu_core *core, const char *path, size_t path_len,
                                 const struct cu_attr *attr)
{
    uint32_t tree = (uint32_t)((cu_hash_bytes(path, path_len) >> 8) % core->config.tree_count);
    const struct route *route = &core->routes[tree];
    struct cu_core_look look = {.source = route->parent};
    struct search s = {
        .core = core,
        .request = {.kind = CU_KIND_DIR, .path = path, .path_len = path_len},
        .look = &look,
        .left = LOOKS_MAX,
    };

    if (route->parent != core->config.rank)
        look.level = cu_tree_ancestors(&route->tree, core->config.rank, NULL, 0);
    if (S_ISREG(attr->mode) && attr->size > core->config.max_cacheable_bytes)
        look.source = core->config.rank;
    if (S_ISREG(attr->mode))
        look_at_file(&s, attr);
    else if (S_ISDIR(attr->mode))
        (void)has(&s);
    return look;
}
