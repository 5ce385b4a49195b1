/* SPDX-License-Identifier: BSD-3-Clause */
/* The lock on the job's file is held as long as its launch. So who waits for the lock waits for the
 * launch; afterwards the file is there when the launch has succeeded, and removed when it has
 * failed. On a node of a job that was launched elsewhere there is no file, but a daemon to ask. */
#include "copper/launch_once.h"

#include "control/client.h"
#include "copper/hosts_answer.h"
#include "copper/reach.h"
#include "host/rundir.h"
#include "host/session.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/* The daemon of this node. */
static bool runs_here(const char *mount_dir)
{
    struct cu_client client = {.channel.fd = -1};
    struct cu_hosts hosts = {0};
    char owner[CU_SESSION_MAX] = "";
    bool mine = cu_client_open_here(mount_dir, &client, NULL) == 0 &&
                cu_hosts_answer_here(&client, true, &hosts, owner, NULL) == 0 &&
                !cu_session_is_other(owner);

    cu_parse_hosts_free(&hosts);
    cu_client_close(&client);
    return mine;
}

/* The job that was launched on this host. */
static bool runs_elsewhere(const char *path)
{
    struct cu_job job;
    bool mine;

    if (cu_client_read_job(path, &job, NULL) != 0)
        return false;
    mine = !cu_session_is_other(job.owner) && cu_reach_lives(&job);
    cu_job_free(&job);
    return mine;
}

/* Waits until no launch holds the file. 1: it had to wait; 0; -errno. */
static int wait_for(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    int rc = fd < 0 ? -errno : 0;

    if (fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) != 0) {
        rc = 1;
        while (flock(fd, LOCK_SH) != 0 && rc > 0)
            rc = errno == EINTR ? 1 : -errno;
    }
    if (fd >= 0)
        close(fd);
    return rc;
}

int cu_launch_once(const char *mount_dir, struct cu_error *err)
{
    char run_dir[CU_PATH_MAX], path[CU_PATH_MAX];
    int rc = cu_rundir_find(CU_RUNDIR_SELF, run_dir, err);

    if (rc != 0)
        return rc;
    if (cu_rundir_file(run_dir, mount_dir, "job", path) != 0)
        return cu_error_set(err, -ENAMETOOLONG, "run directory %s: the name is too long", run_dir);
    rc = wait_for(path);
    if (rc == 1 && access(path, F_OK) != 0)
        return cu_error_set(err, -ECANCELED,
                            "another launch at %s, which was under way, has failed", mount_dir);
    if (rc < 0 && rc != -ENOENT)
        return cu_error_set(err, rc, "%s: %s", path, strerror(-rc));
    return runs_here(mount_dir) || (rc >= 0 && runs_elsewhere(path)) ? 1 : 0;
}
