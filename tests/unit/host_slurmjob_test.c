/* SPDX-License-Identifier: BSD-3-Clause */
/* What a job of Slurm is called, and what scontrol says of it. A script stands for scontrol, which
 * says what each case wants. */
#include "host/slurmjob.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/slurmjob.XXXXXX";

static void put(const char *name, const char *text)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, 0755), 0);
}

/* It says config for "show config", job otherwise, and ends with that status. */
static enum cu_slurmjob_state ask(const char *said, int status, const char *config,
                                  uint32_t *restarts)
{
    struct cu_slurmjob job = {.cluster = "blue", .job = "17"};
    char script[512];

    put("job", said);
    put("config", config);
    snprintf(script, sizeof(script),
             "#!/bin/sh\n[ \"$2\" = config ] && exec cat %s/config\n"
             "[ \"$*\" = 'show job -o -- 17' ] || exit 9\ncat %s/job >&2\nexit %d\n",
             dir, dir, status);
    put("scontrol", script);
    snprintf(job.scontrol, sizeof(job.scontrol), "%s/scontrol", dir);
    return cu_slurmjob_ask(&job, 60000, restarts);
}

#define LINE(state, restarts)                                                                      \
    "JobId=17 JobName=x UserId=a(1) JobState=" state " Reason=None Dependency=(null) Requeue=1 "   \
    "Restarts=" restarts " BatchFlag=1\n"
#define BLUE "Configuration data as of now\nClusterName             = blue\nX = 1\n"
#define RED  "ClusterName             = red\n"
#define GONE "slurm_load_jobs error: Invalid job id specified\n"

static void what_scontrol_says(void **state)
{
    static const struct {
        const char *said;
        int status;
        const char *config;
        enum cu_slurmjob_state state;
        uint32_t restarts;
    } cases[] = {
        {LINE("RUNNING", "0"), 0, BLUE, CU_SLURMJOB_GOES_ON, 0},
        {LINE("SUSPENDED", "3"), 0, RED, CU_SLURMJOB_GOES_ON, 3},
        {LINE("COMPLETED", "0"), 0, BLUE, CU_SLURMJOB_OVER, 0},
        {LINE("COMPLETING", "0"), 0, BLUE, CU_SLURMJOB_OVER, 0},
        {LINE("CANCELLED", "0"), 0, BLUE, CU_SLURMJOB_OVER, 0},
        {LINE("NODE_FAIL", "0"), 0, BLUE, CU_SLURMJOB_OVER, 0},
        {LINE("OUT_OF_MEMORY", "0"), 0, BLUE, CU_SLURMJOB_OVER, 0},
        {LINE("PENDING", "1"), 0, BLUE, CU_SLURMJOB_OVER, 0}, /* requeued */
        {GONE, 1, BLUE, CU_SLURMJOB_OVER, 0},
        /* Components: one that goes on is enough. */
        {LINE("COMPLETED", "0") LINE("RUNNING", "1"), 0, BLUE, CU_SLURMJOB_GOES_ON, 1},
        {LINE("COMPLETED", "0") LINE("FAILED", "1"), 0, BLUE, CU_SLURMJOB_OVER, 0},
        /* Another cluster's, or nobody knows whose. */
        {LINE("COMPLETED", "0"), 0, RED, CU_SLURMJOB_UNKNOWN, 0},
        {GONE, 1, RED, CU_SLURMJOB_UNKNOWN, 0},
        {GONE, 1, "", CU_SLURMJOB_UNKNOWN, 0},
        /* Nothing that can be understood. */
        {LINE("DREAMING", "0"), 0, BLUE, CU_SLURMJOB_UNKNOWN, 0},
        {LINE("COMPLETED", "0") LINE("DREAMING", "0"), 0, BLUE, CU_SLURMJOB_UNKNOWN, 0},
        {LINE("COMPLETED", "0"), 1, BLUE, CU_SLURMJOB_UNKNOWN, 0},
        {"", 0, BLUE, CU_SLURMJOB_UNKNOWN, 0},
        {"slurm_load_jobs error: Unable to contact slurm controller (connect failure)\n", 1, BLUE,
         CU_SLURMJOB_UNKNOWN, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t restarts = 0;

        print_message("%s", cases[i].said);
        assert_int_equal(ask(cases[i].said, cases[i].status, cases[i].config, &restarts),
                         cases[i].state);
        assert_int_equal(restarts, cases[i].restarts);
    }
}

static void one_that_is_not_there_or_hangs_says_nothing(void **state)
{
    struct cu_slurmjob job = {.cluster = "blue", .job = "17"};
    uint32_t restarts = 0;

    (void)state;
    snprintf(job.scontrol, sizeof(job.scontrol), "%s/nowhere", dir);
    assert_int_equal(cu_slurmjob_ask(&job, 60000, &restarts), CU_SLURMJOB_UNKNOWN);
    put("hangs", "#!/bin/sh\necho 'slurm_load_jobs error: Invalid job id specified'\nsleep 600\n");
    snprintf(job.scontrol, sizeof(job.scontrol), "%s/hangs", dir);
    assert_int_equal(cu_slurmjob_ask(&job, 50, &restarts), CU_SLURMJOB_UNKNOWN);
}

static void nothing_is_set(void)
{
    static const char *const names[] = {"SLURM_JOB_ID", "SLURM_HET_JOB_ID", "SLURM_CLUSTER_NAME",
                                        "SLURM_ARRAY_JOB_ID", "SLURM_ARRAY_TASK_ID"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        unsetenv(names[i]);
}

static void the_text_is_read_as_it_was_written(void **state)
{
    static const struct {
        const char *set[6], *job;
    } cases[] = {
        {{"SLURM_JOB_ID", "17"}, "17"},
        {{"SLURM_JOB_ID", "18", "SLURM_HET_JOB_ID", "17"}, "17"},
        {{"SLURM_JOB_ID", "20", "SLURM_ARRAY_JOB_ID", "17", "SLURM_ARRAY_TASK_ID", "3"}, "17_3"},
        {{"SLURM_JOB_ID", "1 7"}, NULL},
        {{"SLURM_JOB_ID", ""}, NULL},
        {{NULL}, NULL},
    };
    char text[CU_SLURMJOB_MAX], path[128], before[4096];
    struct cu_slurmjob job;

    (void)state;
    put("scontrol", "");
    snprintf(before, sizeof(before), "%s", getenv("PATH"));
    snprintf(path, sizeof(path), "relative:/nowhere:%s", dir);
    setenv("PATH", path, 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        nothing_is_set();
        for (size_t s = 0; s < 6 && cases[i].set[s]; s += 2)
            setenv(cases[i].set[s], cases[i].set[s + 1], 1);
        cu_slurmjob_text(text);
        assert_string_equal(text, ""); /* the cluster is not known */
        setenv("SLURM_CLUSTER_NAME", "blue", 1);
        cu_slurmjob_text(text);
        assert_int_equal(cu_slurmjob_read(text, &job), cases[i].job != NULL);
        if (!cases[i].job)
            continue;
        assert_string_equal(job.cluster, "blue");
        assert_string_equal(job.job, cases[i].job);
        assert_int_equal(strncmp(job.scontrol, dir, strlen(dir)), 0);
    }
    setenv("SLURM_JOB_ID", "17", 1);
    setenv("PATH", "/nowhere", 1);
    cu_slurmjob_text(text);
    assert_string_equal(text, "");
    nothing_is_set();
    setenv("PATH", before, 1);
}

static void what_is_no_such_text_is_refused(void **state)
{
    static const char *const texts[] = {"",
                                        "slurm",
                                        "slurm blue 17",
                                        "slurm blue 17 ",
                                        "slurm blue 17 scontrol",
                                        "slurm blue  /bin/scontrol",
                                        "session a b 1 2"};
    struct cu_slurmjob job;

    (void)state;
    assert_false(cu_slurmjob_read(NULL, &job));
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assert_false(cu_slurmjob_read(texts[i], &job));
    assert_true(cu_slurmjob_read("slurm blue 17 /a b/scontrol", &job));
    assert_string_equal(job.scontrol, "/a b/scontrol");
}

static int up(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int down(void **state)
{
    static const char *const names[] = {"job", "config", "scontrol", "hangs"};
    char path[128];

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        unlink(path);
    }
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_scontrol_says),
        cmocka_unit_test(one_that_is_not_there_or_hangs_says_nothing),
        cmocka_unit_test(the_text_is_read_as_it_was_written),
        cmocka_unit_test(what_is_no_such_text_is_refused),
    };

    return cmocka_run_group_tests(tests, up, down);
}
