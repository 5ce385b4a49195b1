/* SPDX-License-Identifier: BSD-3-Clause */
/* Stops the daemon of this node in whatever state it is. It is asked over its socket; when it does
 * not answer, it is ended by a signal; when it is dead, its mounts and files are removed. A pid in
 * a file is not trusted, because another process may have it now. /proc may not identify the
 * daemon, either: it is not dumpable, to protect the job's key. So the kernel is asked which
 * process holds the locks on the lock file. */
#include "copper/local_stop.h"

#include "base/path.h"
#include "control/client.h"
#include "copper/cli.h"
#include "host/clock.h"
#include "host/lock.h"
#include "host/mountdir.h"
#include "host/mounts.h"
#include "host/rundir.h"
#include "host/session.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ASK_MS  2000
#define TERM_MS 2000 /* an orderly end takes milliseconds */
#define KILL_MS 2000

#define MOUNTS_MAX 16u /* on top of each other */

static bool has_ended(int pidfd, int timeout_ms)
{
    return cu_clock_wait(pidfd, POLLIN, cu_clock_ms() + timeout_ms) == 0;
}

/* Sends SIGTERM for an orderly stop; SIGKILL when that takes too long. */
static bool end_process(int pidfd)
{
    syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0);
    if (has_ended(pidfd, TERM_MS))
        return true;
    syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    syscall(SYS_pidfd_send_signal, pidfd, SIGCONT, NULL, 0);
    return has_ended(pidfd, KILL_MS);
}

/* Asks the daemon over its socket. 0 when it said that it stops; -EXDEV when it is another job's.
 */
static int ask(const char *mount_dir, const char *job_id, struct cu_error *err)
{
    json_t *status = json_pack("{s:s}", "op", "status");
    json_t *stop = json_pack("{s:s}", "op", "stop");
    json_t *result = NULL;
    struct cu_client client;
    int rc = cu_client_open_here(mount_dir, &client, err);

    if (rc == 0)
        rc = cu_client_call(&client, status, ASK_MS, &result, err);
    if (rc == 0 && job_id && strcmp(cu_cli_text(result, "job"), job_id) != 0)
        rc = -EXDEV;
    json_decref(result);
    result = NULL;
    if (rc == 0)
        rc = cu_client_call(&client, stop, ASK_MS, &result, err);
    json_decref(result);
    cu_client_close(&client);
    json_decref(status);
    json_decref(stop);
    return rc;
}

static void remove_file(const char *run_dir, const char *mount_dir, const char *suffix)
{
    char path[CU_PATH_MAX];

    if (cu_rundir_file(run_dir, mount_dir, suffix, path) == 0)
        unlink(path);
}

/* A dead daemon's mounts, files and directories. 0 or -errno with err. */
static int clean(const char *run_dir, const char *mount_dir, uint32_t dirs, struct cu_error *err)
{
    struct cu_mountdir made = {.made = dirs};
    enum cu_mounts_what what = CU_MOUNTS_NOTHING;
    int rc = cu_mounts_look(mount_dir, &what);

    for (unsigned left = MOUNTS_MAX; rc == 0 && what == CU_MOUNTS_OURS; left--) {
        if (left == 0)
            rc = -EBUSY;
        else if (cu_mounts_unmount(mount_dir, err) < 0)
            return -EPERM;
        else
            rc = cu_mounts_look(mount_dir, &what);
    }
    if (rc != 0)
        return cu_error_set(err, rc, "%s: cannot be unmounted: %s", mount_dir, strerror(-rc));
    remove_file(run_dir, mount_dir, "sock");
    remove_file(run_dir, mount_dir, "view");
    remove_file(run_dir, mount_dir, "lock");
    snprintf(made.path, sizeof(made.path), "%s", mount_dir);
    cu_mountdir_remove(&made);
    return 0;
}

/* Ends what holds the lock. 0 or -errno with err. */
static int end_holder(const char *mount_dir, const char *job_id, const struct cu_lock_seen *lock,
                      struct cu_error *err)
{
    int pidfd = cu_lock_open_holder(lock, CU_LOCK_SUPERVISOR);
    int daemonfd = cu_lock_open_holder(lock, CU_LOCK_DAEMON);
    int rc = ask(mount_dir, job_id, err);
    bool stopped;

    if (pidfd < 0) { /* the supervisor was killed, and its daemon cannot end */
        pidfd = daemonfd;
        daemonfd = -1;
    }
    if (pidfd < 0 && !cu_lock_is_held(lock)) /* it has ended meanwhile */
        return 0;
    if (pidfd < 0)
        return cu_error_set(
            err, -ESRCH,
            "the daemon (pid %ld) of %s cannot be seen from here: it runs in another "
            "container, or starts just now",
            lock->pid, mount_dir);
    stopped = (rc == 0 && has_ended(pidfd, TERM_MS)) || end_process(pidfd);
    close(pidfd);
    if (daemonfd >= 0) {
        stopped = has_ended(daemonfd, stopped ? TERM_MS : 0) || end_process(daemonfd);
        close(daemonfd);
    }
    if (!stopped)
        return cu_error_set(err, -EBUSY, "the daemon (pid %ld) of %s does not end", lock->pid,
                            mount_dir);
    return 0;
}

/* Is it another's than asked for? Then err says whose. The dead belong to nobody. */
static bool is_others(const struct cu_lock_seen *lock, const struct cu_local_stop_whose *whose,
                      struct cu_error *err)
{
    if (!lock->held ||
        (!whose->dead && (!whose->spared || strcmp(lock->job_id, whose->spared) != 0) &&
         (!whose->owner || !cu_session_is_other_than(lock->owner, whose->owner))))
        return false;
    (void)cu_error_set(err, -EACCES, CU_LOCAL_STOP_SPARED "%s",
                       cu_session_is_job(lock->owner) ? lock->owner : "another session");
    return true;
}

/* Removes what dead daemons have left, while no new one can start. 0; -EAGAIN: one has started;
 * -errno with err. */
static int clean_claimed(const char *run_dir, const char *path, const char *mount_dir,
                         struct cu_error *err)
{
    struct cu_lock_seen lock;
    int rc = cu_lock_claim(path, &lock);

    if (rc == -EBUSY && lock.held)
        return -EAGAIN;
    /* Else there is no run directory, or only an heir of a dead daemon is left. */
    rc = clean(run_dir, mount_dir, lock.dirs, err);
    if (rc < 0 && lock.fd >= 0 && lock.pid == 0) /* it was made for this */
        unlink(path);
    cu_lock_unsee(&lock);
    return rc;
}

/* Ends what holds the lock, if it is what was asked for. 1: it was; 0: there is none, or it is of
 * another job than asked for: then *done; -errno with err. */
static int stop_holder(const char *path, const char *mount_dir,
                       const struct cu_local_stop_whose *whose, bool *done, struct cu_error *err)
{
    const char *job_id = whose->job_id;
    struct cu_lock_seen lock;
    int rc = 0;

    cu_lock_see(path, &lock);
    *done = job_id && lock.job_id[0] != '\0' && strcmp(lock.job_id, job_id) != 0;
    if (!*done && is_others(&lock, whose, err))
        rc = -EACCES;
    else if (!*done && lock.held)
        rc = end_holder(mount_dir, job_id, &lock, err);
    if (rc == 0 && !*done && lock.held)
        rc = 1;
    cu_lock_unsee(&lock);
    return rc;
}

int cu_local_stop(const char *mount_dir, const struct cu_local_stop_whose *whose,
                  struct cu_error *err)
{
    static const struct cu_local_stop_whose anyone;
    char run_dir[CU_PATH_MAX], path[CU_PATH_MAX];
    bool stopped = false, done;
    int rc = cu_rundir_find(getuid(), run_dir, err);

    if (rc == 0 && cu_rundir_file(run_dir, mount_dir, "lock", path) != 0)
        rc = cu_error_set(err, -ENAMETOOLONG, "run directory %s: the name is too long", run_dir);
    if (rc != 0)
        return rc;
    do {
        rc = stop_holder(path, mount_dir, whose ? whose : &anyone, &done, err);
        if (rc < 0 || done)
            return rc;
        stopped = rc == 1;
        rc = clean_claimed(run_dir, path, mount_dir, err);
    } while (rc == -EAGAIN && !stopped); /* what has started meanwhile is what was asked for */
    if (rc < 0 && rc != -EAGAIN)
        return rc;
    if (!getenv("COPPER_RUN_DIR"))
        rmdir(run_dir); /* as far as it is empty */
    return stopped ? 1 : 0;
}
