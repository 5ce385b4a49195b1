/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel drops the lock with the process, however it dies, so a file that was left behind locks
 * no process out. The holder removes the file at the end: a process that waited for the lock must
 * check whether the file that it locked still has that name. */
#include "host/lock.h"

#include "host/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOTE_MAX (CU_PATH_MAX + CU_SESSION_MAX + 256)
/* From the lock to the holder's own note are a few system calls on a local file system. */
#define NOTE_WAIT_MS  2000
#define NOTE_PAUSE_MS 2
#define OWNER         "\nowner "
#define MOUNT         "\nmount "

/* The rest of the line that begins so, NULL: there is none. It ends the text. */
static char *take_line(char *text, const char *begin)
{
    char *line = strstr(text, begin);
    char *end = line ? strchr(line + strlen(begin), '\n') : NULL;

    if (!end)
        return NULL;
    *end = '\0';
    return line + strlen(begin);
}

static void read_note(int fd, struct cu_lock_seen *note)
{
    char text[NOTE_MAX] = "", *line;
    ssize_t len = pread(fd, text, sizeof(text) - 1, 0);

    *note = (struct cu_lock_seen){.fd = fd, .rank = UINT32_MAX};
    if (len <= 0)
        return;
    (void)sscanf(text, "pid %ld\njob %32[0-9a-f]\ndirs %" SCNu32 "\nstarts %*u\nrank %" SCNu32,
                 &note->pid, note->job_id, &note->dirs, &note->rank);
    line = take_line(text, MOUNT);
    if (line && cu_path_normalise(line, note->mount) < 0)
        note->mount[0] = '\0';
    line = take_line(text, OWNER); /* before the mount */
    if (line)
        snprintf(note->owner, sizeof(note->owner), "%s", line);
}

/* 0 or -errno. */
static int mark(int fd, off_t byte)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

    return fcntl(fd, F_SETLK, &lock) == 0 ? 0 : -errno;
}

/* Is the note that of who holds the lock? The bytes are locked after it is written. The kernel does
 * not report a process's own locks. */
static bool is_told(int fd)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 2};
    struct cu_lock_seen note;

    if (fcntl(fd, F_GETLK, &lock) != 0 || lock.l_type != F_UNLCK)
        return true;
    read_note(fd, &note);
    return note.pid == (long)getpid();
}

/* Between two looks at a lock whose holder has not told who it is. False when that takes too long:
 * its holder was stopped, or killed with only an heir of the lock left. */
static bool wait_for_note(int64_t *deadline_ms)
{
    if (*deadline_ms == 0)
        *deadline_ms = cu_clock_ms() + NOTE_WAIT_MS;
    if (cu_clock_left_ms(*deadline_ms) == 0)
        return false;
    (void)poll(NULL, 0, NOTE_PAUSE_MS);
    return true;
}

/* 1: fd is locked and is what has this name; 0: look again; -errno. */
static int try_lock(int fd, const char *path)
{
    struct stat held, named;

    if (flock(fd, LOCK_EX | LOCK_NB) < 0)
        return errno == EWOULDBLOCK ? -EBUSY : -errno;
    if (fstat(fd, &held) < 0)
        return -errno;
    if (stat(path, &named) < 0)
        return errno == ENOENT ? 0 : -errno;
    return held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

int cu_lock_take(struct cu_lock *lock, const char *path, const struct cu_lock_who *who,
                 struct cu_error *err)
{
    struct cu_lock_seen note;
    int64_t deadline_ms = 0;
    int rc = 0;

    *lock = (struct cu_lock){.fd = -1, .rank = who->rank};
    if (snprintf(lock->path, sizeof(lock->path), "%s", path) >= (int)sizeof(lock->path))
        return cu_error_set(err, -ENAMETOOLONG, "%s: name too long", path);
    snprintf(lock->mount, sizeof(lock->mount), "%s", who->mount);
    snprintf(lock->job_id, sizeof(lock->job_id), "%s", who->job_id);
    snprintf(lock->owner, sizeof(lock->owner), "%s", who->owner ? who->owner : "");
    while (rc == 0) {
        int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

        if (fd < 0)
            return cu_error_set(err, -errno, "%s: %s", path, strerror(errno));
        rc = try_lock(fd, path);
        if (rc == 1) {
            lock->fd = fd;
            break;
        }
        if (rc == -EBUSY && !is_told(fd) && wait_for_note(&deadline_ms))
            rc = 0;
        read_note(fd, &note);
        close(fd);
    }
    if (rc == -EBUSY && strcmp(note.job_id, who->job_id) == 0 && note.rank != who->rank)
        return cu_error_set(err, rc,
                            "already running here for this job, as another of its hosts (pid %ld): "
                            "the list names this host twice",
                            note.pid);
    if (rc == -EBUSY && strcmp(note.job_id, who->job_id) == 0)
        return cu_error_set(err, -EALREADY, "already running here for this job (pid %ld)",
                            note.pid);
    if (rc == -EBUSY)
        return cu_error_set(err, rc, CU_LOCK_TAKEN " (pid %ld, job %.8s)", note.pid,
                            note.job_id[0] != '\0' ? note.job_id : "?");
    if (rc < 0)
        return cu_error_set(err, rc, "%s: %s", path, strerror(-rc));
    read_note(lock->fd, &note);
    lock->dirs_left = note.dirs;
    rc = cu_lock_note(lock, note.dirs);
    if (rc == 0)
        rc = mark(lock->fd, CU_LOCK_SUPERVISOR);
    if (rc < 0) {
        cu_lock_release(lock);
        return cu_error_set(err, rc, "%s: %s", path, strerror(-rc));
    }
    return 0;
}

static int write_note(struct cu_lock *lock)
{
    char text[NOTE_MAX];
    int len = snprintf(text, sizeof(text),
                       "pid %ld\njob %s\ndirs %u\nstarts %u\nrank %u" OWNER "%s" MOUNT "%s\n",
                       (long)getpid(), lock->job_id, lock->dirs_made, lock->starts, lock->rank,
                       lock->owner, lock->mount);

    if (pwrite(lock->fd, text, (size_t)len, 0) != len || ftruncate(lock->fd, len) < 0)
        return errno != 0 ? -errno : -ENOSPC;
    return 0;
}

int cu_lock_note(struct cu_lock *lock, uint32_t dirs_made)
{
    lock->dirs_made = dirs_made;
    return write_note(lock);
}

void cu_lock_note_start(struct cu_lock *lock)
{
    lock->starts++;
    (void)!write_note(lock);
}

int cu_lock_share(const struct cu_lock *lock)
{
    return mark(lock->fd, CU_LOCK_DAEMON);
}

bool cu_lock_holds(const struct cu_lock *lock)
{
    struct stat held, named;

    return lock->fd >= 0 && fstat(lock->fd, &held) == 0 && lstat(lock->path, &named) == 0 &&
           held.st_ino == named.st_ino && held.st_dev == named.st_dev;
}

void cu_lock_release(struct cu_lock *lock)
{
    if (lock->fd < 0)
        return;
    unlink(lock->path);
    close(lock->fd);
    lock->fd = -1;
}

bool cu_lock_is_held(const struct cu_lock_seen *seen)
{
    /* For a moment the lock is ours: who wants it then finds no holder that has told, and waits. */
    if (flock(seen->fd, LOCK_EX | LOCK_NB) != 0)
        return true;
    flock(seen->fd, LOCK_UN);
    return false;
}

void cu_lock_see(const char *path, struct cu_lock_seen *seen)
{
    int64_t deadline_ms = 0;

    for (;;) {
        int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
        bool told;

        *seen = (struct cu_lock_seen){.fd = fd};
        if (fd < 0)
            return;
        told = is_told(fd);
        read_note(fd, seen);
        seen->held = cu_lock_is_held(seen);
        if (told == seen->held || !wait_for_note(&deadline_ms))
            return;
        close(fd);
    }
}

int cu_lock_claim(const char *path, struct cu_lock_seen *seen)
{
    int64_t deadline_ms = 0;
    int rc = 0;

    while (rc == 0) {
        int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        bool told;

        *seen = (struct cu_lock_seen){.fd = -1};
        if (fd < 0)
            return -errno;
        rc = try_lock(fd, path);
        if (rc == 1) {
            read_note(fd, seen);
            return 0;
        }
        told = is_told(fd);
        if (rc == -EBUSY && !told && wait_for_note(&deadline_ms))
            rc = 0;
        else if (rc == -EBUSY)
            seen->held = told;
        close(fd);
    }
    return rc;
}

void cu_lock_unsee(struct cu_lock_seen *seen)
{
    if (seen->fd >= 0)
        close(seen->fd);
    seen->fd = -1;
}

/* The process that has locked the byte; 0: none that this one can see. */
static pid_t holder(int fd, enum cu_lock_byte byte)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};

    if (fcntl(fd, F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK || lock.l_pid <= 1)
        return 0;
    return lock.l_pid;
}

int cu_lock_open_holder(const struct cu_lock_seen *seen, enum cu_lock_byte byte)
{
    for (;;) {
        pid_t pid = holder(seen->fd, byte);
        int pidfd = pid > 0 ? (int)syscall(SYS_pidfd_open, pid, 0) : -1;

        if (pid == 0 || holder(seen->fd, byte) == pid)
            return pidfd;
        if (pidfd >= 0)
            close(pidfd);
    }
}
