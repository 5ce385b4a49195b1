/* SPDX-License-Identifier: BSD-3-Clause */
/* One place that reads a kernel file whole: short reads and ends without newline are normal there.
 */
#include "host/smallfile.h"

#include "base/path.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

ssize_t cu_smallfile_read(const char *root, const char *path, char *text, size_t size)
{
    char full[CU_PATH_MAX];
    size_t at = 0;
    ssize_t got = 0;
    int fd, n;

    n = snprintf(full, sizeof(full), "%s%s", root != NULL ? root : "", path);
    if (n < 0 || (size_t)n >= sizeof(full))
        return -ENAMETOOLONG;
    fd = open(full, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    while (at < size) {
        got = read(fd, text + at, size - at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        at += (size_t)got;
    }
    if (got < 0) {
        int error = -errno;

        close(fd);
        return error;
    }
    close(fd);
    if (at == size)
        return -EFBIG;
    while (at > 0 && isspace((unsigned char)text[at - 1]))
        at--;
    text[at] = '\0';
    return (ssize_t)at;
}
