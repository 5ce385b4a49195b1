/* SPDX-License-Identifier: BSD-3-Clause */
/* One way to run a program: a child that has become the user, in every respect, before it executes
 * anything. Slurm's processes have threads, handlers, blocked signals and descriptors of their own:
 * between fork and exec the child gives all of them up. */
#include "spank/run.h"

#include "host/process.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NO_SPANK   "COPPER_SPANK=no"
#define GROUPS_MAX 65536 /* Linux: NGROUPS_MAX */

extern char **environ;

struct program {
    char path[CU_PATH_MAX + 64];
    const char *argv[CU_WISH_WORDS_MAX + 4];
    const struct cu_run_user *user; /* NULL: as this process */
    char *const *environment;
    int stdout_fd;
    /* Of the user, found before the fork: in a process with threads a child may not ask. */
    gid_t *groups;
    int group_count;
};

void cu_run_user(uid_t uid, gid_t gid, struct cu_run_user *user)
{
    struct passwd entry, *found = NULL;
    char text[16384];

    *user = (struct cu_run_user){.uid = uid, .gid = gid};
    if (getpwuid_r(uid, &entry, text, sizeof(text), &found) != 0 || !found)
        return;
    snprintf(user->name, sizeof(user->name), "%s", found->pw_name);
    if (gid == (gid_t)-1)
        user->gid = found->pw_gid;
}

int cu_run_prefix(char prefix[CU_PATH_MAX])
{
    char self[PATH_MAX], programs[PATH_MAX + 32];
    Dl_info info;
    char *slash;

    if (dladdr((void *)(uintptr_t)cu_run_prefix, &info) == 0 || !info.dli_fname ||
        !realpath(info.dli_fname, self))
        return -ENOENT;
    for (int up = 0; up < 4; up++) { /* PREFIX/lib64/slurm, PREFIX/lib/x86_64-linux-gnu/slurm */
        slash = strrchr(self, '/');
        if (!slash)
            break;
        *slash = '\0';
        snprintf(programs, sizeof(programs), "%s/bin/launch_copper.sh", self);
        if (access(programs, X_OK) == 0 && strlen(self) < CU_PATH_MAX) {
            memcpy(prefix, self, strlen(self) + 1);
            return 0;
        }
    }
    return -ENOENT;
}

/* The environment with COPPER_SPANK=no in it. New, NULL when out of memory; strings are borrowed.
 */
static char **guarded(char *const *environment)
{
    size_t count = 0, kept = 0;
    char **copy;

    while (environment[count])
        count++;
    copy = calloc(count + 2, sizeof(*copy));
    if (!copy)
        return NULL;
    for (size_t i = 0; i < count; i++)
        if (strncmp(environment[i], NO_SPANK, strlen("COPPER_SPANK=")) != 0)
            copy[kept++] = environment[i];
    copy[kept++] = (char *)(uintptr_t)NO_SPANK;
    return copy;
}

static bool is_self(const struct cu_run_user *user)
{
    return !user || (getuid() == user->uid && geteuid() == user->uid);
}

/* The groups of the user, as far as this process must become that user. 0 or -ENOMEM. */
static int find_groups(struct program *p)
{
    p->groups = NULL;
    p->group_count = 0;
    if (is_self(p->user) || p->user->name[0] == '\0')
        return 0;
    p->group_count = GROUPS_MAX;
    p->groups = calloc(GROUPS_MAX, sizeof(*p->groups));
    if (!p->groups || getgrouplist(p->user->name, p->user->gid, p->groups, &p->group_count) < 0)
        return -ENOMEM;
    return 0;
}

/* Becomes the user, for good. */
static bool become(const struct program *p)
{
    const struct cu_run_user *user = p->user;

    if (is_self(user))
        return true;
    return setgroups((size_t)p->group_count, p->groups) == 0 &&
           setresgid(user->gid, user->gid, user->gid) == 0 &&
           setresuid(user->uid, user->uid, user->uid) == 0 && (user->uid == 0 || setuid(0) != 0);
}

static void be_the_program(const struct program *p, char *const *environment, int errors)
{
    int null = open("/dev/null", O_RDWR);
    int out = p->stdout_fd >= 0 ? fcntl(p->stdout_fd, F_DUPFD, 10) : fcntl(null, F_DUPFD, 10);
    sigset_t none;

    sigemptyset(&none);
    for (int i = 1; i < NSIG; i++)
        (void)signal(i, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    errors = fcntl(errors, F_DUPFD, 10);
    if (dup2(null, 0) < 0 || dup2(out, 1) < 0 || dup2(errors, 2) < 0)
        _exit(126);
    cu_process_close_all();
    if (!become(p)) {
        dprintf(2, "copper: cannot become uid %u: %s\n", (unsigned)p->user->uid, strerror(errno));
        _exit(126);
    }
    execve(p->path, (char *const *)p->argv, environment);
    dprintf(2, "copper: %s: %s\n", p->path, strerror(errno));
    _exit(127);
}

/* Adds what was read to the text, as one line: without "copper: " before each, with "; " between
 * them. */
static void add_line(char *text, size_t size, const char *bytes, size_t count)
{
    size_t used = strlen(text);

    for (size_t i = 0; i < count && used + 3 < size; i++) {
        bool first = used == 0 || text[used - 1] == '\n';

        if (first && used > 0) {
            used--;
            if (text[used - 1] != ':')
                text[used++] = ';';
            text[used++] = ' ';
        }
        text[used++] = bytes[i];
        if (used >= 8 && memcmp(text + used - 8, "copper: ", 8) == 0 &&
            (used == 8 || text[used - 9] == ' '))
            used -= 8;
    }
    text[used] = '\0';
}

static int left_ms(const struct timespec *start, int timeout_ms)
{
    struct timespec now;
    long long gone;

    if (timeout_ms < 0)
        return -1;
    clock_gettime(CLOCK_MONOTONIC, &now);
    gone = (now.tv_sec - start->tv_sec) * 1000LL + (now.tv_nsec - start->tv_nsec) / 1000000;
    return gone >= timeout_ms ? 0 : timeout_ms - (int)gone;
}

/* Reads what the child says until it has ended; others may hold the pipe for longer. False: it did
 * not end in time. */
static bool listen_to(int pidfd, int pipe_fd, int timeout_ms, char *why, size_t size)
{
    struct pollfd polls[2] = {{.fd = pidfd, .events = POLLIN}, {.fd = pipe_fd, .events = POLLIN}};
    struct timespec start;
    char bytes[512];

    clock_gettime(CLOCK_MONOTONIC, &start);
    for (;;) {
        int n = poll(polls, 2, left_ms(&start, timeout_ms));
        ssize_t got;

        if (n < 0 && errno != EINTR)
            return false;
        if (n == 0)
            return false;
        if (n < 0)
            continue;
        while ((got = read(pipe_fd, bytes, sizeof(bytes))) > 0)
            add_line(why, size, bytes, (size_t)got);
        if (got == 0)
            polls[1].fd = -1;
        if (polls[0].revents != 0)
            return true;
    }
}

/* 0, or -EIO or -ETIMEDOUT with why; why is what the program has said in any case. */
static int run(struct program *p, int timeout_ms, char why[CU_RUN_TEXT_MAX])
{
    char *const *base = p->environment ? p->environment : environ;
    char **environment = guarded(base);
    int fds[2] = {-1, -1}, pidfd = -1, status = 0, rc = -EIO;
    pid_t pid = -1;
    size_t len;

    why[0] = '\0';
    if (!environment || find_groups(p) != 0 || pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0)
        goto out;
    pid = fork();
    if (pid == 0)
        be_the_program(p, environment, fds[1]);
    if (pid < 0)
        goto out;
    close(fds[1]);
    fds[1] = -1;
    pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    rc = 0;
    if (pidfd < 0 || !listen_to(pidfd, fds[0], timeout_ms, why, CU_RUN_TEXT_MAX)) {
        rc = -ETIMEDOUT;
        kill(pid, SIGKILL);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
out:
    len = strlen(why);
    if (len > 0 && why[len - 1] == '\n')
        why[len - 1] = '\0';
    if (pid < 0)
        snprintf(why, CU_RUN_TEXT_MAX, "%.900s: %s", p->path, strerror(errno));
    else if (rc == 0 && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
        rc = -EIO;
    if (rc == -ETIMEDOUT)
        snprintf(why, CU_RUN_TEXT_MAX, "did not end within %d s, and was killed",
                 timeout_ms / 1000);
    else if (rc != 0 && why[0] == '\0')
        snprintf(why, CU_RUN_TEXT_MAX, "%.900s ended with status %#x", p->path, (unsigned)status);
    if (fds[0] >= 0)
        close(fds[0]);
    if (fds[1] >= 0)
        close(fds[1]);
    if (pidfd >= 0)
        close(pidfd);
    free(environment);
    free(p->groups);
    return rc;
}

/* argv behind what is there: the options of the wish. */
static void add_words(struct program *p, size_t at, const struct cu_wish *wish)
{
    for (size_t i = 0; i < wish->count; i++)
        p->argv[at++] = cu_wish_word(wish, i);
    p->argv[at] = NULL;
}

int cu_run_check(const char *prefix, const struct cu_wish *wish, struct cu_error *err)
{
    struct program p = {.argv = {"copper", "config"}, .stdout_fd = -1};
    char why[CU_RUN_TEXT_MAX];

    snprintf(p.path, sizeof(p.path), "%s/bin/copper", prefix);
    if (access(p.path, X_OK) != 0)
        return 0;
    add_words(&p, 2, wish);
    return run(&p, -1, why) == 0 ? 0 : cu_error_set(err, -EINVAL, "--copper: %.900s", why);
}

int cu_run_launch(const char *prefix, const struct cu_wish *wish, const struct cu_run_user *user,
                  char *const *environment, char why[CU_RUN_TEXT_MAX])
{
    struct program p = {.argv = {"launch_copper.sh", "--once"},
                        .user = user,
                        .environment = environment,
                        .stdout_fd = 2};
    int rc;

    snprintf(p.path, sizeof(p.path), "%s/bin/launch_copper.sh", prefix);
    add_words(&p, 2, wish);
    rc = run(&p, -1, why);
    if (rc == 0 && why[0] != '\0') /* nodes that it went on without */
        dprintf(2, "copper: %s\n", why);
    return rc;
}

void cu_run_past(const char *prefix, const struct cu_wish *wish, const struct cu_run_user *user,
                 char *const *environment, int timeout_ms)
{
    struct program p = {.argv = {"copper", "job", "past", cu_wish_mount(wish)},
                        .user = user,
                        .environment = environment,
                        .stdout_fd = 2};
    char why[CU_RUN_TEXT_MAX];

    snprintf(p.path, sizeof(p.path), "%s/bin/copper", prefix);
    (void)run(&p, timeout_ms, why); /* what it cannot tell is no trouble of the job's */
}

int cu_run_epilogue(const char *prefix, const struct cu_run_user *user, int timeout_ms,
                    char why[CU_RUN_TEXT_MAX])
{
    char *const environment[] = {(char *)(uintptr_t) "PATH=/usr/bin:/bin:/usr/sbin:/sbin", NULL};
    struct program p = {.argv = {"copper", "epilogue", user->name},
                        .user = user,
                        .environment = environment,
                        .stdout_fd = -1};

    snprintf(p.path, sizeof(p.path), "%s/bin/copper", prefix);
    return run(&p, timeout_ms, why);
}
