/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the host list comes from: -H, or what hosts.sh finds in the scheduler's environment. */
#include "copper/launch_hosts.h"

#include "copper/cli.h"
#include "copper/launcher_choice.h"
#include "host/readfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define HOSTS_TEXT_MAX ((size_t)16 * 1024 * 1024)

static int parse(const char *text, size_t size, const char *source, struct cu_hosts *hosts,
                 struct cu_error *err)
{
    struct cu_error why;
    int rc = cu_parse_hosts(text, size, hosts, &why);

    if (rc != 0)
        return cu_error_set(err, -EINVAL, "%s: %s", source, why.text);
    if (hosts->count == 0) {
        cu_parse_hosts_free(hosts);
        return cu_error_set(err, -EINVAL, "%s: holds no host", source);
    }
    return 0;
}

int cu_launch_hosts_from(int fd, const char *source, struct cu_hosts *hosts, struct cu_error *err)
{
    char *text;
    size_t size;
    int rc = cu_readfile_all(fd, HOSTS_TEXT_MAX, &text, &size);

    if (rc != 0)
        return cu_error_set(err, -EINVAL, "%s: %s", source, strerror(-rc));
    rc = parse(text, size, source, hosts, err);
    free(text);
    return rc;
}

/* Opens the host file of that name. A word without a slash may be meant as a host, and another user
 * may have put a file of that name where this user works (/tmp): the job's key goes to the hosts in
 * it. The descriptor; -ENOENT: there is none, take it as hosts; -EINVAL with err. */
static int open_file(const char *text, struct cu_error *err)
{
    bool is_path = strchr(text, '/') != NULL;
    int fd = open(text, O_RDONLY | O_CLOEXEC | (is_path ? 0 : O_NONBLOCK));
    struct stat st = {0}, link = {0};

    if (fd < 0 && (is_path || (errno != ENOENT && errno != ENAMETOOLONG)))
        return cu_error_set(err, -EINVAL,
                            "-H: \"%s\" cannot be read: %s; allowed is a host file or hosts with "
                            "commas",
                            text, strerror(errno));
    if (fd < 0 || is_path)
        return fd < 0 ? -ENOENT : fd;
    if (fstat(fd, &st) == 0 && lstat(text, &link) == 0 &&
        (st.st_uid == geteuid() || st.st_uid == 0) &&
        (link.st_uid == geteuid() || link.st_uid == 0))
        return fd;
    close(fd);
    return cu_error_set(
        err, -EINVAL,
        "-H: the file \"%s\" here belongs to another user (uid %lu); if it is meant, "
        "write ./%s",
        text, (unsigned long)(link.st_uid != 0 ? link.st_uid : st.st_uid), text);
}

int cu_launch_hosts(const char *text, struct cu_hosts *hosts, struct cu_error *err)
{
    char source[CU_PATH_MAX];
    int fd = open_file(text, err);
    int rc;

    if (fd == -EINVAL)
        return fd;
    if (fd < 0)
        return parse(text, strlen(text), "-H", hosts, err);
    snprintf(source, sizeof(source), "-H %s", text);
    rc = cu_launch_hosts_from(fd, source, hosts, err);
    close(fd);
    return rc;
}

int cu_launch_hosts_found(const char *parts, struct cu_hosts *hosts, struct cu_error *err)
{
    char program[CU_PATH_MAX];
    int fds[2], status = 0, rc;
    pid_t pid;

    if (snprintf(program, sizeof(program), "%s/hosts.sh", parts) >= (int)sizeof(program))
        return cu_error_set(err, -EINVAL, "%s: the name is too long", parts);
    if (cu_launcher_trust(program, err) != 0)
        return -EINVAL;
    if (pipe2(fds, O_CLOEXEC) != 0)
        return cu_error_set(err, -EINVAL, "pipe: %s", strerror(errno));
    pid = fork();
    if (pid == 0) {
        dup2(fds[1], 1);
        execl(program, program, (char *)NULL);
        cu_cli_say(stderr, "%s: %s", program, strerror(errno));
        _exit(127);
    }
    close(fds[1]);
    if (pid < 0) {
        close(fds[0]);
        return cu_error_set(err, -EINVAL, "fork: %s", strerror(errno));
    }
    rc = cu_launch_hosts_from(fds[0], "host list", hosts, err);
    close(fds[0]);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (status != 0) {
        if (rc == 0)
            cu_parse_hosts_free(hosts);
        return cu_error_set(err, -EINVAL, "no host list: use -H");
    }
    return rc;
}
