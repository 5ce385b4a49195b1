/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths that are longer than a system call takes (PATH_MAX, 4096 with the NUL). Processes reach
 * them in steps, with openat(2); so does this file. The last directory on the way is then named by
 * its descriptor, as /proc/self/fd/N, so that all calls, also those that have no form relative to a
 * directory (getxattr), get a short path. */
#include "storage/ops.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX_MAX 32 /* "/proc/self/fd/N/" */

/* Opens the first components of *rest, as many as one call takes, and moves *rest behind them. */
static int step(int *dir, char **rest)
{
    size_t len = strlen(*rest);
    char *at = *rest + (len < CU_PATH_MAX ? len : CU_PATH_MAX - 1);
    int fd;

    while (at > *rest && *at != '/')
        at--;
    if (at == *rest)
        return -ENAMETOOLONG; /* a component that no call takes */
    *at = '\0';
    fd = openat(*dir < 0 ? AT_FDCWD : *dir, *rest, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (*dir >= 0)
        close(*dir);
    *dir = fd;
    *rest = at + 1;
    return 0;
}

static int reach_far(char *whole, struct cu_storage_reached *reached)
{
    char *rest = whole;
    int r = 0;

    while (r == 0 && strlen(rest) >= CU_PATH_MAX - PREFIX_MAX)
        r = step(&reached->dir, &rest);
    if (r == 0)
        snprintf(reached->path, sizeof(reached->path), "/proc/self/fd/%d/%s", reached->dir, rest);
    return r;
}

int cu_storage_reach(const char *path, size_t len, struct cu_storage_reached *reached)
{
    char *whole;
    int r;

    reached->dir = -1;
    if (len < sizeof(reached->path)) {
        memcpy(reached->path, path, len + 1);
        return 0;
    }
    whole = strdup(path);
    if (!whole)
        return -ENOMEM;
    r = reach_far(whole, reached);
    free(whole);
    return r;
}

void cu_storage_leave(struct cu_storage_reached *reached)
{
    if (reached->dir >= 0)
        close(reached->dir);
    reached->dir = -1;
}
