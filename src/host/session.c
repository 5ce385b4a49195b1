/* SPDX-License-Identifier: BSD-3-Clause */
/* A process is distinguished from a later one with the same pid by its start time; hosts are
 * distinguished by boot id, containers by PID namespace. */
#include "host/session.h"

#include "base/text.h"
#include "host/readfile.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#define WORD "session"

#define VARIABLES_MAX 3
#define ID_MAX        128u /* bytes of a job's number with its element */

/* Where the job's number is, by scheduler: the first of these that is set, and is not for other
 * programs. A number must be the same in all parts of a job and differ from all other jobs:
 * - Slurm gives each component of a heterogeneous job a number of its own, besides the whole's;
 *   each element of an array has one, too.
 * - In a Flux batch job the instance has a number, and each of its tasks has another.
 * - LSF and Grid Engine give all elements of an array one number, and an index: "0" and
 *   "undefined" where there is no array. PBS has the index in the number ("123[4].server"), OAR
 *   and Cobalt have a number for each. */
static const struct scheduler {
    const char *name, *variables[VARIABLES_MAX];
    const char *index, *no_index;
    const char *before, *behind; /* around the index, as the scheduler writes it */
    const char *needs;           /* other programs use the variable, too */
} schedulers[] = {
    {.name = "slurm",
     .variables = {"SLURM_HET_JOB_ID", "SLURM_PACK_JOB_ID", "SLURM_JOB_ID"},
     .needs = "SLURM_JOB_ID"},
    {.name = "pbs", .variables = {"PBS_JOBID"}},
    {.name = "flux", .variables = {"FLUX_ENCLOSING_ID", "FLUX_JOB_ID"}},
    {.name = "lsf",
     .variables = {"LSB_JOBID"},
     .index = "LSB_JOBINDEX",
     .no_index = "0",
     .before = "[",
     .behind = "]"},
    {.name = "sge",
     .variables = {"JOB_ID"},
     .index = "SGE_TASK_ID",
     .no_index = "undefined",
     .before = ".",
     .behind = "",
     .needs = "SGE_ROOT"},
    {.name = "oar", .variables = {"OAR_JOB_ID", "OAR_JOBID"}},
    {.name = "cobalt", .variables = {"COBALT_JOBID"}},
};
#define SCHEDULER_COUNT (sizeof(schedulers) / sizeof(schedulers[0]))

/* When the process began, in ticks since boot; 0: there is none, or it has ended. Then parent and
 * session, which may be NULL, are not set. */
static unsigned long long look_at(long pid, long *parent, long *session)
{
    unsigned long long start = 0;
    char path[64], text[1024], state = 'X';
    long of[2] = {0, 0};
    const char *behind;

    snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    if (pid <= 0 || cu_readfile_small(NULL, path, text, sizeof(text)) <= 0)
        return 0;
    behind = strrchr(text, ')'); /* its name may hold anything */
    if (!behind ||
        sscanf(behind + 1,
               " %c %ld %*d %ld %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
               &state, &of[0], &of[1], &start) != 4 ||
        state == 'Z' || state == 'X')
        return 0;
    if (parent)
        *parent = of[0];
    if (session)
        *session = of[1];
    return start;
}

static unsigned long long start_of(long pid)
{
    return look_at(pid, NULL, NULL);
}

static bool is_own(long pid)
{
    struct stat st;
    char path[64];

    snprintf(path, sizeof(path), "/proc/%ld", pid);
    return stat(path, &st) == 0 && st.st_uid == getuid();
}

/* The oldest of this user's processes above this one in its session; for a session whose leader has
 * ended while it goes on. So it is below slurmstepd, which starts the scripts of Slurm's jobs. */
static long eldest(long session)
{
    long pid = getpid(), parent, of;

    for (long at = pid; look_at(at, &parent, &of) != 0 && of == session && is_own(at); at = parent)
        pid = at;
    return pid;
}

/* "BOOT NAMESPACE" */
static bool place(char out[128])
{
    char boot[64], space[64];
    ssize_t len = readlink("/proc/self/ns/pid", space, sizeof(space) - 1);

    if (len <= 0 ||
        cu_readfile_small(NULL, "/proc/sys/kernel/random/boot_id", boot, sizeof(boot)) <= 0)
        return false;
    space[len] = '\0';
    snprintf(out, 128, "%s %s", boot, space);
    return cu_text_is_word(boot, ID_MAX) && cu_text_is_word(space, ID_MAX);
}

void cu_session_text(char out[CU_SESSION_MAX])
{
    long leader = getsid(0);
    unsigned long long start = start_of(leader);
    char here[128];

    if (start == 0 && leader > 0) { /* 0: it began outside of this container */
        leader = eldest(leader);
        start = leader == getpid() ? 0 : start_of(leader);
    }
    out[0] = '\0';
    if (start != 0 && place(here))
        snprintf(out, CU_SESSION_MAX, WORD " %s %ld %llu", here, leader, start);
}

/* Flux writes its numbers with a letter that is not in ASCII, and reads them with an "f", too. */
static void take_id(const char *text, char out[ID_MAX])
{
    static const char flux_letter[] = "\xc6\x92";
    bool is_flux = strncmp(text, flux_letter, strlen(flux_letter)) == 0;

    snprintf(out, ID_MAX, "%s%.*s", is_flux ? "f" : "", (int)ID_MAX - 2,
             is_flux ? text + strlen(flux_letter) : text);
}

static bool find_id(const struct scheduler *scheduler, char id[ID_MAX])
{
    const char *index = scheduler->index ? getenv(scheduler->index) : NULL;
    size_t len;

    if (scheduler->needs && !getenv(scheduler->needs))
        return false;
    id[0] = '\0';
    for (size_t i = 0; i < VARIABLES_MAX && scheduler->variables[i] && id[0] == '\0'; i++) {
        const char *text = getenv(scheduler->variables[i]);

        if (text && strlen(text) < ID_MAX)
            take_id(text, id);
        if (!cu_text_is_word(id, ID_MAX))
            id[0] = '\0';
    }
    len = strlen(id);
    if (len > 0 && index && cu_text_is_word(index, ID_MAX) &&
        strcmp(index, scheduler->no_index) != 0 && len + strlen(index) + 3 < ID_MAX)
        snprintf(id + len, ID_MAX - len, "%s%s%s", scheduler->before, index, scheduler->behind);
    return len > 0;
}

/* The scheduler whose job this is, and the job's number; NULL: none. */
static const struct scheduler *find_job(char id[ID_MAX])
{
    for (size_t i = 0; i < SCHEDULER_COUNT; i++)
        if (find_id(&schedulers[i], id))
            return &schedulers[i];
    return NULL;
}

void cu_session_owner(char out[CU_SESSION_MAX])
{
    char id[ID_MAX];
    const struct scheduler *scheduler = find_job(id);

    if (scheduler)
        snprintf(out, CU_SESSION_MAX, "%s %s", scheduler->name, id);
    else
        cu_session_text(out);
}

void cu_session_job(char out[CU_SESSION_MAX])
{
    char id[ID_MAX];

    snprintf(out, CU_SESSION_MAX, "%s", find_job(id) ? id : "");
}

bool cu_session_is_job(const char *owner)
{
    return owner && owner[0] != '\0' && strncmp(owner, WORD " ", strlen(WORD) + 1) != 0;
}

/* The process that the text names, 0: it is not of this host and namespace; start: its own. */
static long leader_of(const char *session, unsigned long long *start)
{
    char boot[64], space[64], here[128], there[130];
    long pid = 0;

    if (!session || sscanf(session, WORD " %63s %63s %ld %llu", boot, space, &pid, start) != 4 ||
        !place(here))
        return 0;
    snprintf(there, sizeof(there), "%s %s", boot, space);
    return strcmp(here, there) == 0 ? pid : 0;
}

bool cu_session_is_other_than(const char *owner, const char *mine)
{
    unsigned long long start = 0;
    long pid;

    if (!owner || owner[0] == '\0' || strcmp(owner, mine) == 0)
        return false;
    if (cu_session_is_job(owner))
        return true;
    pid = leader_of(owner, &start);
    return pid > 0 && start_of(pid) == start;
}

bool cu_session_is_other(const char *owner)
{
    char mine[CU_SESSION_MAX], session[CU_SESSION_MAX];

    cu_session_owner(mine);
    cu_session_text(session); /* a job's shell may have launched before it was one */
    return cu_session_is_other_than(owner, mine) && cu_session_is_other_than(owner, session);
}

bool cu_session_add_rank(char session[CU_SESSION_MAX], uint32_t rank)
{
    size_t len = strlen(session);

    return (size_t)snprintf(session + len, CU_SESSION_MAX - len, " %" PRIu32, rank) <
           CU_SESSION_MAX - len;
}

int64_t cu_session_rank(const char *session)
{
    uint32_t rank;

    return session && sscanf(session, WORD " %*s %*s %*d %*u %" SCNu32, &rank) == 1 ? (int64_t)rank
                                                                                    : -1;
}

int cu_session_open(const char *session)
{
    unsigned long long start = 0;
    long pid = leader_of(session, &start);
    int fd;

    if (pid <= 0)
        return -EXDEV;
    fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    if (fd < 0)
        return -errno;
    if (start_of(pid) == start)
        return fd;
    close(fd);
    return -ESRCH;
}
