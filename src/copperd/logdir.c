/* SPDX-License-Identifier: BSD-3-Clause */
/* The log directory may belong to another user. So all files in it are checked before the daemon
 * starts: a profile is written when the job is over, and an error would go unnoticed then. */
#include "copperd/logdir.h"

#include "base/path.h"
#include "copperd/snapshot.h"
#include "host/log.h"
#include "host/rundir.h"
#include "host/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Logs that belong into the run directory go into the one that this node has. */
static int place_logs(struct cu_job *job, const char *run_dir)
{
    char usual[CU_PATH_MAX], logs[CU_PATH_MAX + 8], *dir = NULL;

    if (cu_rundir_usual(getuid(), usual) < 0 || strcmp(usual, run_dir) == 0 ||
        snprintf(logs, sizeof(logs), "%s/logs", usual) < 0 || strcmp(logs, job->log_dir) != 0)
        return 0;
    if (asprintf(&dir, "%s/logs", run_dir) < 0)
        return -ENOMEM;
    free(job->log_dir);
    job->log_dir = dir;
    return 0;
}

/* Can this file be written in the log directory? It is written when the job is over, and an error
 * would go unnoticed then. */
static int check_name(const struct cu_job *job, const char *host, int dir, const char *suffix,
                      struct cu_error *err)
{
    char name[CU_NAME_MAX + 1];
    struct stat st;

    if (snprintf(name, sizeof(name), "%s%s", host, suffix) >= (int)sizeof(name))
        return cu_error_set(err, -ENAMETOOLONG, "-d: %s%s: name too long", host, suffix);
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || cu_trust_is_own(&st))
        return 0;
    return cu_error_set(err, -EPERM, "-d: %s/%s %s", job->log_dir, name,
                        cu_trust_file_error(-EPERM));
}

/* Opens the log directory; creates it when it does not exist. */
static int check_dir(const struct cu_job *job, const char *host, struct cu_error *err)
{
    struct cu_error why = {""};
    struct cu_trust_dir dir;
    int rc = cu_trust_open_dir(job->log_dir, CU_TRUST_LINKS, true, &dir, &why);

    if (rc < 0)
        return cu_error_set(err, rc, "-d: %s", why.text);
    if (job->snapshot_s != 0)
        rc = check_name(job, host, dir.fd, CU_SNAPSHOT_STATS, err);
    if (rc == 0 && job->profile)
        rc = check_name(job, host, dir.fd, CU_SNAPSHOT_PROFILE, err);
    close(dir.fd);
    return rc;
}

int cu_logdir_open(struct cu_job *job, const char *host, const char *run_dir, const char *job_id,
                   bool foreground, struct cu_error *err)
{
    char path[CU_PATH_MAX];
    struct cu_log_config config = {
        .level = (enum cu_log_level)job->log_level,
        .to_stdout = job->log_to_stdout && foreground,
        .host = host,
        .keep_bytes = CU_LOGRING_BYTES,
    };
    bool file = job->log_to_file && job->log_level < CU_LOG_NONE;
    int rc = place_logs(job, run_dir);

    if (rc < 0)
        return cu_error_set(err, rc, "out of memory");
    if (file || job->snapshot_s != 0 || job->profile)
        rc = check_dir(job, host, err);
    if (rc < 0)
        return rc;
    if (file) {
        rc = snprintf(path, sizeof(path), "%s/copperd-%s-%.8s.log", job->log_dir, host, job_id);
        if (rc < 0 || (size_t)rc >= sizeof(path))
            return cu_error_set(err, -ENAMETOOLONG, "-d: %s: name too long", job->log_dir);
        config.file_path = path;
    }
    return cu_log_open(&config, err);
}
