/* /tmp is everybody's: who makes /tmp/alice first could hand alice a mount point of his own. So
 * each component that stands in a directory open to all is judged before it is used; the sticky bit
 * keeps it from being exchanged afterwards. */
#include "daemon/mountdir.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Is what stands at `at` (st, by lstat) safe to go through? open_to_all: its directory is. */
static int judge(const char *at, const struct stat *st, bool open_to_all, struct cu_error *err)
{
    struct stat target;

    if (open_to_all && S_ISLNK(st->st_mode))
        return cu_error_set(err, -EPERM,
                            "%s is a symbolic link in a directory that anybody may write to; "
                            "choose another mount with -v",
                            at);
    if (open_to_all && st->st_uid != geteuid() && st->st_uid != 0)
        return cu_error_set(err, -EPERM,
                            "%s belongs to another user (uid %lu); choose another mount with -v",
                            at, (unsigned long)st->st_uid);
    if (stat(at, &target) < 0)
        return cu_error_set(err, -errno, "%s: %s", at, strerror(errno));
    if (!S_ISDIR(target.st_mode))
        return cu_error_set(err, -ENOTDIR, "%s is not a directory; choose another mount with -v",
                            at);
    return 0;
}

static int judge_last(const char *path, struct cu_error *err)
{
    const struct dirent *entry;
    struct stat st;
    bool empty = true;
    DIR *dir;

    if (lstat(path, &st) < 0)
        return cu_error_set(err, -errno, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return cu_error_set(err, -ENOTDIR, "%s is a symbolic link; mount on a directory", path);
    if (st.st_uid != geteuid() && geteuid() != 0)
        return cu_error_set(err, -EPERM, "%s belongs to another user (uid %lu)", path,
                            (unsigned long)st.st_uid);
    dir = opendir(path);
    if (dir == NULL)
        return cu_error_set(err, -errno, "%s: %s", path, strerror(errno));
    while (empty && (entry = readdir(dir)) != NULL)
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    closedir(dir);
    if (!empty)
        return cu_error_set(err, -ENOTEMPTY, "%s is not empty; choose another mount with -v", path);
    return 0;
}

/* One component: dir->path is cut at its end. */
static int step(struct cu_mountdir *dir, bool open_to_all, bool *is_open, struct cu_error *err)
{
    struct stat st;
    int rc;

    if (lstat(dir->path, &st) < 0) {
        if (errno != ENOENT)
            return cu_error_set(err, -errno, "%s: %s", dir->path, strerror(errno));
        if (mkdir(dir->path, 0700) == 0)
            dir->made++;
        else if (errno != EEXIST)
            return cu_error_set(err, -errno, "cannot make %s: %s", dir->path, strerror(errno));
        if (lstat(dir->path, &st) < 0)
            return cu_error_set(err, -errno, "%s: %s", dir->path, strerror(errno));
    }
    rc = judge(dir->path, &st, open_to_all, err);
    if (rc == 0 && S_ISLNK(st.st_mode))
        rc = stat(dir->path, &st) < 0
                 ? cu_error_set(err, -errno, "%s: %s", dir->path, strerror(errno))
                 : 0;
    *is_open = (st.st_mode & S_IWOTH) != 0;
    return rc;
}

int cu_mountdir_make(struct cu_mountdir *dir, const char *path, uint32_t made_before,
                     struct cu_error *err)
{
    bool open_to_all = false;
    int rc = 0;

    *dir = (struct cu_mountdir){0};
    if (path[0] != '/' || path[1] == '\0' || strlen(path) >= sizeof(dir->path))
        return cu_error_set(err, -EINVAL, "\"%s\" cannot be mounted on", path);
    for (const char *end = path + 1; rc == 0 && *end != '\0';) {
        end += *end == '/';
        end += strcspn(end, "/");
        memcpy(dir->path, path, (size_t)(end - path));
        dir->path[end - path] = '\0';
        rc = step(dir, open_to_all, &open_to_all, err);
    }
    if (rc == 0)
        rc = judge_last(dir->path, err);
    if (rc < 0) {
        cu_mountdir_remove(dir);
        return rc;
    }
    if (dir->made < made_before)
        dir->made = made_before;
    return 0;
}

void cu_mountdir_remove(struct cu_mountdir *dir)
{
    char path[CU_PATH_MAX];
    size_t len = strlen(dir->path);

    memcpy(path, dir->path, len + 1);
    while (dir->made > 0 && len > 1) {
        dir->made--;
        if (rmdir(path) < 0 && errno != ENOENT)
            break;
        len = cu_path_parent_len(path, len);
        path[len] = '\0';
    }
    dir->made = 0;
}
