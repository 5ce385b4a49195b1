/* SPDX-License-Identifier: BSD-3-Clause */
/* The lines about hosts that are not ready: one for each, or one for each reason. */
#include "copper/launch_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HOSTS 10624

static struct cu_job job;
static const struct cu_launch launch = {.job = &job};
static size_t every, kinds; /* each so-many-th host has failed, for one of so many reasons */

static void make_hosts(void)
{
    job.hosts.names = calloc(HOSTS, sizeof(*job.hosts.names));
    assert_non_null(job.hosts.names);
    for (size_t i = 0; i < HOSTS; i++)
        assert_true(asprintf(&job.hosts.names[i], "n%05zu", i) > 0);
    job.hosts.count = HOSTS;
}

static bool reason(const struct cu_launch *l, size_t i, char *out, size_t size)
{
    const char *host = l->job->hosts.names[i];

    if (i % every != 0)
        return false;
    snprintf(out, size, "reason %zu: %s port 22 (%s.site, not n000100): no", i / every % kinds,
             host, host);
    return true;
}

/* What was printed; owned. */
static char *printed(const char *before, size_t count)
{
    int fd = memfd_create("said", MFD_CLOEXEC), saved = dup(2);
    char *text = calloc(1, 65536);

    assert_true(fd >= 0 && saved >= 0 && text);
    fflush(stderr);
    dup2(fd, 2);
    assert_int_equal(cu_launch_print_reasons(&launch, before, reason), count);
    fflush(stderr);
    dup2(saved, 2);
    close(saved);
    assert_true(pread(fd, text, 65535, 0) >= 0);
    close(fd);
    return text;
}

static size_t lines_of(const char *text)
{
    size_t lines = 0;

    for (; *text; text++)
        lines += *text == '\n';
    return lines;
}

static void few_hosts_have_a_line_each(void **state)
{
    char *text;

    (void)state;
    every = 1000;
    kinds = 1;
    text = printed("without ", 11);
    assert_int_equal(lines_of(text), 11);
    assert_non_null(strstr(text, "copper: without n10000: reason 0: n10000 port 22 (n10000.site, "
                                 "not n000100): no\n"));
    free(text);
}

static void many_hosts_have_a_line_for_each_reason(void **state)
{
    char *text;

    (void)state;
    every = 10;
    kinds = 2;
    text = printed("", 1063);
    assert_int_equal(lines_of(text), 2);
    assert_non_null(strstr(text, "copper: 532 hosts (n[00000,00020,00040,"));
    assert_non_null(strstr(text, "...): reason 0: HOST port 22 (HOST.site, not n000100): no\n"));
    free(text);
}

static void many_reasons_are_cut(void **state)
{
    char *text;

    (void)state;
    every = 1;
    kinds = 30;
    text = printed("", HOSTS);
    assert_true(lines_of(text) <= 21);
    assert_true(strlen(text) < 21 * 512);
    assert_non_null(strstr(text, " more, for other reasons\n"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(few_hosts_have_a_line_each),
        cmocka_unit_test(many_hosts_have_a_line_for_each_reason),
        cmocka_unit_test(many_reasons_are_cut),
    };
    int failed;

    make_hosts();
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    for (size_t i = 0; i < HOSTS; i++)
        free(job.hosts.names[i]);
    free(job.hosts.names);
    return failed;
}
