/* SPDX-License-Identifier: BSD-3-Clause */
/* Namespaces in which a directory shows another one; and the reasons why there are none. */
#include "host/nspace.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/copper-nspace.XXXXXX";
static char from[64], to[64], root[64];

/* root/path, with that text; directories above it are made. */
static void put(const char *path, const char *text)
{
    char name[256];
    FILE *out;

    snprintf(name, sizeof(name), "%s%s", root, path);
    for (char *at = strchr(name + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        (void)mkdir(name, 0755);
        *at = '/';
    }
    out = fopen(name, "we");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static int make_dirs(void **state)
{
    char name[80];

    (void)state;
    if (!mkdtemp(dir))
        return -1;
    snprintf(from, sizeof(from), "%s/from", dir);
    snprintf(to, sizeof(to), "%s/to", dir);
    snprintf(root, sizeof(root), "%s/root", dir);
    snprintf(name, sizeof(name), "%s/file", from);
    return mkdir(from, 0755) == 0 && mkdir(to, 0755) == 0 && mkdir(root, 0755) == 0 &&
                   close(open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0644)) == 0
               ? 0
               : -1;
}

static int remove_dirs(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf --one-file-system %s", dir);
    return system(command); /* NOLINT(cert-env33-c): a test's own name */
}

static bool shows(const char *path)
{
    char name[80];

    snprintf(name, sizeof(name), "%s/file", path);
    return access(name, F_OK) == 0;
}

static void test_joins(void **state)
{
    const struct cu_nspace_bind bind = {.from = from, .to = to};
    struct cu_error err = {""};
    int status, fd = cu_nspace_make(&bind, 1, -1, &err), near;
    pid_t pid;

    (void)state;
    if (fd < 0) {
        print_message("no namespaces here: %s\n", err.text);
        skip();
    }
    assert_true(cu_nspace_is(fd));
    assert_false(shows(to)); /* this process has changed nothing */
    near = cu_nspace_make(NULL, 0, fd, &err);
    assert_true(near >= 0);
    for (int i = 0; i < 2; i++) { /* each of both, from where this process is */
        /* As fork(2), but ThreadSanitizer starts no thread of its own in the child: with a second
         * thread nobody joins. */
        pid = (pid_t)syscall(SYS_clone, (unsigned long)SIGCHLD, 0ul, 0ul, 0ul, 0ul);
        if (pid == 0) {
            char cwd[80] = "";
            bool begun = false;
            bool good = chdir(to) == 0 && cu_nspace_join(i == 0 ? fd : near, &begun, &err) == 0 &&
                        begun && getcwd(cwd, sizeof(cwd)) && strcmp(cwd, to) == 0;

            _exit(good && shows(to) == (i == 0) && shows(".") == (i == 0) ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
    close(near);
    close(fd);
}

static void test_fails_as_a_whole(void **state)
{
    const struct cu_nspace_bind binds[] = {{.from = from, .to = to},
                                           {.from = "/nowhere/at/all", .to = from}};
    struct cu_error err = {""};

    (void)state;
    if (cu_nspace_try(&err) < 0)
        skip();
    assert_int_equal(cu_nspace_make(binds, 2, -1, &err), -ENOENT);
    assert_string_equal(err.text, "/nowhere/at/all: No such file or directory");
    assert_false(shows(to));
}

/* Another user who owns a directory on the way can put a link in its place. */
static void test_follows_no_link(void **state)
{
    char link[80], below[96], victim[80];
    const struct cu_nspace_bind binds[] = {{.from = from, .to = below},
                                           {.from = below, .to = to},
                                           {.root = dir, .from = "/link/sub", .to = to},
                                           {.root = link, .from = "/sub", .to = to}};
    struct cu_error err = {""};
    int fd;

    (void)state;
    if (cu_nspace_try(&err) < 0)
        skip();
    snprintf(link, sizeof(link), "%s/link", dir);
    snprintf(below, sizeof(below), "%s/link/sub", dir);
    snprintf(victim, sizeof(victim), "%s/sub", root);
    assert_int_equal(mkdir(victim, 0755), 0);
    assert_int_equal(symlink(root, link), 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(cu_nspace_make(&binds[i], 1, -1, &err), -ELOOP);
        assert_non_null(strstr(err.text, "is a link by now"));
    }
    fd = cu_nspace_make(&binds[3], 1, -1, &err); /* root may have links */
    assert_true(fd >= 0);
    close(fd);
}

/* In the namespace of fd: does the command succeed? */
static bool succeeds_in(int fd, const char *command)
{
    struct cu_error err;
    bool begun;
    int status;
    pid_t pid = (pid_t)syscall(SYS_clone, (unsigned long)SIGCHLD, 0ul, 0ul, 0ul, 0ul);

    if (pid == 0) {
        if (cu_nspace_join(fd, &begun, &err) == 0)
            execl("/bin/sh", "sh", "-ec", command, (char *)NULL);
        _exit(99);
    }
    return waitpid(pid, &status, 0) == pid && status == 0;
}

static void test_overlay(void **state)
{
    const struct cu_nspace_bind binds[] = {
        {.root = dir, .from = "/from", .to = to, .overlay = true}, {.from = root, .to = root}};
    struct cu_error err = {""};
    char command[512];
    int fd;

    (void)state;
    if (cu_nspace_try(&err) < 0)
        skip();
    fd = cu_nspace_make(binds, 2, -1, &err);
    if (fd == -ENODEV || fd == -EPERM) {
        print_message("no overlay here: %s\n", err.text);
        assert_non_null(strstr(err.text, "--view bind"));
        skip();
    }
    assert_true(fd >= 0);
    snprintf(command, sizeof(command),
             "test -e %s/file; test $(ls -A %s | wc -l) = 1; ! touch %s/new 2>/dev/null; "
             "test $(grep -c ' %s .* - overlay copper ' /proc/self/mountinfo) = 1; test -d %s",
             to, to, to, to, root);
    assert_true(succeeds_in(fd, command));
    close(fd);
}

/* What cannot even begin leaves the process as it was. */
static void test_refused_at_once(void **state)
{
    struct cu_error err = {""};
    char cwd[256] = "", after[256] = "";
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    bool begun = true;

    (void)state;
    assert_non_null(getcwd(cwd, sizeof(cwd)));
    assert_true(cu_nspace_join(null, &begun, &err) < 0);
    assert_false(begun);
    assert_true(err.text[0] != '\0');
    assert_non_null(getcwd(after, sizeof(after)));
    assert_string_equal(cwd, after);
    close(null);
}

static void test_what_is_one(void **state)
{
    int file = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    int other = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    (void)state;
    assert_true(cu_nspace_is(file));
    assert_false(cu_nspace_is(other));
    assert_false(cu_nspace_is(null));
    assert_false(cu_nspace_is(-1));
    close(file);
    close(other);
    close(null);
}

static void expect(int error, const char *text)
{
    struct cu_error err = {""};

    assert_int_equal(cu_nspace_explain(root, error, "user namespace", &err), error);
    if (!strstr(err.text, text))
        print_error("%s\n", err.text);
    assert_non_null(strstr(err.text, text));
}

static void test_reasons(void **state)
{
    (void)state;
    expect(-EPERM, "user namespace: Operation not permitted: the administrator can allow");
    expect(-ENOSPC, "the limit of user namespaces is reached");
    expect(-ENOSYS, "this kernel has no such call: needs Linux 5.14");
    put("/proc/self/status", "Name:\tx\nSeccomp:\t0\nSeccomp_filters:\t0\n");
    expect(-EPERM, "the administrator can allow");
    put("/proc/self/status", "Name:\tx\nSeccomp:\t2\nSeccomp_filters:\t1\n");
    expect(-EPERM, "a filter of system calls (seccomp)");
    put("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n");
    expect(-EACCES, "kernel.apparmor_restrict_unprivileged_userns=0");
    put("/proc/sys/kernel/unprivileged_userns_clone", "0\n");
    expect(-EPERM, "sysctl kernel.unprivileged_userns_clone=1");
    put("/proc/sys/user/max_user_namespaces", "0\n");
    expect(-ENOSPC, "sysctl user.max_user_namespaces=15000");
    put("/proc/sys/user/max_user_namespaces", "1000\n");
    put("/proc/sys/kernel/unprivileged_userns_clone", "1\n");
    put("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "0\n");
    expect(-EPERM, "a filter of system calls (seccomp)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_joins),           cmocka_unit_test(test_fails_as_a_whole),
        cmocka_unit_test(test_follows_no_link), cmocka_unit_test(test_overlay),
        cmocka_unit_test(test_refused_at_once), cmocka_unit_test(test_what_is_one),
        cmocka_unit_test(test_reasons),
    };

    return cmocka_run_group_tests(tests, make_dirs, remove_dirs);
}
