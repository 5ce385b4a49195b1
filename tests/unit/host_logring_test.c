/* SPDX-License-Identifier: BSD-3-Clause */
/* The newest lines stay, whole and numbered, also those of a process that was killed. */
#include "host/logring.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define SIZE 200u

static struct {
    char text[4096];
    uint64_t last_us;
    uint32_t first, last, count;
} seen;

static void see(void *context, uint64_t us, uint32_t number, const char *line, size_t len)
{
    assert_ptr_equal(context, &seen);
    assert_true(us >= seen.last_us && number > seen.last);
    if (seen.count++ == 0)
        seen.first = number;
    seen.last_us = us;
    seen.last = number;
    strncat(seen.text, line, len);
    strcat(seen.text, "|");
}

static void look(struct cu_logring *ring)
{
    memset(&seen, 0, sizeof(seen));
    cu_logring_each(ring, see, &seen);
}

static void add(struct cu_logring *ring, uint64_t us, const char *line)
{
    cu_logring_add(ring, us, line, strlen(line));
}

static void test_the_newest_stay(void **state)
{
    struct cu_logring *ring = cu_logring_create(SIZE);
    char line[64], wanted[128];

    (void)state;
    assert_non_null(ring);
    look(ring);
    assert_int_equal(seen.count, 0);
    add(ring, 10, "one");
    add(ring, 9, ""); /* the clock was set back */
    add(ring, 11, "three");
    look(ring);
    assert_string_equal(seen.text, "one||three|");
    assert_int_equal(seen.first, 1);
    assert_int_equal(seen.last_us, 11);
    for (uint32_t i = 4; i < 2000; i++) { /* in all places of the ring */
        snprintf(line, sizeof(line), "%.*s%u", (int)(i % 23), "abcdefghijklmnopqrstuvwxyz", i);
        add(ring, i, line);
        look(ring);
        assert_int_equal(seen.last, i);
        assert_in_range(seen.count, 3, SIZE / 16);
        assert_int_equal(seen.last - seen.first + 1, seen.count);
        snprintf(wanted, sizeof(wanted), "%s|", line);
        assert_string_equal(seen.text + strlen(seen.text) - strlen(wanted), wanted);
    }
    cu_logring_destroy(ring);
}

static void test_a_line_that_is_too_long_is_counted(void **state)
{
    struct cu_logring *ring = cu_logring_create(SIZE);
    char line[2 * SIZE];

    (void)state;
    assert_non_null(ring);
    memset(line, 'x', sizeof(line));
    add(ring, 1, "one");
    cu_logring_add(ring, 2, line, sizeof(line));
    add(ring, 3, "three");
    look(ring);
    assert_string_equal(seen.text, "one|three|");
    assert_int_equal(seen.last, 3);
    cu_logring_destroy(ring);
    cu_logring_add(NULL, 1, "x", 1);
    cu_logring_each(NULL, see, &seen);
}

static void die_inside(void *context, uint64_t us, uint32_t number, const char *line, size_t len)
{
    (void)context;
    (void)us;
    (void)number;
    (void)line;
    (void)len;
    kill(getpid(), SIGKILL);
}

static void in_child(struct cu_logring *ring, void (*what)(struct cu_logring *))
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        what(ring);
        kill(getpid(), SIGKILL);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void add_and_die(struct cu_logring *ring)
{
    add(ring, 5, "of the dead");
}

static void die_with_mutex(struct cu_logring *ring)
{
    cu_logring_each(ring, die_inside, NULL);
}

static void test_lines_of_the_dead(void **state)
{
    struct cu_logring *ring = cu_logring_create(SIZE);

    (void)state;
    assert_non_null(ring);
    add(ring, 4, "before");
    in_child(ring, add_and_die);
    add(ring, 6, "after");
    look(ring);
    assert_string_equal(seen.text, "before|of the dead|after|");
    in_child(ring, die_with_mutex);
    add(ring, 7, "goes on");
    look(ring);
    assert_string_equal(seen.text, "goes on|");
    assert_int_equal(seen.first, 4); /* three are known to lack */
    cu_logring_destroy(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_newest_stay),
        cmocka_unit_test(test_a_line_that_is_too_long_is_counted),
        cmocka_unit_test(test_lines_of_the_dead),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
