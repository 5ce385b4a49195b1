/* SPDX-License-Identifier: BSD-3-Clause */
/* Sources are opened, and cloned or covered, before the first of them is attached: an attached one
 * may hide another's path.
 *
 * Directories on the way may be other users': none of them can put a link there that leads to a
 * place where the command expects something else. So each path is walked without following links,
 * and what was opened then is what is attached, or attached to. */
#include "host/nsmount.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

/* System calls of Linux 5.2, and openat2 of 5.6: older C libraries lack them. */
#define OPEN_TREE  428
#define MOVE_MOUNT 429
#define FSOPEN     430
#define FSCONFIG   431
#define FSMOUNT    432
#define OPENAT2    437

/* linux/mount.h and sys/mount.h exclude each other before glibc 2.36. */
#define SET_STRING     1u
#define CREATE         6u
#define FD_CLOSES      1u
#define FLAGS          7u /* read-only, nosuid, nodev */
#define TREE_CLONE     1u
#define WHOLE_TREE     0x8000u /* AT_RECURSIVE */
#define MOVE_FROM_FD   0x04u
#define MOVE_TO_FD     0x40u
#define NO_MAGIC_LINKS 0x02u
#define NO_LINKS       0x04u
#define BENEATH        0x08u

struct how {
    uint64_t flags, mode, resolve;
};

/* O_PATH, no link followed but in root. The descriptor or -errno. */
static int open_below(const char *root, const char *path)
{
    const struct how how = {.flags = O_PATH | O_CLOEXEC,
                            .resolve = NO_MAGIC_LINKS | NO_LINKS | BENEATH};
    int base = open(root ? root : "/", O_PATH | O_DIRECTORY | O_CLOEXEC), fd;

    if (base < 0)
        return -errno;
    fd = (int)syscall(OPENAT2, base, path + strspn(path, "/"), &how, sizeof(how));
    if (fd < 0)
        fd = -errno;
    close(base);
    return fd;
}

static int set_string(int fs, const char *key, const char *value)
{
    return (int)syscall(FSCONFIG, fs, SET_STRING, key, value, 0);
}

/* A new file system that is mounted nowhere yet. The descriptor or -errno. */
static int make_fs(const char *type, const char *lower)
{
    int fs = (int)syscall(FSOPEN, type, FD_CLOSES), fd = -1;

    if (fs < 0)
        return -errno;
    if (set_string(fs, "source", "copper") == 0 &&
        (!lower || set_string(fs, "lowerdir", lower) == 0) &&
        syscall(FSCONFIG, fs, CREATE, NULL, NULL, 0) == 0)
        fd = (int)syscall(FSMOUNT, fs, FD_CLOSES, FLAGS);
    if (fd < 0)
        fd = -errno;
    close(fs);
    return fd;
}

/* An overlay without an upper directory needs two lower ones: the second is empty. */
static int make_overlay(int from, int empty)
{
    char lower[64];

    snprintf(lower, sizeof(lower), "/proc/self/fd/%d:/proc/self/fd/%d", from, empty);
    return make_fs("overlay", lower);
}

static int clone_tree(int from)
{
    int fd = (int)syscall(OPEN_TREE, from, "",
                          TREE_CLONE | (unsigned)O_CLOEXEC | WHOLE_TREE | (unsigned)AT_EMPTY_PATH);

    return fd >= 0 ? fd : -errno;
}

/* Where the bind comes from. The descriptor, or -errno with err. */
static int open_source(const struct cu_nspace_bind *bind, struct cu_error *err)
{
    int fd = open_below(bind->root, bind->from);

    if (fd >= 0)
        return fd;
    return cu_error_set(err, fd, "%s%s: %s", bind->root ? bind->root : "", bind->from,
                        fd == -ELOOP ? "is a link by now" : strerror(-fd));
}

static int attach(int held, const char *to, struct cu_error *err)
{
    int fd = open_below(NULL, to), rc = fd < 0 ? fd : 0;

    if (rc == 0 && syscall(MOVE_MOUNT, held, "", fd, "", MOVE_FROM_FD | MOVE_TO_FD) != 0)
        rc = -errno;
    if (fd >= 0)
        close(fd);
    return rc == 0 ? 0
                   : cu_error_set(err, rc, "%s: %s", to,
                                  rc == -ELOOP ? "is a link by now" : strerror(-rc));
}

static int clone_all(const struct cu_nspace_bind *binds, size_t count, int fds[],
                     struct cu_error *err)
{
    for (size_t i = 0; i < count; i++) {
        int from = fds[i];

        if (binds[i].overlay)
            continue;
        fds[i] = clone_tree(from);
        close(from);
        if (fds[i] < 0)
            return cu_nspace_explain(NULL, fds[i], binds[i].from, err);
    }
    return 0;
}

/* An empty directory has to be mounted in this namespace while overlays are made of it. */
static int cover_all(const struct cu_nspace_bind *binds, size_t count, int fds[],
                     struct cu_error *err)
{
    char path[32];
    int empty = -1, rc = 0;

    for (size_t i = 0; rc >= 0 && i < count; i++) {
        int from = fds[i];

        if (!binds[i].overlay)
            continue;
        if (empty < 0) {
            rc = empty = make_fs("tmpfs", NULL);
            if (rc >= 0)
                rc = attach(empty, binds[i].to, err);
        }
        if (rc >= 0) {
            rc = fds[i] = make_overlay(from, empty);
            close(from);
        }
        if (rc < 0)
            cu_error_set(err, rc, "no overlay over %s: %s; --view bind needs none", binds[i].from,
                         strerror(-rc));
    }
    if (empty >= 0) {
        snprintf(path, sizeof(path), "/proc/self/fd/%d", empty);
        (void)umount2(path, MNT_DETACH);
        close(empty);
    }
    return rc < 0 ? rc : 0;
}

int cu_nsmount_attach(const struct cu_nspace_bind *binds, size_t count, struct cu_error *err)
{
    int fds[CU_NSPACE_BINDS_MAX], rc = 0;
    size_t opened = 0;

    if (count > CU_NSPACE_BINDS_MAX)
        return cu_error_set(err, -E2BIG, "more than %u directories", CU_NSPACE_BINDS_MAX);
    for (; rc >= 0 && opened < count; opened++)
        rc = fds[opened] = open_source(&binds[opened], err);
    if (rc >= 0)
        rc = clone_all(binds, count, fds, err);
    if (rc == 0)
        rc = cover_all(binds, count, fds, err);
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = attach(fds[i], binds[i].to, err);
    for (size_t i = 0; i < opened; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    return rc < 0 ? rc : 0;
}
