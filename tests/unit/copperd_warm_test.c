/* SPDX-License-Identifier: BSD-3-Clause */
/* What is touched of what a recipe names, below a directory that stands for a mount. */
#include "copperd/warm.h"

#include "host/clock.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define FILES 3200u

static char root[] = "/tmp/copper-warm.XXXXXX";

static struct cu_warm_result run(const struct cu_recipe *recipe, uint64_t bytes_max, int64_t ms)
{
    const struct cu_warm_config config = {
        .root = root, .bytes_max = bytes_max, .deadline_ms = cu_clock_ms() + ms};
    struct cu_warm_result result;

    cu_warm_run(recipe, &config, &result);
    return result;
}

static void note(struct cu_recipe *recipe, const char *path, uint8_t what, uint64_t size)
{
    assert_int_equal(cu_recipe_note(recipe, path, strlen(path), what, size), 0);
}

static void file_of(const char *name, size_t size)
{
    int fd = openat(AT_FDCWD, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)size), 0);
    close(fd);
}

static int begin(void **state)
{
    (void)state;
    if (!mkdtemp(root) || chdir(root) != 0)
        return -1;
    file_of("large", 1000000);
    file_of("secret", 10);
    if (mkdir("dir", 0700) != 0 || mkfifo("fifo", 0600) != 0 || symlink("secret", "link") != 0 ||
        symlink(root, "dir/up") != 0)
        return -1;
    for (unsigned i = 0; i < FILES; i++) {
        char name[32];

        snprintf(name, sizeof(name), "dir/f%u", i);
        file_of(name, 100);
    }
    return 0;
}

static int end(void **state)
{
    char command[64];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf %s", root);
    return chdir("/") == 0 ? system(command) : -1;
}

static struct cu_recipe *many(void)
{
    struct cu_recipe *recipe = cu_recipe_new();

    assert_non_null(recipe);
    for (unsigned i = 0; i < FILES; i++) {
        char path[32];

        snprintf(path, sizeof(path), "/dir/f%u", i);
        note(recipe, path, CU_RECIPE_CONTENT, 100);
    }
    return recipe;
}

static void names_of_all_kinds_that_exist_are_touched(void **state)
{
    struct cu_recipe *recipe = cu_recipe_new();
    struct cu_warm_result result;

    (void)state;
    note(recipe, "/", CU_RECIPE_LISTING, 0);
    note(recipe, "/dir", CU_RECIPE_LISTING, 0);
    note(recipe, "/link", CU_RECIPE_ATTR, 0);
    note(recipe, "/fifo", CU_RECIPE_CONTENT, 10); /* opening it must not wait for a writer */
    note(recipe, "/absent", CU_RECIPE_CONTENT, 10);
    note(recipe, "/dir/up/secret", CU_RECIPE_CONTENT, 10); /* through a link */
    result = run(recipe, 1 << 20, 60000);
    assert_int_equal(result.names, 3);
    assert_int_equal(result.bytes, 0);
    assert_false(result.cut);
    cu_recipe_free(recipe);
}

static void parts_end_where_the_file_ends_now(void **state)
{
    const struct cu_recipe_part first = {0, 1}, last = {3, 10};
    struct cu_recipe *recipe = cu_recipe_new();
    struct cu_warm_result result;

    (void)state;
    assert_int_equal(cu_recipe_note_part(recipe, "/large", 6, 10000000, first), 0);
    assert_int_equal(cu_recipe_note_part(recipe, "/large", 6, 10000000, last), 0);
    result = run(recipe, 1 << 20, 60000);
    assert_int_equal(result.bytes, CU_RECIPE_CHUNK + 1000000 - 3 * CU_RECIPE_CHUNK);
    cu_recipe_free(recipe);
}

static void bytes_and_time_are_bounded(void **state)
{
    struct cu_recipe *recipe = many();
    struct cu_warm_result result = run(recipe, 1000, 60000);

    (void)state;
    assert_true(result.cut);
    assert_int_equal(result.bytes, 1000);
    assert_true(result.names > 3 * (FILES / 4)); /* they have no bound but time */
    result = run(recipe, 1 << 20, -1);
    assert_true(result.cut);
    assert_int_equal(result.names, 0);
    cu_recipe_free(recipe);
}

static void other_files_are_left_out_in_each_job(void **state)
{
    struct cu_recipe *recipe = many();
    unsigned left_out = 0, again = 0;

    (void)state;
    for (unsigned i = 0; i < FILES; i++) {
        struct cu_recipe_entry e = cu_recipe_get(recipe, i);
        bool one = !cu_warm_takes(&e, 1), other = !cu_warm_takes(&e, 2);

        left_out += one;
        again += one && other;
        e.unused = 1;
        assert_false(cu_warm_takes(&e, 1)); /* it stays out until somebody uses it */
        e.what = CU_RECIPE_ATTR | CU_RECIPE_LISTING;
        assert_true(cu_warm_takes(&e, 1)); /* a name is no content */
    }
    assert_in_range(left_out, FILES / CU_WARM_LEFT_OUT / 2, FILES / CU_WARM_LEFT_OUT * 2);
    assert_true(again < left_out / 2);
    assert_int_equal(run(recipe, 1 << 20, 60000).bytes % 100, 0);
    cu_recipe_free(recipe);
}

static void without_a_mount_nothing_is_done(void **state)
{
    const struct cu_warm_config config = {.root = "/tmp/copper-warm.none", .bytes_max = 1 << 20};
    struct cu_recipe *recipe = many();
    struct cu_warm_result result = {1, 1, true};

    (void)state;
    cu_warm_run(recipe, &config, &result);
    assert_int_equal(result.names, 0);
    assert_int_equal(result.bytes, 0);
    cu_recipe_free(recipe);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_all_kinds_that_exist_are_touched),
        cmocka_unit_test(parts_end_where_the_file_ends_now),
        cmocka_unit_test(bytes_and_time_are_bounded),
        cmocka_unit_test(other_files_are_left_out_in_each_job),
        cmocka_unit_test(without_a_mount_nothing_is_done),
    };

    return cmocka_run_group_tests(tests, begin, end);
}
