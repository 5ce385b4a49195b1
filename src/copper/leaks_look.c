/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths are opened (O_PATH) below the root of the process's namespace, so that links are followed
 * there (openat2(2), RESOLVE_IN_ROOT); the descriptor tells the mount, and the mount table of that
 * namespace its type. */
#include "copper/leaks_look.h"

#include "base/grow.h"
#include "host/mountinfo.h"
#include "host/mounts.h"
#include "host/netfs.h"
#include "host/readfile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LINKS_MAX 40 /* as the kernel */

struct mount {
    uint32_t id;
    const char *point; /* in the table's text */
    enum cu_leaks_where where;
};

struct table {
    char *text; /* owned */
    struct mount *mounts;
    size_t count, capacity;
};

struct cu_leaks_look {
    const char *types;
    char **over; /* owned, each; without links */
    size_t over_count;
    struct table *tables; /* by the number of the space */
    size_t table_count;
};

/* A list of directories with commas. False: out of memory. */
static bool add_over(struct cu_leaks_look *look, const char *list)
{
    while (*list != '\0') {
        size_t len = strcspn(list, ",");
        char **more = reallocarray(look->over, look->over_count + 1, sizeof(*more));
        char *dir = strndup(list, len), *real = dir ? realpath(dir, NULL) : NULL;

        if (more)
            look->over = more;
        if (more && (real || dir))
            more[look->over_count++] = real ? real : dir;
        if (real || !more)
            free(dir);
        if (!more)
            free(real);
        if (!more || !dir)
            return false;
        list += len + (list[len] == ',');
    }
    return true;
}

struct cu_leaks_look *cu_leaks_look_create(const char *types, const char *const *over, size_t count)
{
    struct cu_leaks_look *look = calloc(1, sizeof(*look));

    if (!look)
        return NULL;
    look->types = types;
    for (size_t i = 0; i < count; i++)
        if (!add_over(look, over[i])) {
            cu_leaks_look_destroy(look);
            return NULL;
        }
    return look;
}

static void table_clear(struct table *table)
{
    free(table->text);
    free(table->mounts);
    *table = (struct table){0};
}

void cu_leaks_look_destroy(struct cu_leaks_look *look)
{
    if (!look)
        return;
    for (size_t i = 0; i < look->table_count; i++)
        table_clear(&look->tables[i]);
    for (size_t i = 0; i < look->over_count; i++)
        free(look->over[i]);
    free(look->over);
    free(look->tables);
    free(look);
}

/* --- mounts ----------------------------------------------------------------------------------- */

static enum cu_leaks_where kind_of(const struct cu_leaks_look *look,
                                   const struct cu_mountinfo *mount)
{
    if (strcmp(mount->type, "fuse.copper") == 0 ||
        (strcmp(mount->type, "fuse") == 0 && strcmp(mount->source, "copper") == 0))
        return CU_LEAKS_COPPER;
    return cu_netfs_is(mount->type, mount->source, look->types) ? CU_LEAKS_SHARED
                                                                : CU_LEAKS_ELSEWHERE;
}

static void table_read(const struct cu_leaks_look *look, const struct cu_watch_space *space,
                       struct table *table)
{
    struct cu_mountinfo info;
    size_t size;
    char *at;

    table_clear(table);
    if (space->mounts < 0 || lseek(space->mounts, 0, SEEK_SET) < 0 ||
        cu_readfile_all(space->mounts, CU_MOUNTS_TEXT_MAX, &table->text, &size) < 0)
        return;
    at = table->text;
    while (cu_mountinfo_next(&at, &info)) {
        struct mount *more = cu_grow(table->mounts, &table->capacity, table->count + 1, 64,
                                     sizeof(table->mounts[0]));

        if (!more)
            return;
        table->mounts = more;
        more[table->count++] =
            (struct mount){.id = info.id, .point = info.point, .where = kind_of(look, &info)};
    }
}

static const struct mount *mount_in(const struct table *table, uint32_t id)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->mounts[i].id == id)
            return &table->mounts[i];
    return NULL;
}

/* The mount of a descriptor; NULL: not known. */
static const struct mount *mount_of(struct cu_leaks_look *look, const struct cu_watch_space *space,
                                    int fd)
{
    char path[64], text[512];
    const struct mount *mount;
    const char *at;
    uint32_t id;

    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
    if (cu_readfile_small(NULL, path, text, sizeof(text)) < 0)
        return NULL;
    at = strstr(text, "mnt_id:");
    if (!at)
        return NULL;
    id = (uint32_t)strtoul(at + strlen("mnt_id:"), NULL, 10);
    if (space->number >= look->table_count) {
        struct table *more =
            reallocarray(look->tables, space->number + 1u, sizeof(look->tables[0]));

        if (!more)
            return NULL;
        look->tables = more;
        for (; look->table_count <= space->number; look->table_count++)
            more[look->table_count] = (struct table){0};
    }
    mount = mount_in(&look->tables[space->number], id);
    if (!mount) {
        table_read(look, space, &look->tables[space->number]); /* it is new */
        mount = mount_in(&look->tables[space->number], id);
    }
    return mount;
}

/* The directory of --over that the path is in, into point. */
static bool is_over(const struct cu_leaks_look *look, const char *path, char point[CU_PATH_MAX])
{
    for (size_t i = 0; i < look->over_count; i++)
        if (cu_path_within(path, strlen(path), look->over[i], strlen(look->over[i]))) {
            snprintf(point, CU_PATH_MAX, "%s", look->over[i]);
            return true;
        }
    return false;
}

/* --- paths ------------------------------------------------------------------------------------ */

static int open_in(const struct cu_watch_space *space, const char *path, int flags)
{
    struct open_how how = {.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC),
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    long fd = -1;

    for (int left = 8; left > 0; left--) { /* a directory may be renamed meanwhile */
        fd = syscall(SYS_openat2, space->root, path, &how, sizeof(how));
        if (fd >= 0 || errno != EAGAIN)
            break;
    }
    return fd < 0 ? -errno : (int)fd;
}

int cu_leaks_open(const struct cu_watch_space *space, const char *path)
{
    return open_in(space, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
}

static enum cu_leaks_where where_is(struct cu_leaks_look *look, const struct cu_watch_space *space,
                                    int fd, const char *path, char point[CU_PATH_MAX])
{
    const struct mount *mount = mount_of(look, space, fd);

    if (mount && mount->where != CU_LEAKS_ELSEWHERE) {
        snprintf(point, CU_PATH_MAX, "%s", mount->point);
        return mount->where;
    }
    return is_over(look, path, point) ? CU_LEAKS_SHARED : CU_LEAKS_ELSEWHERE;
}

/* The path of what is open, in its namespace. */
static bool path_of(int fd, char out[CU_PATH_MAX])
{
    char name[64];
    ssize_t n;

    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    n = readlink(name, out, CU_PATH_MAX - 1);
    out[n > 0 ? n : 0] = '\0';
    return out[0] == '/';
}

static enum cu_leaks_where where_of(struct cu_leaks_look *look, const struct cu_watch_space *space,
                                    const char *path)
{
    char real[CU_PATH_MAX], point[CU_PATH_MAX];
    enum cu_leaks_where where = CU_LEAKS_ELSEWHERE;
    int fd = open_in(space, path, O_PATH | O_NOFOLLOW);

    if (fd < 0)
        return where;
    if (path_of(fd, real))
        where = where_is(look, space, fd, real, point);
    close(fd);
    return where;
}

/* The target of the link at path; 0: it is none. */
static size_t target_of(const struct cu_watch_space *space, const char *path,
                        char target[CU_PATH_MAX])
{
    int fd = open_in(space, path, O_PATH | O_NOFOLLOW);
    ssize_t n = -1;

    if (fd >= 0) {
        n = readlinkat(fd, "", target, CU_PATH_MAX - 1);
        close(fd);
    }
    target[n > 0 ? n : 0] = '\0';
    return n > 0 ? (size_t)n : 0;
}

struct walk {
    const struct cu_watch_space *space;
    size_t len;                 /* of at */
    char at[CU_PATH_MAX];       /* where it stands, without links; "" is "/" */
    char left[2 * CU_PATH_MAX]; /* what is still to come */
    char link[CU_PATH_MAX];     /* that the last step has followed; "": none */
};

/* Puts text in front of what is left behind its first `used` bytes. */
static bool put_in_front(struct walk *walk, const char *text, size_t used)
{
    size_t len = strlen(text), left = strlen(walk->left + used);

    if (len + left >= sizeof(walk->left))
        return false;
    memmove(walk->left + len, walk->left + used, left + 1);
    memcpy(walk->left, text, len);
    return true;
}

/* False: done, or it cannot go on. */
static bool step(struct walk *walk)
{
    char target[CU_PATH_MAX];
    size_t skip = strspn(walk->left, "/"), len = strcspn(walk->left + skip, "/");
    const char *name = walk->left + skip;

    walk->link[0] = '\0';
    if (len == 0 || walk->len + len + 2 > sizeof(walk->at))
        return false;
    if (len == 1 && name[0] == '.')
        return put_in_front(walk, "", skip + len);
    if (len == 2 && name[0] == '.' && name[1] == '.') {
        walk->len = walk->len > 0 ? cu_path_parent_len(walk->at, walk->len) : 0;
        walk->len = walk->len > 1 ? walk->len : 0;
        walk->at[walk->len] = '\0';
        return put_in_front(walk, "", skip + len);
    }
    walk->at[walk->len] = '/';
    memcpy(walk->at + walk->len + 1, name, len);
    walk->at[walk->len + 1 + len] = '\0';
    if (target_of(walk->space, walk->at, target) == 0) {
        walk->len += 1 + len;
        return put_in_front(walk, "", skip + len);
    }
    memcpy(walk->link, walk->at, walk->len + 1 + len + 1);
    if (target[0] == '/')
        walk->len = 0;
    walk->at[walk->len] = '\0';
    return put_in_front(walk, target, skip + len);
}

/* The last link on the path that is not itself on shared storage. */
static void find_link(struct cu_leaks_look *look, const struct cu_watch_space *space,
                      const char *path, char out[CU_PATH_MAX])
{
    struct walk walk = {.space = space};
    int links = 0;

    out[0] = '\0';
    if (!put_in_front(&walk, path, 0))
        return;
    while (links < LINKS_MAX && step(&walk))
        if (walk.link[0] != '\0') {
            links++;
            if (where_of(look, space, walk.link) != CU_LEAKS_SHARED)
                memcpy(out, walk.link, strlen(walk.link) + 1);
        }
}

/* The directory that is there, and in which the rest of the path is not. */
static int open_above(const struct cu_watch_space *space, const char *path)
{
    char dir[CU_PATH_MAX];
    size_t len = strlen(path);
    int fd = -ENOENT;

    if (len >= sizeof(dir))
        return -ENAMETOOLONG;
    memcpy(dir, path, len + 1);
    while (fd < 0 && len > 1) {
        while (len > 1 && dir[len - 1] == '/')
            len--;
        while (len > 1 && dir[len - 1] != '/')
            len--;
        dir[len] = '\0';
        fd = open_in(space, dir, O_PATH | O_DIRECTORY);
    }
    return fd;
}

void cu_leaks_find(struct cu_leaks_look *look, const struct cu_watch_space *space, const char *path,
                   bool follows, struct cu_leaks_found *found)
{
    int fd = open_in(space, path, O_PATH | (follows ? 0 : O_NOFOLLOW));
    struct stat st;

    *found = (struct cu_leaks_found){.there = fd >= 0};
    if (fd < 0)
        fd = open_above(space, path);
    if (fd < 0)
        return;
    if (path_of(fd, found->path) && fstat(fd, &st) == 0) {
        found->file = found->there && S_ISREG(st.st_mode);
        found->size = (uint64_t)st.st_size;
        found->where = where_is(look, space, fd, found->path, found->point);
    }
    close(fd);
    if (found->where == CU_LEAKS_SHARED)
        find_link(look, space, path, found->link);
}
