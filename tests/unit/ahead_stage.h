/* SPDX-License-Identifier: BSD-3-Clause */
/* A stage with nothing behind it: what it asks for is written down, until the test answers. */
#ifndef CU_TEST_AHEAD_STAGE_H
#define CU_TEST_AHEAD_STAGE_H

#include "ahead/stage.h"
#include "ahead_fake.h"
#include "proto/holes.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>

#define LEFT_MAX 4096u

/* What was asked for and is not answered yet. */
static struct {
    struct cu_stage *stage;
    uint32_t tags[LEFT_MAX];
    char wants[LEFT_MAX][160];
    uint32_t count, most;
    uint64_t homes;
} left;

static inline int fetch(void *context, const struct cu_ahead_want *want, uint32_t tag)
{
    char *out = left.wants[left.count];
    int at;

    (void)context;
    assert_true(left.count < LEFT_MAX);
    left.tags[left.count++] = tag;
    if (left.count > left.most)
        left.most = left.count;
    left.homes += want->home;
    at = snprintf(out, 160, "%s %.*s",
                  want->kind == CU_KIND_ATTR    ? "attr"
                  : want->kind == CU_KIND_DIR   ? "dir"
                  : want->kind == CU_KIND_HOLES ? "holes"
                                                : "data",
                  (int)want->path_len, want->path);
    if (want->kind == CU_KIND_DATA)
        snprintf(out + at, 160 - (size_t)at, " %u", (unsigned)want->chunk);
    return 0;
}

static inline void begin(const char *path, uint64_t room, bool manifest)
{
    struct cu_stage_config config = {.fetch = fetch,
                                     .chunk_bytes = FAKE_CHUNK,
                                     .max_cacheable_bytes = 1u << 20,
                                     .room = room,
                                     .mount = "/tmp/m",
                                     .manifest = manifest};

    memset(&left, 0, sizeof(left));
    left.stage = cu_stage_create(&config, path, strlen(path));
    assert_non_null(left.stage);
}

static inline int end(void **state)
{
    (void)state;
    cu_stage_destroy(left.stage);
    left.stage = NULL;
    return 0;
}

static inline void run(void)
{
    uint64_t bytes = UINT64_MAX;

    while (cu_stage_run(left.stage, 7, &bytes)) {
    }
}

/* Answers what was asked for in these words; it must have been. */
static inline void answer(const char *want, const struct cu_value *value)
{
    uint32_t i = 0, tag;

    while (i < left.count && strcmp(left.wants[i], want) != 0)
        i++;
    if (i == left.count)
        fail_msg("not asked for: %s", want);
    tag = left.tags[i];
    left.count--;
    memmove(&left.tags[i], &left.tags[i + 1], (left.count - i) * sizeof(left.tags[0]));
    memmove(left.wants[i], left.wants[i + 1], (left.count - i) * sizeof(left.wants[0]));
    cu_stage_answer(left.stage, tag, value);
    run();
}

static inline void dir(const char *path)
{
    char want[160];

    snprintf(want, sizeof(want), "attr %s", path);
    answer(want, &(struct cu_value){.attr = {.mode = S_IFDIR | 0755}});
}

static inline void failed(const char *want, int error)
{
    answer(want, &(struct cu_value){.error = error});
}

static inline void file(const char *path, uint64_t size)
{
    char want[160];

    snprintf(want, sizeof(want), "attr %s", path);
    answer(want, &(struct cu_value){.attr = {.mode = S_IFREG | 0644,
                                             .size = size,
                                             .blocks = (size + 511) / 512,
                                             .mtime = {1, 0}}});
}

static inline void link_to(const char *path, const char *target)
{
    struct cu_value value = {.attr = {.mode = S_IFLNK | 0777}};
    char want[160];

    value.bytes = cu_buf_copy(target, strlen(target));
    snprintf(want, sizeof(want), "attr %s", path);
    answer(want, &value);
    cu_buf_unref(value.bytes);
}

static inline void chunk(const char *path, unsigned number, int error)
{
    char want[160];

    snprintf(want, sizeof(want), "data %s %u", path, number);
    answer(want, &(struct cu_value){.error = error});
}

static inline void list(const char *path, const char *const *names)
{
    struct cu_dir_builder *b = cu_dir_builder_new();
    struct cu_value value = {0};
    char want[160];

    for (; *names; names++) {
        struct cu_dirent entry = {
            .ino = 1, .type = DT_UNKNOWN, .name_len = (uint16_t)strlen(*names), .name = *names};

        assert_int_equal(cu_dir_builder_add(b, &entry), 0);
    }
    value.bytes = cu_dir_builder_finish(b);
    snprintf(want, sizeof(want), "dir %s", path);
    answer(want, &value);
    cu_buf_unref(value.bytes);
}

#endif
