/* SPDX-License-Identifier: BSD-3-Clause */
/* The recipe's file when jobs end at the same time. */
#include "copper/recipe_file.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "scratch.h"

#define ROUNDS 50u
#define SAVERS 2u

/* As the job does that used one path. False: it failed. */
static bool save(const char *file, const char *used_path)
{
    struct cu_recipe *used = cu_recipe_new(), *old = NULL;
    struct cu_error err = {0};
    bool saved = used &&
                 cu_recipe_note(used, used_path, strlen(used_path), CU_RECIPE_ATTR, 0) == 0 &&
                 cu_recipe_file_update(file, used, &old, &err) == 0;

    if (!saved)
        fprintf(stderr, "%s\n", err.text);
    cu_recipe_free(used);
    cu_recipe_free(old);
    return saved;
}

static void name_of(unsigned round, unsigned saver, char out[32])
{
    snprintf(out, 32, "/round%u/saver%u", round, saver);
}

/* Begins when the other end of the pipe is closed, as the others do. */
static pid_t start_saver(const char *file, const int begin[2], unsigned round, unsigned saver)
{
    char name[32], byte;
    pid_t pid = fork();

    if (pid != 0)
        return pid;
    close(begin[1]);
    name_of(round, saver, name);
    _exit(read(begin[0], &byte, 1) == 0 && save(file, name) ? 0 : 1);
}

static bool ended_well(pid_t pid)
{
    int status;

    return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool has(const char *file, const char *path)
{
    struct cu_recipe *recipe;
    struct cu_error err;
    uint32_t i;
    bool found;

    if (cu_recipe_file_read(file, &recipe, &err) != 0)
        return false;
    found = cu_recipe_find(recipe, path, strlen(path), &i) == 0;
    cu_recipe_free(recipe);
    return found;
}

static void what_two_jobs_used_is_kept(void **state)
{
    const char *file = at("/two.recipe");

    (void)state;
    for (unsigned round = 0; round < ROUNDS; round++) {
        pid_t pids[SAVERS];
        char name[32];
        int begin[2];

        assert_int_equal(pipe(begin), 0);
        for (unsigned i = 0; i < SAVERS; i++)
            pids[i] = start_saver(file, begin, round, i);
        close(begin[0]);
        close(begin[1]);
        for (unsigned i = 0; i < SAVERS; i++)
            assert_true(ended_well(pids[i]));
        for (unsigned i = 0; i < SAVERS; i++) {
            name_of(round, i, name);
            assert_true(has(file, name));
        }
    }
}

/* Who has the lock writes a byte, and waits until it is killed. */
static pid_t start_holder(const char *file, int has_it)
{
    pid_t pid = fork();
    int fd;

    if (pid != 0)
        return pid;
    fd = open(file, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX) == 0 && write(has_it, "", 1) == 1)
        pause();
    _exit(1);
}

static void one_that_was_killed_locks_nobody_out(void **state)
{
    const char *file = at("/killed.recipe");
    int has_it[2];
    pid_t pid;
    char byte;

    (void)state;
    assert_int_equal(pipe(has_it), 0);
    pid = start_holder(at("/.killed.recipe.lock"), has_it[1]);
    assert_int_equal(read(has_it[0], &byte, 1), 1);
    close(has_it[0]);
    close(has_it[1]);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_false(ended_well(pid));
    assert_true(save(file, "/a"));
    assert_true(has(file, "/a"));
}

static void a_link_in_place_of_the_lock_is_not_followed(void **state)
{
    const char *file = at("/link.recipe");
    struct stat st;

    (void)state;
    assert_int_equal(symlink(at("/elsewhere"), at("/.link.recipe.lock")), 0);
    assert_false(save(file, "/a"));
    assert_int_equal(stat(at("/elsewhere"), &st), -1);
    assert_int_equal(stat(file, &st), -1);
    assert_int_equal(unlink(at("/.link.recipe.lock")), 0);
    assert_true(save(file, "/a"));
}

static int write_to(const char *file)
{
    struct cu_recipe *recipe = cu_recipe_new();
    struct cu_error err;
    int rc;

    assert_non_null(recipe);
    assert_int_equal(cu_recipe_note(recipe, "/a", 2, CU_RECIPE_ATTR, 0), 0);
    rc = cu_recipe_file_write(file, recipe, &err);
    cu_recipe_free(recipe);
    return rc;
}

/* A device in its place is one of these, too. */
static void what_is_no_file_is_not_replaced(void **state)
{
    const char *pipe = at("/pipe"), *link = at("/link"), *file = at("/file"), *dir = at("/dir");
    struct stat st;

    (void)state;
    assert_int_equal(mkfifo(pipe, 0600), 0);
    assert_int_equal(mkdir(dir, 0700), 0);
    assert_int_equal(write_to(file), 0);
    assert_int_equal(symlink(file, link), 0);
    assert_int_equal(write_to(pipe), -EPERM);
    assert_int_equal(write_to(link), -EPERM);
    assert_int_equal(write_to(dir), -EPERM);
    assert_true(lstat(pipe, &st) == 0 && S_ISFIFO(st.st_mode));
    assert_true(lstat(link, &st) == 0 && S_ISLNK(st.st_mode));
    assert_int_equal(rmdir(dir), 0);
    assert_int_equal(write_to(file), 0);
    assert_true(has(file, "/a"));
}

/* Larger than any recipe: it is as damaged as another one, and makes room for the next. */
static void a_file_of_any_size_is_replaced(void **state)
{
    const char *file = at("/huge.recipe");

    (void)state;
    for (off_t size = 0; size < 2 * (off_t)CU_RECIPE_BYTES_MAX; size += CU_RECIPE_BYTES_MAX - 1) {
        int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

        assert_true(fd >= 0 && ftruncate(fd, size) == 0 && close(fd) == 0);
        assert_true(save(file, "/a"));
        assert_true(has(file, "/a"));
    }
}

/* No room, or no more of the user's quota. */
static void a_write_that_fails_leaves_the_file_as_it_was(void **state)
{
    char file[256], used[4096];
    struct rlimit before, small;

    (void)state;
    assert_int_equal(mkdir(at("/full"), 0700), 0);
    snprintf(file, sizeof(file), "%s", at("/full/a.recipe"));
    assert_true(save(file, "/a"));
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 1000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    memset(used, 'x', sizeof(used));
    for (size_t i = 0; i < sizeof(used); i += 100)
        used[i] = '/';
    used[sizeof(used) - 1] = '\0';
    assert_false(save(file, used));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_true(has(file, "/a"));
    assert_false(has(file, used));
    assert_int_equal(unlink(file), 0);
    assert_int_equal(unlink(at("/full/.a.recipe.lock")), 0);
    assert_int_equal(rmdir(at("/full")), 0); /* nothing else is left */
}

/* As of a batch job that gets nothing of its user's environment. */
static void without_home_it_is_the_users(void **state)
{
    const struct passwd *user = getpwuid(geteuid());
    char path[CU_PATH_MAX], wanted[CU_PATH_MAX];
    struct cu_error err;

    (void)state;
    unsetenv("COPPER_RECIPES");
    unsetenv("XDG_DATA_HOME");
    assert_int_equal(setenv("HOME", base, 1), 0);
    assert_int_equal(cu_recipe_file_path("x", path, &err), 0);
    assert_string_equal(path, at("/.local/share/copper/recipes/x.recipe"));
    assert_non_null(user);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(i == 0 ? unsetenv("HOME") : setenv("HOME", "", 1), 0);
        snprintf(wanted, sizeof(wanted), "%s/.local/share/copper/recipes/x.recipe", user->pw_dir);
        assert_int_equal(cu_recipe_file_path("x", path, &err), 0);
        assert_string_equal(path, wanted);
    }
}

/* A launch that was told to learn is refused; one of a site that learns by itself is not. */
static void without_a_directory_auto_learns_nothing(void **state)
{
    struct cu_error err;
    struct cu_job job;

    (void)state;
    assert_int_equal(cu_job_init(&job, "/m", "/run"), 0);
    assert_int_equal(setenv("COPPER_RECIPES", "relative", 1), 0);
    assert_int_equal(setenv("SLURM_JOB_NAME", "x", 1), 0);
    assert_int_equal(cu_job_set(&job, "learn", "auto", "--learn", &err), 0);
    assert_int_equal(cu_recipe_file_choose(&job, &err), 0);
    assert_null(job.recipe);
    assert_int_equal(cu_job_set(&job, "learn", "x", "--learn", &err), 0);
    assert_int_equal(cu_recipe_file_choose(&job, &err), -EINVAL);
    cu_job_free(&job);
    unsetenv("COPPER_RECIPES");
    unsetenv("SLURM_JOB_NAME");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_two_jobs_used_is_kept),
        cmocka_unit_test(one_that_was_killed_locks_nobody_out),
        cmocka_unit_test(a_link_in_place_of_the_lock_is_not_followed),
        cmocka_unit_test(what_is_no_file_is_not_replaced),
        cmocka_unit_test(a_file_of_any_size_is_replaced),
        cmocka_unit_test(a_write_that_fails_leaves_the_file_as_it_was),
        cmocka_unit_test(without_home_it_is_the_users),
        cmocka_unit_test(without_a_directory_auto_learns_nothing),
    };

    return cmocka_run_group_tests(tests, make_base, remove_base);
}
