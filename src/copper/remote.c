/* SPDX-License-Identifier: BSD-3-Clause */
/* One thread and one epoll for all hosts. A host costs a process, its pidfd and a pipe for its
 * output; the number of concurrent hosts follows from this and from the limits of this machine. A
 * host is done when its process has ended, because processes that it leaves behind may keep the
 * pipe open.
 * */
#include "copper/remote.h"

#include "copper/cli.h"
#include "copper/launch_hosts.h"
#include "copper/shell_quote.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define OUTPUT_FD    3   /* where the commands' own output goes (launcher.c) */
#define PER_CORE     512 /* at once: most of a remote start is waiting */
#define WIDTH_MAX    4096
#define BYTES_EACH   ((uint64_t)8 << 20) /* an ssh with its libraries */
#define FDS_EACH     2u                  /* pidfd and pipe */
#define FDS_OTHER    32u
#define WORDS_MAX    64
#define SAID_MAX     512
#define TRIES_MAX    2u
#define NO_ANSWER    255 /* ssh's own failure */
#define NOT_RUN      126
#define NOT_FOUND    127
#define SIGNAL_EVENT UINT64_MAX

extern char **environ;

struct call { /* a host at work */
    size_t host;
    pid_t pid;
    int pidfd, out; /* -1: closed */
    char line[SAID_MAX];
    size_t len;
    char last[SAID_MAX]; /* line that is not empty */
    char ours[SAID_MAX]; /* line that Copper's programs have written */
};

struct remote {
    struct cu_hosts hosts;
    bool start, output, executes;
    char *shell[WORDS_MAX]; /* words of the remote shell */
    size_t shell_count;
    char *words[WORDS_MAX]; /* the command, as the far shell reads it */
    char **plain;           /* as it is; NULL-terminated */
    size_t word_count;
    const char *input;
    uint8_t *tries;
    size_t *queue; /* hosts to be done, a ring of hosts.count */
    size_t first, waiting;
    struct call *calls;
    size_t *idle; /* free calls */
    size_t running, width;
    int epoll_fd, signal_fd;
};

/* --- how many at once ------------------------------------------------------------------------- */

static size_t at_most(size_t width, uint64_t limit)
{
    return limit < width ? (size_t)limit : width;
}

/* Descriptors are used up to the hard limit; of the process limit half, because a remote shell may
 * start further processes. */
static size_t choose_width(size_t hosts)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN), pages = sysconf(_SC_AVPHYS_PAGES);
    size_t width = (size_t)(cores > 0 ? cores : 1) * PER_CORE;
    struct rlimit limit;

    width = at_most(at_most(width, WIDTH_MAX), hosts);
    if (pages > 0)
        width = at_most(width, (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE) / BYTES_EACH);
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        rlim_t wanted = FDS_OTHER + FDS_EACH * width;

        if (limit.rlim_cur < wanted) {
            limit.rlim_cur = wanted < limit.rlim_max ? wanted : limit.rlim_max;
            setrlimit(RLIMIT_NOFILE, &limit);
        }
        width = at_most(width,
                        limit.rlim_cur > FDS_OTHER ? (limit.rlim_cur - FDS_OTHER) / FDS_EACH : 1);
    }
    if (getrlimit(RLIMIT_NPROC, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY && geteuid() != 0)
        width = at_most(width, limit.rlim_cur / 2);
    return width > 0 ? width : 1;
}

/* --- one host --------------------------------------------------------------------------------- */

static void keep_line(struct call *call)
{
    call->line[call->len] = '\0';
    if (call->len > 0) {
        memcpy(call->last, call->line, call->len + 1);
        if (strncmp(call->line, "copperd: ", 9) == 0 || strncmp(call->line, "copper: ", 8) == 0)
            memcpy(call->ours, call->line, call->len + 1);
    }
    call->len = 0;
}

/* Reads the available output, without waiting; closes the pipe at its end. Lines that are too long
 * are cut. */
static void take_output(struct call *call)
{
    char bytes[4096];

    while (call->out >= 0) {
        ssize_t n = read(call->out, bytes, sizeof(bytes));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return;
        for (ssize_t i = 0; i < n; i++) {
            if (bytes[i] == '\n' || bytes[i] == '\r')
                keep_line(call);
            else if (call->len + 1 < sizeof(call->line))
                call->line[call->len++] = bytes[i];
        }
        if (n <= 0) {
            close(call->out);
            call->out = -1;
        }
    }
}

/* The words for one host into argv. */
static void make_words(const struct remote *r, const char *host, const char **argv)
{
    bool local = strcmp(host, "localhost") == 0;
    char *const *words = local || r->executes ? r->plain : r->words;
    size_t n = 0;

    if (!local) {
        for (size_t i = 0; i < r->shell_count; i++)
            argv[n++] = r->shell[i];
        argv[n++] = host;
    }
    for (size_t i = 0; i < r->word_count; i++)
        argv[n++] = words[i];
    if (r->start) {
        argv[n++] = "--node";
        argv[n++] = host; /* letters, digits, '.', '-' and '_' only */
        if (r->output)
            argv[n++] = "--foreground";
    }
    argv[n] = NULL;
}

static int spawn_with(const struct remote *r, const char *const *argv, int in, int out, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, pipe_only;
    int rc = posix_spawn_file_actions_init(&actions);

    if (rc != 0)
        return -rc;
    rc = posix_spawnattr_init(&attributes);
    if (rc != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return -rc;
    }
    sigemptyset(&none);
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    rc = posix_spawn_file_actions_adddup2(&actions, in, 0);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(&actions, r->output ? OUTPUT_FD : out, 1);
    if (rc == 0)
        rc = posix_spawn_file_actions_adddup2(&actions, out, 2);
    if (rc == 0)
        rc = posix_spawnattr_setsigmask(&attributes, &none);
    if (rc == 0)
        rc = posix_spawnattr_setsigdefault(&attributes, &pipe_only);
    if (rc == 0)
        rc = posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    if (rc == 0)
        rc = posix_spawnp(pid, argv[0], &actions, &attributes, (char *const *)argv, environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return -rc;
}

static int watch(const struct remote *r, int fd, uint64_t what)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = what};

    return epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

/* 0 or -errno: then nothing of it is left. */
static int begin(struct remote *r, size_t host)
{
    const char *argv[3 * WORDS_MAX] = {NULL};
    size_t at = r->idle[r->running];
    struct call *call = &r->calls[at];
    int in = open(r->input, O_RDONLY | O_CLOEXEC), fds[2] = {-1, -1}, rc;

    *call = (struct call){.host = host, .pidfd = -1, .out = -1};
    make_words(r, r->hosts.names[host], argv);
    rc = in < 0 ? -errno : 0;
    if (rc == 0 && pipe2(fds, O_CLOEXEC) != 0)
        rc = -errno;
    if (rc == 0)
        rc = spawn_with(r, argv, in, fds[1], &call->pid);
    if (fds[1] >= 0)
        close(fds[1]);
    if (in >= 0)
        close(in);
    call->out = fds[0];
    if (rc == 0) {
        fcntl(call->out, F_SETFL, O_NONBLOCK);
        call->pidfd = (int)syscall(SYS_pidfd_open, call->pid, 0);
        rc = call->pidfd < 0 ? -errno : watch(r, call->pidfd, 2 * at);
        if (rc == 0)
            rc = watch(r, call->out, 2 * at + 1);
        if (rc != 0) {
            kill(call->pid, SIGKILL);
            waitpid(call->pid, NULL, 0);
        }
    }
    if (rc == 0) {
        r->running++;
        return 0;
    }
    if (call->out >= 0)
        close(call->out);
    if (call->pidfd >= 0)
        close(call->pidfd);
    return rc;
}

static void put_back(struct remote *r, size_t host)
{
    r->queue[(r->first + r->waiting++) % r->hosts.count] = host;
}

/* Prints the host's line; or tries the host again, when the error was not from Copper. */
static void end(struct remote *r, struct call *call, int wait_status)
{
    const char *host = r->hosts.names[call->host], *text;
    const char *program = r->plain[r->word_count - 1];
    int status = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);

    for (size_t i = 0; i < r->word_count; i++)
        if (r->plain[i][0] == '/') {
            program = r->plain[i];
            break;
        }
    take_output(call);
    keep_line(call);
    text = call->ours[0] != '\0' ? call->ours : call->last;
    if (status != 0 && status != NOT_RUN && status != NOT_FOUND && call->ours[0] == '\0' &&
        r->start && !r->output && ++r->tries[call->host] < TRIES_MAX) {
        put_back(r, call->host);
        return;
    }
    printf("%s %d ", host, status);
    if (status == NOT_RUN || status == NOT_FOUND)
        printf("cannot run %s: Copper must be at the same path on every node (%s)\n", program,
               text);
    else if (status == NO_ANSWER)
        printf("no answer from rsh: %s\n", text);
    else if (status != 0 && text[0] == '\0')
        printf("ended with status %d\n", status);
    else
        printf("%s\n", text);
}

static void reap(struct remote *r, size_t at)
{
    struct call *call = &r->calls[at];
    int status = 0;

    if (waitpid(call->pid, &status, WNOHANG) != call->pid)
        return;
    r->idle[--r->running] = at;
    end(r, call, status);
    close(call->pidfd);
    if (call->out >= 0)
        close(call->out);
}

/* --- all hosts -------------------------------------------------------------------------------- */

/* Is it a lack of resources that the end of another host will free? */
static bool is_lack(int rc)
{
    return rc == -EAGAIN || rc == -ENOMEM || rc == -EMFILE || rc == -ENFILE || rc == -ENOSPC;
}

/* Starts as many hosts as there is room for. -errno: not even one could be started. */
static int begin_some(struct remote *r)
{
    while (r->waiting > 0 && r->running < r->width) {
        size_t host = r->queue[r->first];
        int rc = begin(r, host);

        if (rc != 0 && is_lack(rc) && r->running > 0) {
            r->width = r->running;
            return 0;
        }
        if (rc != 0)
            return rc;
        r->first = (r->first + 1) % r->hosts.count;
        r->waiting--;
        if (r->start && r->tries[host] == 0)
            printf("%s + \n", r->hosts.names[host]);
    }
    return 0;
}

/* 0; -EINTR: the launcher has ended, or asks to stop. */
static int wait_some(struct remote *r)
{
    struct epoll_event events[256];
    int n = epoll_wait(r->epoll_fd, events, 256, -1);

    for (int i = 0; i < n; i++) {
        uint64_t what = events[i].data.u64;

        if (what == SIGNAL_EVENT)
            return -EINTR;
        if (what % 2 == 1)
            take_output(&r->calls[what / 2]);
    }
    for (int i = 0; i < n; i++) /* last: a call that has ended is used again */
        if (events[i].data.u64 % 2 == 0)
            reap(r, (size_t)(events[i].data.u64 / 2));
    return 0;
}

static int run_all(struct remote *r)
{
    int rc = 0;

    while (rc == 0 && (r->waiting > 0 || r->running > 0)) {
        rc = begin_some(r);
        fflush(stdout);
        if (rc != 0) {
            printf("- - no remote command can be started: %s: %s\n", r->shell[0], strerror(-rc));
            fflush(stdout);
            return CU_EXIT_FAILED;
        }
        rc = wait_some(r);
        fflush(stdout);
    }
    if (rc != 0)
        kill(0, SIGTERM); /* to all that was started here; blocked for this process */
    return rc != 0 ? CU_EXIT_FAILED : CU_EXIT_OK;
}

/* COPPER_RSH at its blanks, as a shell would. */
static int split_shell(struct remote *r)
{
    const char *rsh = getenv("COPPER_RSH");
    char *copy = strdup(rsh != NULL && rsh[0] != '\0' ? rsh : "ssh -o BatchMode=yes"), *save = NULL;
    const char *name;

    if (copy == NULL)
        return -ENOMEM;
    for (char *word = strtok_r(copy, " \t\n", &save); word != NULL && r->shell_count < WORDS_MAX;
         word = strtok_r(NULL, " \t\n", &save))
        r->shell[r->shell_count++] = word;
    if (r->shell_count == 0)
        return -EINVAL;
    /* srun runs the words that it is given; others join them for a shell. */
    name = strrchr(r->shell[0], '/') != NULL ? strrchr(r->shell[0], '/') + 1 : r->shell[0];
    r->executes = strcmp(name, "srun") == 0 || getenv("COPPER_RSH_EXECUTES") != NULL;
    return 0;
}

/* The command's words, with those of its environment that go along. */
static int take_words(struct remote *r, int argc, char **argv)
{
    const char *run_dir = getenv("COPPER_RUN_DIR");
    size_t room = (size_t)argc + 3;

    if (room > WORDS_MAX)
        return -E2BIG;
    r->plain = calloc(room, sizeof(*r->plain));
    if (r->plain == NULL)
        return -ENOMEM;
    if (run_dir != NULL && run_dir[0] != '\0') {
        r->plain[r->word_count++] = strdup("env");
        if (asprintf(&r->plain[r->word_count++], "COPPER_RUN_DIR=%s", run_dir) < 0)
            return -ENOMEM;
    }
    for (int i = 0; i < argc; i++)
        r->plain[r->word_count++] = argv[i];
    for (size_t i = 0; i < r->word_count; i++) {
        r->words[i] = r->plain[i] != NULL ? cu_shell_quote(r->plain[i]) : NULL;
        if (r->words[i] == NULL)
            return -ENOMEM;
    }
    return 0;
}

static int make_room(struct remote *r)
{
    size_t count = r->hosts.count;

    r->width = r->output ? count : choose_width(count);
    if (r->output)
        (void)choose_width(count); /* for the descriptors */
    r->tries = calloc(count, sizeof(*r->tries));
    r->queue = calloc(count, sizeof(*r->queue));
    r->calls = calloc(r->width, sizeof(*r->calls));
    r->idle = calloc(r->width, sizeof(*r->idle));
    if (r->tries == NULL || r->queue == NULL || r->calls == NULL || r->idle == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++)
        put_back(r, i);
    for (size_t i = 0; i < r->width; i++)
        r->idle[i] = i;
    return 0;
}

/* The launcher's end, or its request to stop, arrives as a signal. */
static int set_up(struct remote *r)
{
    sigset_t signals;

    signal(SIGPIPE, SIG_IGN); /* the reader may have closed the pipe */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) != 0 || prctl(PR_SET_PDEATHSIG, SIGTERM) != 0)
        return -errno;
    r->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
    r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (r->signal_fd < 0 || r->epoll_fd < 0)
        return -errno;
    for (int fd = OUTPUT_FD; fd <= OUTPUT_FD + 1; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
    return watch(r, r->signal_fd, SIGNAL_EVENT);
}

int cu_remote_each(int argc, char **argv)
{
    static struct remote r; /* as long as the process */
    const char *output = getenv("COPPER_OUTPUT");
    struct cu_error err;
    int rc;

    r.start = argc > 2 && strcmp(argv[1], "start") == 0;
    if (argc < 3 || (!r.start && strcmp(argv[1], "run") != 0))
        return cu_cli_fail(CU_EXIT_USAGE, "job each: is called by launchers only");
    r.input = getenv("COPPER_INPUT") != NULL ? getenv("COPPER_INPUT") : "/dev/null";
    r.output = r.start && output != NULL && strcmp(output, "yes") == 0;
    rc = cu_launch_hosts_from(STDIN_FILENO, "host list", &r.hosts, &err);
    if (rc != 0)
        return cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
    if (r.output)
        puts("stay");
    else if (r.start)
        puts("begins");
    rc = split_shell(&r);
    if (rc == 0)
        rc = take_words(&r, argc - 2, argv + 2);
    if (rc == 0)
        rc = make_room(&r);
    if (rc == 0)
        rc = set_up(&r);
    if (rc != 0) {
        printf("- - remote commands: %s\n", strerror(-rc));
        (void)fflush(stdout);
        return CU_EXIT_FAILED;
    }
    return run_all(&r);
}
