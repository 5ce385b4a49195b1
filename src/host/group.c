/* SPDX-License-Identifier: BSD-3-Clause */
/* setgid(2) does not let an unprivileged process change to one of its supplementary groups; sg(1)
 * can, because it is set-user-id root. It is tried first with a command that does nothing, so that
 * a node where it fails has a daemon all the same. */
#include "host/group.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define AGAIN "COPPER_GROUP_ENTERED" /* set for the program that sg starts */

extern char **environ;

/* A user may be in thousands of groups: the list is as long as the system says. */
static bool is_member(gid_t wanted)
{
    const struct passwd *user = getpwuid(getuid());
    gid_t *groups = NULL;
    int room, count = 256;
    bool found = false;

    if (!user)
        return false;
    do {
        gid_t *more = reallocarray(groups, (size_t)count, sizeof(*groups));

        if (!more)
            goto out;
        groups = more;
        room = count;
    } while (getgrouplist(user->pw_name, user->pw_gid, groups, &count) < 0 && count > room);
    for (int i = 0; i < count && i < room; i++)
        found |= groups[i] == wanted;
out:
    free(groups);
    return found;
}

/* argv as words of sh(1), behind "exec "; new memory. */
static char *command_of(char **argv)
{
    char self[PATH_MAX], *text, *at;
    ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);
    size_t size = sizeof("exec ") + 4 * (size_t)PATH_MAX;

    if (len <= 0)
        return NULL;
    self[len] = '\0';
    for (char **word = argv + 1; *word != NULL; word++)
        size += 4 * strlen(*word) + 4;
    text = malloc(size);
    if (!text)
        return NULL;
    at = stpcpy(text, "exec");
    for (char **word = argv; *word != NULL; word++) {
        at = stpcpy(at, " '");
        for (const char *c = word == argv ? self : *word; *c != '\0'; c++) {
            if (*c == '\'')
                at = stpcpy(at, "'\\''");
            else
                *at++ = *c;
        }
        at = stpcpy(at, "'");
    }
    return text;
}

static int run_sg(const char *group, const char *command)
{
    char *argv[] = {(char *)"sg", (char *)(uintptr_t)group, (char *)"-c",
                    (char *)(uintptr_t)command, NULL};
    posix_spawn_file_actions_t actions;
    int status = 0, rc;
    pid_t pid;

    if (posix_spawn_file_actions_init(&actions) != 0)
        return -ENOMEM;
    for (int fd = 0; fd < 3; fd++)
        posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", fd == 0 ? O_RDONLY : O_WRONLY,
                                         0);
    rc = posix_spawnp(&pid, "sg", &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (rc != 0)
        return -rc;
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : -EPERM;
}

/* In memory, which no other process can open. */
static int as_stdin(const char *text, size_t size)
{
    int fd = memfd_create("copper-job", MFD_CLOEXEC);
    size_t at = 0;

    if (fd < 0)
        return -errno;
    while (at < size) {
        ssize_t put = write(fd, text + at, size - at);

        if (put < 0 && errno != EINTR)
            break;
        at += put > 0 ? (size_t)put : 0;
    }
    if (at < size || lseek(fd, 0, SEEK_SET) < 0 || dup2(fd, 0) < 0) {
        close(fd);
        return -EIO;
    }
    close(fd);
    return 0;
}

static int start_below_sg(const char *group, char **argv, const char *text, size_t size,
                          struct cu_error *err)
{
    char *command = command_of(argv);

    if (!command)
        return cu_error_set(err, -EPERM, "cannot become group %s: out of memory", group);
    if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 && run_sg(group, "true") == 0 &&
        (!text || as_stdin(text, size) == 0)) {
        setenv(AGAIN, "1", 1);
        execlp("sg", "sg", group, "-c", command, (char *)NULL);
    }
    free(command);
    return cu_error_set(err, -EPERM, "cannot become group %s: \"sg %s\" does not work here", group,
                        group);
}

int cu_group_enter(uint32_t wanted, char **argv, const char *text, size_t size,
                   struct cu_error *err)
{
    bool again = getenv(AGAIN) != NULL;
    const struct group *group;

    unsetenv(AGAIN);
    if (wanted == 0 || getgid() == (gid_t)wanted)
        return 0;
    if (geteuid() == 0 && setresgid(wanted, wanted, wanted) == 0)
        return 0;
    group = getgrgid(wanted);
    if (!group)
        return cu_error_set(err, -EPERM, "cannot become group %u: this node does not know it",
                            wanted);
    if (again || !is_member(wanted))
        return cu_error_set(err, -EPERM, "cannot become group %.100s: not a member on this node",
                            group->gr_name);
    return start_below_sg(group->gr_name, argv, text, size, err);
}

bool cu_group_allows_other(const char *conf)
{
    for (const char *line = conf; *line != '\0';) {
        size_t len = strcspn(line, "\n"), at = strspn(line, " \t"), word;

        word = strcspn(line + at, " \t\n#");
        if (word == strlen("user_allow_other") && strncmp(line + at, "user_allow_other", word) == 0)
            return true;
        line += len + (line[len] == '\n');
    }
    return false;
}
