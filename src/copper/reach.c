/* SPDX-License-Identifier: BSD-3-Clause */
/* Which way leads to the job is noted in its description on the launch host, so that nobody waits
 * for a firewall again. */
#include "copper/reach.h"

#include "base/path.h"
#include "copper/launcher_choice.h"
#include "copper/relay.h"
#include "host/rundir.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOSTS_TRIED 3     /* through the launcher: a step of srun takes some tenths of a second */
#define ALIVE_MS    10000 /* for the launcher to reach one */

int cu_reach_paths(struct cu_launch_paths *paths, struct cu_error *err)
{
    /* As launch_copper.sh looks for them. */
    static const char *const beside[] = {"launch", "../libexec/copper", "../lib/copper"};
    static char self[PATH_MAX], parts[PATH_MAX];
    char probe[2 * PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

    *paths = (struct cu_launch_paths){.parts = parts, .copper = self};
    if (len < 0)
        return cu_error_set(err, -errno, "/proc/self/exe: %s", strerror(errno));
    self[len] = '\0';
    len = (ssize_t)cu_path_parent_len(self, (size_t)len);
    for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
        snprintf(probe, sizeof(probe), "%.*s/%s/rsh.sh", (int)len, self, beside[i]);
        if (access(probe, R_OK) != 0)
            continue;
        *strrchr(probe, '/') = '\0';
        if (realpath(probe, parts))
            return 0;
    }
    return cu_error_set(err, -ENOENT, "%.300s: no launchers are beside it", self);
}

static int open_relay(const struct cu_job *job, struct cu_client *client, struct cu_error *err)
{
    struct cu_launch_paths paths;
    int rc = cu_reach_paths(&paths, err);

    *client = (struct cu_client){.channel.fd = -1};
    if (rc == 0)
        rc = cu_launcher_settle(paths.parts, err);
    return rc == 0 ? cu_relay_open(job, &paths, 0, HOSTS_TRIED, client, err) : rc;
}

int cu_reach_job(const struct cu_job *job, struct cu_client *client, struct cu_error *err)
{
    return job->relay ? open_relay(job, client, err) : cu_client_open_any(job, client, err);
}

bool cu_reach_lives(const struct cu_job *job)
{
    struct cu_client client;
    json_t *request = json_pack("{s:s}", "op", "status"), *answer = NULL;
    struct cu_error err;
    int rc = cu_reach_job(job, &client, &err);

    if (rc == 0 && client.relayed)
        rc = cu_client_call(&client, request, ALIVE_MS, &answer, &err);
    cu_client_close(&client);
    json_decref(request);
    json_decref(answer);
    return rc == 0;
}

int cu_reach_mount(const char *mount_dir, struct cu_client *client, struct cu_error *err)
{
    char run_dir[CU_PATH_MAX], path[CU_PATH_MAX];
    struct cu_job job = {0};
    int rc = cu_client_open_here(mount_dir, client, err);

    if (rc != -ENOENT)
        return rc;
    rc = cu_rundir_path(getuid(), run_dir);
    if (rc == 0)
        rc = cu_rundir_file(run_dir, mount_dir, "job", path);
    if (rc == 0)
        rc = cu_client_read_job(path, &job, err);
    if (rc == 0 && job.hosts.names) {
        rc = cu_reach_job(&job, client, err);
        cu_job_free(&job);
    }
    if (rc == -ENOENT)
        return cu_error_set(err, rc, "nothing is mounted at %s: start it with launch_copper.sh",
                            mount_dir);
    return rc;
}
