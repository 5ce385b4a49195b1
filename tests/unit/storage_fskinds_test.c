/* SPDX-License-Identifier: BSD-3-Clause */
/* What is known of a file system by its type and options: what is not served, and who is believed.
 */
#include "storage/fskinds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define UNSURE (CU_FS_PARTIAL | CU_FS_UNSTAMPED | CU_FS_SIZELESS | CU_FS_UNNUMBERED)

static unsigned of(const char *type)
{
    return cu_fskinds_of(type, "none", "rw");
}

static void views_and_the_kernels_own_are_not_served(void **state)
{
    static const char *const not_served[] = {"fuse.copper", "proc",  "sysfs",  "devtmpfs",
                                             "devpts",      "nsfs",  "cgroup", "cgroup2",
                                             "debugfs",     "mqueue"};
    static const char *const served[] = {"ext4", "xfs",     "lustre",     "gpfs",
                                         "nfs4", "tmpfs",   "fuse.dfuse", "fuse.sshfs",
                                         "fuse", "overlay", "autofs",     "no such type"};

    (void)state;
    for (size_t i = 0; i < sizeof(not_served) / sizeof(not_served[0]); i++)
        assert_true(of(not_served[i]) & CU_FS_NOT_SERVED);
    for (size_t i = 0; i < sizeof(served) / sizeof(served[0]); i++)
        assert_false(of(served[i]) & CU_FS_NOT_SERVED);
    assert_int_equal(cu_fskinds_of("fuse", "copper", "rw"), CU_FS_COPPER);
}

static void user_space_is_believed_by_name_only(void **state)
{
    static const char *const unknown[] = {"fuse", "fuse.sshfs", "fuse.rclone", "fuseblk",
                                          "fuseblk.ntfs"};

    (void)state;
    for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++)
        assert_int_equal(of(unknown[i]), UNSURE);
    assert_int_equal(of("fuse.dfuse"), 0);
    assert_int_equal(of("fuse.cvmfs2"), CU_FS_UNNUMBERED);
    assert_int_equal(cu_fskinds_of("fuse", "cvmfs2", "rw"), CU_FS_UNNUMBERED);
}

static void a_driver_that_is_not_known_has_its_case_tried(void **state)
{
    (void)state;
    assert_int_equal(of("xfs"), CU_FS_PROBE | CU_FS_LOCAL);
    assert_int_equal(of("zfs"), CU_FS_PROBE);
    assert_int_equal(of(""), CU_FS_PROBE);
    assert_int_equal(of("ext4"), CU_FS_FOLD_FLAG | CU_FS_LOCAL);
    assert_int_equal(of("ext44"), CU_FS_PROBE); /* no prefix counts */
}

static void options_decide_where_they_can(void **state)
{
    static const unsigned cifs = CU_FS_PARTIAL | CU_FS_AUTOMOUNT;

    (void)state;
    assert_int_equal(cu_fskinds_of("cifs", "//s/x", "rw,vers=3.0,serverino,soft"), cifs);
    assert_int_equal(cu_fskinds_of("cifs", "//s/x", "rw,noserverino"), cifs | CU_FS_UNNUMBERED);
    assert_int_equal(cu_fskinds_of("smb3", "//s/x", "serverinos"), cifs | CU_FS_UNNUMBERED);
    assert_int_equal(cu_fskinds_of("ceph", "m:/", "rw,acl"), 0);
    assert_int_equal(cu_fskinds_of("ceph", "m:/", "rw,snapdirname=.snap"), 0);
    assert_int_equal(cu_fskinds_of("ceph", "m:/", "rw,snapdirname=.snapshots"), CU_FS_PARTIAL);
    assert_int_equal(cu_fskinds_of("ceph", "m:/", "snapdirname=hidden,acl"), CU_FS_PARTIAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views_and_the_kernels_own_are_not_served),
        cmocka_unit_test(user_space_is_believed_by_name_only),
        cmocka_unit_test(a_driver_that_is_not_known_has_its_case_tried),
        cmocka_unit_test(options_decide_where_they_can),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
