/* SPDX-License-Identifier: BSD-3-Clause */
/* All users can create names in /tmp. A user who creates /tmp/alice first, or again after it was
 * removed, controls alice's mount point and the content of the path for all of her programs that
 * still use it. So the whole path is checked (host/trust.h), and a directory whose parent others
 * can write to is never removed: /tmp/alice stays, empty and owned by alice. */
#include "host/mountdir.h"

#include "host/trust.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int judge_last(const char *path, int fd, struct cu_error *err)
{
    const struct dirent *entry;
    struct stat st;
    bool empty = true;
    int list = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = list >= 0 ? fdopendir(list) : NULL;

    if (!dir) {
        int rc = -errno;

        if (list >= 0)
            close(list);
        return cu_error_set(err, rc, "%s: %s", path, strerror(-rc));
    }
    while (empty && (entry = readdir(dir)))
        empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
    closedir(dir);
    if (fstat(fd, &st) < 0)
        return cu_error_set(err, -errno, "%s: %s", path, strerror(errno));
    if (st.st_uid != geteuid())
        return cu_error_set(err, -EPERM, "%s belongs to another user (uid %lu)", path,
                            (unsigned long)st.st_uid);
    if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return cu_error_set(err, -EPERM, "%s has mode %04o: others may write to it", path,
                            (unsigned)(st.st_mode & 07777));
    if (!empty)
        return cu_error_set(err, -ENOTEMPTY, "%s is not empty", path);
    if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode))
        return cu_error_set(err, -ENOTDIR, "%s is a symbolic link", path);
    return 0;
}

int cu_mountdir_make(struct cu_mountdir *dir, const char *path, uint32_t made_before,
                     struct cu_error *err)
{
    struct cu_trust_dir last;
    struct cu_error why = {""};
    int rc;

    *dir = (struct cu_mountdir){0};
    if (path[0] != '/' || path[1] == '\0' || strlen(path) >= sizeof(dir->path))
        return cu_error_set(err, -EINVAL, "\"%s\" cannot be mounted on", path);
    memcpy(dir->path, path, strlen(path) + 1);
    rc = cu_trust_open_dir(path, CU_TRUST_WAY, true, &last, &why);
    dir->made = last.made;
    if (rc == 0) {
        rc = judge_last(path, last.fd, &why);
        close(last.fd);
    }
    if (rc < 0) {
        cu_mountdir_remove(dir);
        return cu_error_set(err, rc, "%s; choose another mount with -v", why.text);
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
