/* SPDX-License-Identifier: BSD-3-Clause */
/* Below copper run a directory that is served is read-only. A program that cannot write there shows
 * "Read-only file system", which does not tell why, or nothing. So when a call fails with EROFS in
 * such a directory, and the user might have written there otherwise, this process tells once, on
 * standard error, which directory it is and what to do.
 *
 * Nothing is allocated, and only system calls are made: a program may call these functions in the
 * handler of a signal, or between fork and exec. errno stays what it was. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GROUPS_MAX 1024

/* The mount's number, as the mount table has it; -1: not known. */
static long long mount_of(const struct statx *st)
{
#ifdef STATX_MNT_ID
    return (st->stx_mask & STATX_MNT_ID) ? (long long)st->stx_mnt_id : -1;
#else
    return -1;
#endif
}

#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0u
#endif

/* By the mode alone; root may always. */
static bool may_write(const struct statx *st)
{
    gid_t groups[GROUPS_MAX];
    int count;

    if (geteuid() == 0 || (st->stx_mode & S_IWOTH))
        return true;
    if (st->stx_uid == geteuid())
        return st->stx_mode & S_IWUSR;
    if (!(st->stx_mode & S_IWGRP))
        return false;
    count = getgroups(GROUPS_MAX, groups);
    for (int i = 0; i < count; i++)
        if (groups[i] == st->stx_gid)
            return true;
    return st->stx_gid == getegid();
}

/* What the failed call was about: the file, where it is there and not its name is meant, or the
 * directory. */
static bool look(int dir, const char *path, bool name, struct statx *st)
{
    const unsigned mask = STATX_TYPE | STATX_MODE | STATX_UID | STATX_GID | STATX_MNT_ID;
    char above[4096];
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) : 0;

    if (!name && statx(dir, path, 0, mask, st) == 0)
        return true;
    if (len >= sizeof(above))
        return false;
    memcpy(above, slash ? path : ".", len > 0 ? len : 1);
    above[len > 0 ? len : 1] = '\0';
    return statx(dir, above, 0, mask, st) == 0;
}

/* A line of the mount table, "ID PARENT DEVICE ROOT POINT ... - TYPE SOURCE ...": the point, when
 * it is the mount with this number, and one of copper run. */
static char *point_of(char *line, long long id)
{
    char *save = NULL, *word = strtok_r(line, " ", &save), *point = NULL, *root = NULL;
    bool overlay;

    if (!word || strtoll(word, NULL, 10) != id)
        return NULL;
    for (int i = 1; i < 5 && word; i++) {
        word = strtok_r(NULL, " ", &save);
        if (i == 3)
            root = word;
        point = word;
    }
    while (word && strcmp(word, "-") != 0)
        word = strtok_r(NULL, " ", &save);
    word = word ? strtok_r(NULL, " ", &save) : NULL;
    if (!word)
        return NULL;
    overlay = strcmp(word, "overlay") == 0;
    if (!overlay && (strcmp(word, "fuse.copper") != 0 || !root || strcmp(root, "/") == 0))
        return NULL; /* the mount itself: its paths have the prefix */
    word = strtok_r(NULL, " ", &save);
    return word && strcmp(word, "copper") == 0 ? point : NULL;
}

static void say(const char *point)
{
    static char text[8192];
    int len = snprintf(text, sizeof(text),
                       "copper: %s is served read-only below copper run: copper run --rw %s (or a "
                       "directory in it) leaves it as it is\n",
                       point, point);

    if (len > 0 && (size_t)len < sizeof(text))
        (void)!write(STDERR_FILENO, text, (size_t)len);
}

/* Reads the mount table, a buffer at a time. */
static void find_and_say(long long id)
{
    static char text[16384];
    size_t len = 0;
    int fd = open("/proc/thread-self/mountinfo", O_RDONLY | O_CLOEXEC);
    ssize_t n;

    while (fd >= 0 && (n = read(fd, text + len, sizeof(text) - 1 - len)) > 0) {
        char *line = text, *end;

        text[len += (size_t)n] = '\0';
        for (; (end = strchr(line, '\n')); line = end + 1) {
            char *point;

            *end = '\0';
            point = point_of(line, id);
            if (point) {
                say(point);
                close(fd);
                return;
            }
        }
        len -= (size_t)(line - text);
        memmove(text, line, len);
        if (len == sizeof(text) - 1)
            break;
    }
    if (fd >= 0)
        close(fd);
}

/* Python's own store of compiled modules: it tries to write there, and goes on without. */
static bool is_tried_only(const char *path)
{
    return strstr(path, "/__pycache__") || strncmp(path, "__pycache__", 11) == 0;
}

static void explain(int dir, const char *path, bool name)
{
    static char told;
    int error = errno;
    struct statx st;

    if (error != EROFS || !path || is_tried_only(path) || __atomic_load_n(&told, __ATOMIC_RELAXED))
        return;
    if (look(dir, path, name, &st) && mount_of(&st) >= 0 && may_write(&st) &&
        !__atomic_exchange_n(&told, 1, __ATOMIC_RELAXED))
        find_and_say(mount_of(&st));
    errno = error;
}

/* --- the functions ---------------------------------------------------------------------------- */

/* They have their names for the linker alone: headers may declare them in other ways, or inline. */

/* The function that would be called without this library; another library may have it, too. Found
 * when the program starts: dlsym(3) takes a lock, which a handler of a signal, or a child of a
 * process with threads, may not wait for. Constructors of other libraries may come before. */
#define FIND(name)                                                                                 \
    static void *next_##name;                                                                      \
    __attribute__((constructor)) static void find_##name(void)                                     \
    {                                                                                              \
        (void)next(#name, &next_##name);                                                           \
    }
#define NEXT(name) ((__typeof__(&own_##name))next(#name, &next_##name))

static void *next(const char *name, void **known)
{
    void *found = __atomic_load_n(known, __ATOMIC_RELAXED);

    if (!found) {
        found = dlsym(RTLD_NEXT, name);
        __atomic_store_n(known, found, __ATOMIC_RELAXED);
    }
    return found;
}

/* A function that takes these arguments, and whose failure is `failed`. */
#define WRAP_AS(named, name, type, failed, dir, path, declared, given)                             \
    FIND(name)                                                                                     \
    type own_##name declared __asm__(#name);                                                       \
    type own_##name declared                                                                       \
    {                                                                                              \
        type result = NEXT(name) given;                                                            \
                                                                                                   \
        if (result == (failed))                                                                    \
            explain(dir, path, named);                                                             \
        return result;                                                                             \
    }

#define WRAP(...)      WRAP_AS(false, __VA_ARGS__)
#define WRAP_NAME(...) WRAP_AS(true, __VA_ARGS__) /* changes a directory, not a file in it */

/* open(2) and its like: the mode is there when a file may be made. */
#define WRAP_OPEN(name, dir, declared, given)                                                      \
    FIND(name)                                                                                     \
    int own_##name declared __asm__(#name);                                                        \
    int own_##name declared                                                                        \
    {                                                                                              \
        mode_t mode = 0;                                                                           \
        int result;                                                                                \
        va_list more;                                                                              \
                                                                                                   \
        va_start(more, flags);                                                                     \
        if ((flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE)                                 \
            mode = va_arg(more, mode_t);                                                           \
        va_end(more);                                                                              \
        result = NEXT(name) given;                                                                 \
        if (result < 0)                                                                            \
            explain(dir, path, false);                                                             \
        return result;                                                                             \
    }

WRAP_OPEN(open, AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
WRAP_OPEN(open64, AT_FDCWD, (const char *path, int flags, ...), (path, flags, mode))
WRAP_OPEN(openat, dir, (int dir, const char *path, int flags, ...), (dir, path, flags, mode))
WRAP_OPEN(openat64, dir, (int dir, const char *path, int flags, ...), (dir, path, flags, mode))
WRAP(__open_2, int, -1, AT_FDCWD, path, (const char *path, int flags), (path, flags))
WRAP(__open64_2, int, -1, AT_FDCWD, path, (const char *path, int flags), (path, flags))
WRAP(__openat_2, int, -1, dir, path, (int dir, const char *path, int flags), (dir, path, flags))
WRAP(__openat64_2, int, -1, dir, path, (int dir, const char *path, int flags), (dir, path, flags))
WRAP(creat, int, -1, AT_FDCWD, path, (const char *path, mode_t mode), (path, mode))
WRAP(creat64, int, -1, AT_FDCWD, path, (const char *path, mode_t mode), (path, mode))
WRAP(fopen, FILE *, NULL, AT_FDCWD, path, (const char *path, const char *mode), (path, mode))
WRAP(fopen64, FILE *, NULL, AT_FDCWD, path, (const char *path, const char *mode), (path, mode))
WRAP_NAME(mkstemp, int, -1, AT_FDCWD, path, (char *path), (path))
WRAP_NAME(mkstemp64, int, -1, AT_FDCWD, path, (char *path), (path))
WRAP_NAME(mkostemp, int, -1, AT_FDCWD, path, (char *path, int flags), (path, flags))
WRAP_NAME(mkostemp64, int, -1, AT_FDCWD, path, (char *path, int flags), (path, flags))
WRAP_NAME(mkdtemp, char *, NULL, AT_FDCWD, path, (char *path), (path))
WRAP_NAME(mkdir, int, -1, AT_FDCWD, path, (const char *path, mode_t mode), (path, mode))
WRAP_NAME(mkdirat, int, -1, dir, path, (int dir, const char *path, mode_t mode), (dir, path, mode))
WRAP_NAME(unlink, int, -1, AT_FDCWD, path, (const char *path), (path))
WRAP_NAME(unlinkat, int, -1, dir, path, (int dir, const char *path, int flags), (dir, path, flags))
WRAP_NAME(remove, int, -1, AT_FDCWD, path, (const char *path), (path))
WRAP_NAME(rmdir, int, -1, AT_FDCWD, path, (const char *path), (path))
WRAP_NAME(rename, int, -1, AT_FDCWD, to, (const char *from, const char *to), (from, to))
WRAP_NAME(renameat, int, -1, to_dir, to, (int dir, const char *from, int to_dir, const char *to),
          (dir, from, to_dir, to))
WRAP_NAME(renameat2, int, -1, to_dir, to,
          (int dir, const char *from, int to_dir, const char *to, unsigned flags),
          (dir, from, to_dir, to, flags))
WRAP_NAME(symlink, int, -1, AT_FDCWD, path, (const char *text, const char *path), (text, path))
WRAP_NAME(symlinkat, int, -1, dir, path, (const char *text, int dir, const char *path),
          (text, dir, path))
WRAP_NAME(link, int, -1, AT_FDCWD, to, (const char *from, const char *to), (from, to))
WRAP_NAME(linkat, int, -1, to_dir, to,
          (int dir, const char *from, int to_dir, const char *to, int flags),
          (dir, from, to_dir, to, flags))
WRAP(truncate, int, -1, AT_FDCWD, path, (const char *path, off_t size), (path, size))
WRAP(truncate64, int, -1, AT_FDCWD, path, (const char *path, off_t size), (path, size))
