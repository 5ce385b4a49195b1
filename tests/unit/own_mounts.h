/* SPDX-License-Identifier: BSD-3-Clause */
/* What a test mounts is mounted for the test alone: nobody else sees it, and the kernel takes it
 * away when the test ends, however that happens. Include it after cmocka.h. */
#ifndef CU_TEST_OWN_MOUNTS_H
#define CU_TEST_OWN_MOUNTS_H

#include <sched.h>
#include <stdbool.h>
#include <sys/mount.h>

/* Before the first mount and the first thread. Without the right to do it mounts are seen by all.
 */
static inline void own_mounts(void)
{
    static bool done;

    if (!done && unshare(CLONE_NEWNS) == 0)
        assert_int_equal(mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    done = true;
}

#endif
