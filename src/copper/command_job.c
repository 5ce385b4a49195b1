/* SPDX-License-Identifier: BSD-3-Clause */
/* copper job: the implementation of launch_copper.sh and stop_copper.sh. Not to be called by
 * users. */
#include "control/client.h"
#include "copper/bypassed.h"
#include "copper/cli.h"
#include "copper/job_file.h"
#include "copper/job_stop.h"
#include "copper/jobdir.h"
#include "copper/joblog.h"
#include "copper/launch.h"
#include "copper/launch_hosts.h"
#include "copper/launch_once.h"
#include "copper/launch_options.h"
#include "copper/launch_owner.h"
#include "copper/launcher_choice.h"
#include "copper/progress.h"
#include "copper/recipe_file.h"
#include "copper/relay.h"
#include "copper/remote.h"
#include "copper/shell_quote.h"
#include "copper/shell_state.h"
#include "copper/stop_mount.h"
#include "host/limits.h"
#include "host/rundir.h"

#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PORT_ATTEMPTS    5u
#define ONCE_ATTEMPTS    5u
#define OTHER_IS_QUICKER (-1)
#define DESCRIPTORS_MIN  64u
#define TASKS_MIN        12u  /* a launcher of shell, its helpers, and two remote shells */
#define READY_S          20u  /* longest wait for the nodes, unless -s is given ... */
#define READY_HOSTS      100u /* ... and a second more for so many */

/* Takes "--parts DIR --copperd PATH" from the front of argv, as absolute paths without links, which
 * other nodes find; how many words, or -1. */
static int take_paths(int argc, char **argv, struct cu_launch_paths *paths)
{
    static const char *const names[] = {"--parts", "--copperd", "--copper"};
    static char whole[3][PATH_MAX]; /* as long as the process */
    const char **to[] = {&paths->parts, &paths->copperd, &paths->copper};
    int i = 1;

    for (; i + 1 < argc; i += 2) {
        size_t k;

        for (k = 0; k < 3 && strcmp(argv[i], names[k]) != 0; k++)
            ;
        if (k == 3)
            break;
        *to[k] = realpath(argv[i + 1], whole[k]) ? whole[k] : argv[i + 1];
    }
    return i - 1;
}

/* Too low limits would fail later, at an unrelated place. 0, or the exit status. */
static int check_limits(void)
{
    const struct cu_limits_need need = {.files = DESCRIPTORS_MIN, .tasks = TASKS_MIN};
    struct cu_error err;

    if (cu_limits_check(&need, "this shell", &err) == 0)
        return 0;
    return cu_cli_fail(CU_EXIT_FAILED, "%s: nothing was done", err.text);
}

/* On each node that is another host, so no node would find the others there. 0, or the exit status.
 */
static int refuse_loopback(const struct cu_hosts *hosts)
{
    for (size_t i = 0; i < hosts->count && hosts->count > 1; i++) {
        const char *name = hosts->names[i];

        if (strcasecmp(name, "localhost") == 0 || strncasecmp(name, "localhost.", 10) == 0 ||
            strcmp(name, "::1") == 0 ||
            (strncmp(name, "127.", 4) == 0 && strspn(name, "0123456789.") == strlen(name)))
            return cu_cli_fail(CU_EXIT_USAGE,
                               "host list: \"%s\" is another host on each node: use the name by "
                               "which the others reach it",
                               name);
    }
    return 0;
}

/* The status to exit with, or -1: options and host list are good. */
static int take_options(int argc, char **argv, const struct cu_launch_paths *paths,
                        struct cu_launch_options *options)
{
    struct cu_error err;
    struct cu_hosts *hosts = &options->job.hosts;
    char site[CU_PATH_MAX];
    bool has_site = paths->parts && cu_launch_site_path(site) == 0;
    int rc = cu_launch_options(argc, argv, has_site ? site : NULL, options, &err);

    if (rc == 0 && (options->help || options->version)) {
        if (options->help)
            cu_launch_help(has_site ? site : NULL);
        else
            puts("copper " CU_VERSION);
        cu_job_free(&options->job);
        return CU_EXIT_OK;
    }
    if (rc != 0)
        return cu_cli_fail(CU_EXIT_USAGE, "%s", err.text);
    if (paths->parts && check_limits() != 0) {
        cu_job_free(&options->job);
        return CU_EXIT_FAILED;
    }
    if (options->hosts)
        rc = cu_launch_hosts(options->hosts, hosts, &err);
    else if (paths->parts)
        rc = cu_launch_hosts_found(paths->parts, hosts, &err);
    else
        rc = cu_launch_hosts_from(STDIN_FILENO, "host list", hosts, &err);
    if (rc != 0) {
        cu_job_free(&options->job);
        return cu_cli_fail(CU_EXIT_USAGE, "%s", err.text);
    }
    if (refuse_loopback(hosts) != 0) {
        cu_job_free(&options->job);
        return CU_EXIT_USAGE;
    }
    if (options->job.ready_timeout_s == 0)
        options->job.ready_timeout_s = READY_S + (uint32_t)(hosts->count / READY_HOSTS);
    return -1;
}

static int create(int argc, char **argv)
{
    const struct cu_launch_paths paths = {0};
    struct cu_launch_options options;
    struct cu_job_file file;
    struct cu_error err;
    int status = take_options(argc, argv, &paths, &options);
    int rc;

    if (status >= 0)
        return status;
    rc = cu_job_file_create(&options.job, 0, &file, &err);
    cu_job_free(&options.job);
    if (rc != 0)
        return cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
    puts(file.path);
    cu_job_file_close(&file, false);
    return CU_EXIT_OK;
}

/* A shell continues its script after a program that exits with 130. When the program was killed by
 * the signal the shell ends the script, too, as the user who pressed Ctrl-C expects. So this
 * process ends by the signal. */
static void end_by(int signal_number)
{
    sigset_t set;

    signal(signal_number, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, signal_number);
    fflush(NULL);
    raise(signal_number);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* The exit status must not depend on whether the message could be written: a job script that ends
 * because of a lost line would leave everything running, or assume so. */
static int say_lost(int status, const char *what)
{
    if (fflush(stdout) == 0)
        return status;
    cu_cli_say(stderr, "standard output: %s; %s", strerror(errno), what);
    __fpurge(stdout);
    clearerr(stdout);
    return status;
}

/* The job's file and the launch. again: as cu_launch_run's. Exit status. */
static int launch_job(struct cu_job *job, const struct cu_launch_paths *paths, unsigned attempt,
                      unsigned *again)
{
    struct cu_job_file file;
    struct cu_error err;
    int status, rc;

    cu_progress_begin("looking for an earlier job");
    rc = cu_job_file_create(job, attempt, &file, &err);
    cu_progress_end();
    if (rc != 0) {
        bool quicker = rc == -EEXIST && (*again & CU_LAUNCH_OTHER) != 0;

        *again = 0;
        return quicker ? OTHER_IS_QUICKER : cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
    }
    *again &= ~(unsigned)CU_LAUNCH_OTHER;
    status = cu_launch_run(job, &file, paths, again);
    cu_job_file_close(&file, status != CU_EXIT_OK);
    if (status != CU_EXIT_OK && !getenv("COPPER_RUN_DIR"))
        rmdir(dirname(file.path)); /* as far as it is empty */
    return status;
}

/* Launches again as long as another attempt avoids what the last one failed of. may_wait: when
 * another launch holds the mount, OTHER_IS_QUICKER and no message. */
static int launch_until_done(struct cu_job *job, const struct cu_launch_paths *paths, bool may_wait)
{
    bool port_given = job->port != 0, by_file = cu_launcher_shares_input();
    unsigned attempt = 0, again;
    int status;

    do {
        again = (port_given || attempt + 1 >= PORT_ATTEMPTS ? 0 : CU_LAUNCH_PORT) |
                (by_file ? 0 : CU_LAUNCH_INPUT) | (may_wait ? CU_LAUNCH_OTHER : 0);
        if (!port_given)
            job->port = 0;
        status = launch_job(job, paths, attempt++, &again);
        if ((again & CU_LAUNCH_INPUT) != 0) {
            cu_launcher_share_input();
            by_file = true;
        }
    } while (again != 0);
    return status;
}

/* --once: waits for launches that are quicker, and launches when none of them has succeeded. */
static int launch_once(struct cu_job *job, const struct cu_launch_paths *paths)
{
    int status = OTHER_IS_QUICKER;
    struct cu_error err;

    for (unsigned left = ONCE_ATTEMPTS; left > 0 && status == OTHER_IS_QUICKER; left--) {
        int rc = cu_launch_once(job->mount_dir, &err);

        if (rc > 0)
            return CU_EXIT_OK;
        if (rc < 0)
            return cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
        status = launch_until_done(job, paths, left > 1);
    }
    return status;
}

/* Slurm's plugin has launched before the script, which asks for a launch of its own now: its
 * options are the ones that count. */
static void replace_plugins(const struct cu_job *job, const struct cu_launch_paths *paths)
{
    const char *decided = getenv("COPPER_SPANK"), *id = getenv("SLURM_JOB_ID");
    size_t len = id ? strlen(id) : 0;
    struct cu_error err;

    if (len == 0 || !decided || strncmp(decided, id, len) != 0 || decided[len] != ' ')
        return;
    if (cu_launch_once(job->mount_dir, &err) > 0)
        (void)cu_stop_mount(job->mount_dir, NULL, false, NULL, paths);
}

static int launch(int argc, char **argv)
{
    struct cu_launch_paths paths = {0};
    struct cu_launch_options options;
    int taken = take_paths(argc, argv, &paths);
    struct cu_error err;
    int status;

    if (!paths.parts || !paths.copperd || !paths.copper)
        return cu_cli_fail(CU_EXIT_USAGE, "job launch: is called by launch_copper.sh only");
    status = take_options(argc - taken, argv + taken, &paths, &options);
    if (status >= 0)
        return status;
    if (cu_launcher_settle(paths.parts, &err) != 0) {
        cu_job_free(&options.job);
        return cu_cli_fail(CU_EXIT_USAGE, "%s", err.text);
    }
    if (options.waits_for_none)
        cu_cli_say(stderr, "--learn-wait: there is nothing to wait for without --learn NAME");
    if (cu_recipe_file_choose(&options.job, &err) != 0) {
        cu_job_free(&options.job);
        return cu_cli_fail(CU_EXIT_USAGE, "%s", err.text);
    }
    if (strstr(options.job.mount_dir, "%j") || strstr(options.job.log_dir, "%j")) {
        status = cu_cli_fail(
            CU_EXIT_USAGE, "\"%s\" has %%j for the number of the scheduler's job, and this is none",
            strstr(options.job.mount_dir, "%j") ? options.job.mount_dir : options.job.log_dir);
        cu_job_free(&options.job);
        return status;
    }
    options.job.confirm = true;
    if (cu_launch_owner_note(&options.job, paths.parts) != 0 || cu_jobdir_note(&options.job) != 0) {
        cu_job_free(&options.job);
        return cu_cli_fail(CU_EXIT_FAILED, "out of memory");
    }
    if (!options.once)
        replace_plugins(&options.job, &paths);
    status = options.once ? launch_once(&options.job, &paths)
                          : launch_until_done(&options.job, &paths, false);
    cu_job_free(&options.job);
    if (status == CU_EXIT_OK)
        status = say_lost(status, "Copper runs all the same");
    if (status > CU_EXIT_INTERRUPTED)
        end_by(status - CU_EXIT_INTERRUPTED);
    return status;
}

static void stop_help(void)
{
    puts("usage: stop_copper.sh [OPTION...]\n\n"
         "Stops Copper on all nodes of the job and takes away what it left. Harmless when nothing\n"
         "runs.\n\n"
         "  -v MOUNT       mount directory ($COPPER_MOUNT, else /tmp/$USER/copper);\n"
         "                 %j in it is the number of the job\n"
         "  -H HOSTS       also on these: host file, or hosts with commas\n"
         "  --all          also what another job or session has launched\n"
         "  --log-collect [FILE]\n"
         "                 one log of all nodes: to this file, - for standard output, else to\n"
         "                 copper-JOB/job.log; without it, as launched\n"
         "  -h, --help     this text\n"
         "  --version      version");
}

/* -1, or the status to exit with. */
static int take_stop_options(int argc, char **argv, const char **mount, const char **hosts,
                             bool *all, struct cu_joblog *log)
{
    static const struct option longs[] = {{"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'V'},
                                          {"all", no_argument, NULL, 'a'},
                                          {"log-collect", optional_argument, NULL, 'l'},
                                          {NULL, 0, NULL, 0}};
    struct cu_error err;
    int c;

    opterr = 0;
    while ((c = getopt_long(argc, argv, "+:v:H:h", longs, NULL)) != -1) {
        switch (c) {
        case 'h':
            stop_help();
            return CU_EXIT_OK;
        case 'V':
            puts("copper " CU_VERSION);
            return CU_EXIT_OK;
        case 'v':
            *mount = optarg;
            break;
        case 'H':
            *hosts = optarg;
            break;
        case 'a':
            *all = true;
            break;
        case 'l':
            if (!optarg && optind < argc && (argv[optind][0] != '-' || !argv[optind][1]))
                optarg = argv[optind++];
            *log = (struct cu_joblog){.asked = true, .file = optarg};
            break;
        default:
            (void)cu_launch_refuse(c, argv, "stop_copper.sh", &err);
            return cu_cli_fail(CU_EXIT_USAGE, "%s", err.text);
        }
    }
    if (optind < argc)
        return cu_cli_fail(CU_EXIT_USAGE, "\"%s\" is too much; see stop_copper.sh --help",
                           argv[optind]);
    return -1;
}

static int stop(int argc, char **argv)
{
    struct cu_launch_paths paths = {0};
    char mount_dir[CU_PATH_MAX];
    const char *mount = NULL, *hosts = NULL, *label = "-v";
    struct cu_error err;
    struct cu_joblog log = {0};
    bool all = false;
    int taken = take_paths(argc, argv, &paths);
    int status, rc;

    if (!paths.parts || !paths.copper)
        return cu_cli_fail(CU_EXIT_USAGE, "job stop: is called by stop_copper.sh only");
    status = take_stop_options(argc - taken, argv + taken, &mount, &hosts, &all, &log);
    if (status >= 0)
        return status;
    if (check_limits() != 0)
        return CU_EXIT_FAILED;
    if (mount) {
        rc = cu_rundir_mount(mount, getuid(), mount_dir);
    } else {
        rc = cu_rundir_default_mount(getuid(), mount_dir);
        mount = getenv("COPPER_MOUNT");
        label = "COPPER_MOUNT";
    }
    if (rc < 0)
        return cu_cli_fail(CU_EXIT_USAGE,
                           "%s: \"%s\" is not a mount directory; allowed is an absolute path",
                           label, mount);
    if (cu_launcher_settle(paths.parts, &err) != 0)
        return cu_cli_fail(CU_EXIT_USAGE, "%s", err.text);
    return say_lost(cu_stop_mount(mount_dir, hosts, all, &log, &paths),
                    "what was to be stopped is");
}

/* The line about what was read past the trees because of -M, for a job that ends without a stop. */
static int past(int argc, char **argv)
{
    char mount[CU_PATH_MAX];
    json_t *result = NULL;
    int rc = argc > 1 ? cu_rundir_mount(argv[1], getuid(), mount)
                      : cu_rundir_default_mount(getuid(), mount);

    if (rc < 0)
        return cu_cli_fail(CU_EXIT_USAGE, "job past: no mount directory");
    rc = cu_cli_call(mount, json_pack("{s:s,s:b}", "op", "stats", "all", 1), CU_CLIENT_ANSWER_MS,
                     &result);
    if (rc >= 0)
        return rc;
    cu_bypassed_print(json_object_get(result, "bypassed"));
    json_decref(result);
    return CU_EXIT_OK;
}

/* The words as a remote shell must be given them. */
static int quote(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char *word = cu_shell_quote(argv[i]);

        if (!word)
            return cu_cli_fail(CU_EXIT_FAILED, "out of memory");
        printf("%s%s", i > 1 ? " " : "", word);
        free(word);
    }
    putchar('\n');
    return CU_EXIT_OK;
}

static int run(const struct cu_command *command, int argc, char **argv)
{
    cu_shell_state_settle();
    if (argc > 1 && strcmp(argv[1], "create") == 0)
        return create(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "launch") == 0)
        return launch(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "stop") == 0)
        return stop(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "each") == 0)
        return cu_remote_each(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "part") == 0)
        return cu_remote_part(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "ask") == 0)
        return cu_relay_ask(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "past") == 0)
        return past(argc - 1, argv + 1);
    if (argc > 1 && strcmp(argv[1], "quote") == 0)
        return quote(argc - 1, argv + 1);
    cu_cli_help(command);
    return argc > 1 && strcmp(argv[1], "--help") == 0 ? CU_EXIT_OK : CU_EXIT_USAGE;
}

const struct cu_command cu_command_job = {
    .name = "job",
    .synopsis = "create [LAUNCH-OPTION...]",
    .summary = "Makes the description of a job from a host list on standard input, prints its path",
    .details = "The options are those of launch_copper.sh, which uses this command.\n",
    .options = "",
    .hidden = true,
    .run = run,
};
