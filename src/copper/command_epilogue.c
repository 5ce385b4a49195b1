/* SPDX-License-Identifier: BSD-3-Clause */
/* copper epilogue: run by root after a job; removes what a user's dead daemons have left on this
 * node. It runs as that user, so that no path chosen by the user is followed with root's rights. It
 * leaves everything alone that is alive: mounts whose lock is held, a launch under way, and a job
 * whose daemons answer on other nodes. */
#include "control/client.h"
#include "copper/cli.h"
#include "copper/job_file.h"
#include "copper/local_stop.h"
#include "host/child.h"
#include "host/lock.h"
#include "host/mountinfo.h"
#include "host/mounts.h"
#include "host/readfile.h"
#include "host/rundir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* For all of a user's files: he may add to them, and stop the process that runs as him. */
#define LIMIT_MS 60000

static const struct cu_local_stop_whose dead = {.dead = true};

struct epilogue {
    char run_dir[CU_PATH_MAX];
    unsigned taken, live, failed;
};

/* A mount of the user: removed unless its daemon is alive. */
static void do_mount(struct epilogue *e, const char *mount)
{
    struct cu_lock_seen lock;
    char path[CU_PATH_MAX];
    struct cu_error err = {""};
    int rc;

    if (cu_rundir_file(e->run_dir, mount, "lock", path) != 0)
        return;
    rc = cu_local_stop(mount, &dead, &err);
    if (rc == -ENOENT) /* another mount hides it: no path leads to it from here */
        return;
    if (rc == -EACCES && strstr(err.text, CU_LOCAL_STOP_SPARED)) {
        e->live++;
        cu_lock_see(path, &lock);
        cu_cli_say(stdout, "%s: its daemon (pid %ld) lives, left alone", mount, lock.pid);
        cu_lock_unsee(&lock);
    } else if (rc < 0) {
        e->failed++;
        cu_cli_say(stderr, "%s", err.text);
    } else {
        e->taken++;
        cu_cli_say(stdout, "%s: taken away", mount);
    }
}

static int do_mounts(struct epilogue *e)
{
    int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    struct cu_mountinfo mount;
    char user[32], *text = NULL, *at;
    size_t size;
    int rc = fd < 0 ? -errno : cu_readfile_all(fd, CU_MOUNTS_TEXT_MAX, &text, &size);

    if (fd >= 0)
        close(fd);
    if (rc != 0)
        return rc;
    snprintf(user, sizeof(user), "user_id=%lu", (unsigned long)geteuid());
    for (at = text; cu_mountinfo_next(&at, &mount);)
        if (strcmp(mount.type, CU_MOUNTS_TYPE) == 0 && cu_mountinfo_has(mount.options, user))
            do_mount(e, mount.point);
    free(text);
    return 0;
}

/* The description of a job that was launched here: removed when no daemon of the job answers. */
static void do_job_file(struct epilogue *e, const char *path)
{
    struct cu_client client = {.channel.fd = -1};
    int fd = cu_job_file_lock(path);
    struct cu_job job;

    if (fd == -EWOULDBLOCK) {
        e->live++;
        cu_cli_say(stdout, "%s: a launch is under way, left alone", path);
    }
    if (fd < 0)
        return;
    if (cu_client_read_job(path, &job, NULL) == 0 &&
        (job.relay || cu_client_open_any(&job, &client, NULL) == 0)) {
        e->live++;
        cu_cli_say(stdout, "%s: its job %s, left alone", path,
                   job.relay ? "cannot be asked from here" : "lives");
        cu_job_free(&job);
    } else {
        cu_job_free(&job);
        e->taken += unlink(path) == 0;
    }
    cu_client_close(&client);
    close(fd);
}

static bool ends_with(const char *name, const char *suffix)
{
    size_t len = strlen(name), end = strlen(suffix);

    return len > end && strcmp(name + len - end, suffix) == 0;
}

/* What a daemon has left that was killed when its mount was gone already: its directories, which
 * the lock's file tells of, its sockets and the file itself. */
static void do_lock(struct epilogue *e, const char *path)
{
    static const char *const sockets[] = {"sock", "view"};
    char of_mount[CU_PATH_MAX], sock[2 * CU_PATH_MAX];
    struct cu_lock_seen lock;
    struct cu_error err = {""};

    cu_lock_see(path, &lock);
    if (lock.fd < 0 || lock.held) {
        cu_lock_unsee(&lock);
        return;
    }
    if (lock.mount[0] != '\0' && cu_rundir_file(e->run_dir, lock.mount, "lock", of_mount) == 0 &&
        strcmp(of_mount, path) == 0 && cu_local_stop(lock.mount, &dead, &err) < 0)
        cu_cli_say(stderr, "%s", err.text);
    cu_lock_unsee(&lock);
    if (access(path, F_OK) != 0) {
        e->taken++;
    } else if (cu_lock_claim(path, &lock) == 0) {
        e->taken += unlink(path) == 0;
        for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++) {
            snprintf(sock, sizeof(sock), "%.*s%s", (int)(strlen(path) - strlen("lock")), path,
                     sockets[i]);
            unlink(sock);
        }
    }
    cu_lock_unsee(&lock);
}

/* Removes locks without a mount, sockets without a daemon, and job files. */
static void do_files(struct epilogue *e)
{
    DIR *dir = opendir(e->run_dir);
    const struct dirent *entry;
    char path[2 * CU_PATH_MAX];

    while (dir && (entry = readdir(dir))) {
        snprintf(path, sizeof(path), "%s/%s", e->run_dir, entry->d_name);
        if (ends_with(entry->d_name, ".job"))
            do_job_file(e, path);
        if (ends_with(entry->d_name, ".lock"))
            do_lock(e, path);
    }
    if (dir)
        closedir(dir);
    rmdir(e->run_dir); /* as far as it is empty */
}

static int clean_as(const struct passwd *user)
{
    struct epilogue e = {.taken = 0};
    struct cu_error err;
    int rc;

    unsetenv("COPPER_RUN_DIR"); /* root's, not the user's */
    unsetenv("COPPER_MOUNT");
    if ((geteuid() == 0 && initgroups(user->pw_name, user->pw_gid) != 0) ||
        (geteuid() == 0 && setgid(user->pw_gid) != 0) || setuid(user->pw_uid) != 0 ||
        chdir("/") != 0)
        return cu_cli_fail(CU_EXIT_FAILED, "epilogue: cannot become %s: %s", user->pw_name,
                           strerror(errno));
    if (cu_rundir_find(user->pw_uid, e.run_dir, &err) != 0)
        return cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
    rc = do_mounts(&e);
    if (rc != 0)
        return cu_cli_fail(CU_EXIT_FAILED, "/proc/self/mountinfo: %s", strerror(-rc));
    do_files(&e);
    if (e.taken + e.live + e.failed == 0)
        cu_cli_say(stdout, "nothing of %s is here", user->pw_name);
    return e.failed > 0 ? CU_EXIT_FAILED : CU_EXIT_OK;
}

static int run(const struct cu_command *command, int argc, char **argv)
{
    struct cu_cli_options options;
    const struct passwd *user;
    int status = cu_cli_parse(command, argc, argv, &options), ended = 0;
    pid_t pid;

    if (status >= 0)
        return status;
    if (options.first + 1 != argc)
        return cu_cli_fail(CU_EXIT_USAGE, "epilogue: wants one user: see copper epilogue --help");
    user = getpwnam(argv[options.first]);
    if (!user)
        return cu_cli_fail(CU_EXIT_FAILED, "epilogue: there is no user \"%s\"",
                           argv[options.first]);
    if (geteuid() != 0 && geteuid() != user->pw_uid)
        return cu_cli_fail(CU_EXIT_FAILED, "epilogue: is for root, or for oneself");
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        status = clean_as(user);
        fflush(NULL);
        _exit(status);
    }
    if (pid < 0)
        return cu_cli_fail(CU_EXIT_FAILED, "fork: %s", strerror(errno));
    ended = cu_child_wait(pid, LIMIT_MS);
    if (ended == -ETIMEDOUT)
        return cu_cli_fail(CU_EXIT_FAILED, "epilogue: not done within %d s, and given up",
                           LIMIT_MS / 1000);
    return ended == CU_EXIT_OK ? CU_EXIT_OK : CU_EXIT_FAILED;
}

const struct cu_command cu_command_epilogue = {
    .name = "epilogue",
    .synopsis = "USER",
    .summary = "Takes away what dead daemons of a user have left on this node (for root)",
    .details = "What lives stays: mounts whose daemon runs, launches under way, jobs elsewhere.\n",
    .options = "",
    .operands = true,
    .run = run,
};
