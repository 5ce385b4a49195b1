/* SPDX-License-Identifier: BSD-3-Clause */
/* The name of a new file is its own, so that two writers do not meet in it where the file system
 * has no locks. It tells that the file is one of these: nothing else of the user is removed. Both
 * times that are compared are those of the file system, whatever clock this node has. */
#include "host/replace.h"

#include "host/trust.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define DIGITS 16u
#define SUFFIX ".new"

static bool is_new_file(const char *name)
{
    size_t len = strlen(name), tail = 1 + DIGITS + strlen(SUFFIX);

    return name[0] == '.' && len > tail + 1 && strcmp(name + len - strlen(SUFFIX), SUFFIX) == 0 &&
           name[len - tail] == '.' && strspn(name + len - tail + 1, "0123456789abcdef") == DIGITS;
}

static void remove_left(int dir_fd, int64_t now_s)
{
    int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    struct stat st;

    if (!dir && fd >= 0)
        close(fd);
    while (dir && (entry = readdir(dir)))
        if (is_new_file(entry->d_name) &&
            fstatat(dir_fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && cu_trust_is_own(&st) &&
            now_s - st.st_mtim.tv_sec >= CU_REPLACE_AGE_S)
            unlinkat(dir_fd, entry->d_name, 0);
    if (dir)
        closedir(dir);
}

int cu_replace_begin(struct cu_replace *replace, int dir_fd, const char *name)
{
    uint64_t digits;
    struct stat st;
    int fd;

    *replace = (struct cu_replace){.dir_fd = dir_fd, .name = name};
    if (strlen(name) > NAME_MAX)
        return -ENAMETOOLONG;
    if (getrandom(&digits, sizeof(digits), 0) != sizeof(digits))
        return -EIO;
    snprintf(replace->next, sizeof(replace->next), ".%s.%016" PRIx64 SUFFIX, name, digits);
    fd = cu_trust_open_file(dir_fd, replace->next, CU_TRUST_REPLACE);
    if (fd >= 0 && fstat(fd, &st) == 0)
        remove_left(dir_fd, st.st_mtim.tv_sec);
    return fd;
}

int cu_replace_end(const struct cu_replace *replace, int rc)
{
    if (rc == 0 && renameat(replace->dir_fd, replace->next, replace->dir_fd, replace->name) != 0)
        rc = -errno;
    if (rc != 0)
        unlinkat(replace->dir_fd, replace->next, 0);
    return rc;
}
