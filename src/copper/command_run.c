/* SPDX-License-Identifier: BSD-3-Clause */
/* copper run: a command that sees the original paths, served by Copper, and with isatty.so
 * preloaded. The library is the installed file itself and is not read through the mount: the paths
 * below the mount directory belong to the job only as long as it runs, and these processes may run
 * longer. */
#include "base/text.h"
#include "control/client.h"
#include "copper/candidates.h"
#include "copper/cli.h"
#include "copper/launch_options.h"
#include "copper/learn_name.h"
#include "copper/prefix.h"
#include "copper/reach.h"
#include "copper/view.h"
#include "host/lock.h"
#include "host/rundir.h"
#include "host/trust.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Beside the program first: above its directory there may be one that others may write to. */
static const char *const places[] = {"isatty.so", "../lib/copper/isatty.so"}; /* built, installed */

/* The library as it is on storage, found from where this program is; that may be below the mount. 0
 * or -errno with err. */
static int find_library(const char *mount, char out[CU_PATH_MAX], struct cu_error *err)
{
    char self[CU_PATH_MAX], path[2 * CU_PATH_MAX];
    size_t mount_len = strlen(mount);
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (len < 0)
        return cu_error_set(err, -errno, "/proc/self/exe: %s", strerror(errno));
    self[len] = '\0';
    self[cu_path_parent_len(self, (size_t)len)] = '\0';
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        int rc;

        snprintf(path, sizeof(path), "%s/%s", self, places[i]);
        rc = cu_path_normalise(path, out);
        if (rc < 0)
            return cu_error_set(err, rc, "%s: %s", path, strerror(-rc));
        if (cu_path_within(out, (size_t)rc, mount, mount_len))
            memmove(out, out + mount_len, (size_t)rc - mount_len + 1);
        rc = cu_trust_as_program(out, err);
        if (rc != -ENOENT)
            return rc;
    }
    return cu_error_set(err, -ENOENT, "%s", strerror(ENOENT));
}

/* LD_PRELOAD with the library in front of what was there. 0 or -errno. */
static int preload(const char *library)
{
    const char *before = getenv("LD_PRELOAD");
    char *value = NULL;
    int rc;

    if (!before || before[0] == '\0')
        return setenv("LD_PRELOAD", library, 1) == 0 ? 0 : -errno;
    if (asprintf(&value, "%s:%s", library, before) < 0)
        return -ENOMEM;
    rc = setenv("LD_PRELOAD", value, 1) == 0 ? 0 : -errno;
    free(value);
    return rc;
}

/* Programs must not be started from a mount whose path other users could replace, now or after the
 * unmount.
 * */
static int check_way(const char *mount, struct cu_error *err)
{
    char parent[CU_PATH_MAX];
    struct cu_trust_dir dir;
    size_t len = cu_path_parent_len(mount, strlen(mount));
    int rc;

    memcpy(parent, mount, len);
    parent[len] = '\0';
    rc = cu_trust_open_dir(parent, CU_TRUST_WAY, false, &dir, err);
    if (rc == 0)
        close(dir.fd);
    return rc;
}

/* Is there a daemon of this node, as its lock tells? Also while it is started again: then its
 * socket is not there. 1, 0, or -errno with err. */
static int is_here(const char *mount, struct cu_error *err)
{
    char run_dir[CU_PATH_MAX], path[CU_PATH_MAX];
    struct cu_lock_seen lock;
    int rc = cu_rundir_find(getuid(), run_dir, err);

    if (rc < 0)
        return rc;
    if (cu_rundir_file(run_dir, mount, "lock", path) < 0)
        return cu_error_set(err, -ENAMETOOLONG, "run directory %s: the name is too long", run_dir);
    cu_lock_see(path, &lock);
    rc = lock.held;
    cu_lock_unsee(&lock);
    return rc;
}

/* The library's path, when a job runs; *here: on this node. -1, or the exit status. */
static int choose_library(const char *mount, char path[CU_PATH_MAX], bool *here)
{
    struct cu_client client;
    struct cu_error err;
    int rc = is_here(mount, &err);

    if (rc == 0) {
        *here = false;
        if (cu_reach_mount(mount, &client, &err) < 0)
            return cu_cli_fail(CU_EXIT_NOT_RUN, "%s", err.text);
        cu_client_close(&client);
    } else if (rc > 0) {
        *here = true;
        rc = check_way(mount, &err);
    }
    if (rc < 0)
        return cu_cli_fail(CU_EXIT_NOT_RUN, "run: %s", err.text);
    rc = find_library(mount, path, &err);
    if (rc != 0)
        return cu_cli_fail(CU_EXIT_NOT_RUN, "run: isatty.so of this installation: %s", err.text);
    if (strpbrk(path, ": \n$")) /* $ORIGIN and $LIB are replaced */
        return cu_cli_fail(CU_EXIT_NOT_RUN,
                           "run: %s: LD_PRELOAD takes no name with a blank, a colon or a '$'",
                           path);
    return -1;
}

/* For each directory of the lists (commas between them) a call of take. -1, or the exit status. */
struct taker {
    struct cu_choice *choice;
    const struct cu_origin *origin;
    const char *option; /* NULL: --over */
};

static int take_lists(const struct taker *taker, const struct cu_cli_lists *lists)
{
    struct cu_error err;

    for (unsigned i = 0; i < lists->count; i++) {
        for (const char *at = lists->values[i]; *at != '\0';) {
            size_t len = strcspn(at, ",");
            char dir[2 * CU_PATH_MAX];
            int rc;

            snprintf(dir, sizeof(dir), "%s%s%.*s", at[0] == '/' ? "" : taker->choice->cwd,
                     at[0] == '/' ? "" : "/", (int)len, at);
            rc = taker->option ? cu_choice_keep(taker->choice, dir, taker->option, &err)
                               : cu_choice_name(taker->choice, taker->origin, dir, &err);
            if (rc < 0)
                return cu_cli_fail(CU_EXIT_NOT_RUN, "run: %s", err.text);
            at += len + (at[len] == ',');
        }
    }
    return -1;
}

/* What is bound: -1 with the choice, or the exit status. */
static int choose(const struct cu_cli_options *options, const struct cu_origin *origin, char **argv,
                  struct cu_choice *choice)
{
    const struct taker over = {.choice = choice, .origin = origin};
    const struct taker without = {.choice = choice, .origin = origin, .option = "--not"};
    const struct taker rw = {.choice = choice, .origin = origin, .option = "--rw"};
    char *nothing[] = {(char *)(uintptr_t) "", NULL};
    int status = take_lists(&without, &options->without), rc = 0;

    if (status < 0)
        status = take_lists(&rw, &options->rw);
    if (status < 0)
        status = take_lists(&over, &options->over);
    if (status >= 0)
        return status;
    if (options->over.count == 0)
        rc = cu_candidates_offer(choice, origin, argv[0] ? argv : nothing);
    if (rc == 0)
        rc = cu_choice_finish(choice, origin);
    for (size_t i = 0; rc == 0 && options->over.count > 0 && i < choice->count; i++)
        if (choice->entries[i].what == CU_CHOICE_LEFT)
            return cu_cli_fail(CU_EXIT_NOT_RUN,
                               "run: --over: %s: more than %u directories are named",
                               choice->entries[i].path, CU_CHOICE_MAX);
    return rc == 0 ? -1 : cu_cli_fail(CU_EXIT_NOT_RUN, "run: %s", strerror(-rc));
}

static int show(const struct cu_choice *choice)
{
    static const char *const words[] = {
        [CU_CHOICE_BOUND] = "served", [CU_CHOICE_KEPT] = "as it is", [CU_CHOICE_LEFT] = "left"};
    char path[CU_TEXT_BYTES(CU_PATH_MAX)], why[CU_TEXT_BYTES(512)];

    if (choice->count == 0)
        puts("nothing: the job reads nothing of a file system of a network, as far as its "
             "environment tells");
    for (size_t i = 0; i < choice->count; i++) {
        const struct cu_choice_entry *entry = &choice->entries[i];

        cu_text_line(path, sizeof(path), entry->path, strlen(entry->path));
        cu_text_line(why, sizeof(why), entry->why, strlen(entry->why));
        printf("%-8s  %s  (%s)\n", words[entry->what], path, why);
    }
    return CU_EXIT_OK;
}

/* --prefix-instead. -1, or the exit status. */
static int set_prefixes(const char *mount, const struct cu_origin *origin)
{
    for (size_t i = 0; cu_candidates_lists[i]; i++) {
        const char *value = getenv(cu_candidates_lists[i]);
        char *changed = NULL;
        int rc = value ? cu_prefix_list(origin, mount, false, value, &changed) : 0;

        if (rc == 0 && changed && setenv(cu_candidates_lists[i], changed, 1) != 0)
            rc = -errno;
        free(changed);
        if (rc < 0)
            return cu_cli_fail(CU_EXIT_NOT_RUN, "run: %s", strerror(-rc));
    }
    return -1;
}

/* Enters the view, or does what the options say instead. -1 to go on, or the exit status. */
static int enter(const struct cu_cli_options *options, const struct cu_origin *origin,
                 const struct cu_choice *choice)
{
    bool any = false;
    struct cu_error err;

    for (size_t i = 0; i < choice->count; i++)
        any |= choice->entries[i].what == CU_CHOICE_BOUND;
    if (!any)
        return -1;
    switch (cu_view_enter(options->mount, choice, options->overlay, &err)) {
    case CU_VIEW_ENTERED:
        return -1;
    case CU_VIEW_NOT:
        if (options->prefix_instead)
            return set_prefixes(options->mount, origin);
        return cu_cli_fail(CU_EXIT_NOT_RUN,
                           "run: the original paths cannot be served: %s; --prefix-instead runs "
                           "the command with paths below the mount",
                           err.text);
    case CU_VIEW_LOST:
        break;
    }
    return cu_cli_fail(CU_EXIT_NOT_RUN, "run: the original paths cannot be served: %s", err.text);
}

/* The view for the command argv. -1 to go on, or the exit status. */
static int prepare(const struct cu_cli_options *options, char **argv, bool here)
{
    struct cu_origin *origin;
    struct cu_choice choice;
    struct cu_error err;
    int status;

    if (!here && options->over.count > 0)
        return cu_cli_fail(CU_EXIT_NOT_RUN, "run: --over: nothing is mounted on this node");
    if (!here && !options->show) {
        cu_cli_say(stderr, "run: no daemon on this node: storage is read without Copper");
        return -1;
    }
    origin = cu_origin_of_site(options->mount, &err);
    if (!origin)
        return cu_cli_fail(CU_EXIT_NOT_RUN, "run: %s", err.text);
    cu_choice_init(&choice, origin);
    if (here && argv[0] && !options->show && !cu_candidates_is_launcher(argv[0]))
        cu_learn_name_tell(options->mount, &choice, origin, argv);
    status = choose(options, origin, argv, &choice);
    if (status < 0)
        status = options->show ? show(&choice) : enter(options, origin, &choice);
    cu_choice_free(&choice);
    cu_origin_destroy(origin);
    return status;
}

static int run(const struct cu_command *command, int argc, char **argv)
{
    struct cu_cli_options options;
    char path[CU_PATH_MAX];
    bool here = false;
    int status = cu_cli_parse(command, argc, argv, &options), rc;

    if (status >= 0)
        return status;
    argv += options.first;
    if (!argv[0] && !options.show)
        return cu_cli_fail(CU_EXIT_USAGE, "run: wants a command: see copper run --help");
    status = choose_library(options.mount, path, &here);
    if (status >= 0)
        return status;
    if (options.show || options.over.count > 0 || !cu_candidates_is_launcher(argv[0]))
        status = prepare(&options, argv, here);
    if (status >= 0)
        return status;
    rc = preload(path);
    if (rc != 0)
        return cu_cli_fail(CU_EXIT_NOT_RUN, "run: %s", strerror(-rc));
    cu_cli_restore_pipe();
    execvp(argv[0], argv);
    rc = errno;
    cu_cli_ignore_pipe();
    return cu_cli_fail(rc == ENOENT ? CU_EXIT_NOT_FOUND : CU_EXIT_NOT_RUNNABLE, "run: %s: %s",
                       argv[0], strerror(rc));
}

const struct cu_command cu_command_run = {
    .name = "run",
    .synopsis = "[-v MOUNT] [--over DIR,...] [--not DIR,...] [--rw DIR,...] [--show]\n"
                "                  [--view bind|overlay] [--prefix-instead] [--]\n"
                "                  COMMAND [ARGUMENT...]",
    .summary = "Runs a command that reads the original paths through Copper",
    .details =
        "Behind srun or mpiexec: COMMAND and its children see the directories of programs,\n"
        "modules and libraries that lie on shared file systems at their own paths, read-only and\n"
        "served by Copper. In front of srun or mpiexec: its ranks use no such paths. In both\n"
        "cases they open files more quickly: a library answers isatty(3) without asking (Python\n"
        "asks it of each file). Exit status: that of COMMAND; 125 nothing is mounted, or the\n"
        "paths cannot be served; 126, 127 COMMAND cannot be run, is not there.\n",
    .options = "voxrsVp",
    .operands = true,
    .runs = true,
    .run = run,
};
