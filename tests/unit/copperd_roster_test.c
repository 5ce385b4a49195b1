/* SPDX-License-Identifier: BSD-3-Clause */
/* Own rank and own address. */
#include "copperd/roster.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static char node1[] = "node1.site.org", node2[] = "node2.site.org", twin_a[] = "gpu.a",
            twin_b[] = "gpu.b", localhost[] = "localhost";

static struct cu_job job_of(char **names, size_t count)
{
    struct cu_job job;

    memset(&job, 0, sizeof(job));
    job.hosts.names = names;
    job.hosts.count = count;
    return job;
}

static void test_rank(void **state)
{
    char *names[] = {node1, node2, twin_a, twin_b};
    struct cu_job job = job_of(names, 4);
    struct cu_error err = {""};

    (void)state;
    assert_int_equal(cu_roster_rank(&job, "node2", "node1", "gpu.a", &err), 1);
    assert_int_equal(cu_roster_rank(&job, NULL, "node1.site.org", NULL, &err), 0);
    assert_int_equal(cu_roster_rank(&job, NULL, "node2", "gpu.b", &err), 1);
    assert_int_equal(cu_roster_rank(&job, NULL, "elsewhere", "gpu.b", &err), 3);
}

static void test_not_in_list(void **state)
{
    char *names[] = {node1, node2, twin_a, twin_b};
    struct cu_job job = job_of(names, 4);
    struct cu_error err = {""};

    (void)state;
    assert_int_equal(cu_roster_rank(&job, NULL, "elsewhere", NULL, &err), -ENOENT);
    assert_non_null(strstr(err.text, "\"elsewhere\" is not in the host list (4 hosts: "
                                     "node1.site.org ... gpu.b)"));
    assert_int_equal(cu_roster_rank(&job, "node9", "node1", NULL, &err), -ENOENT);
    assert_non_null(strstr(err.text, "\"node9\""));
    assert_int_equal(cu_roster_rank(&job, NULL, "elsewhere", "node8", &err), -ENOENT);
    assert_non_null(strstr(err.text, "\"node8\""));
    assert_int_equal(cu_roster_rank(&job, "gpu", "node1", NULL, &err), -ENOTUNIQ);
    assert_string_equal(err.text, "\"gpu\" stands for several hosts of the host list");
}

static void test_localhost(void **state)
{
    char *names[] = {localhost, node1};
    struct cu_job alone = job_of(names, 1), two = job_of(names, 2);
    struct cu_error err = {""};

    (void)state;
    assert_int_equal(cu_roster_rank(&alone, NULL, "elsewhere", NULL, &err), 0);
    assert_int_equal(cu_roster_rank(&two, NULL, "elsewhere", NULL, &err), -ENOENT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rank),
        cmocka_unit_test(test_not_in_list),
        cmocka_unit_test(test_localhost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
