/* SPDX-License-Identifier: BSD-3-Clause */
/* The options of launch_copper.sh: the letters are here, meaning and bounds in proto/job.c's table,
 * so that every daemon accepts what is accepted here. */
#include "copper/launch_options.h"

#include "copper/launch_places.h"
#include "host/rundir.h"
#include "proto/job_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Options without a letter: their word is "--" and their name in the job's text. */
#define LONG     1000
#define ENCRYPT  (LONG + 0)
#define LISTINGS (LONG + 1)
#define SERVE    (LONG + 2)
#define MISSING  (LONG + 3)
#define ADDRESS  (LONG + 4)
#define ONCE     (LONG + 5)
#define LEARN    (LONG + 6)
#define WAIT     (LONG + 7)
#define SYMLINKS (LONG + 8)
#define COLLECT  (LONG + 9)
#define RATE     (LONG + 10)

#define LEVEL_NONE      6
#define COLLECTED_LEVEL "3" /* warnings and worse, unless -l says otherwise */
#define LEFT_MAX        32  /* an option with its value */

static const struct launch_option {
    int letter;
    const char *name; /* in the job's text */
    const char *value, *help;
} launch_options[] = {
    {'l', "log_level", "LEVEL", "1 (most) to 5 (least), 6 none (6)"},
    {'t', "log_type", "TYPE", "file, stdout or file_and_stdout (file)"},
    {COLLECT, "log_collect", NULL, "one log of all nodes, when the job is stopped"},
    {'d', "log_dir", "DIR", "where log files go"},
    {'v', "mount", "MOUNT",
     "mount directory ($COPPER_MOUNT, else /tmp/$USER/copper); %j: the job's number"},
    {'T', "trees", "N", "number of trees, each with its own root (1)"},
    {'k', "fanout", "N", "children of a node in a tree (2)"},
    {'M', "max_cacheable_bytes", "SIZE", "larger files are read from storage by each node (10MB)"},
    {'m', "cache_bytes", "SIZE", "memory for the cache on a node (chosen from its memory)"},
    {'s', "ready_timeout_s", "SECONDS",
     "longest wait for all nodes to be ready (20, and 1 for each 100 nodes)"},
    {'b', "cores", "CORES", "cores for the daemon (48-51 where they exist)"},
    {'E', "enoent_ttl_ms", "MS", "how long \"no such file\" is believed (2000)"},
    {'n', "network", "NETWORK", "tcp or tcp:INTERFACE (tcp)"},
    {ADDRESS, "address", "RULE", "how hosts are reached on the data network (found by itself)"},
    {'p', "port", "PORT", "TCP port of the daemons (chosen at random)"},
    {'P', "profile", NULL, "write a report of the job at its end"},
    {'N', "top_paths", "N", "paths in its lists (10)"},
    {'A', "full_paths", NULL, "full paths in its summary"},
    {'I', "snapshot_s", "SECONDS", "write the counters that often (never)"},
    {ENCRYPT, "encrypt", NULL, "encrypt what travels between nodes"},
    {SERVE, "serve", "PATHS", "what is served: paths with commas (all but secrets of the node)"},
    {MISSING, "allow_missing", "N", "go on without up to N nodes that do not answer (0)"},
    {LEARN, "learn", "NAME", "record what is touched, and ask for it in advance next time"},
    {WAIT, "learn_wait", NULL, "with --learn: ready when all of that is on the nodes"},
    {RATE, "storage_rate", "SIZE", "asked for in advance a second, at most; 0: no bound (4GB)"},
    {SYMLINKS, "symlinks", "WHAT", "keep, or rewrite: absolute links stay in the view (keep)"},
    {LISTINGS, "listings", "RULES", "what listings of some storage are worth (by its type)"},
};
#define OPTION_COUNT (sizeof(launch_options) / sizeof(launch_options[0]))

/* "-k" or "--encrypt" */
static void label_of(const struct launch_option *o, char label[LEFT_MAX])
{
    if (o->letter < LONG) {
        snprintf(label, LEFT_MAX, "-%c", o->letter);
        return;
    }
    snprintf(label, LEFT_MAX, "--%.*s", LEFT_MAX - 3, o->name);
    for (char *p = label; *p != '\0'; p++)
        if (*p == '_')
            *p = '-';
}

void cu_launch_option_label(const char *name, char *label, size_t size)
{
    char found[LEFT_MAX] = "";

    for (size_t i = 0; i < OPTION_COUNT; i++)
        if (strcmp(launch_options[i].name, name) == 0)
            label_of(&launch_options[i], found);
    snprintf(label, size, "%s", found);
}

void cu_launch_help(const char *site)
{
    puts("usage: launch_copper.sh [OPTION...]\n\n"
         "Mounts Copper on all nodes of the job and returns when every node is ready.\n");
    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct launch_option *o = &launch_options[i];
        char label[LEFT_MAX], left[2 * LEFT_MAX];

        label_of(o, label);
        snprintf(left, sizeof(left), "%s %s", label, o->value ? o->value : "");
        printf("  %-14s %s\n", left, o->help);
    }
    puts("  -H HOSTS       host file, or hosts with commas (the scheduler's, else localhost)\n"
         "  --once         nothing to do when this job or session runs it there already\n"
         "  -h, --help     this text\n"
         "  --version      version");
    if (site && access(site, F_OK) == 0)
        printf("\nThis site's own defaults stand in %s.\n", site);
}

static int set_option(struct cu_launch_options *options, int letter, const char *value,
                      struct cu_error *err)
{
    char path[CU_PATH_MAX];
    int rc = -EINVAL;

    for (size_t i = 0; i < OPTION_COUNT; i++) {
        const struct launch_option *o = &launch_options[i];
        char label[LEFT_MAX];

        if (o->letter != letter)
            continue;
        label_of(o, label);
        options->by_word |= UINT64_C(1) << (unsigned)cu_job_option_find(o->name, strlen(o->name));
        if (letter == 'v' || letter == 'd')
            rc = cu_rundir_mount(value, CU_RUNDIR_SELF, path);
        if (rc == 0)
            value = path;
        return cu_job_set(&options->job, o->name, o->value ? value : "yes", label, err);
    }
    return cu_error_set(err, -EINVAL, "-%c: there is no such option; see launch_copper.sh --help",
                        letter);
}

int cu_launch_refuse(int c, char **argv, const char *script, struct cu_error *err)
{
    /* a long option leaves its own word behind optind, a letter may stand inside of one */
    const char *word = argv[optind - 1];
    bool letter = optopt != 0 && optopt < LONG && !strchr("hV", optopt);

    if (c == ':' && optopt >= LONG)
        return cu_error_set(err, -EINVAL, "%s: needs a value; see %s --help", word, script);
    if (c == ':')
        return cu_error_set(err, -EINVAL, "-%c: needs a value; see %s --help", optopt, script);
    if (letter)
        return cu_error_set(err, -EINVAL, "-%c: there is no such option; see %s --help", optopt,
                            script);
    return cu_error_set(err, -EINVAL, "%s: there is no such option; see %s --help", word, script);
}

/* The job with the defaults: Copper's, the environment's, the site's. */
static int start_job(struct cu_job *job, struct cu_error *err)
{
    char mount[CU_PATH_MAX], run[CU_PATH_MAX];
    const char *name = "COPPER_RUN_DIR";
    int rc = cu_rundir_usual(CU_RUNDIR_SELF, run);

    if (rc == 0) {
        name = "COPPER_MOUNT";
        rc = cu_rundir_default_mount(CU_RUNDIR_SELF, mount);
    }
    if (rc == 0) {
        name = "COPPER_RUN_DIR"; /* the log directory is in it; the mount is good */
        rc = cu_job_init(job, mount, run);
    }
    if (rc == 0) {
        job->group = getgid();
        job->ready_timeout_s = 0; /* by the number of hosts, unless it is given */
    }
    if (rc == 0)
        return 0;
    if (rc == -ENOMEM)
        return cu_error_set(err, rc, "out of memory");
    return cu_error_set(err, -EINVAL,
                        "%s: \"%.64s\" is not a directory; allowed is an absolute path, without "
                        "control characters",
                        name, getenv(name) ? getenv(name) : "");
}

/* Options up to the first operand; help and version end the parsing. */
static int take_words(int argc, char **argv, struct cu_launch_options *options,
                      struct cu_error *err)
{
    static const struct option longs[] = {{"help", no_argument, NULL, 'h'},
                                          {"version", no_argument, NULL, 'V'},
                                          {"encrypt", no_argument, NULL, ENCRYPT},
                                          {"address", required_argument, NULL, ADDRESS},
                                          {"listings", required_argument, NULL, LISTINGS},
                                          {"serve", required_argument, NULL, SERVE},
                                          {"symlinks", required_argument, NULL, SYMLINKS},
                                          {"learn", required_argument, NULL, LEARN},
                                          {"learn-wait", no_argument, NULL, WAIT},
                                          {"storage-rate", required_argument, NULL, RATE},
                                          {"allow-missing", required_argument, NULL, MISSING},
                                          {"once", no_argument, NULL, ONCE},
                                          {"log-collect", no_argument, NULL, COLLECT},
                                          {NULL, 0, NULL, 0}};
    int c, rc = 0;

    opterr = 0;
    optind = 0; /* glibc: forget what an earlier parsing left */
    while (rc == 0 && (c = getopt_long(argc, argv, "+:l:t:d:v:T:k:M:m:s:b:E:n:p:PN:AI:H:h", longs,
                                       NULL)) != -1) {
        if (c == 'h')
            options->help = true;
        else if (c == 'V')
            options->version = true;
        else if (c == ONCE)
            options->once = true;
        else if (c == 'H')
            options->hosts = optarg;
        else if (c == '?' || c == ':')
            rc = cu_launch_refuse(c, argv, "launch_copper.sh", err);
        else
            rc = set_option(options, c, optarg, err);
        if (options->help || options->version)
            return 0;
    }
    if (rc == 0 && optind < argc)
        rc = cu_error_set(err, -EINVAL, "\"%s\" is too much; see launch_copper.sh --help",
                          argv[optind]);
    return rc;
}

/* The environment's word, which comes before the site's. */
static int start_learning(struct cu_launch_options *options, struct cu_error *err)
{
    const char *value = getenv("COPPER_LEARN");

    if (!value || value[0] == '\0')
        return 0;
    return cu_job_set(&options->job, "learn", value, "COPPER_LEARN", err);
}

static bool has_bit(uint64_t bits, const char *name)
{
    return (bits >> (unsigned)cu_job_option_find(name, strlen(name)) & 1) != 0;
}

/* A log that is collected has a level, and needs no files on the nodes. */
static int settle_log(struct cu_launch_options *options, struct cu_error *err)
{
    int rc = 0;

    if (!options->job.log_collect)
        return 0;
    if (options->job.log_level == LEVEL_NONE && !has_bit(options->by_word, "log_level"))
        rc = cu_job_set(&options->job, "log_level", COLLECTED_LEVEL, "-l", err);
    if (rc == 0 && !has_bit(options->by_word | options->by_site, "log_type"))
        rc = cu_job_set(&options->job, "log_type", "none", "-t", err);
    return rc;
}

int cu_launch_options(int argc, char **argv, const char *site, struct cu_launch_options *options,
                      struct cu_error *err)
{
    struct cu_error site_err;
    int rc, site_rc;

    memset(options, 0, sizeof(*options));
    rc = start_job(&options->job, err);
    if (rc != 0)
        return rc;
    site_rc = site ? cu_launch_site(site, &options->job, &options->by_site, &site_err) : 0;
    rc = start_learning(options, err);
    if (rc == 0)
        rc = take_words(argc, argv, options, err);
    if (rc == 0 && site_rc != 0 && !options->help && !options->version) {
        rc = site_rc;
        *err = site_err;
    }
    if (rc == 0)
        rc = settle_log(options, err);
    options->waits_for_none = has_bit(options->by_word, "learn_wait") && !options->job.learn;
    if (rc == 0 && !options->help && !options->version)
        rc = cu_launch_places(&options->job, err);
    if (rc != 0)
        cu_job_free(&options->job);
    return rc;
}
