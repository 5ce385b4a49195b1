/* SPDX-License-Identifier: BSD-3-Clause */
/* The lines of a launcher, and the hosts that they are about. */
#include "copper/launcher.h"

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

#define MANY 3000u

static char dir[64], program[128];

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/copper-launcher-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(program, sizeof(program), "%s/launcher", dir);
    return setenv("COPPER_LAUNCHER", program, 1);
}

static int remove_dir(void **state)
{
    (void)state;
    unlink(program);
    return rmdir(dir);
}

/* Runs a launcher with this text on these hosts, to its end. */
static void run(struct cu_launcher *s, const struct cu_hosts *hosts, const char *text)
{
    static const char *const command[] = {"true", NULL};
    const struct cu_launcher_config config = {
        .parts = dir, .mode = "run", .command = command, .hosts = hosts};
    struct cu_error err;
    FILE *out = fopen(program, "w");

    assert_non_null(out);
    fprintf(out, "#!/bin/sh\n%s\n", text);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(chmod(program, 0700), 0);
    assert_int_equal(cu_launcher_spawn(s, &config, &err), 0);
    assert_true(cu_launcher_wait(s, 60000));
}

static void test_names(void **state)
{
    static char *names[] = {(char *)"10.0.0.1", (char *)"10.0.0.2",    (char *)"a.x", (char *)"a.y",
                            (char *)"n1",       (char *)"N2.site.org", (char *)"n10"};
    const struct cu_hosts hosts = {.names = names, .count = 7};
    struct cu_launcher s;

    (void)state;
    run(&s, &hosts,
        "echo 'n1.site.org 0 one'; echo 'n2 3 two'; echo 'N10.other 0 ten'; echo 'a 0 either'\n"
        "echo 'a.y 0 exact'; echo '10.0.0.2 0 address'; echo '10 0 none'; echo 'n 0 none'\n"
        "echo 'n100 0 none'");
    assert_int_equal(s.done, 4);
    assert_int_equal(s.failed, 1);
    assert_int_equal(s.of[0].state, CU_LAUNCHER_RUNS);
    assert_int_equal(s.of[1].state, CU_LAUNCHER_DONE);
    assert_int_equal(s.of[2].state, CU_LAUNCHER_RUNS);
    assert_string_equal(s.of[3].text, "exact");
    assert_string_equal(s.of[4].text, "one");
    assert_int_equal(s.of[5].state, CU_LAUNCHER_FAILED);
    assert_string_equal(s.of[5].text, "two");
    assert_string_equal(s.of[6].text, "ten");
    cu_launcher_free(&s);
}

/* All of them tell a longer name than the list has, in an order of their own. */
static void test_many_longer_names(void **state)
{
    struct cu_hosts hosts = {.names = calloc(MANY, sizeof(*hosts.names)), .count = MANY};
    struct cu_launcher s;
    char text[32];

    (void)state;
    assert_non_null(hosts.names);
    for (unsigned i = 0; i < MANY; i++)
        assert_true(asprintf(&hosts.names[i], "n%u", i) > 0);
    run(&s, &hosts, "sort -r | sed 's/.*/&.site.org 0 of &/'");
    assert_int_equal(s.done, MANY);
    for (unsigned i = 0; i < MANY; i++) {
        snprintf(text, sizeof(text), "of n%u", i);
        assert_string_equal(s.of[i].text, text);
        free(hosts.names[i]);
    }
    free(hosts.names);
    cu_launcher_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_many_longer_names),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
