/* SPDX-License-Identifier: BSD-3-Clause */
/* Links are followed here, one by one: below the mount the kernel would follow an absolute one out
 * of it. */
#include "copper/origin.h"

#include "base/grow.h"
#include "copper/launch_options.h"
#include "host/mountinfo.h"
#include "host/mounts.h"
#include "host/netfs.h"
#include "host/readfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LINKS_MAX 40 /* as the kernel */

struct place {
    const char *point; /* in text */
    const char *type;
    size_t len;
    bool shared;
};

struct cu_origin {
    const char *mount;
    size_t mount_len;
    char *text; /* of the mount table, owned */
    struct place *places;
    size_t count, capacity;
};

static int read_places(struct cu_origin *o, const char *types)
{
    struct cu_mountinfo mount;
    char *at = o->text;

    while (cu_mountinfo_next(&at, &mount)) {
        struct place *more =
            cu_grow(o->places, &o->capacity, o->count + 1, 64, sizeof(o->places[0]));

        if (!more)
            return -ENOMEM;
        o->places = more;
        more[o->count++] = (struct place){.point = mount.point,
                                          .type = mount.type,
                                          .len = strlen(mount.point),
                                          .shared = cu_netfs_is(mount.type, mount.source, types)};
    }
    return 0;
}

struct cu_origin *cu_origin_create(const char *mount, const char *types, struct cu_error *err)
{
    struct cu_origin *o = calloc(1, sizeof(*o));
    int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    int rc = !o ? -ENOMEM : fd < 0 ? -errno : 0;
    size_t size;

    if (rc == 0) {
        o->mount = mount;
        o->mount_len = strlen(mount);
        rc = cu_readfile_all(fd, CU_MOUNTS_TEXT_MAX, &o->text, &size);
    }
    if (fd >= 0)
        close(fd);
    if (rc == 0)
        rc = read_places(o, types);
    if (rc == 0)
        return o;
    cu_origin_destroy(o);
    cu_error_set(err, rc, "/proc/self/mountinfo: %s", strerror(-rc));
    return NULL;
}

struct cu_origin *cu_origin_of_site(const char *mount, struct cu_error *err)
{
    char types[CU_LAUNCH_SITE_TYPES_MAX];

    if (cu_launch_site_types(types, err) < 0)
        return NULL;
    return cu_origin_create(mount, types, err); /* reads them at once */
}

void cu_origin_destroy(struct cu_origin *o)
{
    if (!o)
        return;
    free(o->places);
    free(o->text);
    free(o);
}

/* Later mounts cover earlier ones at the same place, or above it. */
static const struct place *place_of(const struct cu_origin *o, const char *path)
{
    const struct place *best = NULL;
    size_t len = strlen(path);

    for (size_t i = 0; i < o->count; i++) {
        const struct place *place = &o->places[i];

        if (cu_path_within(path, len, place->point, place->len) &&
            (!best || place->len >= best->len))
            best = place;
    }
    return best;
}

const char *cu_origin_type(const struct cu_origin *o, const char *path)
{
    const struct place *place = place_of(o, path);

    return place ? place->type : "";
}

bool cu_origin_is_shared(const struct cu_origin *o, const char *path)
{
    const struct place *place = place_of(o, path);

    return place && place->shared;
}

bool cu_origin_is_mount(const struct cu_origin *o, const char *path)
{
    for (size_t i = 0; i < o->count; i++)
        if (strcmp(o->places[i].point, path) == 0)
            return true;
    return false;
}

bool cu_origin_is_seen(const struct cu_origin *o, const char *path)
{
    return cu_path_within(path, strlen(path), o->mount, o->mount_len);
}

/* Where to look at the path. 0 or -ENAMETOOLONG. */
static int seen_at(const struct cu_origin *o, const char *path, bool through, char out[CU_PATH_MAX])
{
    int len = snprintf(out, CU_PATH_MAX, "%s%s", through ? o->mount : "", path);

    return len < CU_PATH_MAX ? 0 : -ENAMETOOLONG;
}

int cu_origin_stat(const struct cu_origin *o, const char *path, struct stat *st)
{
    char at[CU_PATH_MAX];
    int rc = seen_at(o, path, cu_origin_is_shared(o, path), at);

    return rc < 0 ? rc : lstat(at, st) == 0 ? 0 : -errno;
}

int cu_origin_stat_seen(const struct cu_origin *o, const char *path, struct stat *st)
{
    char at[CU_PATH_MAX];
    int rc = seen_at(o, path, true, at);

    return rc < 0 ? rc : lstat(at, st) == 0 ? 0 : -errno;
}

int cu_origin_open(const struct cu_origin *o, const char *path)
{
    char at[CU_PATH_MAX];
    int rc = seen_at(o, path, cu_origin_is_shared(o, path), at), fd;

    if (rc < 0)
        return rc;
    fd = open(at, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    return fd >= 0 ? fd : -errno;
}

/* base, which is a directory, and a relative name; or name alone where it is absolute. */
static int combine(const char *base, size_t base_len, const char *name, char out[CU_PATH_MAX])
{
    char joined[2 * CU_PATH_MAX];
    int len;

    if (name[0] == '/')
        len = snprintf(joined, sizeof(joined), "%s", name);
    else
        len = snprintf(joined, sizeof(joined), "%.*s/%s", (int)base_len, base, name);
    if (len >= (int)sizeof(joined))
        return -ENAMETOOLONG;
    len = cu_path_normalise(joined, out);
    return len < 0 ? len : 0;
}

/* The text of a link: 1; 0: it is none. */
static int read_link(const struct cu_origin *o, const char *path, char text[CU_PATH_MAX])
{
    char at[CU_PATH_MAX];
    int rc = seen_at(o, path, cu_origin_is_shared(o, path), at);
    ssize_t len;

    if (rc < 0)
        return rc;
    len = readlink(at, text, CU_PATH_MAX - 1);
    if (len < 0)
        return errno == EINVAL ? 0 : -errno;
    text[len] = '\0';
    return 1;
}

int cu_origin_follow(const struct cu_origin *o, const char *path, char out[CU_PATH_MAX])
{
    char text[CU_PATH_MAX];
    int rc = read_link(o, path, text);

    if (rc == 1) {
        rc = combine(path, cu_path_parent_len(path, strlen(path)), text, out);
        return rc < 0 ? rc : 1;
    }
    return rc;
}

/* rest: what is left to walk below out, the caller's copy. ".." is only right once the link before
 * it was followed, so nothing is normalised before that. */
int cu_origin_resolve(const struct cu_origin *o, const char *path, char out[CU_PATH_MAX])
{
    char rest[2 * CU_PATH_MAX], text[CU_PATH_MAX], next[2 * CU_PATH_MAX];
    size_t len = 1;
    unsigned links = 0;

    if (path[0] != '/')
        return -EINVAL;
    snprintf(out, CU_PATH_MAX, "/");
    snprintf(rest, sizeof(rest), "%s", path);
    while (rest[strspn(rest, "/")] != '\0') {
        char *name = rest + strspn(rest, "/");
        size_t size = strcspn(name, "/");
        char after = name[size];
        int rc;

        name[size] = '\0';
        if (strcmp(name, "..") == 0)
            out[len = cu_path_parent_len(out, len)] = '\0';
        if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
            if (len + size + 2 > CU_PATH_MAX)
                return -ENAMETOOLONG;
            len += (size_t)sprintf(out + len, "%s%s", len == 1 ? "" : "/", name);
            rc = read_link(o, out, text);
            if (rc < 0)
                return rc;
            if (rc == 1 && ++links > LINKS_MAX)
                return -ELOOP;
            if (rc == 1) {
                len = text[0] == '/' ? 1 : cu_path_parent_len(out, len);
                out[len] = '\0';
                rc = snprintf(next, sizeof(next), "%s/%s", text,
                              after != '\0' ? name + size + 1 : "");
                if (rc >= (int)sizeof(next))
                    return -ENAMETOOLONG;
                memcpy(rest, next, (size_t)rc + 1);
                continue;
            }
        }
        memmove(rest, after != '\0' ? name + size + 1 : name + size,
                after != '\0' ? strlen(name + size + 1) + 1 : 1);
    }
    return 0;
}
