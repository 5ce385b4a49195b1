/* SPDX-License-Identifier: BSD-3-Clause */
/* What the daemon asks its node: memory, control groups, cores. The files are made up below a
 * temporary directory that stands for the root. */
#include "host/cores.h"
#include "host/memory.h"
#include "host/readfile.h"

#include <errno.h>
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

#define GIB (1ull << 30)

static char root[64];

/* Writes root/path, making its directories. */
static void put(const char *path, const char *text)
{
    char full[512];
    FILE *out;

    snprintf(full, sizeof(full), "%s%s", root, path);
    for (char *at = full + strlen(root) + 1; *at != '\0'; at++) {
        if (*at != '/')
            continue;
        *at = '\0';
        mkdir(full, 0700);
        *at = '/';
    }
    out = fopen(full, "w");
    assert_non_null(out);
    fputs(text, out);
    assert_int_equal(fclose(out), 0);
}

static int make_root(void **state)
{
    (void)state;
    strcpy(root, "/tmp/cu-node-test-XXXXXX");
    return mkdtemp(root) == NULL;
}

static int remove_root(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf '%s'", root);
    return system(command);
}

static void test_smallfile(void **state)
{
    char text[8];

    (void)state;
    put("/a", "hello \n\n");
    assert_int_equal(cu_readfile_small(root, "/a", text, sizeof(text)), -EFBIG);
    put("/a", "hell \n");
    assert_int_equal(cu_readfile_small(root, "/a", text, sizeof(text)), 4);
    assert_string_equal(text, "hell");
    put("/a", "");
    assert_int_equal(cu_readfile_small(root, "/a", text, sizeof(text)), 0);
    assert_int_equal(cu_readfile_small(root, "/none", text, sizeof(text)), -ENOENT);
}

static void test_memory_of_node(void **state)
{
    (void)state;
    assert_true(cu_memory_limit(root, NULL) == 0);
    assert_true(cu_memory_default_cache(root) == CU_MEMORY_CACHE_MIN);
    put("/proc/meminfo", "MemTotal:       16777216 kB\nMemFree:         1 kB\n");
    assert_true(cu_memory_limit(root, NULL) == 16 * GIB);
    assert_true(cu_memory_default_cache(root) == 4 * GIB);
    put("/proc/meminfo", "MemFree: 1 kB\nMemTotal: 1073741824 kB\n");
    assert_true(cu_memory_default_cache(root) == CU_MEMORY_CACHE_MAX);
}

static void test_cgroup_v2(void **state)
{
    (void)state;
    put("/proc/meminfo", "MemTotal: 16777216 kB\n");
    put("/proc/self/cgroup", "0::/slurm/job_7/step_0\n");
    assert_true(cu_memory_limit(root, NULL) == 16 * GIB);
    put("/sys/fs/cgroup/slurm/job_7/step_0/memory.max", "max\n");
    assert_true(cu_memory_limit(root, NULL) == 16 * GIB);
    put("/sys/fs/cgroup/slurm/job_7/memory.max", "2147483648\n");
    assert_true(cu_memory_limit(root, NULL) == 2 * GIB);
    put("/sys/fs/cgroup/slurm/job_7/step_0/memory.max", "1073741824\n");
    assert_true(cu_memory_limit(root, NULL) == GIB);
    assert_true(cu_memory_default_cache(root) == GIB / 4);
    put("/sys/fs/cgroup/memory.max", "1000000\n");
    assert_true(cu_memory_limit(root, NULL) == 1000000);
}

/* A group above memory.high is not killed, but hardly runs. */
static void test_cgroup_v2_high(void **state)
{
    (void)state;
    put("/proc/meminfo", "MemTotal: 16777216 kB\n");
    put("/proc/self/cgroup", "0::/user.slice/step_0\n");
    put("/sys/fs/cgroup/user.slice/step_0/memory.max", "2147483648\n");
    put("/sys/fs/cgroup/user.slice/memory.high", "1073741824\n");
    assert_true(cu_memory_limit(root, NULL) == GIB);
    put("/sys/fs/cgroup/user.slice/memory.high", "max\n");
    assert_true(cu_memory_limit(root, NULL) == 2 * GIB);
}

static void test_cache_within_limit(void **state)
{
    struct cu_error note = {""};
    uint64_t bytes;
    bool of_group;

    (void)state;
    /* Nothing is known. */
    assert_int_equal(cu_memory_cache(16 * GIB, root, &bytes, &note), 0);
    assert_true(bytes == 16 * GIB);
    put("/proc/meminfo", "MemTotal: 16777216 kB\n");
    assert_int_equal(cu_memory_cache(12 * GIB, root, &bytes, &note), 0);
    assert_true(bytes == 12 * GIB);
    assert_int_equal(cu_memory_cache(0, root, &bytes, &note), 0);
    assert_true(bytes == 4 * GIB);
    assert_int_equal(cu_memory_cache(15 * GIB, root, &bytes, &note), 1);
    assert_true(bytes == 12 * GIB);
    assert_string_equal(note.text,
                        "the cache has 12.0 GB, not the 15.0 GB of -m: this node allows 16.0 GB");
    put("/proc/self/cgroup", "0::/slurm/job_7/step_0\n");
    put("/sys/fs/cgroup/slurm/job_7/memory.max", "2147483648\n");
    assert_true(cu_memory_limit(root, &of_group) == 2 * GIB && of_group);
    assert_int_equal(cu_memory_cache(GIB, root, &bytes, &note), 0);
    assert_true(bytes == GIB);
    assert_int_equal(cu_memory_cache(16 * GIB, root, &bytes, &note), 1);
    assert_true(bytes == 2 * GIB / 4 * 3);
    assert_string_equal(
        note.text, "the cache has 1.5 GB, not the 16.0 GB of -m: its control group allows 2.0 GB");
    put("/sys/fs/cgroup/slurm/job_7/step_0/memory.max", "30000000\n");
    assert_int_equal(cu_memory_cache(16 * GIB, root, &bytes, &note), -ENOMEM);
    assert_string_equal(note.text, "its control group allows 28.6 MB of memory, and 96.0 MB are "
                                   "needed");
    assert_int_equal(cu_memory_cache(0, root, &bytes, &note), -ENOMEM);
    put("/sys/fs/cgroup/slurm/job_7/step_0/memory.max", "100663296\n");
    assert_int_equal(cu_memory_cache(0, root, &bytes, &note), 0);
    assert_true(bytes == CU_MEMORY_CACHE_MIN);
}

static void test_cgroup_v1(void **state)
{
    (void)state;
    put("/proc/meminfo", "MemTotal: 16777216 kB\n");
    put("/proc/self/cgroup", "9:cpu,cpuacct:/other\n8:hugetlb,memory:/pbs/42\n0::/\n");
    put("/sys/fs/cgroup/memory/other/memory.limit_in_bytes", "1\n");
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    assert_true(cu_memory_limit(root, NULL) == 16 * GIB);
    put("/sys/fs/cgroup/memory/pbs/42/memory.limit_in_bytes", "8589934592\n");
    assert_true(cu_memory_limit(root, NULL) == 8 * GIB);
}

static void test_odd_cgroup_file(void **state)
{
    (void)state;
    put("/proc/meminfo", "MemTotal: 16777216 kB\n");
    put("/proc/self/cgroup", "\nx\n:\n1:memory\n2:memoryx:/a\n3::\n");
    put("/sys/fs/cgroup/memory/a/memory.limit_in_bytes", "5\n");
    assert_true(cu_memory_limit(root, NULL) == 16 * GIB);
}

static void test_cores_default(void **state)
{
    const struct cu_cores wish = {.given = false};
    struct cu_cores chosen;
    struct cu_error reason = {""};
    char text[32];

    (void)state;
    put("/sys/devices/system/cpu/online", "0-1\n");
    assert_int_equal(cu_cores_choose(&wish, root, &chosen, &reason), 0);
    assert_string_equal(reason.text, "no core binding: this node has no core 48 (cores 0-1)");
    put("/sys/devices/system/cpu/online", "0-50,52-103\n");
    assert_int_equal(cu_cores_choose(&wish, root, &chosen, &reason), 0);
    put("/sys/devices/system/cpu/online", "0-103\n");
    assert_int_equal(cu_cores_choose(&wish, root, &chosen, &reason), 1);
    cu_cores_text(&chosen, text, sizeof(text));
    assert_string_equal(text, "48-51");
    put("/sys/devices/system/cpu/online", "what\n");
    assert_int_equal(cu_cores_choose(&wish, root, &chosen, &reason), 0);
}

static void test_cores_of_its_own(void **state)
{
    const unsigned some[] = {0, 2, 3, 7};
    struct cu_cores bound = {.given = true, .cores = some, .count = 4};

    (void)state;
    put("/sys/devices/system/cpu/online", "0-7\n");
    assert_true(cu_cores_are_own(&bound, root));
    put("/sys/devices/system/cpu/online", "0,2-3,7\n"); /* there are no others */
    assert_false(cu_cores_are_own(&bound, root));
    put("/sys/devices/system/cpu/online", "what\n");
    assert_false(cu_cores_are_own(&bound, root));
    put("/sys/devices/system/cpu/online", "0-7\n");
    bound.count = 1; /* its workers need it */
    assert_false(cu_cores_are_own(&bound, root));
}

static void test_cores_given(void **state)
{
    const unsigned some[] = {0, 2, 3, 7};
    const struct cu_cores wish = {.given = true, .cores = some, .count = 4};
    struct cu_cores chosen;
    struct cu_error reason = {""};
    char text[32];

    (void)state;
    put("/sys/devices/system/cpu/online", "0-3\n");
    assert_int_equal(cu_cores_choose(&wish, root, &chosen, &reason), -EINVAL);
    assert_string_equal(reason.text, "-b: core 7 does not exist here; allowed is 0-3");
    put("/sys/devices/system/cpu/online", "0-7\n");
    assert_int_equal(cu_cores_choose(&wish, root, &chosen, &reason), 1);
    cu_cores_text(&chosen, text, sizeof(text));
    assert_string_equal(text, "0,2-3,7");
    cu_cores_text(&chosen, text, 4);
    assert_string_equal(text, "0,2");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_smallfile, make_root, remove_root),
        cmocka_unit_test_setup_teardown(test_memory_of_node, make_root, remove_root),
        cmocka_unit_test_setup_teardown(test_cgroup_v2, make_root, remove_root),
        cmocka_unit_test_setup_teardown(test_cgroup_v2_high, make_root, remove_root),
        cmocka_unit_test_setup_teardown(test_cache_within_limit, make_root, remove_root),
        cmocka_unit_test_setup_teardown(test_cgroup_v1, make_root, remove_root),
        cmocka_unit_test_setup_teardown(test_odd_cgroup_file, make_root, remove_root),
        cmocka_unit_test_setup_teardown(test_cores_default, make_root, remove_root),
        cmocka_unit_test_setup_teardown(test_cores_given, make_root, remove_root),
        cmocka_unit_test_setup_teardown(test_cores_of_its_own, make_root, remove_root),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
