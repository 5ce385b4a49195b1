/* SPDX-License-Identifier: BSD-3-Clause */
/* Recipes: what is noted comes back in the order of first use, through the bytes as well; bytes
 * that are not a recipe are refused. */
#include "proto/recipe.h"

#include "base/hash.h"
#include "fail_alloc.h"

#include <errno.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static int note(struct cu_recipe *r, const char *path, uint8_t what, uint64_t size)
{
    return cu_recipe_note(r, path, strlen(path), what, size);
}

static int part(struct cu_recipe *r, const char *path, uint64_t first, uint64_t count)
{
    return cu_recipe_note_part(r, path, strlen(path), 100 * CU_RECIPE_CHUNK,
                               (struct cu_recipe_part){first, count});
}

/* All of it as one text: PATH WHAT SIZE FIRST+COUNT... */
static const char *text_of(const struct cu_recipe *r)
{
    static char text[65536];
    size_t at = 0;

    text[0] = '\0';
    for (uint32_t i = 0; i < cu_recipe_count(r); i++) {
        struct cu_recipe_entry e = cu_recipe_get(r, i);

        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%.*s %u %" PRIu64, i ? "\n" : "",
                               (int)e.path_len, e.path, e.what, e.size);
        for (uint32_t p = 0; p < e.part_count; p++)
            at += (size_t)snprintf(text + at, sizeof(text) - at, " %" PRIu64 "+%" PRIu64,
                                   e.parts[p].first, e.parts[p].count);
    }
    return text;
}

static struct cu_recipe *through_bytes(const struct cu_recipe *r)
{
    struct cu_buf *bytes = cu_recipe_encode(r);
    struct cu_recipe *again;

    assert_non_null(bytes);
    assert_int_equal(cu_recipe_decode(bytes->data, bytes->size, &again), 0);
    cu_buf_unref(bytes);
    return again;
}

static void one_that_is_shared_lives_until_the_last_is_done_with_it(void **state)
{
    struct cu_recipe *r = cu_recipe_new(), *shared;

    (void)state;
    assert_int_equal(note(r, "/usr", CU_RECIPE_ATTR, 0), 0);
    shared = cu_recipe_ref(r);
    assert_ptr_equal(shared, r);
    cu_recipe_free(r);
    assert_string_equal(text_of(shared), "/usr 1 0");
    assert_int_equal(note(shared, "/lib", CU_RECIPE_ATTR, 0), 0); /* it has one reference again */
    cu_recipe_free(shared);
}

static void what_was_noted_comes_back_in_its_order(void **state)
{
    static const char expected[] = "/usr 1 0\n/usr/lib/b 3 700\n/usr/lib 5 0\n/ 1 0";
    struct cu_recipe *r = cu_recipe_new(), *again;
    uint32_t i = 0;

    (void)state;
    assert_int_equal(note(r, "/usr", CU_RECIPE_ATTR, 0), 0);
    assert_int_equal(note(r, "/usr/lib/b", CU_RECIPE_CONTENT, 700), 0);
    assert_int_equal(note(r, "/usr/lib", CU_RECIPE_LISTING, 0), 0);
    assert_int_equal(note(r, "/usr", CU_RECIPE_ATTR, 0), 0); /* again */
    assert_int_equal(note(r, "/", CU_RECIPE_ATTR, 0), 0);
    assert_string_equal(text_of(r), expected);
    again = through_bytes(r);
    assert_string_equal(text_of(again), expected);
    assert_int_equal(cu_recipe_find(again, "/usr/lib", 8, &i), 0);
    assert_int_equal(i, 2);
    assert_int_equal(cu_recipe_find(again, "/usr/li", 7, &i), -ENOENT);
    cu_recipe_free(again);
    cu_recipe_free(r);
}

static void parts_that_touch_are_one(void **state)
{
    static const struct {
        uint64_t first, count;
        const char *then;
    } steps[] = {
        {10, 2, "10+2"},
        {20, 1, "10+2 20+1"},
        {0, 1, "0+1 10+2 20+1"},
        {12, 1, "0+1 10+3 20+1"},
        {9, 1, "0+1 9+4 20+1"},
        {11, 1, "0+1 9+4 20+1"},
        {5, 30, "0+1 5+30"},
        {1, 4, "0+35"},
        {UINT64_C(1) << 44, 1, "0+35 17592186044416+1"},
    };
    struct cu_recipe *r = cu_recipe_new(), *again;
    char expected[80];

    (void)state;
    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
        assert_int_equal(part(r, "/f", steps[i].first, steps[i].count), 0);
        snprintf(expected, sizeof(expected), "/f 1 26214400 %s", steps[i].then);
        assert_string_equal(text_of(r), expected);
        again = through_bytes(r);
        assert_string_equal(text_of(again), expected);
        cu_recipe_free(again);
    }
    cu_recipe_free(r);
}

/* Whatever the order: no part is lost, and their number has a bound. */
static void many_parts_grow_together(void **state)
{
    struct cu_recipe *r = cu_recipe_new(), *again;
    struct cu_recipe_entry e;
    char *text;

    (void)state;
    for (uint64_t i = 0; i < 3000; i++) {
        uint64_t at = i * 1999 % 3000 * 10;
        bool there = false;

        assert_int_equal(part(r, "/f", at, 1), 0);
        e = cu_recipe_get(r, 0);
        assert_true(e.part_count <= CU_RECIPE_PARTS_MAX);
        for (uint32_t p = 0; p < e.part_count; p++) {
            there |= at >= e.parts[p].first && at < e.parts[p].first + e.parts[p].count;
            if (p > 0)
                assert_true(e.parts[p].first > e.parts[p - 1].first + e.parts[p - 1].count);
        }
        assert_true(there);
    }
    again = through_bytes(r);
    text = strdup(text_of(r));
    assert_non_null(text);
    assert_string_equal(text_of(again), text);
    free(text);
    cu_recipe_free(again);
    cu_recipe_free(r);
}

static void two_become_one(void **state)
{
    struct cu_recipe *a = cu_recipe_new(), *b = cu_recipe_new();

    (void)state;
    assert_int_equal(note(a, "/a", CU_RECIPE_CONTENT, 5), 0);
    assert_int_equal(part(a, "/f", 0, 2), 0);
    assert_int_equal(note(b, "/b", CU_RECIPE_LISTING, 0), 0);
    assert_int_equal(note(b, "/a", CU_RECIPE_LISTING, 9), 0);
    assert_int_equal(part(b, "/f", 2, 1), 0);
    assert_int_equal(cu_recipe_merge(a, b), 0);
    assert_string_equal(text_of(a), "/a 7 9\n/f 1 26214400 0+3\n/b 5 0");
    cu_recipe_free(a);
    cu_recipe_free(b);
}

static void what_is_not_used_any_more_goes(void **state)
{
    struct cu_recipe *recipe = cu_recipe_new(), *used = cu_recipe_new(), *next;

    (void)state;
    assert_int_equal(note(recipe, "/old", CU_RECIPE_LISTING, 0), 0);
    assert_int_equal(part(recipe, "/kept", 4, 2), 0);
    assert_int_equal(note(used, "/new", CU_RECIPE_CONTENT, 7), 0);
    assert_int_equal(part(used, "/kept", 0, 1), 0);
    for (unsigned run = 0; run < CU_RECIPE_UNUSED_MAX; run++) {
        assert_int_equal(cu_recipe_update(recipe, used, &next), 0);
        cu_recipe_free(recipe);
        recipe = through_bytes(next);
        cu_recipe_free(next);
        assert_string_equal(text_of(recipe), "/new 3 7\n/kept 1 26214400 0+1\n/old 5 0");
        assert_int_equal(cu_recipe_get(recipe, 1).unused, 0);
        assert_int_equal(cu_recipe_get(recipe, 2).unused, run + 1);
    }
    assert_int_equal(cu_recipe_update(recipe, used, &next), 0);
    assert_string_equal(text_of(next), "/new 3 7\n/kept 1 26214400 0+1");
    cu_recipe_free(next);
    assert_int_equal(cu_recipe_update(NULL, used, &next), 0);
    assert_int_equal(cu_recipe_count(next), 2);
    cu_recipe_free(next);
    cu_recipe_free(recipe);
    cu_recipe_free(used);
}

static void what_was_used_is_counted_in_bytes(void **state)
{
    struct cu_recipe *recipe = cu_recipe_new(), *used = cu_recipe_new();
    struct cu_recipe_use use;

    (void)state;
    assert_int_equal(note(recipe, "/a", CU_RECIPE_CONTENT, 700), 0);
    assert_int_equal(note(recipe, "/b", CU_RECIPE_CONTENT, 90), 0);
    assert_int_equal(part(recipe, "/f", 0, 4), 0);
    assert_int_equal(part(recipe, "/f", 98, 7), 0); /* the file ends after two of them */
    assert_int_equal(note(used, "/a", CU_RECIPE_ATTR, 700), 0);
    assert_int_equal(note(used, "/b", CU_RECIPE_CONTENT, 90), 0);
    assert_int_equal(part(used, "/f", 3, 10), 0);
    assert_int_equal(part(used, "/f", 99, 1), 0);
    use = cu_recipe_compare(recipe, used);
    assert_int_equal(use.entries, 3);
    assert_int_equal(use.used_entries, 3);
    assert_int_equal(use.bytes, 790 + 6 * CU_RECIPE_CHUNK);
    assert_int_equal(use.used_bytes, 90 + 2 * CU_RECIPE_CHUNK);
    cu_recipe_free(recipe);
    cu_recipe_free(used);
}

static void what_is_no_use_of_a_path_is_refused(void **state)
{
    struct cu_recipe *r = cu_recipe_new();

    (void)state;
    assert_int_equal(note(r, "a", CU_RECIPE_ATTR, 0), -EINVAL);
    assert_int_equal(note(r, "/a/../b", CU_RECIPE_ATTR, 0), -EINVAL);
    assert_int_equal(note(r, "/a/", CU_RECIPE_ATTR, 0), -EINVAL);
    assert_int_equal(cu_recipe_note(r, "/a\0b", 4, CU_RECIPE_ATTR, 0), -EINVAL);
    assert_int_equal(note(r, "/a", 8, 0), -EINVAL);
    assert_int_equal(part(r, "/f", 0, 0), -EINVAL);
    assert_int_equal(part(r, "/f", INT64_MAX / CU_RECIPE_CHUNK + 1, 1), -EINVAL);
    assert_int_equal(part(r, "/f", 1, UINT64_MAX), -EINVAL);
    assert_int_equal(part(r, "/f", INT64_MAX / CU_RECIPE_CHUNK, 1), 0);
    assert_int_equal(cu_recipe_count(r), 1);
    cu_recipe_free(r);
}

static int decode(const void *bytes, size_t size)
{
    struct cu_recipe *r;
    int rc = cu_recipe_decode(bytes, size, &r);

    assert_true((rc == 0) == (r != NULL));
    cu_recipe_free(r);
    return rc;
}

static void bytes_that_are_not_whole_are_refused(void **state)
{
    struct cu_recipe *r = cu_recipe_new();
    struct cu_buf *bytes, *copy;

    (void)state;
    assert_int_equal(note(r, "/some/where", CU_RECIPE_CONTENT, 300), 0);
    assert_int_equal(part(r, "/some/what", 3, 500), 0);
    bytes = cu_recipe_encode(r);
    assert_non_null(bytes);
    for (size_t size = 0; size < bytes->size; size++)
        assert_int_equal(decode(bytes->data, size), -EBADMSG);
    for (size_t at = 0; at < bytes->size; at++) {
        copy = cu_buf_copy(bytes->data, bytes->size);
        copy->data[at] ^= 4;
        assert_int_equal(decode(copy->data, copy->size), at >= 8 && at < 12 ? -ENOTSUP : -EBADMSG);
        cu_buf_unref(copy);
    }
    cu_buf_unref(bytes);
    cu_recipe_free(r);
}

/* With a right checksum: entries that the encoder would not write. */
static int decode_made(const char *entries, size_t size, uint32_t count)
{
    unsigned char bytes[256];
    uint64_t hash;

    memcpy(bytes, "CURECIPE\1\0\0\0", 12);
    memcpy(bytes + 12, &count, 4);
    memcpy(bytes + 16, entries, size);
    hash = cu_hash_bytes(bytes, 16 + size);
    memcpy(bytes + 16 + size, &hash, 8);
    return decode(bytes, 16 + size + 8);
}

#define MADE(entries, count) decode_made(entries, sizeof(entries) - 1, count)

static void entries_that_nobody_writes_are_refused(void **state)
{
    (void)state;
    /*         shared added path what size parts (gap chunks-1)... */
    assert_int_equal(MADE("\0\2/a\1\0\0", 1), 0);
    assert_int_equal(MADE("\0\2/a\1\0\0", 2), -EBADMSG);             /* one is missing */
    assert_int_equal(MADE("\0\2/a\1\0\0\0\2/b\1\0\0", 1), -EBADMSG); /* one too many */
    assert_int_equal(MADE("\0\2/a\1\0\0\2\0\1\0\0", 2), -EBADMSG);   /* twice */
    assert_int_equal(MADE("\1\1a\1\0\0", 1), -EBADMSG);              /* shares with nothing */
    assert_int_equal(MADE("\0\2/a\0\0\0", 1), -EBADMSG);             /* no use */
    assert_int_equal(MADE("\0\2/a\11\0\0", 1), -EBADMSG);            /* unknown use */
    assert_int_equal(MADE("\0\2/a\1\0\0\1\2ab\1\0\0", 2), -EBADMSG); /* shares more */
    assert_int_equal(MADE("\0\2ab\1\0\0", 1), -EBADMSG);             /* no path */
    assert_int_equal(MADE("\0\2/a\1\200\0\0", 1), -EBADMSG);         /* size written longer */
    assert_int_equal(MADE("\0\2/a\1\0\1\5\1", 1), 0);
    assert_int_equal(MADE("\0\2/a\1\0\2\5\1\0\1", 1), -EBADMSG); /* parts that touch */
    assert_int_equal(MADE("\0\2/a\1\0\1\0\377\377\377\377\377\377\377\377\177", 1), -EBADMSG);
    assert_int_equal(MADE("\0\2/a\1\377\377\377\377\377\377\377\377\377\1\0", 1), 0);
    assert_int_equal(MADE("\0\2/a\1\377\377\377\377\377\377\377\377\377\2\0", 1), -EBADMSG);
}

/* Long paths, of which each shares nothing with the one before. */
static void note_long(struct cu_recipe *recipe, char first, unsigned count)
{
    static char path[60000];

    for (unsigned i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "/%c%05u", first + (char)(i % 2), i);
        memset(path + 7, 'x', sizeof(path) - 7);
        for (size_t at = 200; at < sizeof(path); at += 200)
            path[at] = '/';
        assert_int_equal(cu_recipe_note(recipe, path, sizeof(path), CU_RECIPE_ATTR, 0), 0);
    }
}

/* Who reads one takes all that is written. What was not used lately is left out first. */
static void what_has_no_room_in_the_file_is_left_out(void **state)
{
    struct cu_recipe *old = cu_recipe_new(), *used = cu_recipe_new(), *next, *read;
    struct cu_buf *bytes;
    uint32_t fits;

    (void)state;
    note_long(used, 'a', 150);
    note_long(old, 'c', 150);
    assert_int_equal(cu_recipe_update(old, used, &next), 0);
    assert_int_equal(cu_recipe_count(next), 300);
    fits = cu_recipe_fits(next);
    assert_in_range(fits, 150, 299);
    bytes = cu_recipe_encode(next);
    assert_non_null(bytes);
    assert_in_range(bytes->size, CU_RECIPE_BYTES_MAX - 60100, CU_RECIPE_BYTES_MAX);
    assert_int_equal(cu_recipe_decode(bytes->data, bytes->size, &read), 0);
    assert_int_equal(cu_recipe_count(read), fits);
    for (uint32_t i = 0; i < fits; i++)
        assert_int_equal(cu_recipe_get(read, i).path[1], i < 150 ? 'a' + i % 2 : 'c' + i % 2);
    cu_buf_unref(bytes);
    cu_recipe_free(read);
    cu_recipe_free(next);
    cu_recipe_free(old);
    cu_recipe_free(used);
}

static void without_memory_nothing_is_lost(void **state)
{
    struct cu_recipe *r = cu_recipe_new(), *again;
    struct cu_buf *bytes;
    char before[256];
    int rc;

    (void)state;
    assert_int_equal(note(r, "/a", CU_RECIPE_ATTR, 0), 0);
    assert_int_equal(part(r, "/f", 0, 1), 0);
    bytes = cu_recipe_encode(r);
    for (long n = 0; fail_alloc_at(n), rc = cu_recipe_decode(bytes->data, bytes->size, &again),
              fail_alloc_hit();
         n++) {
        assert_int_equal(rc, -ENOMEM);
        assert_null(again);
    }
    assert_int_equal(rc, 0);
    snprintf(before, sizeof(before), "%s", text_of(r));
    assert_string_equal(text_of(again), before);
    fail_alloc_at(0);
    assert_int_equal(note(r, "/b", CU_RECIPE_ATTR, 0), -ENOMEM);
    assert_true(fail_alloc_hit());
    assert_string_equal(text_of(r), before);
    cu_recipe_free(again);
    cu_buf_unref(bytes);
    cu_recipe_free(r);
    cu_recipe_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_is_shared_lives_until_the_last_is_done_with_it),
        cmocka_unit_test(what_was_noted_comes_back_in_its_order),
        cmocka_unit_test(parts_that_touch_are_one),
        cmocka_unit_test(many_parts_grow_together),
        cmocka_unit_test(two_become_one),
        cmocka_unit_test(what_is_not_used_any_more_goes),
        cmocka_unit_test(what_was_used_is_counted_in_bytes),
        cmocka_unit_test(what_is_no_use_of_a_path_is_refused),
        cmocka_unit_test(bytes_that_are_not_whole_are_refused),
        cmocka_unit_test(entries_that_nobody_writes_are_refused),
        cmocka_unit_test(what_has_no_room_in_the_file_is_left_out),
        cmocka_unit_test(without_memory_nothing_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
