/* SPDX-License-Identifier: BSD-3-Clause */
/* The lines of a launcher, the hosts that they are about, and which one a Flux instance has. */
#include "copper/launcher.h"

#include "copper/launcher_choice.h"
#include "host/clock.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
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

static void begin(struct cu_launcher *s, const struct cu_hosts *hosts, const char *text)
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
}

/* Runs a launcher with this text on these hosts, to its end. */
static void run(struct cu_launcher *s, const struct cu_hosts *hosts, const char *text)
{
    begin(s, hosts, text);
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

/* A start-up file's shell has ended at the first line of the input: the reason is one, and no
 * command was run there. */
static void test_a_shell_that_took_the_input(void **state)
{
    static char *names[] = {(char *)"n1", (char *)"n2", (char *)"n3"};
    const struct cu_hosts hosts = {.names = names, .count = 3};
    struct cu_launcher s;

    (void)state;
    run(&s, &hosts, "echo 'n1 93 exit: 93'; echo 'n2 9 other'; echo 'n3 193 other'");
    assert_int_equal(s.failed, 3);
    assert_non_null(strstr(s.of[0].text, "starts another shell (as \"exec zsh\" does)"));
    assert_string_equal(s.of[1].text, "other");
    assert_string_equal(s.of[2].text, "other");
    assert_true(cu_launcher_untouched(&s, 0));
    assert_false(cu_launcher_untouched(&s, 1));
    cu_launcher_free(&s);
}

/* A launcher that cleans up on slow storage, while a program of it does not end. */
static void test_a_launcher_may_clean_up(void **state)
{
    static char *names[] = {(char *)"n1"};
    const struct cu_hosts hosts = {.names = names, .count = 1};
    struct cu_launcher s;
    char kept[128];

    (void)state;
    snprintf(kept, sizeof(kept), "%s/kept", dir);
    begin(&s, &hosts,
          "trap 'sleep 4; rm \"$COPPER_PARTS/kept\"; exit 143' TERM\n"
          ": >\"$COPPER_PARTS/kept\"\n"
          "{ trap '' TERM; echo 'n1 0 '; exec tail -f /dev/null; } &\nwait");
    while (s.done == 0) {
        assert_int_equal(cu_clock_wait(s.fd, POLLIN, INT64_MAX), 0);
        assert_true(cu_launcher_take(&s));
    }
    cu_launcher_kill(&s);
    assert_int_equal(access(kept, F_OK), -1);
    assert_true(s.cut_off);
    cu_launcher_free(&s);
}

/* Flux runs inside of a job of another scheduler; but its variable also reaches jobs that were
 * submitted from an instance, which are elsewhere. */
static void test_a_flux_instance_inside_of_a_job(void **state)
{
    static const char *const around[] = {"SLURM_JOB_ID", "PBS_NODEFILE", "LSB_JOBID"};
    static const char *const outer[] = {"srun", "pbs", "flux"}; /* LSF comes after Flux anyway */
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char uri[sizeof(at.sun_path) + 16];
    const char *why = NULL;
    int fd;

    (void)state;
    snprintf(at.sun_path, sizeof(at.sun_path), "/tmp/cu_launch_test.%ld", (long)getpid());
    snprintf(uri, sizeof(uri), "local://%s", at.sun_path);
    for (size_t i = 0; i < sizeof(around) / sizeof(around[0]); i++) {
        setenv(around[i], "1", 1);
        setenv("FLUX_URI", uri, 1);
        assert_string_equal(cu_launcher_automatic(&why), outer[i]);
        fd = socket(AF_UNIX, SOCK_STREAM, 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
        close(fd);
        assert_string_equal(cu_launcher_automatic(&why), "flux");
        assert_string_equal(why, "FLUX_URI");
        unlink(at.sun_path);
        setenv("FLUX_URI", "ssh://elsewhere/run/flux/local", 1);
        assert_string_equal(cu_launcher_automatic(&why), outer[i]);
        unsetenv(around[i]);
    }
    unsetenv("FLUX_URI");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_many_longer_names),
        cmocka_unit_test(test_a_shell_that_took_the_input),
        cmocka_unit_test(test_a_launcher_may_clean_up),
        cmocka_unit_test(test_a_flux_instance_inside_of_a_job),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
