/* SPDX-License-Identifier: BSD-3-Clause */
/* A path walk over the mount table: from the root mount on, each component may be where another
 * mount is on top, perhaps several. So the table is indexed by (parent mount, point), and a look-up
 * does what the kernel does, with names instead of directories. Walking stops at the first mount
 * that is not served.
 *
 * Inode numbers: below the Copper mount all files have the same st_dev, that of the mount, so
 * st_dev cannot distinguish file systems; the inode number must. Its space must be the same on all
 * nodes. Device numbers and mount ids are not; the mount point of a file system is. */
#include "storage/fsmap.h"

#include "base/hash.h"
#include "base/path.h"
#include "proto/listings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#define LOW_BITS  32u
#define TOP_BIT   (UINT64_C(1) << 63) /* rarely set in numbers of the main file system */
#define ROOT_SEED UINT64_C(0x636f707065722d31)

/* A directory with mount points in it. */
struct parent {
    struct cu_table_link link;
    uint64_t key;
    uint64_t points; /* as cu_fsmap_points */
};

struct cu_fsmap {
    struct cu_fsmap_mount *mounts;
    size_t count;
    const struct cu_fsmap_mount *top; /* where a path walk begins; NULL: no such mount */
    struct cu_table by_point;         /* mounts, by parent and point */
    struct cu_table by_key;           /* parents */
    struct parent *parents;           /* parent_count of them, with room for one a mount */
    size_t parent_count;
    char text[]; /* the strings */
};

/* --- kinds --------------------------------------------------------------------------------------
 */

static unsigned traits_of(const struct cu_fsmap_mount *m, const char *rules)
{
    unsigned traits = cu_fskinds_of(m->info.type, m->info.source, m->info.options);
    enum cu_listings_word word;

    if (traits & CU_FS_NOT_SERVED)
        return traits;
    word = cu_listings_find_numbers(rules, m->info.type, m->info.point, m->point_len);
    if (word == CU_LISTINGS_NUMBERED)
        traits &= ~(CU_FS_UNNUMBERED | CU_FS_PROBE_NUMBERS);
    else if (word == CU_LISTINGS_UNNUMBERED)
        traits = (traits | CU_FS_UNNUMBERED) & ~CU_FS_PROBE_NUMBERS;
    switch (cu_listings_find(rules, m->info.type, m->info.point, m->point_len)) {
    case CU_LISTINGS_UNSAID:
    case CU_LISTINGS_NUMBERED:
    case CU_LISTINGS_UNNUMBERED:
        return traits;
    case CU_LISTINGS_TRUSTED:
        traits &= ~(CU_FS_PARTIAL | CU_FS_UNSTAMPED);
        break;
    case CU_LISTINGS_PARTIAL:
        traits = (traits & ~CU_FS_UNSTAMPED) | CU_FS_PARTIAL;
        break;
    case CU_LISTINGS_UNSTAMPED:
        traits = (traits & ~CU_FS_PARTIAL) | CU_FS_UNSTAMPED;
        break;
    case CU_LISTINGS_UNTRUSTED:
        traits |= CU_FS_PARTIAL | CU_FS_UNSTAMPED;
        break;
    }
    return traits & ~(CU_FS_FOLD_FLAG | CU_FS_PROBE);
}

/* --- index ------------------------------------------------------------------------------------ */

static uint64_t key_of(uint32_t mount, const char *path, size_t len)
{
    return cu_hash_seeded(path, len, mount);
}

static struct cu_fsmap_mount *mount_of(const struct cu_table_link *link)
{
    return (struct cu_fsmap_mount *)((uintptr_t)link - offsetof(struct cu_fsmap_mount, link));
}

static struct parent *parent_of(const struct cu_table_link *link)
{
    return (struct parent *)((uintptr_t)link - offsetof(struct parent, link));
}

static uint64_t mount_hash(const struct cu_table_link *link)
{
    const struct cu_fsmap_mount *m = mount_of(link);

    return key_of(m->info.parent, m->info.point, m->point_len);
}

static uint64_t parent_hash(const struct cu_table_link *link)
{
    return parent_of(link)->key;
}

/* Mounts with the same parent and point should not exist; if they do, the latest counts. */
static const struct cu_fsmap_mount *child(const struct cu_fsmap *map, uint32_t parent,
                                          const char *point, size_t len)
{
    const struct cu_table_link *link = cu_table_chain(&map->by_point, key_of(parent, point, len));
    const struct cu_fsmap_mount *found = NULL;

    for (; link; link = link->next) {
        const struct cu_fsmap_mount *m = mount_of(link);

        if (m->info.parent == parent && m->point_len == len &&
            memcmp(m->info.point, point, len) == 0 && m->info.id != parent && (!found || m > found))
            found = m;
    }
    return found;
}

static struct parent *parent_with(const struct cu_fsmap *map, uint64_t key)
{
    const struct cu_table_link *link = cu_table_chain(&map->by_key, key);

    while (link && parent_of(link)->key != key)
        link = link->next;
    return link ? parent_of(link) : NULL;
}

static int build_index(struct cu_fsmap *map)
{
    map->parents = calloc(map->count + 1, sizeof(*map->parents));
    if (!map->parents || cu_table_init(&map->by_point, mount_hash) < 0 ||
        cu_table_init(&map->by_key, parent_hash) < 0)
        return -1;
    for (size_t i = 0; i < map->count; i++)
        cu_table_add(&map->by_point, &map->mounts[i].link);
    return 0;
}

static int by_id(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

/* The mount on "/" whose parent this process cannot see. */
static int find_top(struct cu_fsmap *map)
{
    uint32_t *ids = calloc(map->count + 1, sizeof(*ids));

    if (!ids)
        return -1;
    for (size_t i = 0; i < map->count; i++)
        ids[i] = map->mounts[i].info.id;
    qsort(ids, map->count, sizeof(*ids), by_id);
    for (size_t i = 0; i < map->count && !map->top; i++) {
        const struct cu_fsmap_mount *m = &map->mounts[i];

        if (m->point_len == 1 && (m->info.parent == m->info.id ||
                                  !bsearch(&m->info.parent, ids, map->count, sizeof(*ids), by_id)))
            map->top = m;
    }
    free(ids);
    return 0;
}

/* --- look-ups --------------------------------------------------------------------------------- */

/* Mounts on top of each other, at one point; no more steps than there are mounts. */
static const struct cu_fsmap_mount *
stack_top(const struct cu_fsmap *map, const struct cu_fsmap_mount *m, const char *point, size_t len)
{
    for (size_t left = map->count; left > 0 && !(m->traits & CU_FS_NOT_SERVED); left--) {
        const struct cu_fsmap_mount *above = child(map, m->info.id, point, len);

        if (!above)
            break;
        m = above;
    }
    return m;
}

const struct cu_fsmap_mount *cu_fsmap_find(const struct cu_fsmap *map, const char *path, size_t len)
{
    const struct cu_fsmap_mount *m = map->top;

    if (!m)
        return NULL;
    m = stack_top(map, m, "/", 1);
    for (size_t at = 1; at < len && !(m->traits & CU_FS_NOT_SERVED); at++) {
        const char *slash = memchr(path + at, '/', len - at);

        at = slash ? (size_t)(slash - path) : len;
        m = stack_top(map, m, path, at);
    }
    return m;
}

uint64_t cu_fsmap_points(const struct cu_fsmap *map, const struct cu_fsmap_mount *on,
                         const char *dir, size_t len)
{
    const struct parent *parent = on ? parent_with(map, key_of(on->info.id, dir, len)) : NULL;

    return parent ? parent->points : 0;
}

const struct cu_fsmap_mount *cu_fsmap_point(const struct cu_fsmap *map,
                                            const struct cu_fsmap_mount *on, const char *path,
                                            size_t len)
{
    const struct cu_fsmap_mount *m = on ? child(map, on->info.id, path, len) : NULL;

    return m ? stack_top(map, m, path, len) : NULL;
}

size_t cu_fsmap_count(const struct cu_fsmap *map)
{
    return map->count;
}

const struct cu_fsmap_mount *cu_fsmap_at(const struct cu_fsmap *map, size_t i)
{
    return &map->mounts[i];
}

/* --- what is made of a view ------------------------------------------------------------------- */

static bool on_copper(const struct cu_fsmap *map, const char *path, size_t len)
{
    char normal[CU_PATH_MAX], copy[CU_PATH_MAX];
    const struct cu_fsmap_mount *m;
    int n;

    if (len == 0 || path[0] != '/' || len >= sizeof(copy))
        return false;
    memcpy(copy, path, len);
    copy[len] = '\0';
    n = cu_path_normalise(copy, normal);
    m = n > 0 ? cu_fsmap_find(map, normal, (size_t)n) : NULL;
    return m && (m->traits & CU_FS_COPPER);
}

/* Is one of the paths, separated by colons, on a Copper mount? */
static bool list_on_copper(const struct cu_fsmap *map, const char *list, size_t len)
{
    while (len > 0) {
        const char *colon = memchr(list, ':', len);
        size_t n = colon ? (size_t)(colon - list) : len;

        if (on_copper(map, list, n))
            return true;
        n += colon != NULL;
        list += n;
        len -= n;
    }
    return false;
}

static bool made_of_copper(const struct cu_fsmap *map, const struct cu_fsmap_mount *m,
                           int (*backing)(dev_t dev, char *path))
{
    static const char *const names[] = {"lowerdir", "lowerdir+", "datadir+", "upperdir", "workdir"};
    char path[CU_PATH_MAX];

    if (list_on_copper(map, m->info.source, strlen(m->info.source)))
        return true;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        const char *options = m->info.options, *value;
        size_t len;

        while ((value = cu_mountinfo_value(options, names[i], &len))) {
            if (list_on_copper(map, value, len))
                return true;
            options = value + len;
            options += *options == ',';
        }
    }
    return backing && major(m->info.dev) != 0 && backing(m->info.dev, path) == 0 &&
           on_copper(map, path, strlen(path));
}

/* An overlay over a Copper mount, or an image file in one: reading them sends requests to the
 * Copper mount, for which a storage worker must not wait. They can be nested. */
static void mark_made_of_copper(struct cu_fsmap *map, int (*backing)(dev_t dev, char *path))
{
    bool any = false, more = true;

    for (size_t i = 0; i < map->count; i++)
        any = any || (map->mounts[i].traits & CU_FS_COPPER);
    while (any && more) {
        more = false;
        for (size_t i = 0; i < map->count; i++) {
            struct cu_fsmap_mount *m = &map->mounts[i];

            if (!(m->traits & CU_FS_NOT_SERVED) && made_of_copper(map, m, backing)) {
                m->traits |= CU_FS_COPPER;
                more = true;
            }
        }
    }
}

/* --- spaces ----------------------------------------------------------------------------------- */

static uint64_t mixed(uint64_t x)
{
    x = (x ^ (x >> 33)) * UINT64_C(0xff51afd7ed558ccd);
    x = (x ^ (x >> 33)) * UINT64_C(0xc4ceb9fe1a85ec53);
    return x ^ (x >> 33);
}

uint64_t cu_fsmap_number(uint64_t space, uint64_t ino)
{
    uint64_t number;

    if (space == 0)
        return ino;
    if (ino >> LOW_BITS == 0)
        return TOP_BIT | (space >> LOW_BITS << LOW_BITS) | ino;
    number = mixed(mixed(ino ^ space) + space); /* one to one, and no two spaces alike */
    return number ? number : TOP_BIT;
}

uint64_t cu_fsmap_subspace(uint64_t space, const char *at, size_t len)
{
    uint64_t sub = cu_hash_seeded(at, len, space);

    return sub ? sub : 1;
}

/* The subvolume that is mounted: of one device, each has numbers of its own. */
static const char *volume_of(const struct cu_fsmap_mount *m, size_t *len)
{
    const char *volume = NULL;

    *len = 0;
    if (strcmp(m->info.type, "btrfs") == 0)
        volume = cu_mountinfo_value(m->info.options, "subvol", len);
    return volume ? volume : "/";
}

static bool same_system(const struct cu_fsmap_mount *a, const struct cu_fsmap_mount *b)
{
    size_t a_len, b_len;
    const char *x = volume_of(a, &a_len), *y = volume_of(b, &b_len);

    return a->info.dev == b->info.dev && a_len == b_len && memcmp(x, y, a_len) == 0;
}

/* Adds to what its directory has; a mount upon a mount is no entry of it. */
static void add_to_parent(struct cu_fsmap *map, const struct cu_fsmap_mount *m)
{
    uint64_t key =
        key_of(m->info.parent, m->info.point, cu_path_parent_len(m->info.point, m->point_len));
    struct parent *parent = parent_with(map, key);
    bool served = !(stack_top(map, m, m->info.point, m->point_len)->traits & CU_FS_NOT_SERVED);

    if (!parent) {
        parent = &map->parents[map->parent_count++];
        parent->key = key;
        cu_table_add(&map->by_key, &parent->link);
    }
    parent->points += mixed(m->root_ino + served);
    if (parent->points == 0)
        parent->points = 1;
}

/* Computed from the mount point alone: other mounts of the same file system differ between
 * nodes. */
static void assign_spaces(struct cu_fsmap *map, const struct cu_fsmap_mount *main)
{
    for (size_t i = 0; i < map->count; i++) {
        struct cu_fsmap_mount *m = &map->mounts[i];
        uint64_t space = cu_hash_seeded(m->info.point, m->point_len, ROOT_SEED);

        m->visible = cu_fsmap_find(map, m->info.point, m->point_len) == m;
        m->space = main && same_system(m, main) ? 0 : space ? space : 1;
        m->root_ino = mixed(cu_hash_seeded(m->info.point, m->point_len, ~ROOT_SEED));
        if (m->root_ino >> LOW_BITS == 0)
            m->root_ino |= TOP_BIT;
        add_to_parent(map, m);
    }
}

/* --- life ------------------------------------------------------------------------------------- */

static size_t count_lines(const char *text, size_t size)
{
    size_t lines = 1;

    for (size_t i = 0; i < size; i++)
        lines += text[i] == '\n';
    return lines;
}

struct cu_fsmap *cu_fsmap_create(const struct cu_fsmap_config *config)
{
    struct cu_fsmap *map = calloc(1, sizeof(*map) + config->size + 1);
    struct cu_mountinfo info;

    if (!map)
        return NULL;
    if (config->size)
        memcpy(map->text, config->text, config->size);
    map->mounts = calloc(count_lines(config->text, config->size), sizeof(*map->mounts));
    if (!map->mounts)
        goto fail;
    for (char *at = map->text; cu_mountinfo_next(&at, &info);) {
        struct cu_fsmap_mount *m = &map->mounts[map->count];

        *m = (struct cu_fsmap_mount){.info = info, .point_len = strlen(info.point)};
        if (!cu_path_is_normal(info.point, m->point_len))
            continue;
        m->traits = traits_of(m, config->rules);
        map->count++;
    }
    if (build_index(map) < 0 || find_top(map) < 0)
        goto fail;
    mark_made_of_copper(map, config->backing);
    assign_spaces(map, cu_fsmap_find(map, config->main, strlen(config->main)));
    return map;
fail:
    cu_fsmap_destroy(map);
    return NULL;
}

void cu_fsmap_destroy(struct cu_fsmap *map)
{
    if (!map)
        return;
    cu_table_free(&map->by_point);
    cu_table_free(&map->by_key);
    free(map->parents);
    free(map->mounts);
    free(map);
}
