/* SPDX-License-Identifier: BSD-3-Clause */
/* The rest of the path is in one buffer; the target of a link is inserted at its front. O_DIRECTORY
 * makes the kernel mount what an automounter has at that name. */
#include "host/trust.h"

#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINKS_MAX 40 /* as the kernel's */
#define REST_MAX  (2 * CU_PATH_MAX)

struct walk {
    enum cu_trust trust;
    bool make;
    int fd;
    uid_t root_owner;
    bool shared; /* others may make names in fd */
    unsigned links;
    char rest[REST_MAX];
    size_t path_left; /* the last so many bytes of rest are of the path itself */
    uint32_t made;
    char at[CU_PATH_MAX]; /* the component at hand, for messages */
    struct cu_error *err;
};

/* of_all: the name stands in a directory in which others may make names. In a user namespace all
 * users that it does not map look the same, root among them: there, only who made what nobody else
 * can have made is trusted. */
static bool is_trusted(const struct walk *w, uid_t uid, bool of_all)
{
    return uid == geteuid() || uid == 0 || (uid == w->root_owner && !of_all);
}

static int fail(const struct walk *w, int code, const char *what)
{
    return cu_error_set(w->err, code, "%s: %s", w->at, what);
}

static int judge_owner(const struct walk *w, const struct stat *st, bool of_all, const char *what)
{
    if (is_trusted(w, st->st_uid, of_all))
        return 0;
    return cu_error_set(w->err, -EPERM, "%s%s belongs to another user (uid %lu)", w->at, what,
                        (unsigned long)st->st_uid);
}

static int judge_dir(struct walk *w, const struct stat *st)
{
    bool shared = (st->st_mode & (S_IWGRP | S_IWOTH)) != 0, of_all = w->shared;
    int rc;

    w->shared = shared;
    if (w->trust == CU_TRUST_LINKS)
        return 0;
    rc = judge_owner(w, st, of_all, "");
    if (rc < 0)
        return rc;
    if (shared && (st->st_mode & S_ISVTX) == 0)
        return cu_error_set(w->err, -EPERM,
                            "%s has mode %04o: others may exchange what is in it (chmod go-w)",
                            w->at, (unsigned)(st->st_mode & 07777));
    return 0;
}

/* Goes to the directory fd (taken). */
static int enter(struct walk *w, int fd)
{
    struct stat st;

    if (w->fd >= 0)
        close(w->fd);
    w->fd = fd;
    if (fstat(fd, &st) < 0)
        return fail(w, -errno, strerror(errno));
    return judge_dir(w, &st);
}

static int enter_root(struct walk *w)
{
    int fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct stat st;

    snprintf(w->at, sizeof(w->at), "/");
    if (fd < 0 || fstat(fd, &st) < 0) {
        int rc = fail(w, -errno, strerror(errno));

        if (fd >= 0)
            close(fd);
        return rc;
    }
    w->root_owner = st.st_uid;
    w->shared = false;
    return enter(w, fd);
}

/* Inserts the target of the link `name` in front of the rest of the path. */
static int follow(struct walk *w, const char *name, const struct stat *st)
{
    char link[CU_PATH_MAX];
    size_t left;
    ssize_t n;
    int rc;

    if (w->trust == CU_TRUST_WAY && w->shared)
        return cu_error_set(w->err, -EPERM,
                            "%s is a symbolic link in a directory that anybody may write to",
                            w->at);
    rc = judge_owner(w, st, w->shared, " is a symbolic link and");
    if (rc < 0)
        return rc;
    if (++w->links > LINKS_MAX)
        return fail(w, -ELOOP, strerror(ELOOP));
    n = readlinkat(w->fd, name, link, sizeof(link));
    if (n <= 0 || n >= CU_PATH_MAX)
        return fail(w, n < 0 ? -errno : -ENAMETOOLONG, "the link cannot be read");
    left = strlen(w->rest) + 1;
    if ((size_t)n + 1 + left > sizeof(w->rest))
        return fail(w, -ENAMETOOLONG, strerror(ENAMETOOLONG));
    memmove(w->rest + n + 1, w->rest, left);
    memcpy(w->rest, link, (size_t)n);
    w->rest[n] = '/';
    return link[0] == '/' ? enter_root(w) : 0;
}

/* A name that is not there. What a link leads to is not made. */
static int make_dir(struct walk *w, const char *name, bool of_path)
{
    if (!w->make || !of_path)
        return fail(w, -ENOENT, strerror(ENOENT));
    if (mkdirat(w->fd, name, 0700) == 0)
        w->made = w->shared ? 0 : w->made + 1;
    else if (errno != EEXIST)
        return cu_error_set(w->err, -errno, "cannot make %s: %s", w->at, strerror(errno));
    return 0;
}

/* One component. 1: it is a link, whose target is in front now. */
static int step(struct walk *w, const char *name, bool of_path)
{
    const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(w->fd, name, flags), rc;
    struct stat st;

    if (fd < 0 && errno == ENOENT) {
        rc = make_dir(w, name, of_path);
        if (rc < 0)
            return rc;
        fd = openat(w->fd, name, flags);
    }
    if (fd >= 0)
        return enter(w, fd);
    if (errno != ENOTDIR && errno != ELOOP)
        return fail(w, -errno, strerror(errno));
    if (fstatat(w->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return fail(w, -errno, strerror(errno));
    if (!S_ISLNK(st.st_mode))
        return cu_error_set(w->err, -ENOTDIR, "%s is not a directory", w->at);
    rc = follow(w, name, &st);
    return rc < 0 ? rc : 1;
}

/* The next component into name (CU_NAME_MAX + 1 bytes); 0 when there is none. */
static int take_name(struct walk *w, char *name)
{
    const char *from = w->rest + strspn(w->rest, "/");
    size_t len = strcspn(from, "/");

    if (len == 0)
        return 0;
    if (len > CU_NAME_MAX)
        return fail(w, -ENAMETOOLONG, strerror(ENAMETOOLONG));
    memcpy(name, from, len);
    name[len] = '\0';
    memmove(w->rest, from + len, strlen(from + len) + 1);
    return 1;
}

static int walk_path(struct walk *w, const char *path)
{
    char name[CU_NAME_MAX + 1];
    int rc = enter_root(w);

    while (rc == 0 && (rc = take_name(w, name)) > 0) {
        size_t left = strlen(w->rest);
        bool of_path = left < w->path_left;

        if (of_path) {
            w->path_left = left;
            snprintf(w->at, sizeof(w->at), "%.*s", (int)(strlen(path) - left), path);
        } else {
            snprintf(w->at, sizeof(w->at), "%.2000s", name);
        }
        rc = step(w, name, of_path);
        rc = rc > 0 ? 0 : rc;
    }
    return rc;
}

int cu_trust_open_dir(const char *path, enum cu_trust trust, bool make, struct cu_trust_dir *dir,
                      struct cu_error *err)
{
    struct walk w = {
        .trust = trust, .make = make, .fd = -1, .path_left = strlen(path) + 1, .err = err};
    int rc;

    *dir = (struct cu_trust_dir){.fd = -1};
    if (path[0] != '/' || strlen(path) >= CU_PATH_MAX)
        return cu_error_set(err, -EINVAL, "\"%.64s\" is not an absolute path", path);
    memcpy(w.rest, path, w.path_left);
    rc = walk_path(&w, path);
    dir->made = w.made;
    if (rc < 0) {
        if (w.fd >= 0)
            close(w.fd);
        return rc;
    }
    dir->fd = w.fd;
    return 0;
}

bool cu_trust_is_own(const struct stat *st)
{
    return S_ISREG(st->st_mode) && st->st_uid == geteuid() && st->st_nlink <= 1;
}

int cu_trust_open_file(int dir_fd, const char *name, enum cu_trust_write how)
{
    int flags = O_WRONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK |
                (how == CU_TRUST_APPEND ? O_APPEND : 0);
    struct stat st;
    int fd;

    if (how == CU_TRUST_REPLACE && unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT)
        return errno == EISDIR || errno == EACCES ? -EPERM : -errno;
    fd = openat(dir_fd, name, flags | O_CREAT | O_EXCL, 0600);
    if (fd >= 0 || errno != EEXIST)
        return fd >= 0 ? fd : -errno;
    if (how == CU_TRUST_REPLACE)
        return -EPERM;
    fd = openat(dir_fd, name, flags);
    if (fd < 0) /* ENXIO: a fifo that nobody reads; ELOOP: a link */
        return errno == ENXIO || errno == ELOOP || errno == EACCES || errno == EISDIR ? -EPERM
                                                                                      : -errno;
    if (fstat(fd, &st) == 0 && cu_trust_is_own(&st))
        return fd;
    close(fd);
    return -EPERM;
}

int cu_trust_open_parent(const char *path, const char **name, struct cu_error *err)
{
    char parent[CU_PATH_MAX];
    struct cu_trust_dir dir;
    size_t len = strlen(path);
    int rc;

    if (len >= sizeof(parent))
        return cu_error_set(err, -ENAMETOOLONG, "%.64s...: %s", path, strerror(ENAMETOOLONG));
    len = cu_path_parent_len(path, len);
    memcpy(parent, path, len);
    parent[len] = '\0';
    rc = cu_trust_open_dir(parent, CU_TRUST_LINKS, true, &dir, err);
    if (rc < 0)
        return rc;
    *name = strrchr(path, '/') + 1;
    return dir.fd;
}

/* Who may replace this program. */
struct program {
    uid_t owners[2]; /* of the file, of its directory */
    gid_t groups[2]; /* the same, where they may write; else 0 */
};

static int look_at_program(struct program *program)
{
    char path[CU_PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);

    if (len < 0)
        return -errno;
    path[len] = '\0';
    for (int i = 0; i < 2; i++) {
        struct stat st;

        if (stat(path, &st) < 0)
            return -errno;
        program->owners[i] = st.st_uid;
        program->groups[i] = (st.st_mode & S_IWGRP) != 0 ? st.st_gid : 0;
        path[cu_path_parent_len(path, (size_t)len)] = '\0';
    }
    return 0;
}

static bool may_replace(const struct program *program, uid_t uid)
{
    return uid == 0 || uid == geteuid() || uid == program->owners[0] || uid == program->owners[1];
}

static bool group_may_replace(const struct program *program, gid_t gid)
{
    return gid == 0 || gid == program->groups[0] || gid == program->groups[1];
}

/* *open: the group that may replace the program can make names in this directory. */
static int judge_beside(const struct program *program, const char *path, const struct stat *st,
                        bool *open, struct cu_error *err)
{
    bool sticky = S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) != 0;
    bool group = (st->st_mode & S_IWGRP) != 0;

    if (!may_replace(program, st->st_uid) && !*open)
        return cu_error_set(err, -EPERM, "%s belongs to another user (uid %lu)", path,
                            (unsigned long)st->st_uid);
    if (!sticky &&
        ((st->st_mode & S_IWOTH) != 0 || (group && !group_may_replace(program, st->st_gid))))
        return cu_error_set(err, -EPERM, "%s has mode %04o: others may change it (chmod go-w)",
                            path, (unsigned)(st->st_mode & 07777));
    *open = S_ISDIR(st->st_mode) && group && (st->st_mode & S_IWOTH) == 0 &&
            group_may_replace(program, st->st_gid);
    return 0;
}

int cu_trust_as_program(const char *path, struct cu_error *err)
{
    char parent[CU_PATH_MAX];
    struct program program = {0};
    struct stat dir, link, file;
    size_t len = strlen(path);
    int rc = look_at_program(&program);
    bool open = false;

    if (rc < 0)
        return cu_error_set(err, rc, "/proc/self/exe: %s", strerror(-rc));
    if (len >= sizeof(parent))
        return cu_error_set(err, -ENAMETOOLONG, "%.64s...: %s", path, strerror(ENAMETOOLONG));
    len = cu_path_parent_len(path, len);
    memcpy(parent, path, len);
    parent[len] = '\0';
    if (stat(parent, &dir) < 0 || lstat(path, &link) < 0 || stat(path, &file) < 0)
        return errno == ENOENT || errno == ENOTDIR
                   ? -ENOENT
                   : cu_error_set(err, -errno, "%s: %s", path, strerror(errno));
    if (!S_ISREG(file.st_mode))
        return cu_error_set(err, -EPERM, "%s is not a file", path);
    rc = judge_beside(&program, parent, &dir, &open, err);
    if (rc == 0 && S_ISLNK(link.st_mode) && !may_replace(&program, link.st_uid) && !open)
        rc = cu_error_set(err, -EPERM, "%s is a symbolic link and belongs to another user", path);
    return rc < 0 ? rc : judge_beside(&program, path, &file, &open, err);
}

const char *cu_trust_file_error(int error)
{
    return error == -EPERM ? "is there and not a file of this user alone" : strerror(-error);
}
