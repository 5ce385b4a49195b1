/* SPDX-License-Identifier: BSD-3-Clause */
/* Listings: what the builder makes, the index accepts; what a stranger makes up, it does not. */
#include "base/path.h"
#include "fail_alloc.h"
#include "proto/dir.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int add(struct cu_dir_builder *b, uint64_t ino, uint8_t type, const char *name)
{
    const struct cu_dirent e = {
        .ino = ino, .type = type, .name_len = (uint16_t)strlen(name), .name = name};

    return cu_dir_builder_add(b, &e);
}

static void is_entry(const struct cu_dir_index *index, uint32_t i, uint64_t ino, const char *name)
{
    struct cu_dirent e = cu_dir_index_entry(index, i);

    assert_true(e.ino == ino);
    assert_int_equal(e.name_len, strlen(name));
    assert_memory_equal(e.name, name, e.name_len);
}

static void sorts_and_finds(void **state)
{
    struct cu_dir_builder *b = cu_dir_builder_new();
    struct cu_dir_index index;
    struct cu_buf *listing;

    (void)state;
    assert_int_equal(add(b, 3, DT_REG, "numpy"), 0);
    assert_int_equal(add(b, 1, DT_DIR, "n"), 0);
    assert_int_equal(add(b, 4, DT_LNK, "\xff"), 0);
    assert_int_equal(add(b, 2, DT_REG, "num"), 0);
    assert_int_equal(add(b, UINT64_MAX, DT_UNKNOWN, "..."), 0);
    listing = cu_dir_builder_finish(b);
    assert_non_null(listing);
    assert_int_equal(cu_dir_index_build(&index, listing), 0);
    assert_int_equal(index.count, 5);
    is_entry(&index, 0, UINT64_MAX, "...");
    is_entry(&index, 1, 1, "n");
    is_entry(&index, 2, 2, "num");
    is_entry(&index, 3, 3, "numpy");
    is_entry(&index, 4, 4, "\xff");
    assert_int_equal(cu_dir_index_entry(&index, 4).type, DT_LNK);
    assert_int_equal(cu_dir_index_find(&index, "num", 3), 2);
    assert_int_equal(cu_dir_index_find(&index, "numpy", 5), 3);
    assert_int_equal(cu_dir_index_find(&index, "...", 3), 0);
    assert_int_equal(cu_dir_index_find(&index, "\xff", 1), 4);
    assert_int_equal(cu_dir_index_find(&index, "nu", 2), -1);
    assert_int_equal(cu_dir_index_find(&index, "numpyx", 6), -1);
    assert_int_equal(cu_dir_index_find(&index, "", 0), -1);
    cu_dir_index_free(&index);
    cu_dir_index_free(&index);
    cu_buf_unref(listing);
}

static void bytes_are_as_drawn(void **state)
{
    static const unsigned char drawn[] = {8, 7, 6, 5, 4, 3, 2, 1, DT_DIR, 2, 0, 'a', 'b'};
    struct cu_dir_builder *b = cu_dir_builder_new();
    struct cu_buf *listing;

    (void)state;
    assert_int_equal(add(b, 0x0102030405060708, DT_DIR, "ab"), 0);
    listing = cu_dir_builder_finish(b);
    assert_int_equal(listing->size, sizeof(drawn));
    assert_memory_equal(listing->data, drawn, sizeof(drawn));
    cu_buf_unref(listing);
}

static void many_names_are_all_found(void **state)
{
    enum { COUNT = 5000 };
    struct cu_dir_builder *b = cu_dir_builder_new();
    struct cu_dir_index index;
    struct cu_buf *listing;
    char name[32];

    (void)state;
    for (uint32_t i = 0; i < COUNT; i++) {
        snprintf(name, sizeof(name), "f%u", i * 7919 % COUNT);
        assert_int_equal(add(b, i * 7919 % COUNT, DT_REG, name), 0);
    }
    listing = cu_dir_builder_finish(b);
    assert_int_equal(cu_dir_index_build(&index, listing), 0);
    assert_int_equal(index.count, COUNT);
    for (uint32_t i = 0; i < COUNT; i++) {
        int64_t at;

        snprintf(name, sizeof(name), "f%u", i);
        at = cu_dir_index_find(&index, name, strlen(name));
        assert_true(at >= 0);
        is_entry(&index, (uint32_t)at, i, name);
    }
    cu_dir_index_free(&index);
    cu_buf_unref(listing);
}

static void a_name_told_twice_is_listed_once(void **state)
{
    struct cu_dir_builder *b = cu_dir_builder_new();
    struct cu_dir_index index;
    struct cu_buf *listing;

    (void)state;
    assert_int_equal(add(b, 1, DT_REG, "b"), 0);
    assert_int_equal(add(b, 2, DT_REG, "a"), 0);
    assert_int_equal(add(b, 3, DT_REG, "b"), 0);
    listing = cu_dir_builder_finish(b);
    assert_int_equal(cu_dir_index_build(&index, listing), 0);
    assert_int_equal(index.count, 2);
    is_entry(&index, 1, 1, "b");
    cu_dir_index_free(&index);
    cu_buf_unref(listing);
}

static void builder_refuses_bad_names(void **state)
{
    struct cu_dir_builder *b = cu_dir_builder_new();
    const struct cu_dirent nul = {.name = "a\0b", .name_len = 3};
    char name[CU_NAME_MAX + 2];

    (void)state;
    memset(name, 'x', CU_NAME_MAX + 1);
    name[CU_NAME_MAX + 1] = '\0';
    assert_int_equal(add(b, 1, DT_REG, ""), -EINVAL);
    assert_int_equal(add(b, 1, DT_REG, "."), -EINVAL);
    assert_int_equal(add(b, 1, DT_REG, ".."), -EINVAL);
    assert_int_equal(add(b, 1, DT_REG, "a/b"), -EINVAL);
    assert_int_equal(add(b, 1, 16, "a"), -EINVAL);
    assert_int_equal(cu_dir_builder_add(b, &nul), -EINVAL);
    assert_int_equal(add(b, 1, DT_REG, name), -EINVAL);
    name[CU_NAME_MAX] = '\0';
    assert_int_equal(add(b, 1, DT_REG, name), 0);
    cu_dir_builder_free(b);
    cu_dir_builder_free(NULL);
}

static void too_long_a_listing_is_e2big(void **state)
{
    enum { BOUND = 1000000 };
    struct cu_dir_builder *b = cu_dir_builder_new();
    size_t added = 0, room;
    char name[256];
    int rc = 0;

    (void)state;
    cu_dir_builder_bound(b, BOUND);
    memset(name, 'x', 255);
    name[255] = '\0';
    while ((rc = add(b, 1, DT_REG, name)) == 0)
        added++;
    assert_int_equal(rc, -E2BIG);
    assert_int_equal(added, BOUND / (CU_DIR_ENTRY_HEAD + 255));
    room = BOUND % (CU_DIR_ENTRY_HEAD + 255);
    assert_in_range(room, CU_DIR_ENTRY_HEAD + 1, CU_DIR_ENTRY_HEAD + 255);
    name[room - CU_DIR_ENTRY_HEAD] = '\0';
    assert_int_equal(add(b, 1, DT_REG, name), 0);
    assert_int_equal(add(b, 1, DT_REG, "y"), -E2BIG);
    cu_dir_builder_free(b);
}

static void nothing_is_an_empty_directory(void **state)
{
    struct cu_buf *listing = cu_dir_builder_finish(cu_dir_builder_new());
    struct cu_dir_index index;

    (void)state;
    assert_non_null(listing);
    assert_int_equal(listing->size, 0);
    assert_int_equal(cu_dir_index_build(&index, listing), 0);
    assert_int_equal(index.count, 0);
    assert_int_equal(cu_dir_index_find(&index, "a", 1), -1);
    cu_dir_index_free(&index);
    assert_int_equal(cu_dir_index_build(&index, NULL), 0);
    assert_int_equal(index.count, 0);
    assert_int_equal(cu_dir_index_find(&index, "a", 1), -1);
    cu_dir_index_free(&index);
    cu_buf_unref(listing);
}

struct raw_entry {
    uint8_t type;
    size_t len;
    const char *name;
};

/* What the index says to entries written without the builder's checks, less `cut` bytes. */
static int build_raw(const struct raw_entry *entries, size_t count, size_t cut)
{
    struct cu_dir_index index;
    struct cu_buf *bytes = cu_buf_new(count * (CU_DIR_ENTRY_HEAD + CU_NAME_MAX + 1));
    size_t at = 0;
    int rc;

    memset(bytes->data, 0, bytes->size);
    for (size_t i = 0; i < count; i++) {
        bytes->data[at + 8] = entries[i].type;
        bytes->data[at + 9] = (unsigned char)entries[i].len;
        bytes->data[at + 10] = (unsigned char)(entries[i].len >> 8);
        memcpy(bytes->data + at + CU_DIR_ENTRY_HEAD, entries[i].name, entries[i].len);
        at += CU_DIR_ENTRY_HEAD + entries[i].len;
    }
    bytes->size = at - cut;
    rc = cu_dir_index_build(&index, bytes);
    if (rc == 0)
        assert_int_equal(index.count, count);
    else
        assert_null(index.offsets);
    cu_dir_index_free(&index);
    cu_buf_unref(bytes);
    return rc;
}

#define BUILD_RAW(cut, ...)                                                                        \
    build_raw((const struct raw_entry[]){__VA_ARGS__},                                             \
              sizeof((struct raw_entry[]){__VA_ARGS__}) / sizeof(struct raw_entry), cut)

static void index_refuses_what_is_no_listing(void **state)
{
    char name[CU_NAME_MAX + 1];

    (void)state;
    memset(name, 'x', sizeof(name));
    assert_int_equal(BUILD_RAW(0, {8, 1, "a"}, {8, 2, "ab"}, {8, 1, "b"}), 0);
    assert_int_equal(BUILD_RAW(0, {8, CU_NAME_MAX, name}), 0);
    assert_int_equal(BUILD_RAW(0, {8, CU_NAME_MAX + 1, name}), -EINVAL);
    assert_int_equal(BUILD_RAW(0, {8, 0, ""}), -EINVAL);
    assert_int_equal(BUILD_RAW(0, {8, 1, "."}), -EINVAL);
    assert_int_equal(BUILD_RAW(0, {8, 2, ".."}), -EINVAL);
    assert_int_equal(BUILD_RAW(0, {8, 3, "a/b"}), -EINVAL);
    assert_int_equal(BUILD_RAW(0, {8, 3, "a\0b"}), -EINVAL);
    assert_int_equal(BUILD_RAW(0, {16, 1, "a"}), -EINVAL);
    assert_int_equal(BUILD_RAW(0, {8, 1, "b"}, {8, 1, "a"}), -EINVAL);
    assert_int_equal(BUILD_RAW(0, {8, 2, "ab"}, {8, 1, "a"}), -EINVAL);
    assert_int_equal(BUILD_RAW(0, {8, 1, "a"}, {8, 1, "a"}), -EINVAL);
    for (size_t cut = 1; cut < CU_DIR_ENTRY_HEAD + 2; cut++)
        assert_int_equal(BUILD_RAW(cut, {8, 1, "a"}, {8, 2, "bc"}), -EINVAL);
}

static void index_refuses_more_than_the_bound(void **state)
{
    struct cu_buf *bytes = cu_buf_new(CU_DIR_BYTES_MAX + 1u);
    struct cu_dir_index index;

    (void)state;
    assert_int_equal(cu_dir_index_build(&index, bytes), -EINVAL);
    cu_buf_unref(bytes);
}

static int build_and_index(void)
{
    struct cu_dir_builder *b = cu_dir_builder_new();
    struct cu_dir_index index;
    struct cu_buf *listing;
    char name[64];
    int rc = 0;

    if (!b)
        return -ENOMEM;
    for (int i = 0; i < 100 && rc == 0; i++) {
        snprintf(name, sizeof(name), "entry-%d", i);
        rc = add(b, 1, DT_REG, name);
    }
    if (rc) {
        cu_dir_builder_free(b);
        return rc;
    }
    listing = cu_dir_builder_finish(b);
    if (!listing)
        return -ENOMEM;
    rc = cu_dir_index_build(&index, listing);
    if (rc == 0)
        cu_dir_index_free(&index);
    cu_buf_unref(listing);
    return rc;
}

static void every_failing_allocation_is_told(void **state)
{
    long n = 0;
    int rc;

    (void)state;
    for (; fail_alloc_at(n), rc = build_and_index(), fail_alloc_hit(); n++)
        assert_int_equal(rc, -ENOMEM);
    assert_int_equal(rc, 0);
    assert_true(n > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorts_and_finds),
        cmocka_unit_test(bytes_are_as_drawn),
        cmocka_unit_test(many_names_are_all_found),
        cmocka_unit_test(a_name_told_twice_is_listed_once),
        cmocka_unit_test(builder_refuses_bad_names),
        cmocka_unit_test(too_long_a_listing_is_e2big),
        cmocka_unit_test(nothing_is_an_empty_directory),
        cmocka_unit_test(index_refuses_what_is_no_listing),
        cmocka_unit_test(index_refuses_more_than_the_bound),
        cmocka_unit_test(every_failing_allocation_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
