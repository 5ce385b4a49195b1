/* SPDX-License-Identifier: BSD-3-Clause */
/* What a recorder makes of what the kernel asks for. */
#include "copperd/recorder.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SMALL   UINT64_C(65536)
#define LARGEST UINT64_C(10000000)

static void ask(struct cu_recorder *r, enum cu_front_asked_op op, const char *path, int error)
{
    cu_recorder_asked(r, &(struct cu_front_asked){
                             .op = op, .error = error, .path = path, .path_len = strlen(path)});
}

static void read_part(struct cu_recorder *r, const char *path, uint64_t size, uint64_t offset,
                      uint64_t bytes)
{
    cu_recorder_asked(r, &(struct cu_front_asked){.op = CU_FRONT_ASKED_READ,
                                                  .path = path,
                                                  .path_len = strlen(path),
                                                  .size = size,
                                                  .offset = offset,
                                                  .bytes = bytes});
}

static const struct cu_recipe *recorded(struct cu_recorder *r)
{
    const struct cu_recipe *recipe = cu_recorder_lend(r);

    assert_non_null(recipe);
    cu_recorder_return(r);
    return recipe;
}

static void check(struct cu_recorder *r, uint32_t i, const char *path, uint8_t what, uint32_t parts)
{
    struct cu_recipe_entry e = cu_recipe_get(recorded(r), i);

    assert_int_equal(e.path_len, strlen(path));
    assert_memory_equal(e.path, path, e.path_len);
    assert_int_equal(e.what, what);
    assert_int_equal(e.part_count, parts);
}

static void names_listings_and_contents_are_told_apart(void **state)
{
    struct cu_recorder *r = cu_recorder_create(SMALL, LARGEST);

    (void)state;
    ask(r, CU_FRONT_ASKED_LOOKUP, "/a", 0);
    ask(r, CU_FRONT_ASKED_LOOKUP, "/b/absent", ENOENT); /* its directory proves it */
    ask(r, CU_FRONT_ASKED_LISTING, "/c", 0);
    ask(r, CU_FRONT_ASKED_OTHER, "/d", 0);
    ask(r, CU_FRONT_ASKED_LOOKUP, "/broken", EIO);
    ask(r, CU_FRONT_ASKED_OTHER, "/forbidden", EACCES);
    read_part(r, "/small", 700, 0, 700);
    read_part(r, "/empty", 0, 0, 0);
    assert_int_equal(cu_recipe_count(recorded(r)), 5);
    check(r, 0, "/a", CU_RECIPE_ATTR, 0);
    check(r, 1, "/b", CU_RECIPE_ATTR | CU_RECIPE_LISTING, 0);
    check(r, 2, "/c", CU_RECIPE_ATTR | CU_RECIPE_LISTING, 0);
    check(r, 3, "/d", CU_RECIPE_ATTR, 0);
    check(r, 4, "/small", CU_RECIPE_ATTR | CU_RECIPE_CONTENT, 0);
    cu_recorder_destroy(r);
}

static void what_a_listing_gives_is_used(void **state)
{
    struct cu_recorder *r = cu_recorder_create(SMALL, LARGEST);

    (void)state;
    ask(r, CU_FRONT_ASKED_LISTING, "/d", 0);
    cu_recorder_given(r, "/d/a", 4);
    cu_recorder_given(r, "/d/a", 4);
    assert_int_equal(cu_recipe_count(recorded(r)), 2);
    check(r, 1, "/d/a", CU_RECIPE_ATTR, 0);
    cu_recorder_destroy(r);
}

static void parts_of_files_are_chunks(void **state)
{
    struct cu_recorder *r = cu_recorder_create(SMALL, LARGEST);
    struct cu_recipe_entry e;

    (void)state;
    read_part(r, "/f", SMALL + 1, 0, 100);
    check(r, 0, "/f", CU_RECIPE_ATTR, 1);
    read_part(r, "/g", LARGEST, 3 * CU_RECIPE_CHUNK - 1, 2);
    e = cu_recipe_get(recorded(r), 1);
    assert_int_equal(e.parts[0].first, 2);
    assert_int_equal(e.parts[0].count, 2);
    read_part(r, "/past-the-trees", LARGEST + 1, 0, 100);
    assert_int_equal(cu_recipe_count(recorded(r)), 2);
    cu_recorder_destroy(r);
}

static void paths_have_a_bound(void **state)
{
    struct cu_recorder *r = cu_recorder_create(SMALL, LARGEST);
    char path[32];

    (void)state;
    for (unsigned i = 0; i < CU_RECORDER_PATHS + 10; i++) {
        snprintf(path, sizeof(path), "/n%u", i);
        ask(r, CU_FRONT_ASKED_LOOKUP, path, 0);
    }
    read_part(r, "/f", LARGEST, 0, 100);
    assert_int_equal(cu_recipe_count(recorded(r)), CU_RECORDER_PATHS);
    cu_recorder_destroy(r);
    cu_recorder_destroy(NULL);
}

static void what_is_lent_stays_as_it_is(void **state)
{
    struct cu_recorder *r = cu_recorder_create(SMALL, LARGEST);
    const struct cu_recipe *lent;

    (void)state;
    read_part(r, "/f", LARGEST, 0, 100);
    lent = cu_recorder_lend(r);
    assert_ptr_equal(cu_recorder_lend(r), lent);
    ask(r, CU_FRONT_ASKED_LOOKUP, "/a", 0);
    read_part(r, "/f", LARGEST, 2 * CU_RECIPE_CHUNK, 100);
    cu_recorder_return(r);
    read_part(r, "/g", LARGEST, 0, 100);
    assert_int_equal(cu_recipe_count(lent), 1);
    assert_int_equal(cu_recipe_get(lent, 0).part_count, 1);
    cu_recorder_return(r);
    assert_int_equal(cu_recipe_count(recorded(r)), 3);
    check(r, 0, "/f", CU_RECIPE_ATTR, 2);
    check(r, 1, "/a", CU_RECIPE_ATTR, 0);
    check(r, 2, "/g", CU_RECIPE_ATTR, 1);
    assert_non_null(cu_recorder_lend(r));
    ask(r, CU_FRONT_ASKED_LOOKUP, "/b", 0);
    cu_recorder_destroy(r); /* what is lent goes, too */
}

static void paths_have_a_bound_while_lent(void **state)
{
    struct cu_recorder *r = cu_recorder_create(SMALL, LARGEST);
    char path[32];

    (void)state;
    for (unsigned i = 0; i < CU_RECORDER_PATHS + 10; i++) {
        if (i == CU_RECORDER_PATHS / 2)
            assert_non_null(cu_recorder_lend(r));
        snprintf(path, sizeof(path), "/n%u", i);
        ask(r, CU_FRONT_ASKED_LOOKUP, path, 0);
    }
    read_part(r, "/f", LARGEST, 0, 100);
    cu_recorder_return(r);
    assert_int_equal(cu_recipe_count(recorded(r)), CU_RECORDER_PATHS);
    cu_recorder_destroy(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_listings_and_contents_are_told_apart),
        cmocka_unit_test(what_a_listing_gives_is_used),
        cmocka_unit_test(parts_of_files_are_chunks),
        cmocka_unit_test(paths_have_a_bound),
        cmocka_unit_test(what_is_lent_stays_as_it_is),
        cmocka_unit_test(paths_have_a_bound_while_lent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
