/* SPDX-License-Identifier: BSD-3-Clause */
/* What is trusted in directories that others may write to. (Directories: also copperd_place_test.)
 */
#include "host/trust.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char base[64];
static int base_fd;

static int make_base(void **state)
{
    (void)state;
    strcpy(base, "/tmp/cu-trust-test-XXXXXX");
    if (mkdtemp(base) == NULL)
        return -1;
    base_fd = open(base, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return base_fd < 0;
}

static int remove_base(void **state)
{
    char command[128];

    (void)state;
    close(base_fd);
    snprintf(command, sizeof(command), "rm -rf '%s'", base);
    return system(command);
}

static const char *at(const char *name)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s/%s", base, name);
    return path;
}

static int open_dir(const char *path, enum cu_trust trust, bool make, uint32_t *made)
{
    struct cu_trust_dir dir;
    struct cu_error err = {""};
    int rc = cu_trust_open_dir(path, trust, make, &dir, &err);

    assert_true((rc < 0) == (dir.fd < 0));
    assert_true((rc < 0) == (err.text[0] != '\0'));
    if (dir.fd >= 0)
        close(dir.fd);
    if (made != NULL)
        *made = dir.made;
    return rc;
}

static void links_are_followed_where_nobody_else_puts_them(void **state)
{
    uint32_t made;

    (void)state;
    assert_int_equal(mkdirat(base_fd, "a", 0700), 0);
    assert_int_equal(mkdirat(base_fd, "a/b", 0700), 0);
    assert_int_equal(symlinkat("a/b", base_fd, "relative"), 0);
    assert_int_equal(symlinkat(base, base_fd, "absolute"), 0);
    assert_int_equal(symlinkat("../a/.", base_fd, "a/up"), 0);
    assert_int_equal(symlinkat("round", base_fd, "round"), 0);
    assert_int_equal(symlinkat("a/none/there", base_fd, "dangling"), 0);
    assert_int_equal(open_dir(at("relative"), CU_TRUST_WAY, false, NULL), 0);
    assert_int_equal(open_dir(at("absolute/relative/"), CU_TRUST_WAY, false, NULL), 0);
    assert_int_equal(open_dir(at("absolute/a/up/up/b"), CU_TRUST_LINKS, false, NULL), 0);
    assert_int_equal(open_dir(at("round"), CU_TRUST_WAY, false, NULL), -ELOOP);
    /* What lacks of the path is made, not what lacks of a link's target. */
    assert_int_equal(open_dir(at("dangling/x"), CU_TRUST_WAY, true, &made), -ENOENT);
    assert_int_equal(made, 0);
    assert_int_equal(open_dir(at("relative/x/y"), CU_TRUST_WAY, false, NULL), -ENOENT);
    assert_int_equal(open_dir(at("relative/x/y"), CU_TRUST_WAY, true, &made), 0);
    assert_int_equal(made, 2);
    assert_int_equal(faccessat(base_fd, "a/b/x/y", F_OK, 0), 0);
}

static void links_of_others_are_not_followed(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(mkdirat(base_fd, "a", 0755), 0);
    assert_int_equal(symlinkat("a", base_fd, "link"), 0);
    assert_int_equal(fchownat(base_fd, "a", 12345, 12345, 0), 0);
    assert_int_equal(open_dir(at("link"), CU_TRUST_LINKS, false, NULL), 0);
    assert_int_equal(open_dir(at("link"), CU_TRUST_WAY, false, NULL), -EPERM);
    assert_int_equal(fchownat(base_fd, "link", 12345, 12345, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(open_dir(at("link"), CU_TRUST_LINKS, false, NULL), -EPERM);
}

#ifndef __SANITIZE_THREAD__
/* Runs as another user, in a user namespace that knows only this one: whoever else owns something
 * is shown as the same nobody, root among them. Exit status 1: a wrong judgement; 77: not possible.
 */
__attribute__((noreturn)) static void judge_as_one_of_a_namespace(const char *own)
{
    int fd;

    if (setgid(12346) != 0 || setuid(12346) != 0 || prctl(PR_SET_DUMPABLE, 1) != 0 ||
        unshare(CLONE_NEWUSER) != 0)
        _exit(77);
    fd = open("/proc/self/uid_map", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "12346 12346 1\n", 14) != 14)
        _exit(77);
    if (open_dir("/tmp", CU_TRUST_WAY, false, NULL) != 0 ||
        open_dir(own, CU_TRUST_WAY, false, NULL) != 0)
        _exit(1);
    /* Of the test, and so of anybody. */
    _exit(open_dir(base, CU_TRUST_WAY, false, NULL) == -EPERM ? 0 : 1);
}

static void nobody_is_not_root_where_anybody_makes_names(void **state)
{
    char own[] = "/tmp/cu-trust-own-XXXXXX";
    int status = 0;
    pid_t pid;

    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(fchmodat(base_fd, ".", 0755, 0), 0);
    assert_non_null(mkdtemp(own));
    assert_int_equal(chown(own, 12346, 12346), 0);
    pid = fork();
    if (pid == 0)
        judge_as_one_of_a_namespace(own);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(rmdir(own), 0);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip();
    assert_int_equal(WEXITSTATUS(status), 0);
}
#endif

/* What a program obeys is as safe from others as the program itself. */
static void files_beside_the_program(void **state)
{
    struct cu_error err;
    static const struct {
        uid_t dir_owner, owner;
        gid_t group;
        mode_t dir_mode, mode;
        int rc;
    } cases[] = {
        {0, 0, 0, 0755, 0644, 0},
        {0, 0, 0, 0775, 0664, 0}, /* root's group */
        {0, 0, 0, 01777, 0644, 0},
        {0, 0, 0, 0777, 0644, -EPERM},
        {0, 0, 0, 0755, 0666, -EPERM},
        {0, 12345, 0, 0755, 0644, -EPERM},
        {12345, 0, 0, 0755, 0644, -EPERM},
        {12345, 12345, 0, 0700, 0600, -EPERM},
        {0, 0, 12345, 0775, 0644, -EPERM},
        {0, 0, 12345, 0755, 0664, -EPERM},
        {0, 0, 12345, 01775, 0644, 0},
        {0, 12345, 0, 01777, 0644, -EPERM},
        {0, 12345, 12345, 0775, 0644, -EPERM},
    };

    (void)state;
    assert_int_equal(cu_trust_as_program(at("none"), &err), -ENOENT);
    assert_int_equal(cu_trust_as_program(at("none/none"), &err), -ENOENT);
    assert_int_equal(mkdirat(base_fd, "etc", 0700), 0);
    assert_int_equal(cu_trust_as_program(at("etc"), &err), -EPERM);
    assert_int_equal(mkfifo(at("etc/fifo"), 0600), 0);
    assert_int_equal(cu_trust_as_program(at("etc/fifo"), &err), -EPERM);
    assert_int_equal(close(open(at("etc/file"), O_CREAT | O_WRONLY, 0600)), 0);
    assert_int_equal(symlinkat("file", base_fd, "etc/link"), 0);
    assert_int_equal(cu_trust_as_program(at("etc/link"), &err), 0);
    if (geteuid() != 0)
        return;
    assert_int_equal(fchownat(base_fd, "etc/link", 12345, 12345, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(cu_trust_as_program(at("etc/link"), &err), -EPERM);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(fchownat(base_fd, "etc", cases[i].dir_owner, cases[i].group, 0), 0);
        assert_int_equal(fchownat(base_fd, "etc/file", cases[i].owner, cases[i].group, 0), 0);
        assert_int_equal(fchmodat(base_fd, "etc", cases[i].dir_mode, 0), 0);
        assert_int_equal(fchmodat(base_fd, "etc/file", cases[i].mode, 0), 0);
        assert_int_equal(cu_trust_as_program(at("etc/file"), &err), cases[i].rc);
    }
}

static void bad_paths(void **state)
{
    char long_path[5000];

    (void)state;
    memset(long_path, 'x', sizeof(long_path));
    long_path[0] = '/';
    long_path[sizeof(long_path) - 1] = '\0';
    assert_int_equal(open_dir(long_path, CU_TRUST_LINKS, true, NULL), -EINVAL);
    long_path[300] = '\0';
    assert_int_equal(open_dir(long_path, CU_TRUST_LINKS, true, NULL), -ENAMETOOLONG);
    assert_int_equal(open_dir("tmp", CU_TRUST_WAY, true, NULL), -EINVAL);
    assert_int_equal(open_dir("", CU_TRUST_WAY, true, NULL), -EINVAL);
    assert_int_equal(open_dir("/dev/null/x", CU_TRUST_WAY, true, NULL), -ENOTDIR);
    assert_int_equal(open_dir("/", CU_TRUST_WAY, true, NULL), 0);
}

static void write_to(const char *name, enum cu_trust_write how, const char *text)
{
    int fd = cu_trust_open_file(base_fd, name, how);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

static void files_are_appended_to_or_replaced(void **state)
{
    struct stat st;

    (void)state;
    write_to("f", CU_TRUST_APPEND, "one");
    write_to("f", CU_TRUST_APPEND, "two");
    assert_int_equal(fstatat(base_fd, "f", &st, 0), 0);
    assert_int_equal(st.st_size, 6);
    assert_int_equal(st.st_mode & 07777, 0600);
    write_to("f", CU_TRUST_REPLACE, "three");
    assert_int_equal(fstatat(base_fd, "f", &st, 0), 0);
    assert_int_equal(st.st_size, 5);
    assert_int_equal(cu_trust_open_file(base_fd, "none/f", CU_TRUST_APPEND), -ENOENT);
}

/* Each of these somebody else may have put there; none is written to, and none is waited for. */
static void nothing_else_is_written_to(void **state)
{
    struct stat st;
    int reader;

    (void)state;
    write_to("mine", CU_TRUST_APPEND, "");
    assert_int_equal(symlinkat("mine", base_fd, "link"), 0);
    assert_int_equal(symlinkat("nowhere", base_fd, "dangling"), 0);
    assert_int_equal(linkat(base_fd, "mine", base_fd, "hard", 0), 0);
    assert_int_equal(mkfifoat(base_fd, "fifo", 0600), 0);
    assert_int_equal(mkfifoat(base_fd, "read", 0600), 0);
    assert_int_equal(mkdirat(base_fd, "dir", 0700), 0);
    reader = openat(base_fd, "read", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    assert_true(reader >= 0);
    assert_int_equal(cu_trust_open_file(base_fd, "link", CU_TRUST_APPEND), -EPERM);
    assert_int_equal(cu_trust_open_file(base_fd, "dangling", CU_TRUST_APPEND), -EPERM);
    assert_int_equal(cu_trust_open_file(base_fd, "hard", CU_TRUST_APPEND), -EPERM);
    assert_int_equal(cu_trust_open_file(base_fd, "fifo", CU_TRUST_APPEND), -EPERM);
    assert_int_equal(cu_trust_open_file(base_fd, "read", CU_TRUST_APPEND), -EPERM);
    assert_int_equal(cu_trust_open_file(base_fd, "dir", CU_TRUST_APPEND), -EPERM);
    assert_int_equal(cu_trust_open_file(base_fd, "dir", CU_TRUST_REPLACE), -EPERM);
    close(reader);
    assert_int_equal(faccessat(base_fd, "nowhere", F_OK, 0), -1);
    /* Replaced is the name, not what a link leads to. */
    write_to("link", CU_TRUST_REPLACE, "text");
    assert_int_equal(fstatat(base_fd, "mine", &st, 0), 0);
    assert_int_equal(st.st_size, 0);
    write_to("fifo", CU_TRUST_REPLACE, "text");
    if (geteuid() != 0)
        return;
    assert_int_equal(unlinkat(base_fd, "hard", 0), 0);
    write_to("mine", CU_TRUST_APPEND, "");
    assert_int_equal(fchownat(base_fd, "mine", 12345, 12345, 0), 0);
    assert_int_equal(cu_trust_open_file(base_fd, "mine", CU_TRUST_APPEND), -EPERM);
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, make_base, remove_base)
    const struct CMUnitTest tests[] = {
        CASE(links_are_followed_where_nobody_else_puts_them),
        CASE(links_of_others_are_not_followed),
#ifndef __SANITIZE_THREAD__ /* its own thread keeps a process from entering a user namespace */
        CASE(nobody_is_not_root_where_anybody_makes_names),
#endif
        CASE(files_beside_the_program),
        CASE(bad_paths),
        CASE(files_are_appended_to_or_replaced),
        CASE(nothing_else_is_written_to),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
