/* SPDX-License-Identifier: BSD-3-Clause */
/* The primary group that a mount gets, and what fuse.conf says. */
#include "host/group.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Groups of the user, the last of which is 1. 0: those of the system. */
static int in_groups;
int __real_getgrouplist(const char *user, gid_t group, gid_t *groups, int *count);
int __wrap_getgrouplist(const char *user, gid_t group, gid_t *groups, int *count);

int __wrap_getgrouplist(const char *user, gid_t group, gid_t *groups, int *count)
{
    int room = *count;

    if (in_groups == 0)
        return __real_getgrouplist(user, group, groups, count);
    *count = in_groups;
    for (int i = 0; i < room && i < in_groups; i++)
        groups[i] = i + 1 < in_groups ? (gid_t)(70000 + i) : 1;
    return room < in_groups ? -1 : in_groups;
}

static void fuse_conf(void **state)
{
    (void)state;
    assert_true(cu_group_allows_other("user_allow_other"));
    assert_true(cu_group_allows_other("# x\n\n  user_allow_other # yes\nmount_max = 1\n"));
    assert_false(cu_group_allows_other(""));
    assert_false(cu_group_allows_other("#user_allow_other\n"));
    assert_false(cu_group_allows_other("user_allow_others\nuser_allow_othe\nx user_allow_other"));
}

static char *argv[] = {(char *)"copperd", NULL};

static void the_group_it_has_needs_nothing(void **state)
{
    struct cu_error err;

    (void)state;
    assert_int_equal(cu_group_enter(0, argv, NULL, 0, &err), 0);
    assert_int_equal(cu_group_enter(getgid(), argv, NULL, 0, &err), 0);
}

/* In a process of its own: the answer is its status. 1: not a member; 2: sg(1) does not work. */
static int in_child(uid_t uid, uint32_t wanted)
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        struct cu_error err = {""};
        int rc;

        if (uid != 0 && setuid(uid) != 0)
            _exit(99);
        rc = cu_group_enter(wanted, argv, NULL, 0, &err);
        if (rc == 0)
            _exit(getgid() == wanted && getegid() == wanted ? 0 : 98);
        if (rc == -EPERM && strstr(err.text, "does not work here"))
            _exit(2);
        _exit(rc == -EPERM && err.text[0] != '\0' ? 1 : 97);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void root_takes_any(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(in_child(0, 54321), 0);
}

static void others_keep_theirs_with_a_reason(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    assert_int_equal(in_child(65534, 54321), 1); /* nobody knows it */
    assert_int_equal(in_child(65534, 1), 1);     /* not a member */
}

static void a_member_of_thousands_is_one(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    /* Where it is one, sg(1) is asked, which knows nothing of it. */
    for (in_groups = 1; in_groups < 70000; in_groups = in_groups * 16 + 1)
        assert_int_equal(in_child(65534, 1), 2);
    in_groups = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fuse_conf),
        cmocka_unit_test(the_group_it_has_needs_nothing),
        cmocka_unit_test(root_takes_any),
        cmocka_unit_test(others_keep_theirs_with_a_reason),
        cmocka_unit_test(a_member_of_thousands_is_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
