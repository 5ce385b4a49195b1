/* SPDX-License-Identifier: BSD-3-Clause */
/* A path walk as the kernel does it, that notes the links. `at` is where it is: on storage, normal
 * form, without links. `rest` is still to be walked. When `at` is the mount, the walk has come into
 * the view, and goes on at the same path on storage. */
#include "copper/way.h"

#include "host/clock.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define REST_MAX (2 * CU_TREE_PATH_MAX + PATH_MAX)

struct walk {
    const char *mount, *real_mount; /* real_mount: where links lead that mount has; or NULL */
    struct cu_way *way;             /* NULL: links are not noted */
    unsigned links;
    bool in_view; /* at is of the view, whose ".." at its top leads out of it */
    size_t len;   /* of at */
    char at[CU_TREE_PATH_MAX];
    char rest[REST_MAX];
};

static int note(struct cu_way *way, const char *path)
{
    char *copy;

    for (size_t i = 0; i < way->count; i++)
        if (strcmp(way->paths[i], path) == 0)
            return 0;
    copy = strdup(path);
    if (!copy)
        return -ENOMEM;
    way->paths[way->count++] = copy;
    return 0;
}

static void go_to_root(struct walk *walk)
{
    walk->len = 1;
    memcpy(walk->at, "/", 2);
}

static void go_up(struct walk *walk)
{
    if (walk->in_view && walk->len == 1) {
        walk->in_view = false;
        walk->len = strlen(walk->mount);
        memcpy(walk->at, walk->mount, walk->len + 1);
    }
    walk->len = cu_path_parent_len(walk->at, walk->len);
    walk->at[walk->len] = '\0';
}

/* The walk is at a link to target, and rest comes after it. */
static int follow(struct walk *walk, const char *target, size_t len, const char *rest)
{
    size_t rest_len = strlen(rest);
    int rc = walk->way ? note(walk->way, walk->at) : 0;

    if (rc)
        return rc;
    if (++walk->links > CU_WAY_LINKS_MAX)
        return -ELOOP;
    if (len + 1 + rest_len >= sizeof(walk->rest))
        return -ENAMETOOLONG;
    memmove(walk->rest + len + 1, rest, rest_len + 1);
    memcpy(walk->rest, target, len);
    walk->rest[len] = '/';
    if (target[0] == '/') {
        walk->in_view = false;
        go_to_root(walk);
    } else {
        go_up(walk);
    }
    return 0;
}

static bool is_mount(const struct walk *walk)
{
    return strcmp(walk->at, walk->mount) == 0 ||
           (walk->real_mount && strcmp(walk->at, walk->real_mount) == 0);
}

/* One component, which ends at rest. */
static int step(struct walk *walk, const char *name, size_t name_len, const char *rest)
{
    char target[PATH_MAX];
    ssize_t n;
    int len;

    if (name_len == 2 && memcmp(name, "..", 2) == 0) {
        go_up(walk);
    } else if (name_len > 1 || (name_len == 1 && name[0] != '.')) {
        len = cu_path_join(walk->at, walk->len, name, name_len, walk->at, sizeof(walk->at));
        if (len < 0)
            return len;
        walk->len = (size_t)len;
    }
    if (walk->mount && is_mount(walk)) {
        walk->in_view = true;
        go_to_root(walk);
    }
    n = readlink(walk->at, target, sizeof(target));
    if (n <= 0 || n == (ssize_t)sizeof(target)) {
        memmove(walk->rest, rest, strlen(rest) + 1);
        return 0;
    }
    return follow(walk, target, (size_t)n, rest);
}

/* Walks path, which is absolute. */
static int go(struct walk *walk, const char *path)
{
    int rc = 0;

    if (strlen(path) >= sizeof(walk->rest))
        return -ENAMETOOLONG;
    memcpy(walk->rest, path, strlen(path) + 1);
    go_to_root(walk);
    while (walk->rest[0] && rc == 0) {
        char name[CU_TREE_PATH_MAX];
        size_t len = strcspn(walk->rest, "/");
        const char *rest = walk->rest + len + (walk->rest[len] == '/');

        if (len >= sizeof(name))
            return -ENAMETOOLONG;
        memcpy(name, walk->rest, len);
        rc = step(walk, name, len, rest);
    }
    return rc;
}

/* Where the mount is, when links are followed; NULL when that cannot be known. */
static char *real_mount(struct walk *walk, const char *mount)
{
    char above[CU_PATH_MAX], real[CU_TREE_PATH_MAX];
    const char *name = strrchr(mount, '/');

    if (!name || strlen(mount) >= sizeof(above))
        return NULL;
    /* The mount itself is no link, and is not touched. */
    snprintf(above, sizeof(above), "%.*s/", (int)(name - mount), mount);
    walk->mount = NULL;
    walk->way = NULL;
    walk->links = 0;
    if (go(walk, above) != 0 ||
        cu_path_join(walk->at, walk->len, name + 1, strlen(name + 1), real, sizeof(real)) < 0)
        return NULL;
    return strdup(real);
}

int cu_way_find(const char *mount, const char *given, struct cu_way *way)
{
    struct walk *walk = calloc(1, sizeof(*walk));
    char *whole = NULL, *real = NULL, *here = NULL;
    int rc = -ENOMEM;

    *way = (struct cu_way){0};
    if (!walk)
        goto out;
    if (!given[0]) {
        rc = -ENOENT;
        goto out;
    }
    if (given[0] != '/' && !(here = getcwd(NULL, 0))) {
        rc = -errno;
        goto out;
    }
    if (asprintf(&whole, "%s/%s", here ? here : "", given) < 0) {
        whole = NULL;
        goto out;
    }
    real = real_mount(walk, mount);
    walk->mount = mount;
    walk->real_mount = real;
    walk->way = way;
    walk->links = 0;
    rc = go(walk, whole);
    if (rc == 0)
        rc = note(way, walk->at);
out:
    free(here);
    free(real);
    free(whole);
    free(walk);
    return rc;
}

/* --- where storage may hang ------------------------------------------------------------------- */

#define FDS_MAX  64 /* of a command, which has few */
#define TOLD_MAX (sizeof(int) + (CU_WAY_LINKS_MAX + 1) * (size_t)CU_TREE_PATH_MAX)

static bool tell(int fd, const void *what, size_t size)
{
    const char *at = what;

    while (size > 0) {
        ssize_t n = write(fd, at, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        size -= (size_t)n;
    }
    return true;
}

/* The child: the result, then the paths, each with its NUL. */
static void find_and_tell(int fd, const char *mount, const char *given)
{
    struct cu_way way;
    int rc;

    for (int other = 0; other < FDS_MAX; other++) /* nobody waits for it at the other ends */
        if (other != fd)
            close(other);
    rc = cu_way_find(mount, given, &way);
    if (tell(fd, &rc, sizeof(rc)))
        for (size_t i = 0; i < way.count && rc == 0; i++)
            (void)tell(fd, way.paths[i], strlen(way.paths[i]) + 1);
    _exit(0);
}

/* All that the child tells, until it ends: its length, or -ETIMEDOUT, -errno. */
static ssize_t hear(int fd, int limit_ms, char *to)
{
    int64_t deadline_ms = cu_clock_ms() + limit_ms;
    size_t len = 0;
    ssize_t n;

    do {
        int rc = cu_clock_wait(fd, POLLIN, deadline_ms);

        if (rc != 0)
            return rc;
        n = read(fd, to + len, TOLD_MAX - len);
        if (n < 0 && errno != EINTR)
            return -errno;
        len += n > 0 ? (size_t)n : 0;
    } while (n != 0);
    return (ssize_t)len;
}

static int understand(const char *told, size_t len, struct cu_way *way)
{
    int rc = -EIO;
    size_t at = sizeof(rc);

    if (len >= sizeof(rc))
        memcpy(&rc, told, sizeof(rc));
    while (rc == 0 && at < len) {
        rc = note(way, told + at);
        at += strlen(told + at) + 1;
    }
    return rc;
}

/* As it is written, with the mount taken off. */
static int as_written(const char *mount, const char *given, struct cu_way *way)
{
    char *here = given[0] == '/' ? NULL : getcwd(NULL, 0), *whole = NULL;
    char *path = malloc(CU_TREE_PATH_MAX);
    size_t mount_len = strlen(mount);
    int rc = path ? -ENAMETOOLONG : -ENOMEM;

    if (path && asprintf(&whole, "%s/%s", here ? here : "", given) >= 0)
        rc = cu_path_normalise_tree(whole, path);
    if (rc >= 0) {
        bool in_view = cu_path_within(path, (size_t)rc, mount, mount_len);

        rc = note(way, !in_view ? path : path[mount_len] ? path + mount_len : "/");
    }
    free(here);
    free(whole);
    free(path);
    return rc;
}

int cu_way_find_within(const char *mount, const char *given, int limit_ms, struct cu_way *way,
                       bool *hangs)
{
    char *told = malloc(TOLD_MAX + 1);
    int ends[2] = {-1, -1}, rc = -ENOMEM;
    ssize_t len;
    pid_t pid;

    *way = (struct cu_way){0};
    *hangs = false;
    if (!told)
        return rc;
    pid = pipe(ends) == 0 ? fork() : -1;
    if (pid == 0)
        find_and_tell(ends[1], mount, given);
    rc = -errno;
    close(ends[1]);
    if (pid > 0) {
        len = hear(ends[0], limit_ms, told);
        told[len > 0 ? len : 0] = '\0';
        *hangs = len == -ETIMEDOUT;
        if (*hangs)
            (void)kill(pid, SIGKILL); /* what hangs in storage is not waited for */
        else
            (void)waitpid(pid, NULL, 0);
        rc = *hangs ? as_written(mount, given, way)
                    : understand(told, len > 0 ? (size_t)len : 0, way);
    }
    close(ends[0]);
    free(told);
    return rc;
}

void cu_way_free(struct cu_way *way)
{
    for (size_t i = 0; i < way->count; i++)
        free(way->paths[i]);
    way->count = 0;
}
