/* SPDX-License-Identifier: BSD-3-Clause */
/* copper trace merge, when several of them write one recipe at the same time. */
#include "copper/cli.h"
#include "copper/recipe_file.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "scratch.h"

#define ROUNDS  20u
#define MERGERS 3u

static void make_recipe(const char *file, const char *path)
{
    struct cu_recipe *recipe = cu_recipe_new();
    struct cu_error err;
    int fd = cu_recipe_file_lock(file, &err);

    assert_non_null(recipe);
    assert_true(fd >= 0);
    assert_int_equal(cu_recipe_note(recipe, path, strlen(path), CU_RECIPE_ATTR, 0), 0);
    assert_int_equal(cu_recipe_file_write(file, recipe, &err), 0);
    close(fd);
    cu_recipe_free(recipe);
}

static uint32_t count(const char *file)
{
    struct cu_recipe *recipe;
    struct cu_error err;
    uint32_t n;

    assert_int_equal(cu_recipe_file_read(file, &recipe, &err), 0);
    n = cu_recipe_count(recipe);
    cu_recipe_free(recipe);
    return n;
}

/* merge ALL ALL ONE, when the other end of the pipe is closed. */
static pid_t start_merger(const int begin[2], const char *all, const char *one)
{
    char *words[] = {(char *)"trace", (char *)"merge", (char *)all, (char *)all, (char *)one, NULL};
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
    pid_t pid = fork();
    char byte;

    if (pid != 0) {
        close(null);
        return pid;
    }
    close(begin[1]);
    dup2(null, STDOUT_FILENO);
    _exit(read(begin[0], &byte, 1) == 0 ? cu_command_trace.run(&cu_command_trace, 5, words) : 9);
}

static void what_each_of_several_merges_adds_is_kept(void **state)
{
    char all[256];

    (void)state;
    snprintf(all, sizeof(all), "%s", at("/all.recipe"));
    make_recipe(all, "/first");
    for (unsigned round = 0; round < ROUNDS; round++) {
        pid_t pids[MERGERS];
        int begin[2], status;

        assert_int_equal(pipe(begin), 0);
        for (unsigned i = 0; i < MERGERS; i++) {
            char name[32], path[32];

            snprintf(name, sizeof(name), "/%u.recipe", i);
            snprintf(path, sizeof(path), "/round%u/%u", round, i);
            make_recipe(at(name), path);
            pids[i] = start_merger(begin, all, at(name));
        }
        close(begin[0]);
        close(begin[1]);
        for (unsigned i = 0; i < MERGERS; i++) {
            assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
            assert_int_equal(status, 0);
        }
        assert_int_equal(count(all), 1 + (round + 1) * MERGERS);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_each_of_several_merges_adds_is_kept),
    };

    return cmocka_run_group_tests(tests, make_base, remove_base);
}
