/* SPDX-License-Identifier: BSD-3-Clause */
/* What a writer that was killed has left goes with a later write; nothing else does. */
#include "host/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "scratch.h"

static int dir_fd = -1;

static int set_up(void **state)
{
    if (make_base(state) != 0)
        return -1;
    dir_fd = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return dir_fd < 0;
}

static int tear_down(void **state)
{
    close(dir_fd);
    return remove_base(state);
}

/* rc: how the write ends. */
static int replace(const char *name, const char *text, int rc)
{
    struct cu_replace r;
    int fd = cu_replace_begin(&r, dir_fd, name);

    if (fd < 0)
        return fd;
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    assert_int_equal(close(fd), 0);
    return cu_replace_end(&r, rc);
}

static void assert_text(const char *path, const char *wanted)
{
    char text[16] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0 && read(fd, text, sizeof(text) - 1) >= 0 && close(fd) == 0);
    assert_string_equal(text, wanted);
}

/* A writer that is killed; its new file. */
static const char *killed(const char *name)
{
    static struct cu_replace left;
    int tell[2];
    pid_t pid;

    assert_int_equal(pipe(tell), 0);
    pid = fork();
    if (pid == 0) {
        if (cu_replace_begin(&left, dir_fd, name) >= 0 &&
            write(tell[1], left.next, sizeof(left.next)) == (ssize_t)sizeof(left.next))
            pause();
        _exit(1);
    }
    assert_int_equal(read(tell[0], left.next, sizeof(left.next)), sizeof(left.next));
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    close(tell[0]);
    close(tell[1]);
    return left.next;
}

static bool is_there(const char *name)
{
    struct stat st;

    return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void make_old(const char *name)
{
    const struct timespec times[2] = {{.tv_sec = time(NULL) - CU_REPLACE_AGE_S - 1},
                                      {.tv_sec = time(NULL) - CU_REPLACE_AGE_S - 1}};

    assert_int_equal(utimensat(dir_fd, name, times, AT_SYMLINK_NOFOLLOW), 0);
}

static void what_a_killed_writer_leaves_goes_with_a_later_write(void **state)
{
    const char *left = killed("a");

    (void)state;
    assert_true(is_there(left));
    assert_int_equal(replace("b", "b", 0), 0);
    assert_true(is_there(left)); /* its writer may live */
    make_old(left);
    assert_int_equal(replace("b", "b", 0), 0);
    assert_false(is_there(left));
}

static void what_only_looks_like_it_stays(void **state)
{
    static const char *const names[] = {"a.0123456789abcdef.new",   ".0123456789abcdef.new",
                                        ".a.0123456789abcde.new",   ".a.0123456789abcdeg.new",
                                        ".a.0123456789abcdef.old",  ".a0123456789abcdef.new",
                                        ".a.0123456789abcdef.new.x"};
    const char *linked = ".l.0123456789abcdef.new", *directory = ".d.0123456789abcdef.new";

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        assert_int_equal(close(openat(dir_fd, names[i], O_CREAT | O_WRONLY | O_CLOEXEC, 0600)), 0);
        make_old(names[i]);
    }
    assert_int_equal(symlinkat("nowhere", dir_fd, linked), 0);
    make_old(linked);
    assert_int_equal(mkdirat(dir_fd, directory, 0700), 0);
    make_old(directory);
    assert_int_equal(replace("a", "a", 0), 0);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_true(is_there(names[i]));
    assert_true(is_there(linked) && is_there(directory));
}

static void a_write_that_fails_leaves_the_file_as_it_was(void **state)
{
    (void)state;
    assert_int_equal(replace("c", "first", 0), 0);
    assert_int_equal(replace("c", "second", -ENOSPC), -ENOSPC);
    assert_text(at("/c"), "first");
    assert_int_equal(replace("c", "third", 0), 0);
    assert_text(at("/c"), "third");
    assert_int_equal(mkdirat(dir_fd, "d", 0700), 0);
    assert_int_equal(replace("d", "d", 0), -EISDIR);
    /* Nothing else is left. */
    assert_int_equal(unlinkat(dir_fd, "d", AT_REMOVEDIR), 0);
    assert_int_equal(unlinkat(dir_fd, "c", 0), 0);
    assert_int_equal(rmdir(base), 0);
    assert_int_equal(mkdir(base, 0700), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_a_killed_writer_leaves_goes_with_a_later_write, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(what_only_looks_like_it_stays, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_write_that_fails_leaves_the_file_as_it_was, set_up,
                                        tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
