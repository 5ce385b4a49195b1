/* SPDX-License-Identifier: BSD-3-Clause */
/* A recipe is asked for in its order, within a window, and only as far as there is room. */
#include "ahead_fake.h"

#include "proto/recipe.h"

#include <errno.h>

static struct cu_value regular(uint64_t size)
{
    return (struct cu_value){.attr = {.mode = S_IFREG | 0644, .size = size, .mtime = {5, 0}}};
}

static void note(struct cu_recipe *r, const char *path, uint8_t what, uint64_t size)
{
    assert_int_equal(cu_recipe_note(r, path, strlen(path), what, size), 0);
}

static void note_part(struct cu_recipe *r, const char *path, uint64_t first, uint64_t count)
{
    assert_int_equal(
        cu_recipe_note_part(r, path, strlen(path), 0, (struct cu_recipe_part){first, count}), 0);
}

/* Answers the i-th of what was asked for since the last time. */
static void answer(uint32_t i, const struct cu_value *value)
{
    cu_ahead_fetched(fake.ahead, fake_tags[i], value);
}

static void names_contents_and_listings_are_asked_for_in_order(void **state)
{
    struct cu_recipe *r = cu_recipe_new();
    struct cu_value value = regular(10);

    (void)state;
    note(r, "/d", CU_RECIPE_LISTING, 0);
    note(r, "/d/a", CU_RECIPE_ATTR, 0);
    note(r, "/d/b", CU_RECIPE_CONTENT, 900);
    assert_true(cu_ahead_replayed(fake.ahead));
    assert_int_equal(cu_ahead_replay(fake.ahead, r, UINT64_MAX), 0);
    assert_string_equal(fake_asked(), "attr /d\ndir /d\nattr /d/a\nattr /d/b content");
    assert_false(cu_ahead_replayed(fake.ahead));
    for (uint32_t i = 0; i < 4; i++)
        answer(i, &value);
    assert_true(cu_ahead_replayed(fake.ahead));
    assert_string_equal(fake_asked(), "");
}

static void chunks_follow_the_attributes(void **state)
{
    struct cu_recipe *r = cu_recipe_new();
    struct cu_value value = regular(3 * FAKE_CHUNK + 1), failed = {.error = ENOENT};

    (void)state;
    note_part(r, "/f", 0, 1);
    note_part(r, "/f", 3, 7); /* the file was longer then */
    note_part(r, "/gone", 0, 1);
    note_part(r, "/dir", 0, 1);
    assert_int_equal(cu_ahead_replay(fake.ahead, r, UINT64_MAX), 0);
    assert_string_equal(fake_asked(), "attr /f\nattr /gone\nattr /dir");
    answer(1, &failed);
    assert_string_equal(fake_asked(), "");
    answer(0, &value);
    assert_string_equal(fake_asked(), "data /f 0\ndata /f 3");
    answer(0, &value);
    answer(1, &failed);
    assert_false(cu_ahead_replayed(fake.ahead));
    value.attr.mode = S_IFDIR | 0755;
    cu_ahead_fetched(fake.ahead, fake_tags[2], &value);
    assert_string_equal(fake_asked(), "");
    assert_true(cu_ahead_replayed(fake.ahead));
}

/* Of any chunk size of the job. */
static void chunks_are_counted_in_those_of_the_job(void **state)
{
    struct cu_ahead_config config = fake_config();
    struct cu_recipe *r = cu_recipe_new();
    struct cu_value value = regular(UINT64_C(1) << 30);

    (void)state;
    config.chunk_bytes = CU_RECIPE_CHUNK * 4;
    fake_begin(&config);
    note_part(r, "/f", 3, 2); /* 768 KiB to 1280 KiB */
    note_part(r, "/f", 7, 1);
    assert_int_equal(cu_ahead_replay(fake.ahead, r, UINT64_MAX), 0);
    fake.count = 0;
    answer(0, &value);
    assert_string_equal(fake_asked(), "data /f 0\ndata /f 1");
    cu_ahead_destroy(fake.ahead);
    config.chunk_bytes = CU_RECIPE_CHUNK / 2;
    fake_begin(&config);
    r = cu_recipe_new();
    note_part(r, "/f", 1, 1);
    assert_int_equal(cu_ahead_replay(fake.ahead, r, UINT64_MAX), 0);
    fake.count = 0;
    answer(0, &value);
    assert_string_equal(fake_asked(), "data /f 2\ndata /f 3");
}

static void no_more_than_a_window_is_under_way(void **state)
{
    struct cu_recipe *r = cu_recipe_new();
    struct cu_value value = regular(UINT64_C(1) << 30);
    uint32_t first, rest;
    char path[32];

    (void)state;
    for (int i = 0; i < 2000; i++) {
        snprintf(path, sizeof(path), "/n%d", i);
        note(r, path, CU_RECIPE_ATTR, 0);
    }
    assert_int_equal(cu_ahead_replay(fake.ahead, r, UINT64_MAX), 0);
    first = fake_asked_count();
    assert_in_range(first, 64, 1999);
    for (uint32_t i = 0; i < 2000; i++)
        cu_ahead_fetched(fake.ahead, fake_tags[0], &value);
    rest = fake_asked_count();
    assert_int_equal(first + rest, 2000);
    assert_true(cu_ahead_replayed(fake.ahead));
}

static void no_more_than_half_of_the_cache_is_asked_for(void **state)
{
    struct cu_ahead_config config = fake_config();
    struct cu_recipe *r = cu_recipe_new();
    struct cu_value value = regular(UINT64_C(1) << 30);
    uint32_t asked = 0;

    (void)state;
    config.cache_bytes = 40 * FAKE_CHUNK;
    fake_begin(&config);
    note_part(r, "/f", 0, 4000);
    assert_int_equal(cu_ahead_replay(fake.ahead, r, UINT64_MAX), 0);
    while (!cu_ahead_replayed(fake.ahead)) {
        fake.count = 0;
        cu_ahead_fetched(fake.ahead, fake_tags[0], &value);
        asked += fake.count;
    }
    assert_in_range(asked, 10, 20);
}

/* A rate: nothing more is asked for until it may be. */
static void no_more_than_is_allowed_is_asked_for(void **state)
{
    struct cu_recipe *r = cu_recipe_new();
    struct cu_value value = regular(UINT64_C(1) << 30);

    (void)state;
    note_part(r, "/f", 0, 40);
    assert_int_equal(cu_ahead_replay(fake.ahead, r, 2 * FAKE_CHUNK), 0);
    assert_string_equal(fake_asked(), "attr /f");
    answer(0, &value);
    assert_string_equal(fake_asked(), "data /f 0\ndata /f 1");
    answer(0, &value);
    answer(1, &value);
    assert_string_equal(fake_asked(), "");
    assert_false(cu_ahead_replayed(fake.ahead));
    cu_ahead_replay_allow(fake.ahead, 1, FAKE_CHUNK);
    assert_string_equal(fake_asked(), "");
    cu_ahead_replay_allow(fake.ahead, FAKE_CHUNK, FAKE_CHUNK);
    assert_string_equal(fake_asked(), "data /f 2");
    for (int i = 0; i < 10; i++) /* what is not used is lost */
        cu_ahead_replay_allow(fake.ahead, 0, FAKE_CHUNK);
    assert_string_equal(fake_asked(), "");
    cu_ahead_replay_allow(fake.ahead, UINT64_C(1) << 40, 3 * FAKE_CHUNK);
    assert_int_equal(fake_asked_count(), 3);
}

static void progress_is_told(void **state)
{
    struct cu_recipe *r = cu_recipe_new();
    struct cu_value value = regular(FAKE_CHUNK + 1);

    (void)state;
    assert_int_equal(cu_ahead_progress(fake.ahead).objects, 0);
    note(r, "/d", CU_RECIPE_LISTING, 0);
    note_part(r, "/f", 0, 3); /* has become shorter */
    assert_int_equal(cu_ahead_replay(fake.ahead, r, UINT64_MAX), 0);
    assert_int_equal(cu_ahead_progress(fake.ahead).objects, 6);
    assert_int_equal(cu_ahead_progress(fake.ahead).done, 0);
    assert_string_equal(fake_asked(), "attr /d\ndir /d\nattr /f");
    for (uint32_t i = 0; i < 3; i++)
        cu_ahead_fetched(fake.ahead, fake_tags[i], &value);
    assert_int_equal(cu_ahead_progress(fake.ahead).objects, 6);
    assert_int_equal(cu_ahead_progress(fake.ahead).done, 3);
    assert_string_equal(fake_asked(), "data /f 0\ndata /f 1");
    answer(0, &value);
    answer(1, &value);
    assert_int_equal(cu_ahead_progress(fake.ahead).objects, 5);
    assert_int_equal(cu_ahead_progress(fake.ahead).done, 5);
}

static void one_at_a_time(void **state)
{
    struct cu_recipe *r = cu_recipe_new(), *second = cu_recipe_new();
    struct cu_value value = regular(1);

    (void)state;
    cu_ahead_fetched(fake.ahead, 0, &value); /* of none */
    note(r, "/a", CU_RECIPE_ATTR, 0);
    assert_int_equal(cu_ahead_replay(fake.ahead, r, UINT64_MAX), 0);
    assert_int_equal(cu_ahead_replay(fake.ahead, second, UINT64_MAX), -EBUSY);
    cu_recipe_free(second);
}

static void what_waits_is_freed(void **state)
{
    struct cu_recipe *r = cu_recipe_new();
    struct cu_value value = regular(UINT64_C(1) << 40);

    (void)state;
    note_part(r, "/f", 0, 4000);
    note_part(r, "/g", 0, 4000);
    assert_int_equal(cu_ahead_replay(fake.ahead, r, UINT64_MAX), 0);
    answer(0, &value);
    cu_ahead_fetched(fake.ahead, fake_tags[1], &value);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_TEST(names_contents_and_listings_are_asked_for_in_order),
        FAKE_TEST(chunks_follow_the_attributes),
        cmocka_unit_test_teardown(chunks_are_counted_in_those_of_the_job, fake_teardown),
        FAKE_TEST(no_more_than_a_window_is_under_way),
        cmocka_unit_test_teardown(no_more_than_half_of_the_cache_is_asked_for, fake_teardown),
        FAKE_TEST(no_more_than_is_allowed_is_asked_for),
        FAKE_TEST(progress_is_told),
        FAKE_TEST(one_at_a_time),
        FAKE_TEST(what_waits_is_freed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
