/* SPDX-License-Identifier: BSD-3-Clause */
/* What counts as a file system of a network. */
#include "host/netfs.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_kinds(void **state)
{
    static const char *const shared[] = {"lustre", "gpfs",   "nfs",  "nfs4",       "beegfs",
                                         "ceph",   "wekafs", "cifs", "fuse.dfuse", "fuse.sshfs"};
    static const char *const local[] = {
        "ext4",    "xfs",     "tmpfs",    "overlay",         "proc", "fuse.copper",
        "fuseblk", "fusectl", "squashfs", "fuse.squashfuse", ""};

    (void)state;
    for (size_t i = 0; i < sizeof(shared) / sizeof(shared[0]); i++)
        assert_true(cu_netfs_is(shared[i], "x", NULL));
    for (size_t i = 0; i < sizeof(local) / sizeof(local[0]); i++)
        assert_false(cu_netfs_is(local[i], "x", NULL));
    assert_true(cu_netfs_is("fuse", "dfs", NULL));
    assert_false(cu_netfs_is("fuse", "copper", NULL));
}

static void test_of_the_site(void **state)
{
    (void)state;
    assert_true(cu_netfs_is("sitefs", "x", "other,sitefs"));
    assert_true(cu_netfs_is("other", "x", "other,sitefs"));
    assert_false(cu_netfs_is("site", "x", "other,sitefs"));
    assert_false(cu_netfs_is("sitefs2", "x", "other,sitefs"));
    assert_false(cu_netfs_is("", "x", "other,sitefs"));
    assert_true(cu_netfs_is("fuse.squashfuse", "x", "fuse.squashfuse"));
    assert_true(cu_netfs_is("nfs", "x", ""));
}

static void test_lists(void **state)
{
    (void)state;
    assert_int_equal(cu_netfs_check("a"), 0);
    assert_int_equal(cu_netfs_check("a,fuse.b"), 0);
    assert_int_equal(cu_netfs_check(""), -EINVAL);
    assert_int_equal(cu_netfs_check(","), -EINVAL);
    assert_int_equal(cu_netfs_check("a,"), -EINVAL);
    assert_int_equal(cu_netfs_check("a,,b"), -EINVAL);
    assert_int_equal(cu_netfs_check("a b"), -EINVAL);
    assert_int_equal(cu_netfs_check("/a"), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_of_the_site),
        cmocka_unit_test(test_lists),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
