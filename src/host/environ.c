/* SPDX-License-Identifier: BSD-3-Clause */
/* proc_pid_stat(5), proc_pid_status(5), proc_pid_environ(5): the environment as it was when the
 * program began. */
#include "host/environ.h"

#include "host/readfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define START_FIELD 22 /* starttime */
#define IMAGE_FIELD 50 /* env_start */

/* All four are this user's: what has more rights, or had, is not read. */
static bool is_ours(const char *status)
{
    const char *line = strstr(status, "\nUid:");
    unsigned long uid = geteuid(), ids[4];

    return line &&
           sscanf(line, "\nUid: %lu %lu %lu %lu", &ids[0], &ids[1], &ids[2], &ids[3]) == 4 &&
           ids[0] == uid && ids[1] == uid && ids[2] == uid && ids[3] == uid;
}

/* The number in a field of stat; the name, field 2, may have blanks and parentheses. */
static uint64_t field(const char *stat, int wanted)
{
    const char *at = strrchr(stat, ')');

    for (int i = 2; at && i < wanted; i++) {
        at = strchr(at, ' ');
        at = at ? at + 1 : NULL;
    }
    return at ? strtoull(at, NULL, 10) : 0;
}

static bool is_apart(long pid)
{
    struct stat mine, its;
    char path[64];

    snprintf(path, sizeof(path), "/proc/%ld/ns/mnt", pid);
    return stat("/proc/self/ns/mnt", &mine) != 0 || stat(path, &its) != 0 ||
           mine.st_ino != its.st_ino || mine.st_dev != its.st_dev;
}

int cu_environ_process(pid_t thread, struct cu_environ_process *process)
{
    char path[64], text[8192];
    const char *line;
    long pid;
    ssize_t len;

    snprintf(path, sizeof(path), "/proc/%ld/status", (long)thread);
    len = cu_readfile_small(NULL, path, text, sizeof(text));
    if (len < 0)
        return len == -ENOENT ? -ESRCH : (int)len;
    if (!is_ours(text))
        return -EPERM;
    line = strstr(text, "\nTgid:");
    pid = line ? strtol(line + strlen("\nTgid:"), NULL, 10) : 0;
    if (pid <= 0)
        return -ESRCH;
    snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    len = cu_readfile_small(NULL, path, text, sizeof(text));
    if (len < 0)
        return len == -ENOENT ? -ESRCH : (int)len;
    *process = (struct cu_environ_process){
        .pid = (pid_t)pid,
        .start = field(text, START_FIELD),
        .image = field(text, IMAGE_FIELD),
        .apart = is_apart(pid),
    };
    return 0;
}

static char *value_of(const char *text, size_t size, const char *name, size_t max)
{
    size_t name_len = strlen(name);

    for (const char *at = text, *end = text + size; at < end; at += strlen(at) + 1) {
        if (strncmp(at, name, name_len) != 0 || at[name_len] != '=')
            continue;
        at += name_len + 1;
        return strlen(at) <= max ? strdup(at) : NULL;
    }
    return NULL;
}

int cu_environ_values(pid_t pid, const char *const *names, size_t count, size_t max, char **values)
{
    char path[64], *text;
    size_t size;
    int fd, rc;

    for (size_t i = 0; i < count; i++)
        values[i] = NULL;
    snprintf(path, sizeof(path), "/proc/%ld/environ", (long)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    rc = cu_readfile_all(fd, CU_ENVIRON_BYTES_MAX, &text, &size);
    close(fd);
    if (rc < 0)
        return rc;
    if (size == 0) {
        free(text);
        return -EAGAIN;
    }
    for (size_t i = 0; i < count; i++)
        values[i] = value_of(text, size, names[i], max);
    free(text);
    return 0;
}
