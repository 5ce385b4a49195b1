/* SPDX-License-Identifier: BSD-3-Clause */
/* One place that reads a file whole: short reads are normal for pipes and for what the kernel makes
 * up, and sizes are not known before. */
#include "host/readfile.h"

#include "base/path.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOM_FIRST ((size_t)16 * 1024)

/* Until size bytes are there or it ends. How many, or -errno. */
static ssize_t fill(int fd, char *text, size_t size)
{
    size_t at = 0;

    while (at < size) {
        ssize_t got = read(fd, text + at, size - at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return -errno;
        if (got == 0)
            break;
        at += (size_t)got;
    }
    return (ssize_t)at;
}

ssize_t cu_readfile_small(const char *root, const char *path, char *text, size_t size)
{
    char full[CU_PATH_MAX];
    ssize_t len;
    int fd, n;

    n = snprintf(full, sizeof(full), "%s%s", root ? root : "", path);
    if (n < 0 || (size_t)n >= sizeof(full))
        return -ENAMETOOLONG;
    fd = open(full, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    len = fill(fd, text, size);
    close(fd);
    if (len < 0)
        return len;
    if ((size_t)len == size)
        return -EFBIG;
    while (len > 0 && isspace((unsigned char)text[len - 1]))
        len--;
    text[len] = '\0';
    return len;
}

int cu_readfile_all(int fd, size_t max, char **text, size_t *size)
{
    size_t room = max < ROOM_FIRST ? max + 1 : ROOM_FIRST;
    char *bytes = malloc(room + 1), *more;
    ssize_t got = 0;
    int rc = bytes ? 0 : -ENOMEM;

    *text = NULL;
    for (*size = 0; rc == 0; room *= 2) {
        got = fill(fd, bytes + *size, room - *size);
        if (got < 0)
            rc = (int)got;
        else if ((*size += (size_t)got) > max)
            rc = -EFBIG;
        if (rc != 0 || *size < room)
            break;
        more = malloc(2 * room + 1);
        if (more)
            memcpy(more, bytes, room);
        else
            rc = -ENOMEM;
        explicit_bzero(bytes, room); /* it may hold a key */
        free(bytes);
        bytes = more;
    }
    if (rc != 0) {
        if (bytes)
            explicit_bzero(bytes, *size);
        free(bytes);
        return rc;
    }
    bytes[*size] = '\0';
    *text = bytes;
    return 0;
}
