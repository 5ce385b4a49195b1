/* SPDX-License-Identifier: BSD-3-Clause */
/* Slurm's plugin: --copper for srun, sbatch and salloc, and #SBATCH --copper. See spank_copper(8).
 *
 * Who runs what, and as whom:
 * - srun, before its tasks (local_user_init): the user's own process launches on the nodes of the
 *   job, unless the job has Copper already.
 * - slurmstepd, in the process that becomes the batch script (task_init, rights are dropped by
 *   then): launches before the script begins.
 * - slurmstepd, in the process of each other task: looks whether the mount is there, in its mount
 *   table, and sets COPPER_MOUNT accordingly.
 * - slurmstepd, when the batch script has ended, or the first task of an srun with an allocation of
 *   its own (task_exit): tells what was read past the trees, as the user.
 * - slurmd's epilogue (job_epilog, root): `copper epilogue`, as the user.
 * Whatever is executed runs as the job's user (run.c). The daemons are a step of the job, so Slurm
 * ends them with the job, however it ends. The launch itself calls srun: COPPER_SPANK=no in its
 * environment keeps the plugin out of that.
 *
 * COPPER_SPANK in the environment of a job is "JOB OPTIONS": the decision was made, for this job.
 */
#include "spank/run.h"
#include "spank/wish.h"

#include "host/mounts.h"
#include "host/rundir.h"

#include <errno.h>
#include <slurm/slurm.h>
#include <slurm/spank.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ENV_SPANK  "COPPER_SPANK"
#define ENV_MOUNT  "COPPER_MOUNT"
#define ENV_OPTION "_SLURM_SPANK_OPTION_copper_copper" /* of sbatch and salloc */
#define ENV_ENDS   "COPPER_SPANK_ENDS"                 /* the job that ends with this srun */
#define JOB_MAX    32u
#define EPILOG_MS  60000
#define PAST_MS    10000

SPANK_PLUGIN(copper, 1);

static struct cu_wish site = {.on = false};
static char prefix[CU_PATH_MAX];
static char given[CU_WISH_TEXT_MAX]; /* the value of --copper */
static bool is_given;
static bool has_job; /* this srun was called in a job */

static int take_option(int val, const char *text, int remote);

static struct spank_option option = {
    .name = (char *)"copper",
    .arginfo = (char *)"[on|off|required] [OPTIONS]",
    .usage = (char *)"mount Copper on the job's nodes before the first step; OPTIONS as of "
                     "launch_copper.sh",
    .has_arg = 2,
    .cb = take_option,
};

/* The user's wish, else the site's. */
static void settle(struct cu_wish *wish, const char *text)
{
    struct cu_error err;

    *wish = site;
    if (text && cu_wish_take(wish, text, &err) != 0)
        wish->on = false; /* it was refused where it was given */
}

/* A wrong option is refused when it is given: by sbatch, not after hours in the queue. */
static int take_option(int val, const char *text, int remote)
{
    struct cu_wish wish = site;
    struct cu_error err;

    (void)val;
    text = !text || strcmp(text, "(null)") == 0 ? "" : text;
    if (strlen(text) >= sizeof(given) || cu_wish_take(&wish, text, &err) != 0) {
        slurm_error("--copper: %s", strlen(text) >= sizeof(given) ? "is too long" : err.text);
        return ESPANK_BAD_ARG;
    }
    snprintf(given, sizeof(given), "%s", text);
    is_given = true;
    if (remote || !wish.on || wish.count == 0)
        return ESPANK_SUCCESS;
    return cu_run_check(prefix, &wish, &err) == 0 ? ESPANK_SUCCESS
                                                  : (slurm_error("%s", err.text), ESPANK_BAD_ARG);
}

/* The arguments in plugstack.conf: "on" or "required", and "prefix=DIR". */
static int take_arguments(int argc, char **argv)
{
    int rc = ESPANK_SUCCESS;

    site = (struct cu_wish){.on = false};
    if (cu_run_prefix(prefix) != 0)
        prefix[0] = '\0';
    for (int i = 0; i < argc; i++) {
        struct cu_error err;

        if (strncmp(argv[i], "prefix=", 7) == 0) {
            snprintf(prefix, sizeof(prefix), "%s", argv[i] + 7);
        } else if (cu_wish_take(&site, argv[i], &err) != 0) {
            slurm_error("copper: plugstack.conf: %s", err.text);
            rc = ESPANK_BAD_ARG;
        }
    }
    return rc;
}

int slurm_spank_init(spank_t spank, int argc, char **argv)
{
    int rc = take_arguments(argc, argv);

    has_job = getenv("SLURM_JOB_ID") != NULL;
    switch (spank_context()) {
    case S_CTX_LOCAL:
    case S_CTX_REMOTE:
    case S_CTX_ALLOCATOR:
        if (spank_option_register(spank, &option) != ESPANK_SUCCESS)
            rc = ESPANK_ERROR;
        break;
    case S_CTX_ERROR:
    case S_CTX_SLURMD:
    case S_CTX_JOB_SCRIPT:
        break;
    }
    return rc;
}

/* Is what stands in COPPER_SPANK the decision for this job? Then *text is its options. */
static bool is_decided(const char *value, const char *job, const char **text)
{
    size_t len = strlen(job);

    if (!value || len == 0 || strncmp(value, job, len) != 0 || value[len] != ' ')
        return false;
    *text = value + len + 1;
    return true;
}

static void note_decision(const char *job, const char *text, char out[CU_WISH_TEXT_MAX + 64])
{
    snprintf(out, CU_WISH_TEXT_MAX + 64, "%s %s", job, text);
}

/* The one line about a launch that has failed. */
static void say_failed(const struct cu_wish *wish, const char *why)
{
    slurm_spank_log("copper: %s: %s",
                    wish->required ? "the job needs Copper (--copper=required), and it cannot start"
                                   : "the job goes on without Copper",
                    why);
}

int slurm_spank_local_user_init(spank_t spank, int argc, char **argv)
{
    const char *decided = getenv(ENV_SPANK), *job = getenv("SLURM_JOB_ID"), *text;
    char decision[CU_WISH_TEXT_MAX + 64], why[CU_RUN_TEXT_MAX];
    struct cu_run_user user;
    struct cu_wish wish;
    uid_t uid;
    gid_t gid;

    (void)argc;
    (void)argv;
    text = is_given ? given : getenv(ENV_OPTION);
    settle(&wish, text);
    if (!wish.on || !job || (decided && strcmp(decided, "no") == 0))
        return ESPANK_SUCCESS;
    note_decision(job, text ? text : "", decision);
    if (is_decided(decided, job, &text))
        return ESPANK_SUCCESS;
    if (spank_get_item(spank, S_JOB_UID, &uid) != ESPANK_SUCCESS ||
        spank_get_item(spank, S_JOB_GID, &gid) != ESPANK_SUCCESS)
        return ESPANK_ERROR;
    cu_run_user(uid, gid, &user);
    if (cu_run_launch(prefix, &wish, &user, NULL, why) == 0) {
        setenv(ENV_SPANK, decision, 1);
        if (!has_job)
            setenv(ENV_ENDS, job, 1);
        return ESPANK_SUCCESS;
    }
    say_failed(&wish, why);
    if (!wish.required)
        return ESPANK_SUCCESS;
    /* What plugstack.conf says of the plugin ("optional") is not what the user says of the job. */
    exit(EXIT_FAILURE);
}

/* The mount that the job's tasks see. 0, or -errno: no valid name. */
static int find_mount(spank_t spank, const struct cu_wish *wish, uid_t uid, char out[CU_PATH_MAX])
{
    static const char *const told[] = {"USER", "SLURM_JOB_ID", "SLURM_HET_JOB_ID"};
    char value[CU_PATH_MAX];
    const char *word = cu_wish_mount(wish);

    /* this process is about to be replaced: its environment is its own */
    unsetenv(ENV_MOUNT);
    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]); i++) {
        unsetenv(told[i]);
        if (spank_getenv(spank, told[i], value, sizeof(value)) == ESPANK_SUCCESS)
            setenv(told[i], value, 1);
    }
    if (word)
        setenv(ENV_MOUNT, word, 1);
    else if (spank_getenv(spank, ENV_MOUNT, value, sizeof(value)) == ESPANK_SUCCESS)
        setenv(ENV_MOUNT, value, 1);
    return cu_rundir_default_mount(uid, out);
}

/* In the process that becomes a task, as the user: is it mounted here? Nothing is asked that could
 * hang. */
static bool is_mounted(const char *mount)
{
    enum cu_mounts_what what = CU_MOUNTS_NOTHING;
    struct stat st;

    return cu_mounts_look(mount, &what) == 0 && what == CU_MOUNTS_OURS && stat(mount, &st) == 0;
}

static void launch_for_script(spank_t spank, const char *job, const struct cu_wish *wish, uid_t uid)
{
    char decision[CU_WISH_TEXT_MAX + 64], why[CU_RUN_TEXT_MAX];
    struct cu_run_user user;
    char **environment = NULL;

    cu_run_user(uid, getgid(), &user);
    note_decision(job, is_given ? given : "", decision);
    if (spank_get_item(spank, S_JOB_ENV, &environment) != ESPANK_SUCCESS)
        return;
    if (cu_run_launch(prefix, wish, &user, environment, why) != 0) {
        say_failed(wish, why);
        if (wish->required)
            _exit(EXIT_FAILURE);
    }
    spank_setenv(spank, ENV_SPANK, decision, 1);
}

/* The decision for the job of a step, in slurmstepd: what the step's own --copper says, else what
 * was decided before. wish->on is false where the plugin is to keep out of it. */
static void settle_step(spank_t spank, char job[JOB_MAX], struct cu_wish *wish)
{
    char decided[CU_WISH_TEXT_MAX + 64] = "";
    const char *text = is_given ? given : NULL;
    uint32_t id = 0;

    wish->on = false;
    if (spank_get_item(spank, S_JOB_ID, &id) != ESPANK_SUCCESS)
        return;
    if (spank_getenv(spank, "SLURM_JOB_ID", job, JOB_MAX) != ESPANK_SUCCESS)
        snprintf(job, JOB_MAX, "%u", id);
    (void)spank_getenv(spank, ENV_SPANK, decided, sizeof(decided));
    if (strcmp(decided, "no") == 0)
        return;
    if (!text)
        (void)is_decided(decided, job, &text);
    settle(wish, text);
}

int slurm_spank_task_init(spank_t spank, int argc, char **argv)
{
    char mount[CU_PATH_MAX], job[JOB_MAX], node[256] = "?";
    uint32_t step = 0;
    struct cu_wish wish;
    int task = -1;
    uid_t uid;

    (void)argc;
    (void)argv;
    if (spank_get_item(spank, S_JOB_UID, &uid) != ESPANK_SUCCESS || uid != geteuid() ||
        spank_get_item(spank, S_JOB_STEPID, &step) != ESPANK_SUCCESS)
        return ESPANK_SUCCESS;
    settle_step(spank, job, &wish);
    if (!wish.on)
        return ESPANK_SUCCESS;
    if (step == SLURM_BATCH_SCRIPT)
        launch_for_script(spank, job, &wish, uid);
    if (find_mount(spank, &wish, uid, mount) == 0 && is_mounted(mount)) {
        spank_setenv(spank, ENV_MOUNT, mount, 1);
        return ESPANK_SUCCESS;
    }
    spank_unsetenv(spank, ENV_MOUNT);
    if (!wish.required)
        return ESPANK_SUCCESS;
    (void)spank_getenv(spank, "SLURMD_NODENAME", node, sizeof(node));
    if (spank_get_item(spank, S_TASK_ID, &task) != ESPANK_SUCCESS || task == 0)
        slurm_spank_log("copper: %s: nothing is mounted at %s, and the job needs it "
                        "(--copper=required)",
                        node, mount);
    _exit(EXIT_FAILURE);
}

/* Is the task whose end was collected the one with which the job ends: the batch script, or the
 * first task of an srun that has an allocation of its own? */
static bool ends_job(spank_t spank, const char *job)
{
    char ends[JOB_MAX] = "";
    uint32_t step = 0, task = 1;

    if (spank_get_item(spank, S_JOB_STEPID, &step) != ESPANK_SUCCESS)
        return false;
    if (step == SLURM_BATCH_SCRIPT)
        return true;
    return spank_getenv(spank, ENV_ENDS, ends, sizeof(ends)) == ESPANK_SUCCESS &&
           strcmp(ends, job) == 0 &&
           spank_get_item(spank, S_TASK_GLOBAL_ID, &task) == ESPANK_SUCCESS && task == 0;
}

/* In slurmstepd, as root; its standard error is the job's. The daemons still run: Slurm ends the
 * other steps after this. */
int slurm_spank_task_exit(spank_t spank, int argc, char **argv)
{
    char **environment = NULL;
    struct cu_run_user user;
    struct cu_wish wish;
    char job[JOB_MAX];
    uid_t uid;
    gid_t gid;

    (void)argc;
    (void)argv;
    settle_step(spank, job, &wish);
    if (!wish.on || !ends_job(spank, job) ||
        spank_get_item(spank, S_JOB_UID, &uid) != ESPANK_SUCCESS ||
        spank_get_item(spank, S_JOB_GID, &gid) != ESPANK_SUCCESS ||
        spank_get_item(spank, S_JOB_ENV, &environment) != ESPANK_SUCCESS)
        return ESPANK_SUCCESS;
    cu_run_user(uid, gid, &user);
    cu_run_past(prefix, &wish, &user, environment, PAST_MS);
    return ESPANK_SUCCESS;
}

/* Never fails: Slurm drains a node whose epilogue does. */
int slurm_spank_job_epilog(spank_t spank, int argc, char **argv)
{
    struct cu_run_user user;
    char why[CU_RUN_TEXT_MAX];
    uid_t uid;

    (void)take_arguments(argc, argv); /* init is not called in this context */
    if (spank_get_item(spank, S_JOB_UID, &uid) != ESPANK_SUCCESS)
        return ESPANK_SUCCESS;
    cu_run_user(uid, (gid_t)-1, &user);
    if (user.name[0] != '\0' && cu_run_epilogue(prefix, &user, EPILOG_MS, why) != 0)
        slurm_error("copper epilogue %s: %s", user.name, why);
    return ESPANK_SUCCESS;
}
