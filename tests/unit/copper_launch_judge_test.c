/* SPDX-License-Identifier: BSD-3-Clause */
/* Which hosts are named, by what was found about each. Seven hosts: n1 is the root, n2 and n5 are
 * below it, n3 and n4 below n2, n6 and n7 below n5. */
#include "copper/launch_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#define HOSTS 7

static char *names[HOSTS] = {"n1", "n2", "n3", "n4", "n5", "n6", "n7"};
static struct cu_job job = {.hosts = {.names = names, .count = HOSTS}};
static struct cu_launch_found found[HOSTS];
static struct cu_launch launch;
static json_t *result; /* the root's, which was reached */

static int begin(void **state)
{
    (void)state;
    memset(found, 0, sizeof(found));
    for (size_t i = 0; i < HOSTS; i++)
        found[i].parent = -1;
    result = json_object();
    launch = (struct cu_launch){
        .job = &job, .found = found, .not_ready = result, .unreached_host = SIZE_MAX};
    return result ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    json_decref(result);
    return 0;
}

/* Host n has said that it does not reach n's parent. */
static void accuses(size_t n, size_t parent, const char *at)
{
    found[n - 1].looked = found[n - 1].answers = true;
    found[n - 1].parent = (ssize_t)parent - 1;
    snprintf(found[n - 1].at, sizeof(found[n - 1].at), "%s", at);
}

/* Host n has answered; others have joined it, or not. */
static void answers(size_t n, bool serves)
{
    found[n - 1].looked = found[n - 1].answers = true;
    found[n - 1].serves = serves;
}

static void fails(size_t n, const char *at)
{
    found[n - 1].looked = true;
    snprintf(found[n - 1].at, sizeof(found[n - 1].at), "%s", at);
}

static void is_silent(size_t n)
{
    fails(n, "through the launcher: no answer");
    found[n - 1].silent = true;
}

static void unreached(size_t n, const char *at)
{
    launch.unreached_host = n - 1;
    snprintf(launch.unreached_at, sizeof(launch.unreached_at), "%s", at);
}

/* Host n, and none beside it, is named; all others are excused. */
static void assert_only(size_t n, const char *text)
{
    cu_launch_judge(&launch);
    assert_string_equal(found[n - 1].text, text);
    for (size_t i = 0; i < HOSTS; i++)
        if (i + 1 != n) {
            assert_string_equal(found[i].text, "");
            assert_true(found[i].excused);
        }
    assert_false(found[n - 1].excused);
}

static void a_host_that_nobody_reaches(void **state)
{
    (void)state;
    fails(5, "n5: refused");
    accuses(6, 5, "n5 a: timed out");
    accuses(7, 5, "n5 a: timed out");
    assert_only(5, "its daemon cannot be reached from this host and 2 nodes: n5: refused");
}

static void a_host_that_only_others_do_not_reach(void **state)
{
    (void)state;
    answers(5, false);
    accuses(6, 5, "n5 a: refused");
    assert_only(5, "its daemon cannot be reached from n6: n5 a: refused");
}

static void a_host_that_does_not_reach_its_parent(void **state)
{
    (void)state;
    answers(1, true);
    accuses(5, 1, "n1 a: timed out");
    found[5].looked = found[5].answers = true; /* waits for n5 */
    assert_only(5, "it does not reach its parent n1 a: timed out");
}

/* What is heard through the launcher, without the root's answer. */
static void those_below_the_root_accuse_it(void)
{
    launch.relayed = true;
    unreached(1, "n1 port 7: refused");
    accuses(2, 1, "n1 a: refused");
    accuses(5, 1, "n1 a: refused");
}

static void a_root_behind_a_firewall(void **state)
{
    (void)state;
    those_below_the_root_accuse_it();
    answers(1, false);
    assert_only(1, "its daemon cannot be reached from this host and 2 nodes: n1 port 7: refused");
}

/* A busy host whose command brings no answer is not at fault, and hides no fault of others. */
static void silence_of_the_launcher_proves_nothing(void **state)
{
    (void)state;
    those_below_the_root_accuse_it();
    answers(1, false);
    is_silent(6);
    is_silent(7);
    assert_only(1, "its daemon cannot be reached from this host and 2 nodes: n1 port 7: refused");
}

/* The root itself was not asked in time, or is silent: what this host knows of it counts. */
static void a_parent_of_which_nothing_was_heard(void **state)
{
    (void)state;
    those_below_the_root_accuse_it();
    assert_only(1, "its daemon cannot be reached from this host and 2 nodes: n1 port 7: refused");

    end(NULL);
    begin(NULL);
    launch.relayed = true;
    unreached(1, "n1 port 7: refused");
    is_silent(1);
    accuses(2, 1, "n1 a: refused");
    assert_only(1, "its daemon cannot be reached from this host and 1 node: n1 port 7: refused");
}

static void silence_is_told_where_nothing_else_is_known(void **state)
{
    (void)state;
    launch.relayed = true;
    is_silent(6);
    cu_launch_judge(&launch);
    assert_string_equal(found[5].text, "through the launcher: no answer");
    assert_false(found[4].excused); /* the silence of one explains nothing of another */
}

/* It has joined, and is no reason why another one has not; a fault of another one is told, too. */
static void a_host_that_waits_for_its_recipe_is_told_so(void **state)
{
    static const char waits[] = "still waits for its recipe (--learn-wait)";

    (void)state;
    answers(6, false);
    found[5].waits = true;
    cu_launch_judge(&launch);
    assert_memory_equal(found[5].text, waits, sizeof(waits) - 1);
    assert_false(found[6].excused);

    end(NULL);
    begin(NULL);
    answers(6, false);
    found[5].waits = true;
    fails(2, "n2: refused");
    cu_launch_judge(&launch);
    assert_memory_equal(found[5].text, waits, sizeof(waits) - 1);
    assert_string_equal(found[1].text, "its daemon cannot be reached from this host: n2: refused");
    assert_true(found[6].excused);
}

/* The way is at fault, not each host: nobody is named. */
static void no_host_is_reached(void **state)
{
    (void)state;
    launch.not_ready = NULL;
    fails(1, "n1: timed out");
    fails(2, "n2: timed out");
    cu_launch_judge(&launch);
    for (size_t i = 0; i < HOSTS; i++) {
        assert_string_equal(found[i].text, "");
        assert_true(found[i].excused);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_host_that_nobody_reaches, begin, end),
        cmocka_unit_test_setup_teardown(a_host_that_only_others_do_not_reach, begin, end),
        cmocka_unit_test_setup_teardown(a_host_that_does_not_reach_its_parent, begin, end),
        cmocka_unit_test_setup_teardown(a_root_behind_a_firewall, begin, end),
        cmocka_unit_test_setup_teardown(silence_of_the_launcher_proves_nothing, begin, end),
        cmocka_unit_test_setup_teardown(a_parent_of_which_nothing_was_heard, begin, end),
        cmocka_unit_test_setup_teardown(silence_is_told_where_nothing_else_is_known, begin, end),
        cmocka_unit_test_setup_teardown(a_host_that_waits_for_its_recipe_is_told_so, begin, end),
        cmocka_unit_test_setup_teardown(no_host_is_reached, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
