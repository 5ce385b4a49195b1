/* SPDX-License-Identifier: BSD-3-Clause */
/* The mount is not accessed before mountinfo was read: a dead one answers ENOTCONN, and one whose
 * daemon hangs would block this process. A mount is only removed when its type is Copper's, its
 * owner is this user, and the kernel reports that no process serves it. */
#include "host/mounts.h"

#include "host/child.h"
#include "host/mountinfo.h"
#include "host/process.h"
#include "host/readfile.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define HELPER    "fusermount3"
#define PROBE_MS  3000 /* a daemon that does not answer within this is not dead, but no better */
#define STACK_MAX 16   /* dead mounts on top of each other; more are an error */

enum cu_mounts_what cu_mounts_find(char *mountinfo, const char *dir, uid_t uid)
{
    enum cu_mounts_what what = CU_MOUNTS_NOTHING;
    struct cu_mountinfo mount;
    char owner[32];
    size_t len;

    snprintf(owner, sizeof(owner), "%lu", (unsigned long)uid);
    while (cu_mountinfo_next(&mountinfo, &mount)) {
        const char *user;

        if (strcmp(mount.point, dir) != 0)
            continue;
        user = cu_mountinfo_value(mount.options, "user_id", &len);
        what = strcmp(mount.type, CU_MOUNTS_TYPE) == 0 && user && len == strlen(owner) &&
                       strncmp(user, owner, len) == 0
                   ? CU_MOUNTS_OURS
                   : CU_MOUNTS_OTHER;
    }
    return what;
}

int cu_mounts_look(const char *dir, enum cu_mounts_what *what)
{
    char *text = NULL;
    size_t size = 0;
    int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    int rc;

    if (fd < 0)
        return -errno;
    rc = cu_readfile_all(fd, CU_MOUNTS_TEXT_MAX, &text, &size);
    close(fd);
    if (rc == 0)
        *what = cu_mounts_find(text, dir, geteuid());
    free(text);
    return rc;
}

/* Does the kernel report that no process serves the mount any more? */
static bool is_dead(const char *dir)
{
    struct pollfd ready;
    struct statfs st;
    int fds[2], error = 0;
    pid_t pid;

    if (pipe2(fds, O_CLOEXEC) < 0)
        return false;
    pid = fork();
    if (pid == 0) {
        /* It may hang, and outlive this process. */
        cu_process_close_but(fds[1]);
        error = statfs(dir, &st) < 0 ? errno : 0;
        _exit(write(fds[1], &error, sizeof(error)) != sizeof(error));
    }
    close(fds[1]);
    ready = (struct pollfd){.fd = fds[0], .events = POLLIN};
    while (pid > 0 && poll(&ready, 1, PROBE_MS) < 0 && errno == EINTR)
        ;
    if ((ready.revents & POLLIN) != 0 && read(fds[0], &error, sizeof(error)) == sizeof(error)) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
    } else if (pid > 0) {
        error = 0;
        kill(pid, SIGKILL); /* may not end before the mount does: not waited for */
    }
    close(fds[0]);
    return error == ENOTCONN || error == ECONNABORTED;
}

int cu_mounts_clean(const char *dir, struct cu_error *err)
{
    for (unsigned i = 0; i < STACK_MAX; i++) {
        enum cu_mounts_what what = CU_MOUNTS_NOTHING;
        struct cu_error why;
        int rc = cu_mounts_look(dir, &what);

        if (rc < 0)
            return cu_error_set(err, rc, "/proc/self/mountinfo: %s", strerror(-rc));
        if (what == CU_MOUNTS_NOTHING)
            return 0;
        if (what == CU_MOUNTS_OTHER)
            return cu_error_set(err, -EBUSY,
                                "%s: something else is mounted there; choose another mount with -v",
                                dir);
        if (!is_dead(dir))
            return cu_error_set(err, -EBUSY,
                                "%s: a Copper mount with another run directory is there; stop it, "
                                "or choose another mount with -v",
                                dir);
        rc = cu_mounts_unmount(dir, &why);
        if (rc < 0)
            return cu_error_set(err, rc,
                                "the mount of a killed daemon is in the way: %.300s: try "
                                "fusermount3 -uz %s",
                                why.text, dir);
    }
    return cu_error_set(err, -EBUSY, "%s: too many mounts on top of each other", dir);
}

int cu_mounts_helper(char path[CU_PATH_MAX])
{
    /* As libfuse does when it mounts. */
    static const char *const places[] = {"/usr/bin", "/bin", "/usr/local/bin", "/usr/sbin",
                                         "/sbin"};
    const char *dirs = getenv("PATH");

    while (dirs && dirs[0] != '\0') {
        size_t len = strcspn(dirs, ":");

        if (len > 0 && snprintf(path, CU_PATH_MAX, "%.*s/" HELPER, (int)len, dirs) < CU_PATH_MAX &&
            access(path, F_OK) == 0)
            return 0;
        dirs += len + (dirs[len] == ':');
    }
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        snprintf(path, CU_PATH_MAX, "%s/" HELPER, places[i]);
        if (access(path, F_OK) == 0)
            return 0;
    }
    return -ENOENT;
}

/* The first line of the file, or "". */
static void read_words(int fd, char *out, size_t size)
{
    ssize_t n = fd >= 0 ? pread(fd, out, size - 1, 0) : 0;

    out[n > 0 ? n : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
}

int cu_mounts_unmount(const char *dir, struct cu_error *err)
{
    char *argv[] = {(char *)HELPER, (char *)"-u",           (char *)"-z",
                    (char *)"--",   (char *)(uintptr_t)dir, NULL};
    char path[CU_PATH_MAX], words[256];
    int status = 0, said, rc;
    pid_t pid = -1;

    if (umount2(dir, MNT_DETACH | UMOUNT_NOFOLLOW) == 0)
        return 0;
    if (errno != EPERM)
        return cu_error_set(err, -errno, "%s: cannot be unmounted: %s", dir, strerror(errno));
    rc = cu_mounts_helper(path);
    if (rc != 0)
        return cu_error_set(err, rc, "%s: cannot be unmounted: there is no " HELPER, dir);
    said = memfd_create("said", MFD_CLOEXEC);
    rc = cu_child_start(path, argv, said, &pid);
    while (rc == 0 && waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            rc = -errno;
    read_words(said, words, sizeof(words));
    if (said >= 0)
        close(said);
    if (rc != 0)
        return cu_error_set(err, rc, "%s: cannot be unmounted: %s: %s", dir, path, strerror(-rc));
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return 0;
    return cu_error_set(err, -EPERM, "%s: cannot be unmounted: %s", dir,
                        words[0] != '\0' ? words : HELPER " failed and said nothing");
}
