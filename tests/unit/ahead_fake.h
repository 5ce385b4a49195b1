/* SPDX-License-Identifier: BSD-3-Clause */
/* A driver of the read-ahead library that has nothing behind it: its wants are written down. */
#ifndef AHEAD_FAKE_H
#define AHEAD_FAKE_H

#include "ahead/ahead.h"
#include "base/path.h"
#include "proto/dir.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define FAKE_CHUNK (256u << 10)
#define FAKE_MAX   4096

struct fake_dir {
    struct cu_ahead_dir ahead;
    struct fake_dir *above;
    const char *path;
    const struct cu_buf *names; /* its listing, as far as it is held here; NULL: it is not */
};

static struct fake {
    struct cu_ahead *ahead;
    struct cu_ahead_load load;
    bool counts_load; /* each want is under way from then on */
    struct fake_dir *dirs[8];
    const char *settled, *absent; /* paths; NULL: none */
    struct cu_buf *holes;
    struct cu_value listing;
    uint32_t count;
    char wants[FAKE_MAX][128];
} fake;

static inline struct fake_dir *fake_of(const struct cu_ahead_dir *dir)
{
    return CU_LIST_ENTRY(dir, struct fake_dir, ahead);
}

static inline void fake_want(void *context, const struct cu_ahead_want *want)
{
    static const char *const kinds[CU_KIND_COUNT] = {[CU_KIND_ATTR] = "attr",
                                                     [CU_KIND_DIR] = "dir",
                                                     [CU_KIND_DATA] = "data",
                                                     [CU_KIND_XATTR] = "xattr",
                                                     [CU_KIND_HOLES] = "holes"};
    char *out = fake.wants[fake.count++ % FAKE_MAX];
    int at = snprintf(out, 128, "%s %.*s", kinds[want->kind], (int)want->path_len, want->path);

    (void)context;
    if (want->kind == CU_KIND_DATA)
        snprintf(out + at, 128 - (size_t)at, " %" PRIu64, want->chunk);
    else if (want->content)
        snprintf(out + at, 128 - (size_t)at, " content");
    fake.load.requests += fake.counts_load;
    fake.load.bytes += fake.counts_load && want->kind == CU_KIND_DATA ? FAKE_CHUNK : 0;
}

/* Recipes: the tags of what was asked for, to be answered by the test. */
static uint32_t fake_tags[FAKE_MAX];

static inline int fake_fetch(void *context, const struct cu_ahead_want *want, uint32_t tag)
{
    fake_tags[fake.count % FAKE_MAX] = tag;
    fake_want(context, want);
    return 0;
}

static inline struct cu_ahead_load fake_load(void *context)
{
    (void)context;
    return fake.load;
}

static inline void fake_place(void *context, const struct cu_ahead_dir *dir,
                              struct cu_ahead_place *out)
{
    const struct fake_dir *d = fake_of(dir);
    const char *name = strrchr(d->path, '/') + 1;

    (void)context;
    *out = (struct cu_ahead_place){d->above ? &d->above->ahead : NULL, (uint64_t)(uintptr_t)d, name,
                                   strlen(name)};
}

static inline int fake_dir_path(void *context, const struct cu_ahead_dir *dir, char *out)
{
    (void)context;
    strcpy(out, fake_of(dir)->path);
    return (int)strlen(out);
}

static inline int fake_file_path(void *context, const void *owner, char *out)
{
    (void)context;
    strcpy(out, owner);
    return (int)strlen(out);
}

static inline bool fake_settled(void *context, const struct cu_ahead_dir *dir,
                                const struct cu_ahead_name *name)
{
    (void)context;
    (void)dir;
    return fake.settled && strlen(fake.settled) == name->path_len &&
           memcmp(fake.settled, name->path, name->path_len) == 0;
}

static inline bool fake_absent(void *context, const struct cu_ahead_name *name)
{
    (void)context;
    return fake.absent && strlen(fake.absent) == name->path_len &&
           memcmp(fake.absent, name->path, name->path_len) == 0;
}

static inline const struct cu_value *fake_listing(void *context, const char *path, size_t path_len)
{
    (void)context;
    for (size_t i = 0; i < 8 && fake.dirs[i]; i++) {
        struct fake_dir *d = fake.dirs[i];

        if (!d->names || strlen(d->path) != path_len || memcmp(d->path, path, path_len) != 0)
            continue;
        fake.listing = (struct cu_value){.bytes = (struct cu_buf *)d->names};
        return &fake.listing;
    }
    return NULL;
}

static inline struct cu_buf *fake_holes(void *context, const void *owner, const char *path,
                                        size_t path_len)
{
    (void)context;
    (void)owner;
    (void)path;
    (void)path_len;
    return cu_buf_ref(fake.holes);
}

static inline struct cu_ahead_config fake_config(void)
{
    return (struct cu_ahead_config){
        .ports = {.want = fake_want,
                  .fetch = fake_fetch,
                  .load = fake_load,
                  .place = fake_place,
                  .dir_path = fake_dir_path,
                  .file_path = fake_file_path,
                  .settled = fake_settled,
                  .absent = fake_absent,
                  .listing = fake_listing,
                  .holes = fake_holes},
        .chunk_bytes = FAKE_CHUNK,
        .cache_bytes = UINT64_C(1) << 40,
        .enoent_ttl_ns = 2000,
        .stream_bytes = CU_AHEAD_STREAM_BYTES,
        .list_after = CU_AHEAD_LIST_AFTER,
    };
}

static inline void fake_begin(const struct cu_ahead_config *config)
{
    memset(&fake, 0, sizeof(fake));
    fake.ahead = cu_ahead_create(config);
    assert_non_null(fake.ahead);
}

static inline int fake_setup(void **state)
{
    struct cu_ahead_config config = fake_config();

    (void)state;
    fake_begin(&config);
    return 0;
}

static inline int fake_teardown(void **state)
{
    (void)state;
    for (size_t i = 0; i < 8 && fake.dirs[i]; i++)
        cu_ahead_dir_clear(fake.ahead, &fake.dirs[i]->ahead);
    cu_ahead_destroy(fake.ahead);
    fake.ahead = NULL;
    return 0;
}

/* What was asked for since the last time: the wants, one a line. */
static inline const char *fake_asked(void)
{
    static char all[FAKE_MAX * 130];
    size_t at = 0;

    for (uint32_t i = 0; i < fake.count && i < FAKE_MAX; i++)
        at += (size_t)snprintf(all + at, sizeof(all) - at, "%s%s", i ? "\n" : "", fake.wants[i]);
    all[at] = '\0';
    fake.count = 0;
    return all;
}

static inline uint32_t fake_asked_count(void)
{
    uint32_t count = fake.count;

    fake.count = 0;
    return count;
}

static inline struct cu_ahead_name fake_name(const char *path)
{
    const char *name = strrchr(path, '/') + 1;
    size_t dir_len = name - path > 1 ? (size_t)(name - path) - 1 : 1;

    return (struct cu_ahead_name){path, strlen(path), dir_len, name, strlen(name)};
}

/* A file, directory or link with this path in dir is found. attr->mode says which. */
struct fake_node {
    struct cu_ahead_file file;
    struct cu_ahead_dir self;
    struct cu_attr attr;
    bool known;
    const struct cu_buf *target;
};

static inline void fake_found(struct fake_dir *dir, const char *path, struct fake_node *node)
{
    struct cu_ahead_name name = fake_name(path);
    struct cu_ahead_node found = {.dir = &dir->ahead,
                                  .name = name.name,
                                  .name_len = name.name_len,
                                  .path = path,
                                  .path_len = name.path_len,
                                  .attr = &node->attr,
                                  .first = !node->known,
                                  .self = &node->self,
                                  .file = &node->file,
                                  .target = node->target};

    if (!node->known && S_ISREG(node->attr.mode))
        cu_ahead_new_file(fake.ahead, name.name, name.name_len);
    node->known = true;
    cu_ahead_found(fake.ahead, &found);
}

/* The file is read [start, end); the size of the first part that is asked for. */
static inline uint32_t fake_read(const char *path, uint64_t id, struct fake_node *node,
                                 uint64_t start, uint64_t end)
{
    struct cu_ahead_name name = fake_name(path);
    struct cu_ahead_read read = {.owner = path,
                                 .id = id,
                                 .file = &node->file,
                                 .name = name.name,
                                 .name_len = name.name_len,
                                 .attr = &node->attr,
                                 .start = start,
                                 .end = end};

    cu_ahead_read(fake.ahead, &read);
    cu_ahead_reads_on(fake.ahead, &read);
    return cu_ahead_part(&read, read.from);
}

/* Some files of this suffix are found and read, so that more of them are expected to be. */
static inline void fake_learn(struct fake_dir *dir, const char *suffix)
{
    char path[64];

    for (uint64_t i = 0; i < 4; i++) {
        struct fake_node node = {.attr = {.mode = S_IFREG, .size = 100, .blocks = 1}};

        snprintf(path, sizeof(path), "/learn%d%s", (int)i, suffix);
        fake_found(dir, path, &node);
        (void)fake_read(path, 1000 + i, &node, 0, 100);
    }
    dir->ahead.found = 0;
    fake.count = 0;
}

/* A listing of names PREFIX000SUFFIX and so on. */
static inline struct cu_buf *fake_names(const char *prefix, uint32_t count, const char *suffix)
{
    struct cu_dir_builder *b = cu_dir_builder_new();
    char name[32];

    for (uint32_t i = 0; i < count; i++) {
        struct cu_dirent e = {.ino = i + 1, .type = 8, .name = name};

        e.name_len = (uint16_t)snprintf(name, sizeof(name), "%s%03u%s", prefix, i, suffix);
        assert_int_equal(cu_dir_builder_add(b, &e), 0);
    }
    return cu_dir_builder_finish(b);
}

#define FAKE_TEST(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

#endif
