/* SPDX-License-Identifier: BSD-3-Clause */
/* The job's description on the launch host: how status, stats and stop find the job, and what keeps
 * two launches on one mount apart. It gets its name when it is written and locked, and it stays
 * locked until the launch has ended. So an unlocked file belongs to a job whose launch is over: the
 * job runs, or is dead and its file is replaced. */
#include "copper/job_file.h"

#include "control/client.h"
#include "copper/reach.h"
#include "host/rundir.h"
#include "host/session.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PORT_FIRST 20000u /* below Linux's ephemeral ports (32768), above what services use */
#define PORT_COUNT 12000u
#define PORT_MIN   1024u
#define PORT_MAX   65535u

void cu_job_file_id(const struct cu_job *job, char out[2 * CU_JOB_ID_BYTES + 1])
{
    sodium_bin2hex(out, 2 * CU_JOB_ID_BYTES + 1, job->id, CU_JOB_ID_BYTES);
}

/* Chooses a port at random. A program that occupies all of the usual ports does not necessarily
 * occupy the others. */
static uint16_t choose_port(unsigned attempt)
{
    uint32_t port = PORT_MIN + randombytes_uniform(PORT_MAX - PORT_MIN + 1 - PORT_COUNT);

    if (attempt == 0)
        return (uint16_t)(PORT_FIRST + randombytes_uniform(PORT_COUNT));
    return (uint16_t)(port < PORT_FIRST ? port : port + PORT_COUNT);
}

static int make_identity(struct cu_job *job, unsigned attempt, struct cu_error *err)
{
    if (sodium_init() < 0)
        return cu_error_set(err, -EIO, "libsodium does not start");
    randombytes_buf(job->id, sizeof(job->id));
    randombytes_buf(job->key, sizeof(job->key));
    if (job->port == 0)
        job->port = choose_port(attempt);
    return 0;
}

static int refuse_live(const char *path, const struct cu_job *old, struct cu_error *err)
{
    char since[32] = "?";
    struct stat st;
    struct tm tm;

    if (stat(path, &st) == 0 && localtime_r(&st.st_mtime, &tm))
        strftime(since, sizeof(since), "%Y-%m-%d %H:%M", &tm);
    return cu_error_set(err, -EEXIST,
                        "a job with %zu node%s already runs on %s (since %s%s%s): stop it with "
                        "stop_copper.sh%s or use -v%s",
                        old->hosts.count, old->hosts.count == 1 ? "" : "s", old->mount_dir, since,
                        cu_session_is_job(old->owner) ? ", launched by " : "",
                        cu_session_is_job(old->owner) ? old->owner : "",
                        cu_session_is_other(old->owner) ? " --all" : "",
                        cu_session_is_job(old->owner) ? ", such as -v /tmp/%u/copper-%j" : "");
}

static bool is_still(int fd, const char *path)
{
    struct stat mine, there;

    return fstat(fd, &mine) == 0 && lstat(path, &there) == 0 && mine.st_dev == there.st_dev &&
           mine.st_ino == there.st_ino;
}

int cu_job_file_lock(const char *path)
{
    for (;;) {
        int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

        if (fd < 0)
            return -errno;
        if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
            close(fd);
            return -EWOULDBLOCK;
        }
        if (is_still(fd, path))
            return fd;
        close(fd); /* a launch has replaced it between the two */
    }
}

/* -EEXIST when the file's job lives; 0 when the file has gone. */
static int clear_old(const char *path, struct cu_error *err)
{
    struct cu_client client;
    struct cu_job old;
    int fd = cu_job_file_lock(path);
    int rc;

    if (fd == -EWOULDBLOCK)
        return cu_error_set(err, -EEXIST,
                            "a launch on this mount is under way: wait for it or use -v");
    if (fd < 0)
        return fd == -ENOENT ? 0 : cu_error_set(err, fd, "%s: %s", path, strerror(-fd));
    rc = cu_client_read_job(path, &old, NULL);
    if (rc == 0) {
        rc = cu_client_open_here(old.mount_dir, &client, NULL);
        cu_client_close(&client);
        rc = rc == 0 || cu_reach_lives(&old) ? refuse_live(path, &old, err) : 0;
        cu_job_free(&old);
        if (rc != 0)
            goto out;
    }
    rc = unlink(path) == 0 || errno == ENOENT
             ? 0
             : cu_error_set(err, -errno, "%s: %s", path, strerror(errno));
out:
    close(fd);
    return rc;
}

static int write_text(int fd, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, text, size);

        if (n < 0 && errno != EINTR)
            return -errno;
        if (n > 0) {
            text += n;
            size -= (size_t)n;
        }
    }
    return 0;
}

/* Makes the file under another name first: who sees it finds it complete and locked. 0, -EEXIST,
 * -errno. */
static int make_file(const char *run_dir, const char *text, struct cu_job_file *file)
{
    char made[CU_PATH_MAX];
    int rc = 0;

    if (snprintf(made, sizeof(made), "%s/job.XXXXXX", run_dir) >= (int)sizeof(made))
        return -ENAMETOOLONG;
    file->fd = mkostemp(made, O_CLOEXEC);
    if (file->fd < 0)
        return -errno;
    if (flock(file->fd, LOCK_EX | LOCK_NB) != 0)
        rc = -errno;
    if (rc == 0)
        rc = write_text(file->fd, text, strlen(text));
    if (rc == 0 && link(made, file->path) != 0)
        rc = -errno;
    unlink(made);
    if (rc != 0)
        cu_job_file_close(file, false);
    return rc;
}

int cu_job_file_create(struct cu_job *job, unsigned attempt, struct cu_job_file *file,
                       struct cu_error *err)
{
    char run_dir[CU_PATH_MAX];
    char *text = NULL;
    int rc;

    file->fd = -1;
    rc = cu_rundir_make(getuid(), run_dir, err);
    if (rc != 0)
        return rc;
    if (cu_rundir_file(run_dir, job->mount_dir, "job", file->path) != 0)
        return cu_error_set(err, -ENAMETOOLONG, "run directory %s: the name is too long", run_dir);
    rc = make_identity(job, attempt, err);
    if (rc == 0)
        rc = clear_old(file->path, err);
    if (rc != 0)
        return rc;
    text = cu_job_encode(job);
    rc = !text ? -ENOMEM : make_file(run_dir, text, file);
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
    if (rc == -EEXIST)
        return cu_error_set(err, rc, "a launch on this mount is under way: wait for it or use -v");
    return rc == 0 ? 0 : cu_error_set(err, rc, "%s: %s", file->path, strerror(-rc));
}

int cu_job_file_settle(struct cu_job_file *file, const char *ranks, bool relay,
                       struct cu_error *err)
{
    char path[CU_PATH_MAX];
    struct cu_job job = {0};
    char *text = NULL;
    int fd = -1, rc = cu_client_read_job(file->path, &job, err);

    if (rc != 0)
        return rc;
    if (ranks[0] != '\0')
        rc = cu_job_set(&job, "left_out", ranks, NULL, err);
    if (rc == 0)
        rc = cu_job_set(&job, "relay", relay ? "yes" : "no", NULL, err);
    if (rc != 0)
        goto out;
    text = cu_job_encode(&job);
    if (snprintf(path, sizeof(path), "%s.new", file->path) >= (int)sizeof(path))
        rc = -ENAMETOOLONG;
    else if (!text)
        rc = -ENOMEM;
    else if ((fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)) < 0)
        rc = -errno;
    if (rc == 0)
        rc = write_text(fd, text, strlen(text));
    if (rc == 0 && rename(path, file->path) != 0)
        rc = -errno;
    if (rc != 0 && fd >= 0)
        unlink(path);
    if (rc != 0)
        rc = cu_error_set(err, rc, "%s: %s", file->path, strerror(-rc));
out:
    if (text)
        explicit_bzero(text, strlen(text));
    free(text);
    if (fd >= 0)
        close(fd);
    cu_job_free(&job);
    return rc;
}

void cu_job_file_remove(const char *path, const uint8_t id[CU_JOB_ID_BYTES])
{
    struct cu_job there;

    if (cu_client_read_job(path, &there, NULL) == 0 && memcmp(there.id, id, CU_JOB_ID_BYTES) == 0)
        unlink(path);
    cu_job_free(&there);
}

/* The name is this file's: when the job was stopped meanwhile, the next launch may have it. */
static bool is_there(const struct cu_job_file *file)
{
    struct stat mine, there;

    return fstat(file->fd, &mine) == 0 && lstat(file->path, &there) == 0 &&
           mine.st_ino == there.st_ino && mine.st_dev == there.st_dev;
}

void cu_job_file_close(struct cu_job_file *file, bool remove)
{
    if (file->fd < 0)
        return;
    if (remove && is_there(file))
        unlink(file->path);
    close(file->fd);
    file->fd = -1;
}
