/* SPDX-License-Identifier: BSD-3-Clause */
/* What is to be called for each host, and in which parts; remote_run.c does it. */
#include "copper/remote.h"

#include "copper/cli.h"
#include "copper/launch_hosts.h"
#include "copper/remote_part.h"
#include "copper/remote_state.h"
#include "copper/shell_quote.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

/* The text at its blanks, as a shell would. */
static int split_shell(struct cu_remote *r, const char *rsh)
{
    char *copy = strdup(rsh), *save = NULL;
    const char *name;

    if (!copy)
        return -ENOMEM;
    for (char *word = strtok_r(copy, " \t\n", &save); word && r->shell_count < CU_REMOTE_WORDS_MAX;
         word = strtok_r(NULL, " \t\n", &save))
        r->shell[r->shell_count++] = word;
    if (r->shell_count == 0) {
        puts("- - COPPER_RSH is empty");
        return -EINVAL;
    }
    /* srun runs the words that it is given; others join them for a shell. */
    name = strrchr(r->shell[0], '/') ? strrchr(r->shell[0], '/') + 1 : r->shell[0];
    r->executes = strcmp(name, "srun") == 0 || getenv("COPPER_RSH_EXECUTES");
    return 0;
}

/* The command's words, with those of its environment that go along. */
static int take_words(struct cu_remote *r, int argc, char **argv)
{
    const char *run_dir = r->inside ? NULL : getenv("COPPER_RUN_DIR"); /* inside: it is a word */
    size_t room = (size_t)argc + 3;

    if (room > CU_REMOTE_WORDS_MAX)
        return -E2BIG;
    r->plain = calloc(room, sizeof(*r->plain));
    if (!r->plain)
        return -ENOMEM;
    if (run_dir && run_dir[0] != '\0') {
        r->plain[r->word_count++] = strdup("env");
        if (asprintf(&r->plain[r->word_count++], "COPPER_RUN_DIR=%s", run_dir) < 0)
            return -ENOMEM;
    }
    for (int i = 0; i < argc; i++)
        r->plain[r->word_count++] = argv[i];
    for (size_t i = 0; i < r->word_count; i++) {
        r->words[i] = r->plain[i] ? cu_shell_quote(r->plain[i]) : NULL;
        if (!r->words[i])
            return -ENOMEM;
    }
    return 0;
}

/* How a host starts its part. */
static int take_part_words(struct cu_remote *r)
{
    char self[CU_PATH_MAX] = "";
    const char *const plain[CU_REMOTE_PART_WORDS] = {self, "job", "part",
                                                     r->start ? "start" : "run"};
    size_t size = 0;
    FILE *out;

    if (readlink("/proc/self/exe", self, sizeof(self) - 1) <= 0)
        return -errno;
    for (size_t i = 0; i < CU_REMOTE_PART_WORDS; i++) {
        r->part_words[i] = cu_shell_quote(plain[i]);
        if (!r->part_words[i])
            return -ENOMEM;
    }
    out = open_memstream(&r->part_shell, &size);
    if (!out)
        return -ENOMEM;
    for (size_t i = 0; i < r->shell_count; i++)
        fprintf(out, "%s%s", i > 0 ? " " : "", r->shell[i]);
    return fclose(out) == 0 ? 0 : -ENOMEM;
}

/* All hosts into the queue, in parts where they are many. */
static int queue_hosts(struct cu_remote *r)
{
    size_t count = r->hosts.count, parts = 0, at = 0;
    int rc = 0;

    if (!r->inside && !r->output && !r->executes)
        rc = cu_part_count(count, getenv("COPPER_RSH_PARTS"), &parts);
    if (rc == -EINVAL || rc == -ERANGE)
        printf("- - COPPER_RSH_PARTS is no number: \"%s\"\n", getenv("COPPER_RSH_PARTS"));
    if (rc == 0 && parts > 0)
        rc = take_part_words(r);
    if (rc != 0)
        return rc;
    if (parts == 0)
        parts = count;
    for (size_t i = 0; i < parts; i++) {
        size_t end = (i + 1) * count / parts;

        for (size_t k = at; k < end; k++)
            r->of[k].where = end - at > 1 ? CU_REMOTE_IN_PART : CU_REMOTE_HERE;
        cu_remote_put(r, at, end - at);
        at = end;
    }
    return 0;
}

static int make_room(struct cu_remote *r)
{
    size_t count = r->hosts.count;

    r->width = r->output ? count : cu_call_width(count);
    if (r->output)
        (void)cu_call_width(count); /* for the descriptors */
    r->of = calloc(count, sizeof(*r->of));
    r->queue = calloc(count, sizeof(*r->queue));
    r->calls = calloc(r->width, sizeof(*r->calls));
    r->idle = calloc(r->width, sizeof(*r->idle));
    if (!r->of || !r->queue || !r->calls || !r->idle)
        return -ENOMEM;
    for (size_t i = 0; i < r->width; i++) {
        r->idle[i] = i;
        r->calls[i].pidfd = r->calls[i].out = -1;
    }
    return queue_hosts(r);
}

/* The launcher's end, or its request to stop, arrives as a signal; that of who has started a part
 * is seen where the lines go. */
static int set_up(struct cu_remote *r)
{
    sigset_t signals;
    int rc;

    signal(SIGPIPE, SIG_IGN); /* the reader may have closed the pipe */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    if (sigprocmask(SIG_BLOCK, &signals, NULL) != 0 ||
        (!r->inside && prctl(PR_SET_PDEATHSIG, SIGTERM) != 0))
        return -errno;
    r->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
    r->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (r->signal_fd < 0 || r->epoll_fd < 0)
        return -errno;
    if (r->inside) {
        rc = cu_remote_watch(r, STDOUT_FILENO, 0, CU_REMOTE_READER);
        if (rc != 0 && rc != -EPERM) /* a file has no reader */
            return rc;
    } else {
        for (int fd = CU_CALL_OUTPUT_FD; fd <= CU_CALL_OUTPUT_FD + 1; fd++)
            fcntl(fd, F_SETFD, FD_CLOEXEC);
    }
    return cu_remote_watch(r, r->signal_fd, EPOLLIN, CU_REMOTE_SIGNAL);
}

/* Whoever calls has set hosts, input and what else is known. */
static int run_with(struct cu_remote *r, const char *shell, int argc, char **argv)
{
    int rc = split_shell(r, shell);

    if (rc == 0)
        rc = take_words(r, argc, argv);
    if (rc == 0)
        rc = make_room(r);
    if (rc == 0)
        rc = set_up(r);
    if (rc != 0) {
        if (rc != -EINVAL && rc != -ERANGE)
            printf("- - remote commands: %s\n", strerror(-rc));
        (void)fflush(stdout);
        return CU_EXIT_FAILED;
    }
    return cu_remote_run(r);
}

int cu_remote_each(int argc, char **argv)
{
    static struct cu_remote r; /* as long as the process */
    const char *output = getenv("COPPER_OUTPUT"), *shell = getenv("COPPER_RSH");
    struct cu_error err;

    r.start = argc > 2 && strcmp(argv[1], "start") == 0;
    if (argc < 3 || (!r.start && strcmp(argv[1], "run") != 0))
        return cu_cli_fail(CU_EXIT_USAGE, "job each: is called by launchers only");
    r.input = getenv("COPPER_INPUT") ? getenv("COPPER_INPUT") : "/dev/null";
    r.output = r.start && output && strcmp(output, "yes") == 0;
    r.debug = getenv("COPPER_DEBUG") != NULL;
    if (cu_launch_hosts_from(STDIN_FILENO, "host list", &r.hosts, &err) != 0)
        return cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
    if (r.output)
        puts("stay");
    else if (r.start)
        puts("begins");
    return run_with(&r, shell && shell[0] != '\0' ? shell : "ssh -o BatchMode=yes", argc - 2,
                    argv + 2);
}

int cu_remote_part(int argc, char **argv)
{
    static struct cu_remote r; /* as long as the process */
    static struct cu_part part;
    static char input[64];
    struct cu_error err;

    r.start = argc > 2 && strcmp(argv[1], "start") == 0;
    if (argc < 3 || (!r.start && strcmp(argv[1], "run") != 0))
        return cu_cli_fail(CU_EXIT_USAGE, "job part: is called by launchers only");
    if (cu_part_read(STDIN_FILENO, &part, &err) != 0)
        return cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
    snprintf(input, sizeof(input), "/proc/self/fd/%d", part.input_fd);
    r.inside = true;
    r.hosts = part.hosts;
    r.self = part.self;
    r.input = input;
    return run_with(&r, part.shell, argc - 2, argv + 2);
}
