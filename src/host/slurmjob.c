/* SPDX-License-Identifier: BSD-3-Clause */
/* scontrol is a program of Slurm that every node has; its library changes with each version. */
#include "host/slurmjob.h"

#include "base/path.h"
#include "base/text.h"
#include "host/child.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define WORD    "slurm"
#define PROGRAM "scontrol"

/* A job that is pending has been requeued. Of the states that are in neither list nothing is
 * concluded. */
static const char *const going_on[] = {"RUNNING",   "SUSPENDED", "CONFIGURING",   "RESIZING",
                                       "SIGNALING", "STOPPED",   "POWER_UP_NODE", NULL};
static const char *const over[] = {
    "COMPLETED", "CANCELLED",     "FAILED",      "TIMEOUT",  "NODE_FAIL",
    "PREEMPTED", "OUT_OF_MEMORY", "BOOT_FAIL",   "DEADLINE", "COMPLETING",
    "STAGE_OUT", "SPECIAL_EXIT",  "REVOKED",     "PENDING",  "REQUEUED",
    "REQUEUE",   "REQUEUE_HOLD",  "REQUEUE_FED", NULL};

static bool find_scontrol(char path[CU_SLURMJOB_MAX])
{
    const char *dirs = getenv("PATH");

    while (dirs && dirs[0] != '\0') {
        size_t len = strcspn(dirs, ":");

        if (dirs[0] == '/' &&
            snprintf(path, CU_SLURMJOB_MAX, "%.*s/" PROGRAM, (int)len, dirs) <
                (int)CU_SLURMJOB_MAX &&
            !strpbrk(path, "\r\n") && access(path, X_OK) == 0)
            return true;
        dirs += len + (dirs[len] == ':');
    }
    return false;
}

/* Elements of an array are asked for by their index: the number alone may name them all. That of a
 * heterogeneous job names its components. */
static bool find_job(char job[64])
{
    const char *array = getenv("SLURM_ARRAY_JOB_ID"), *task = getenv("SLURM_ARRAY_TASK_ID");
    const char *whole = getenv("SLURM_HET_JOB_ID"), *own = getenv("SLURM_JOB_ID");

    if (!own || own[0] == '\0')
        return false;
    if (array && task && array[0] != '\0' && task[0] != '\0')
        return snprintf(job, 64, "%s_%s", array, task) < 64 && cu_text_is_word(job, 64);
    snprintf(job, 64, "%s", whole && whole[0] != '\0' ? whole : own);
    return cu_text_is_word(job, 64);
}

void cu_slurmjob_text(char out[CU_SLURMJOB_MAX])
{
    const char *cluster = getenv("SLURM_CLUSTER_NAME");
    char path[CU_SLURMJOB_MAX], job[64];

    if (!cu_text_is_word(cluster, sizeof(((struct cu_slurmjob *)0)->cluster)) || !find_job(job) ||
        !find_scontrol(path) ||
        snprintf(out, CU_SLURMJOB_MAX, WORD " %s %s %s", cluster, job, path) >=
            (int)CU_SLURMJOB_MAX)
        out[0] = '\0';
}

bool cu_slurmjob_read(const char *text, struct cu_slurmjob *job)
{
    int at = 0;

    if (!text || strlen(text) >= CU_SLURMJOB_MAX ||
        sscanf(text, WORD " %63s %63s %n", job->cluster, job->job, &at) != 2 || text[at] != '/')
        return false;
    snprintf(job->scontrol, sizeof(job->scontrol), "%s", text + at);
    return true;
}

/* What it has said, to be closed, and its exit status; NULL: it could not be run to its end. */
static FILE *run(const char *path, char *const *argv, int limit_ms, int *status)
{
    int fd = memfd_create("said", MFD_CLOEXEC);
    FILE *said = NULL;
    pid_t pid = -1;

    if (fd < 0)
        return NULL;
    if (cu_child_start(path, argv, fd, &pid) == 0) {
        *status = cu_child_wait(pid, limit_ms);
        if (*status < 0)
            kill(-pid, SIGKILL); /* what it has started itself */
        else if (lseek(fd, 0, SEEK_SET) == 0)
            said = fdopen(fd, "r");
    }
    if (!said)
        close(fd);
    return said;
}

static bool is_one_of(const char *state, size_t len, const char *const *list)
{
    for (; *list; list++)
        if (strlen(*list) == len && memcmp(*list, state, len) == 0)
            return true;
    return false;
}

/* A line for each component of a job. It is over when all are. */
static enum cu_slurmjob_state judge(FILE *said, bool failed, uint32_t *restarts)
{
    enum cu_slurmjob_state state = CU_SLURMJOB_UNKNOWN;
    char *line = NULL;
    size_t size = 0;

    while (getline(&line, &size, said) >= 0) {
        static const char name[] = " JobState=", count[] = " Restarts=";
        const char *at = strstr(line, name), *again = strstr(line, count);
        size_t len;

        if (failed && strstr(line, "Invalid job id"))
            state = CU_SLURMJOB_OVER;
        if (failed || !at)
            continue;
        at += sizeof(name) - 1;
        len = strcspn(at, " \n");
        if (is_one_of(at, len, over)) {
            state = CU_SLURMJOB_OVER;
            continue;
        }
        state = is_one_of(at, len, going_on) && again ? CU_SLURMJOB_GOES_ON : CU_SLURMJOB_UNKNOWN;
        if (state == CU_SLURMJOB_GOES_ON)
            *restarts = (uint32_t)strtoul(again + sizeof(count) - 1, NULL, 10);
        break;
    }
    free(line);
    return state;
}

static bool is_cluster(const struct cu_slurmjob *job, int limit_ms)
{
    char *const argv[] = {(char *)PROGRAM, (char *)"show", (char *)"config", NULL};
    char *line = NULL, name[64];
    bool is = false;
    size_t size = 0;
    int status = 0;
    FILE *said = run(job->scontrol, argv, limit_ms, &status);

    if (!said)
        return false;
    while (getline(&line, &size, said) >= 0)
        if (sscanf(line, "ClusterName = %63s", name) == 1)
            is = status == 0 && strcmp(name, job->cluster) == 0;
    free(line);
    fclose(said);
    return is;
}

enum cu_slurmjob_state cu_slurmjob_ask(const struct cu_slurmjob *job, int limit_ms,
                                       uint32_t *restarts)
{
    char *const argv[] = {(char *)PROGRAM,
                          (char *)"show",
                          (char *)"job",
                          (char *)"-o",
                          (char *)"--",
                          (char *)(uintptr_t)job->job,
                          NULL};
    enum cu_slurmjob_state state;
    int status = 0;
    FILE *said = run(job->scontrol, argv, limit_ms, &status);

    if (!said)
        return CU_SLURMJOB_UNKNOWN;
    state = judge(said, status != 0, restarts);
    fclose(said);
    if (state == CU_SLURMJOB_OVER && !is_cluster(job, limit_ms))
        state = CU_SLURMJOB_UNKNOWN;
    return state;
}
