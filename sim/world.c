/* SPDX-License-Identifier: BSD-3-Clause */
/* Content comes from a function, so that 10,624 nodes share one copy of a chunk and a checker needs
 * no record of what storage held. Invariant: chunks[] holds the newest version that was asked for.
 */
#include "world.h"

#include "base/hash.h"
#include "base/path.h"
#include "engine.h"
#include "proto/dir.h"
#include "proto/holes.h"
#include "proto/piece.h"
#include "rng.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EPOCH_NS     1700000000000000000ll /* mtime of version 0 */
#define SCALED_MARK  0x736361656c656421ull
#define TABLE_START  1024u
#define FIRST_PLACES 256u

static uint64_t path_hash(const char *path, size_t len)
{
    return cu_hash_bytes(path, len);
}

static void table_put(struct cu_sim_world *world, uint32_t file)
{
    const struct cu_sim_file *f = &world->files[file];
    uint64_t at = path_hash(f->path, f->path_len);

    while (world->table[at & (world->table_size - 1)])
        at++;
    world->table[at & (world->table_size - 1)] = file + 1;
}

static void table_grow(struct cu_sim_world *world)
{
    free(world->table);
    world->table_size = world->table_size ? world->table_size * 2 : TABLE_START;
    world->table = cu_sim_alloc(world->table_size, sizeof *world->table);
    for (uint32_t i = 0; i < world->count; i++)
        table_put(world, i);
}

uint32_t cu_sim_world_find(const struct cu_sim_world *world, const char *path, size_t len)
{
    uint64_t at = path_hash(path, len);

    for (;; at++) {
        uint32_t found = world->table[at & (world->table_size - 1)];
        const struct cu_sim_file *f;

        if (!found)
            return CU_SIM_NONE;
        f = &world->files[found - 1];
        if (f->path_len == len && memcmp(f->path, path, len) == 0)
            return found - 1;
    }
}

static uint32_t place(struct cu_sim_world *world, const char *path, size_t len)
{
    struct cu_sim_file *f;

    if (world->count == world->capacity) {
        world->capacity = world->capacity ? world->capacity * 2 : FIRST_PLACES;
        world->files = cu_sim_grow(world->files, world->capacity, sizeof *world->files);
    }
    f = &world->files[world->count];
    *f = (struct cu_sim_file){.version = 1, .path_len = (uint16_t)len};
    f->path = cu_sim_alloc(len + 1, 1);
    memcpy(f->path, path, len);
    f->name_len = (uint16_t)(len - cu_path_parent_len(path, len));
    if (f->name_len > 0 && path[len - f->name_len] == '/')
        f->name_len--;
    world->count++;
    if (world->count * 2 > world->table_size)
        table_grow(world);
    else
        table_put(world, world->count - 1);
    return world->count - 1;
}

struct cu_sim_world *cu_sim_world_new(uint64_t seed)
{
    struct cu_sim_world *world = cu_sim_alloc(1, sizeof *world);

    world->seed = seed;
    place(world, "/", 1);
    world->files[0].type = DT_DIR;
    return world;
}

void cu_sim_world_free(struct cu_sim_world *world)
{
    if (!world)
        return;
    for (uint32_t i = 0; i < world->count; i++) {
        free(world->files[i].path);
        free(world->files[i].children);
        free(world->files[i].list_hashes);
        cu_buf_unref(world->files[i].listing);
    }
    for (uint32_t i = 0; world->chunks && i < world->chunk_total; i++)
        cu_buf_unref(world->chunks[i]);
    free(world->dirs);
    free(world->chunks);
    free(world->chunk_hash);
    free(world->chunk_version);
    free(world->files);
    free(world->table);
    free(world);
}

static uint32_t add(struct cu_sim_world *world, const char *path, size_t len, uint8_t type)
{
    uint32_t file = cu_sim_world_find(world, path, len), parent;
    struct cu_sim_file *p;

    if (file != CU_SIM_NONE) {
        if (type != CU_SIM_ABSENT && world->files[file].type == CU_SIM_ABSENT)
            world->files[file].type = type;
        return file;
    }
    parent = add(world, path, cu_path_parent_len(path, len), type ? DT_DIR : CU_SIM_ABSENT);
    file = place(world, path, len);
    world->files[file].type = type;
    world->files[file].parent = parent;
    p = &world->files[parent];
    if ((p->child_count & (p->child_count + 1)) == 0)
        p->children = cu_sim_grow(p->children, p->child_count * 2 + 2, sizeof *p->children);
    p->children[p->child_count++] = file;
    return file;
}

uint32_t cu_sim_world_add(struct cu_sim_world *world, const char *path, uint8_t type, uint64_t size)
{
    uint32_t file = add(world, path, strlen(path), type);

    if (type != CU_SIM_ABSENT)
        world->files[file].size = size;
    return file;
}

static void number_dir(struct cu_sim_world *world, uint32_t file)
{
    if (world->files[file].dir != CU_SIM_NONE)
        return;
    world->files[file].dir = world->dir_count;
    world->dirs[world->dir_count++] = file;
}

/* What has names below it counts as one, whatever it is. */
static void number_dirs(struct cu_sim_world *world)
{
    world->dirs = cu_sim_alloc(world->count, sizeof *world->dirs);
    for (uint32_t i = 0; i < world->count; i++)
        world->files[i].dir = CU_SIM_NONE;
    for (uint32_t i = 0; i < world->count; i++) {
        number_dir(world, world->files[i].parent);
        if (world->files[i].type == DT_DIR)
            number_dir(world, i);
    }
}

void cu_sim_world_seal(struct cu_sim_world *world, uint32_t chunk_bytes, bool changes)
{
    number_dirs(world);
    world->chunk_bytes = chunk_bytes;
    for (uint32_t i = 0; i < world->count; i++) {
        struct cu_sim_file *f = &world->files[i];

        if (f->type == CU_SIM_ABSENT)
            f->absent_ns = UINT64_MAX;
        else
            f->present_ns = UINT64_MAX;
        f->chunk_base = world->chunk_total;
        /* A later version may be twice as long, and an absent file may appear. */
        if (f->size > 0 && (f->type == DT_REG || f->type == CU_SIM_ABSENT))
            f->chunk_count = (uint32_t)((changes ? f->size * 2 : f->size - 1) / chunk_bytes + 1);
        world->chunk_total += f->chunk_count;
    }
    world->chunks = cu_sim_alloc(world->chunk_total, sizeof(struct cu_buf *));
    world->chunk_hash = cu_sim_alloc(world->chunk_total, sizeof *world->chunk_hash);
    world->chunk_version = cu_sim_alloc(world->chunk_total, sizeof *world->chunk_version);
}

static uint64_t dice(const struct cu_sim_world *world, uint32_t file, uint32_t version)
{
    return cu_sim_mix(world->seed ^ cu_sim_mix((uint64_t)file << 32 | version));
}

bool cu_sim_world_exists(const struct cu_sim_world *world, uint32_t file, uint32_t version)
{
    const struct cu_sim_file *f = &world->files[file];

    if (version <= 1 || f->type == DT_DIR)
        return f->type != CU_SIM_ABSENT;
    if (f->type == CU_SIM_ABSENT)
        return version % 2 == 0;
    return dice(world, file, version) % 4 != 0;
}

uint64_t cu_sim_world_size(const struct cu_sim_world *world, uint32_t file, uint32_t version)
{
    const struct cu_sim_file *f = &world->files[file];
    uint64_t d = dice(world, file, version) >> 8;

    if (f->type == DT_DIR)
        return 4096;
    if (f->type == DT_LNK || version <= 1)
        return f->size;
    return d % 3 == 0 ? f->size : (d >> 8) % (f->size * 2 + 1);
}

static uint64_t chunk_dice(const struct cu_sim_world *world, uint32_t file, uint32_t version,
                           uint32_t chunk)
{
    return cu_sim_mix(dice(world, file, version) + chunk);
}

/* Half of the files have holes: of their whole chunks one in two. */
bool cu_sim_world_is_hole(const struct cu_sim_world *world, uint32_t file, uint32_t version,
                          uint32_t chunk)
{
    const struct cu_sim_file *f = &world->files[file];

    return world->sparse && (f->type == DT_REG || f->type == CU_SIM_ABSENT) &&
           (dice(world, file, version) >> 20) % 2 == 0 &&
           ((uint64_t)chunk + 1) * world->chunk_bytes <= cu_sim_world_size(world, file, version) &&
           (chunk_dice(world, file, version, chunk) >> 20) % 2 == 0;
}

static uint32_t whole_chunks(const struct cu_sim_world *world, uint32_t file, uint32_t version)
{
    return (uint32_t)(cu_sim_world_size(world, file, version) / world->chunk_bytes);
}

struct cu_buf *cu_sim_world_holes(const struct cu_sim_world *world, uint32_t file, uint32_t version)
{
    uint32_t count = whole_chunks(world, file, version);
    struct cu_buf *list = NULL;

    for (uint32_t i = 0, end; i < count; i = end + 1) {
        struct cu_hole hole = {.start = (uint64_t)i * world->chunk_bytes};

        for (end = i; end < count && cu_sim_world_is_hole(world, file, version, end);)
            end++;
        hole.end = (uint64_t)end * world->chunk_bytes;
        if (end > i && cu_holes_append(&list, hole) < 0)
            abort();
    }
    return list;
}

static uint64_t hole_bytes(const struct cu_sim_world *world, uint32_t file, uint32_t version)
{
    uint64_t bytes = 0;

    if (!world->sparse)
        return 0;
    for (uint32_t i = whole_chunks(world, file, version); i-- > 0;)
        bytes += cu_sim_world_is_hole(world, file, version, i) ? world->chunk_bytes : 0;
    return bytes;
}

void cu_sim_world_attr(const struct cu_sim_world *world, uint32_t file, uint32_t version,
                       struct cu_attr *attr)
{
    static const uint32_t mode_of[16] = {[DT_REG] = 0100644, [DT_DIR] = 040755, [DT_LNK] = 0120777};
    const struct cu_sim_file *f = &world->files[file];
    int64_t mtime_ns = EPOCH_NS + version;

    *attr = (struct cu_attr){
        .mode = f->type == CU_SIM_ABSENT ? mode_of[DT_REG] : mode_of[f->type],
        .nlink = 1,
        .uid = 1000,
        .gid = 1000,
        .ino = (uint64_t)file + 2,
        .size = cu_sim_world_size(world, file, version),
        .blksize = 4096,
    };
    attr->blocks = (attr->size - hole_bytes(world, file, version) + 511) / 512;
    attr->mtime.sec = mtime_ns / 1000000000;
    attr->mtime.nsec = (uint32_t)(mtime_ns % 1000000000);
    attr->ctime = attr->mtime;
    attr->atime = attr->mtime;
}

uint32_t cu_sim_world_version(const struct cu_sim_world *world, uint32_t file,
                              const struct cu_version *version)
{
    int64_t v =
        (int64_t)((uint64_t)version->mtime.sec * 1000000000u + version->mtime.nsec) - EPOCH_NS;
    struct cu_version right;
    struct cu_attr attr;

    if (v < 1 || v > world->files[file].version)
        return 0;
    cu_sim_world_attr(world, file, (uint32_t)v, &attr);
    right = cu_version_of(&attr);
    return cu_version_equal(&right, version) ? (uint32_t)v : 0;
}

uint32_t cu_sim_world_chunk_bytes(const struct cu_sim_world *world, uint32_t file, uint32_t version,
                                  uint32_t chunk)
{
    uint64_t size = cu_sim_world_size(world, file, version);
    uint64_t start = (uint64_t)chunk * world->chunk_bytes;

    if (start >= size)
        return 0;
    return size - start < world->chunk_bytes ? (uint32_t)(size - start) : world->chunk_bytes;
}

static struct cu_buf *make_chunk(const struct cu_sim_world *world, uint32_t file, uint32_t version,
                                 uint32_t chunk)
{
    uint32_t size = cu_sim_world_chunk_bytes(world, file, version, chunk), held = size;
    bool may_travel = cu_sim_world_size(world, file, version) <= world->inline_bytes;
    uint64_t d = chunk_dice(world, file, version, chunk);
    struct cu_buf *buf;

    if (world->scaled_bytes && held > world->scaled_bytes && !may_travel)
        held = world->scaled_bytes;
    buf = cu_sim_buf(held);
    if (cu_sim_world_is_hole(world, file, version, chunk)) {
        memset(buf->data, 0, held);
        return buf;
    }
    for (uint32_t i = 0; i < held; i += 8) {
        uint64_t word = cu_sim_mix(d + i);

        memcpy(buf->data + i, &word, held - i < 8 ? held - i : 8);
    }
    if (held < size) {
        uint64_t head[2] = {SCALED_MARK, size};

        memcpy(buf->data, head, sizeof head);
    }
    return buf;
}

uint64_t cu_sim_world_true_bytes(const struct cu_sim_world *world, const struct cu_buf *buf)
{
    uint64_t head[2];

    if (!buf || world->scaled_bytes == 0 || buf->size != world->scaled_bytes)
        return buf ? buf->size : 0;
    memcpy(head, buf->data, sizeof head);
    return head[0] == SCALED_MARK ? head[1] : buf->size;
}

struct cu_buf *cu_sim_world_chunk(struct cu_sim_world *world, uint32_t file, uint32_t version,
                                  uint32_t chunk, uint64_t *hash)
{
    uint32_t at = world->files[file].chunk_base + chunk;
    struct cu_buf *buf;

    if (world->chunks[at] && world->chunk_version[at] == version) {
        *hash = world->chunk_hash[at];
        return cu_buf_ref(world->chunks[at]);
    }
    buf = make_chunk(world, file, version, chunk);
    *hash = cu_hash_bytes(buf->data, buf->size);
    if (version < world->chunk_version[at])
        return buf;
    cu_buf_unref(world->chunks[at]);
    world->chunks[at] = cu_buf_ref(buf);
    world->chunk_hash[at] = *hash;
    world->chunk_version[at] = version;
    return buf;
}

struct cu_buf *cu_sim_world_piece(struct cu_sim_world *world, uint32_t file, uint32_t version,
                                  uint32_t chunk, uint32_t piece, uint64_t *hash)
{
    struct cu_buf *whole = cu_sim_world_chunk(world, file, version, chunk, hash), *buf;
    size_t at = cu_piece_start(world->chunk_bytes, piece), size;

    if (piece == CU_PIECE_WHOLE)
        return whole;
    size = cu_piece_bytes(world->chunk_bytes, piece);
    if (at > whole->size)
        at = whole->size;
    if (size > whole->size - at)
        size = whole->size - at;
    buf = cu_sim_buf(size);
    memcpy(buf->data, whole->data + at, size);
    *hash = cu_hash_bytes(buf->data, size);
    cu_buf_unref(whole);
    return buf;
}

struct cu_buf *cu_sim_world_target(const struct cu_sim_world *world, uint32_t file)
{
    struct cu_buf *buf = cu_buf_new(world->files[file].size);

    if (!buf)
        exit(3);
    memset(buf->data, 't', buf->size);
    return buf;
}

static void note_listing(struct cu_sim_file *f)
{
    if (f->list_hash_count <= f->version) {
        f->list_hashes = cu_sim_grow(f->list_hashes, f->version + 1, sizeof *f->list_hashes);
        memset(f->list_hashes + f->list_hash_count, 0,
               (f->version + 1 - f->list_hash_count) * sizeof *f->list_hashes);
        f->list_hash_count = f->version + 1;
    }
    f->list_hashes[f->version] = f->listing_hash;
}

struct cu_buf *cu_sim_world_listing(struct cu_sim_world *world, uint32_t dir, uint64_t *hash)
{
    struct cu_sim_file *f = &world->files[dir];
    struct cu_dir_builder *b;

    if (!f->listing || f->list_version != f->version) {
        b = cu_dir_builder_new();
        for (uint32_t i = 0; b && i < f->child_count; i++) {
            const struct cu_sim_file *c = &world->files[f->children[i]];
            struct cu_dirent entry = {
                .ino = (uint64_t)f->children[i] + 2,
                .type = c->type == CU_SIM_ABSENT ? DT_REG : c->type,
                .name_len = c->name_len,
                .name = c->path + c->path_len - c->name_len,
            };

            if (cu_sim_world_exists(world, f->children[i], c->version) &&
                cu_dir_builder_add(b, &entry) < 0)
                exit(3);
        }
        cu_buf_unref(f->listing);
        f->listing = b ? cu_dir_builder_finish(b) : NULL;
        if (!f->listing)
            exit(3);
        f->listing_hash = f->listing->size ? cu_hash_bytes(f->listing->data, f->listing->size) : 0;
        f->list_version = f->version;
        note_listing(f);
    }
    *hash = f->listing_hash;
    return cu_buf_ref(f->listing);
}

void cu_sim_world_change(struct cu_sim_world *world, uint32_t file, uint64_t now_ns)
{
    struct cu_sim_file *f = &world->files[file];
    bool was = cu_sim_world_exists(world, file, f->version), is;

    f->version++;
    f->changed_ns = now_ns;
    is = cu_sim_world_exists(world, file, f->version);
    if (was == is)
        return;
    f->absent_ns = is ? now_ns : UINT64_MAX;
    f->present_ns = is ? UINT64_MAX : now_ns;
    world->files[f->parent].version++;
    world->files[f->parent].changed_ns = now_ns;
}
