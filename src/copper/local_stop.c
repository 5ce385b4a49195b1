/* SPDX-License-Identifier: BSD-3-Clause */
/* Stopping the daemon of this node, in whatever state it is: asked over its socket; when it does
 * not answer, ended by its pid; when it is dead, what it left is taken away. No pid that was
 * written down is believed, as it may be another process by now, and /proc may not show our own
 * daemon: it lets nobody look into it, for the job's key. The kernel says who holds the lock file's
 * bytes. */
#include "copper/local_stop.h"

#include "base/path.h"
#include "control/client.h"
#include "copper/cli.h"
#include "host/clock.h"
#include "host/rundir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define ASK_MS  2000
#define TERM_MS 2000 /* an orderly end takes milliseconds */
#define KILL_MS 2000

struct note { /* what the lock file says */
    int fd;   /* -1: there is none */
    bool held;
    long pid; /* of the supervisor when it wrote this */
    char job_id[33];
    unsigned dirs; /* directories that the daemon made for its mount */
};

static bool is_held(int fd)
{
    if (flock(fd, LOCK_EX | LOCK_NB) != 0)
        return true;
    flock(fd, LOCK_UN);
    return false;
}

static void open_note(const char *path, struct note *note)
{
    char text[256] = "";

    *note = (struct note){.fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW)};
    if (note->fd < 0)
        return;
    if (read(note->fd, text, sizeof(text) - 1) > 0 &&
        sscanf(text, "pid %ld\njob %32[0-9a-f]\ndirs %u", &note->pid, note->job_id, &note->dirs) <
            2)
        note->pid = 0;
    note->held = is_held(note->fd);
}

static void close_note(struct note *note)
{
    if (note->fd >= 0)
        close(note->fd);
    note->fd = -1;
}

/* The process that has locked the byte; 0: none that this one can see. */
static pid_t holder(int fd, off_t byte)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

    if (fcntl(fd, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK || lock.l_pid <= 1)
        return 0;
    return lock.l_pid;
}

/* A descriptor of that process, -1: none. It held the lock before and after it was opened. */
static int open_holder(int fd, off_t byte)
{
    for (;;) {
        pid_t pid = holder(fd, byte);
        int pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;

        if (pid == 0 || holder(fd, byte) == pid)
            return pidfd;
        if (pidfd >= 0)
            close(pidfd);
    }
}

static bool has_ended(int pidfd, int timeout_ms)
{
    return cu_clock_wait(pidfd, POLLIN, cu_clock_ms() + timeout_ms) == 0;
}

/* SIGTERM, an orderly stop; SIGKILL when that takes too long. */
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
    if (rc == 0 && job_id != NULL && strcmp(cu_cli_text(result, "job"), job_id) != 0)
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

/* Is a Copper mount on dir? From the text of the mount table, for a dead mount answers nothing. */
static bool is_mounted(const char *dir)
{
    FILE *table = fopen("/proc/self/mountinfo", "re");
    char *line = NULL;
    size_t size = 0;
    bool found = false;

    while (table != NULL && getline(&line, &size, table) > 0) {
        char point[CU_PATH_MAX], *dash = strstr(line, " - fuse.copper ");
        size_t n = 0;

        if (dash == NULL || sscanf(line, "%*s %*s %*s %*s %4095s", point) != 1)
            continue;
        for (const char *p = point; *p != '\0'; p++, n++) { /* octal escapes, proc(5) */
            unsigned code = 0;

            if (p[0] == '\\' && sscanf(p + 1, "%3o", &code) == 1) {
                point[n] = (char)code;
                p += 3;
            } else {
                point[n] = *p;
            }
        }
        point[n] = '\0';
        found = found || strcmp(point, dir) == 0;
    }
    free(line);
    if (table != NULL)
        fclose(table);
    return found;
}

static int unmount(const char *dir)
{
    int status = 0;
    pid_t pid;

    if (geteuid() == 0)
        return umount2(dir, MNT_DETACH | UMOUNT_NOFOLLOW) == 0 ? 0 : -errno;
    pid = fork();
    if (pid == 0) {
        execlp("fusermount3", "fusermount3", "-q", "-u", "-z", "--", dir, (char *)NULL);
        _exit(127);
    }
    if (pid < 0)
        return -errno;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status == 0 ? 0 : WIFEXITED(status) && WEXITSTATUS(status) == 127 ? -ENOENT : -EIO;
}

static void remove_file(const char *run_dir, const char *mount_dir, const char *suffix)
{
    char path[CU_PATH_MAX];

    if (cu_rundir_file(run_dir, mount_dir, suffix, path) == 0)
        unlink(path);
}

static void remove_dirs(const char *mount_dir, unsigned count)
{
    char path[CU_PATH_MAX];
    size_t len = strlen(mount_dir);

    for (; count > 0 && len > 1; count--) {
        memcpy(path, mount_dir, len);
        path[len] = '\0';
        if (rmdir(path) != 0)
            return;
        len = cu_path_parent_len(mount_dir, len);
    }
}

/* A dead daemon's mount, files and directories. How many mounts went, or -errno with err. */
static int clean(const char *run_dir, const char *mount_dir, const struct note *note,
                 struct cu_error *err)
{
    int mounts = 0;

    while (is_mounted(mount_dir)) {
        int rc = mounts < 16 ? unmount(mount_dir) : -EBUSY;

        if (rc != 0)
            return cu_error_set(err, rc, "%s: cannot be unmounted: %s", mount_dir, strerror(-rc));
        mounts++;
    }
    remove_file(run_dir, mount_dir, "sock");
    remove_file(run_dir, mount_dir, "lock");
    remove_dirs(mount_dir, note->dirs);
    return mounts;
}

/* Ends what holds the lock. 0 or -errno with err. */
static int end_holder(const char *mount_dir, const char *job_id, const struct note *note,
                      struct cu_error *err)
{
    int pidfd = open_holder(note->fd, CU_RUNDIR_SUPERVISOR_BYTE);
    int daemonfd = open_holder(note->fd, CU_RUNDIR_DAEMON_BYTE);
    int rc = ask(mount_dir, job_id, err);
    bool stopped;

    if (pidfd < 0) { /* the supervisor was killed, and its daemon cannot end */
        pidfd = daemonfd;
        daemonfd = -1;
    }
    if (pidfd < 0 && !is_held(note->fd)) /* it has ended meanwhile */
        return 0;
    if (pidfd < 0)
        return cu_error_set(
            err, -ESRCH,
            "the daemon (pid %ld) of %s cannot be seen from here: it runs in another "
            "container, or starts just now",
            note->pid, mount_dir);
    stopped = (rc == 0 && has_ended(pidfd, TERM_MS)) || end_process(pidfd);
    close(pidfd);
    if (daemonfd >= 0) {
        stopped = has_ended(daemonfd, stopped ? TERM_MS : 0) || end_process(daemonfd);
        close(daemonfd);
    }
    if (!stopped)
        return cu_error_set(err, -EBUSY, "the daemon (pid %ld) of %s does not end", note->pid,
                            mount_dir);
    return 0;
}

int cu_local_stop(const char *mount_dir, const char *job_id, struct cu_error *err)
{
    char run_dir[CU_PATH_MAX], path[CU_PATH_MAX];
    bool stopped = false;
    struct note note;
    int rc = cu_rundir_find(getuid(), run_dir, err);

    if (rc == 0 && cu_rundir_file(run_dir, mount_dir, "lock", path) != 0)
        rc = cu_error_set(err, -ENAMETOOLONG, "run directory %s: the name is too long", run_dir);
    if (rc != 0)
        return rc;
    open_note(path, &note);
    if (job_id != NULL && note.job_id[0] != '\0' && strcmp(note.job_id, job_id) != 0) {
        close_note(&note);
        return 0;
    }
    if (note.held) {
        rc = end_holder(mount_dir, job_id, &note, err);
        stopped = rc == 0;
        close_note(&note);
        if (rc == 0)
            open_note(path, &note); /* gone, after an orderly stop */
    }
    if (rc == 0)
        rc = clean(run_dir, mount_dir, &note, err);
    close_note(&note);
    if (rc < 0)
        return rc;
    if (getenv("COPPER_RUN_DIR") == NULL)
        rmdir(run_dir); /* as far as it is empty */
    return stopped ? 1 : 0;
}
