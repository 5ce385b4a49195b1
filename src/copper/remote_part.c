/* SPDX-License-Identifier: BSD-3-Clause */
/* The head is five lines and an empty one, of which the first is as in proto/job.h. It comes from
 * the launching host, but over a shell that may have read some of it, so it is checked like any
 * input. */
#include "copper/remote_part.h"

#include "base/hostlist.h"
#include "proto/job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HEAD     CU_JOB_SHELL_LINE "copper-part 2\n"
#define SHELL    "shell "
#define SELF     "self "
#define HOSTS    "hosts "
#define HEAD_MAX (1u << 20) /* bytes: a thousand names without any order are 40 KB */

/* Above this the launching host does not start all hosts itself: a real ssh takes 10 ms of CPU and
 * more. */
#define ALONE_MAX 256u
#define PARTS_MAX 512u

int cu_part_count(size_t hosts, const char *text, size_t *count)
{
    uint64_t wanted = 1;

    if (text && text[0] != '\0') {
        int rc = cu_parse_u64(text, 0, UINT32_MAX, &wanted);

        if (rc != 0)
            return rc;
    } else if (hosts > ALONE_MAX) {
        while (wanted < PARTS_MAX && wanted * wanted < hosts)
            wanted++;
    }
    *count = wanted > hosts ? hosts : (size_t)wanted;
    if (*count <= 1)
        *count = 0;
    return 0;
}

static int write_all(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = write(fd, bytes, size);

        if (n < 0)
            return -errno;
        bytes += n;
        size -= (size_t)n;
    }
    return 0;
}

static int copy_rest(int from, int to)
{
    char bytes[4096];
    ssize_t n;
    int rc = 0;

    while (rc == 0 && (n = read(from, bytes, sizeof(bytes))) != 0) {
        if (n > 0)
            rc = write_all(to, bytes, (size_t)n);
        else if (errno != EINTR)
            rc = -errno;
    }
    explicit_bzero(bytes, sizeof(bytes));
    return rc;
}

int cu_part_write(const struct cu_hosts *hosts, size_t first, size_t count, const char *shell,
                  const char *input)
{
    const struct cu_hosts some = {.names = hosts->names + first, .count = count};
    char *list = cu_hostlist_text(&some, ','), *head = NULL;
    int fd = memfd_create("part", MFD_CLOEXEC);
    int in = open(input, O_RDONLY | O_CLOEXEC);
    int rc = fd < 0 || in < 0 ? -errno : 0;

    if (rc == 0 && (!list || asprintf(&head, HEAD SHELL "%s\n" SELF "%s\n" HOSTS "%s\n\n", shell,
                                      some.names[0], list) < 0)) {
        head = NULL;
        rc = -ENOMEM;
    }
    if (rc == 0)
        rc = write_all(fd, head, strlen(head));
    if (rc == 0)
        rc = copy_rest(in, fd);
    if (rc == 0 && lseek(fd, 0, SEEK_SET) != 0)
        rc = -errno;
    free(list);
    free(head);
    if (in >= 0)
        close(in);
    if (rc != 0 && fd >= 0)
        close(fd);
    return rc != 0 ? rc : fd;
}

/* Byte by byte: what follows belongs to others, but is read here, too; the head is short. 0 with
 * the head, NUL-terminated, owned; -errno. */
static int read_head(int fd, char **head)
{
    size_t len = 0, room = 0;

    *head = NULL;
    for (;;) {
        ssize_t n;

        if (len + 1 >= room) {
            char *more = room < HEAD_MAX ? realloc(*head, room + 4096) : NULL;

            if (!more)
                return room < HEAD_MAX ? -ENOMEM : -E2BIG;
            *head = more;
            room += 4096;
        }
        n = read(fd, *head + len, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EBADMSG;
        (*head)[++len] = '\0';
        if (len > 1 && (*head)[len - 1] == '\n' && (*head)[len - 2] == '\n')
            return 0;
        if (len == strlen(HEAD) && strcmp(*head, HEAD) != 0)
            return -EBADMSG;
    }
}

/* The rest of the line that begins with that word at *at, NUL-terminated; *at is moved behind it.
 * NULL: another line. */
static char *take_line(char **at, const char *word)
{
    char *text = *at + strlen(word), *end;

    if (strncmp(*at, word, strlen(word)) != 0)
        return NULL;
    end = strchr(text, '\n');
    if (!end || end == text)
        return NULL;
    *end = '\0';
    *at = end + 1;
    return text;
}

static int decode(char *head, struct cu_part *part, struct cu_error *err)
{
    char *at = head + strlen(HEAD);
    const char *shell = take_line(&at, SHELL), *self = NULL, *hosts = NULL;
    int rc;

    if (shell)
        self = take_line(&at, SELF);
    if (self)
        hosts = take_line(&at, HOSTS);
    if (!hosts)
        return cu_error_set(err, -EBADMSG, "the head of a part is malformed");
    rc = cu_parse_hosts(hosts, strlen(hosts), &part->hosts, err);
    if (rc != 0)
        return rc;
    while (part->self < part->hosts.count && strcmp(part->hosts.names[part->self], self) != 0)
        part->self++;
    if (part->self == part->hosts.count)
        return cu_error_set(err, -EBADMSG, "%s is not in its part", self);
    part->shell = strdup(shell);
    return part->shell ? 0 : cu_error_set(err, -ENOMEM, "out of memory");
}

int cu_part_read(int fd, struct cu_part *part, struct cu_error *err)
{
    char *head;
    int rc = read_head(fd, &head);

    *part = (struct cu_part){.input_fd = -1};
    if (rc == 0)
        rc = decode(head, part, err);
    else
        (void)cu_error_set(err, rc, "the head of a part: %s", strerror(-rc));
    free(head);
    if (rc == 0) {
        part->input_fd = memfd_create("input", MFD_CLOEXEC);
        rc = part->input_fd < 0 ? -errno : copy_rest(fd, part->input_fd);
        if (rc != 0)
            (void)cu_error_set(err, rc, "the input of a part: %s", strerror(-rc));
    }
    if (rc != 0)
        cu_part_free(part);
    return rc;
}

void cu_part_free(struct cu_part *part)
{
    cu_parse_hosts_free(&part->hosts);
    free(part->shell);
    if (part->input_fd >= 0)
        close(part->input_fd);
    *part = (struct cu_part){.input_fd = -1};
}
