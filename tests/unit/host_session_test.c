/* SPDX-License-Identifier: BSD-3-Clause */
/* Which job a process is in, by what each scheduler sets in its environment; and its session. */
#include "host/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SET_MAX 6

static void nothing_is_a_job(void)
{
    static const char *const names[] = {"SLURM_JOB_ID", "SLURM_HET_JOB_ID",  "SLURM_PACK_JOB_ID",
                                        "PBS_JOBID",    "FLUX_ENCLOSING_ID", "FLUX_JOB_ID",
                                        "LSB_JOBID",    "LSB_JOBINDEX",      "JOB_ID",
                                        "SGE_TASK_ID",  "SGE_ROOT",          "OAR_JOB_ID",
                                        "OAR_JOBID",    "COBALT_JOBID",      "SLURM_ARRAY_JOB_ID"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unsetenv(names[i]);
}

/* expected: the scheduler's name and the number; NULL: no scheduler's job. */
static void assert_owner(const char *const set[SET_MAX], const char *expected)
{
    char owner[CU_SESSION_MAX], job[CU_SESSION_MAX];

    nothing_is_a_job();
    for (size_t i = 0; i + 1 < SET_MAX && set[i]; i += 2)
        setenv(set[i], set[i + 1], 1);
    cu_session_owner(owner);
    cu_session_job(job);
    nothing_is_a_job();
    if (expected) {
        assert_string_equal(owner, expected);
        assert_true(cu_session_is_job(owner));
        assert_string_equal(job, strchr(expected, ' ') + 1);
        assert_true(cu_session_is_other_than(owner, "pbs 1"));
    } else {
        assert_false(cu_session_is_job(owner));
        assert_string_equal(job, "");
    }
}

static void elements_of_an_array_are_jobs(void **state)
{
    static const struct {
        const char *set[SET_MAX], *owner;
    } cases[] = {
        {{"LSB_JOBID", "123", "LSB_JOBINDEX", "0"}, "lsf 123"},
        {{"LSB_JOBID", "123", "LSB_JOBINDEX", "4"}, "lsf 123[4]"},
        {{"LSB_JOBID", "123"}, "lsf 123"},
        {{"JOB_ID", "7", "SGE_ROOT", "/sge", "SGE_TASK_ID", "undefined"}, "sge 7"},
        {{"JOB_ID", "7", "SGE_ROOT", "/sge", "SGE_TASK_ID", "12"}, "sge 7.12"},
        {{"PBS_JOBID", "123[4].server"}, "pbs 123[4].server"},
        {{"SLURM_JOB_ID", "31", "SLURM_ARRAY_JOB_ID", "30"}, "slurm 31"},
        {{"OAR_JOB_ID", "52"}, "oar 52"},
        {{"OAR_JOBID", "52"}, "oar 52"},
        {{"COBALT_JOBID", "9"}, "cobalt 9"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_owner(cases[i].set, cases[i].owner);
}

static void parts_of_a_job_are_one_job(void **state)
{
    static const struct {
        const char *set[SET_MAX], *owner;
    } cases[] = {
        /* the second component of a heterogeneous job, and its old name */
        {{"SLURM_JOB_ID", "41", "SLURM_HET_JOB_ID", "40"}, "slurm 40"},
        {{"SLURM_JOB_ID", "41", "SLURM_PACK_JOB_ID", "40"}, "slurm 40"},
        /* the script of a batch job, and a task in it */
        {{"FLUX_ENCLOSING_ID", "\xc6\x92"
                               "D2e73NP"},
         "flux fD2e73NP"},
        {{"FLUX_ENCLOSING_ID",
          "\xc6\x92"
          "D2e73NP",
          "FLUX_JOB_ID",
          "\xc6\x92"
          "DCB6RV"},
         "flux fD2e73NP"},
        /* a job without an instance of its own; where the locale has no such letter */
        {{"FLUX_JOB_ID", "\xc6\x92"
                         "D2e73NP"},
         "flux fD2e73NP"},
        {{"FLUX_JOB_ID", "fD2e73NP"}, "flux fD2e73NP"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_owner(cases[i].set, cases[i].owner);
}

static void what_is_no_job(void **state)
{
    static char longer[200];
    const char *const no_job[SET_MAX] = {NULL};
    const char *const of_others[SET_MAX] = {"JOB_ID", "7"}; /* no Grid Engine */
    const char *const empty[SET_MAX] = {"PBS_JOBID", ""};
    const char *const blank[SET_MAX] = {"PBS_JOBID", "1 2"};
    const char *const line[SET_MAX] = {"PBS_JOBID", "1\nowner x"};
    const char *const too_long[SET_MAX] = {"PBS_JOBID", longer};
    const char *const left_over[SET_MAX] = {"SLURM_HET_JOB_ID", "40"};

    (void)state;
    memset(longer, '1', sizeof(longer) - 1);
    assert_owner(no_job, NULL);
    assert_owner(of_others, NULL);
    assert_owner(empty, NULL);
    assert_owner(blank, NULL);
    assert_owner(line, NULL);
    assert_owner(too_long, NULL);
    assert_owner(left_over, NULL);
}

/* As in a job of Slurm: the process that made the session has ended. Then the oldest one stands for
 * it, and a process that is the oldest itself has no session that could outlive it. */
static void a_session_without_leader(void **state)
{
    char texts[2][CU_SESSION_MAX];
    long oldest = 0, named = 0;
    int said[2], status;
    pid_t leader;

    (void)state;
    assert_int_equal(pipe(said), 0);
    leader = fork();
    if (leader == 0) {
        pid_t parent = setsid();

        if (fork() != 0)
            _exit(0);
        while (getppid() == parent)
            usleep(1000);
        cu_session_text(texts[0]);
        if (fork() == 0) {
            cu_session_text(texts[1]);
            _exit(write(said[1], texts, sizeof(texts)) == sizeof(texts) &&
                          write(said[1], &(long){getppid()}, sizeof(long)) == sizeof(long)
                      ? 0
                      : 1);
        }
        wait(&status);
        _exit(0);
    }
    assert_int_equal(waitpid(leader, &status, 0), leader);
    close(said[1]);
    assert_int_equal(read(said[0], texts, sizeof(texts)), sizeof(texts));
    assert_int_equal(read(said[0], &oldest, sizeof(oldest)), sizeof(oldest));
    assert_string_equal(texts[0], "");
    assert_int_equal(sscanf(texts[1], "session %*s %*s %ld", &named), 1);
    assert_int_equal(named, oldest);
    close(said[0]);
}

static void the_rank_of_a_text(void **state)
{
    char text[CU_SESSION_MAX] = "session b pid:[4] 17 99";

    (void)state;
    assert_int_equal(cu_session_rank(text), -1);
    assert_true(cu_session_add_rank(text, 10623));
    assert_string_equal(text, "session b pid:[4] 17 99 10623");
    assert_int_equal(cu_session_rank(text), 10623);
    assert_int_equal(cu_session_rank(NULL), -1);
    assert_int_equal(cu_session_rank("pbs 1.server"), -1);
    memset(text, 'x', sizeof(text) - 2);
    text[sizeof(text) - 2] = '\0';
    assert_false(cu_session_add_rank(text, 7));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elements_of_an_array_are_jobs),
        cmocka_unit_test(parts_of_a_job_are_one_job),
        cmocka_unit_test(what_is_no_job),
        cmocka_unit_test(a_session_without_leader),
        cmocka_unit_test(the_rank_of_a_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
