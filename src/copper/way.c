/* SPDX-License-Identifier: BSD-3-Clause */
/* A path walk as the kernel does it, that notes the links. `at` is where it is: on storage, normal
 * form, without links. `rest` is still to be walked. When `at` is the mount, the walk has come into
 * the view, and goes on at the same path on storage. */
#include "copper/way.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

void cu_way_free(struct cu_way *way)
{
    for (size_t i = 0; i < way->count; i++)
        free(way->paths[i]);
    way->count = 0;
}
