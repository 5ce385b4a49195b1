/* SPDX-License-Identifier: BSD-3-Clause */
/* Two flags are the daemon's own. O_NONBLOCK: what is at the path may be a fifo by now. With it,
 * a file is refused (EAGAIN) while another process holds a lease on it (file servers do so for
 * their clients), or while it is being brought back from tape; other programs are made to wait.
 * O_NOATIME: not every user may use it on every file (EPERM), and not every file system knows
 * it. */
#include "storage/openfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_with(const char *path, int flags)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | flags);

    return fd < 0 ? -errno : fd;
}

/* Waits as any program does, but for a regular file only. */
static int open_waiting(const char *path, int flags)
{
    int at = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC), fd;
    struct stat st;
    char name[32];

    if (at < 0)
        return -errno;
    if (fstat(at, &st) < 0) {
        fd = -errno;
    } else if (S_ISREG(st.st_mode)) {
        snprintf(name, sizeof(name), "/proc/self/fd/%d", at);
        fd = open_with(name, flags);
    } else {
        fd = -EAGAIN;
    }
    close(at);
    return fd;
}

int cu_openfile(const char *path, int *no_atime_refused, uint32_t *opens)
{
    int flags = __atomic_load_n(no_atime_refused, __ATOMIC_RELAXED) ? 0 : O_NOATIME;
    int fd = open_with(path, O_NOFOLLOW | O_NONBLOCK | flags);

    ++*opens;
    if (flags && (fd == -EPERM || fd == -EINVAL || fd == -EOPNOTSUPP)) {
        if (fd == -EPERM) /* the kernel's answer, before storage is asked */
            __atomic_store_n(no_atime_refused, 1, __ATOMIC_RELAXED);
        else
            ++*opens;
        flags = 0;
        fd = open_with(path, O_NOFOLLOW | O_NONBLOCK);
    }
    if (fd == -EAGAIN) {
        ++*opens;
        return open_waiting(path, flags);
    }
    if (fd >= 0) /* a read is to wait, too */
        (void)fcntl(fd, F_SETFL, flags);
    return fd;
}
