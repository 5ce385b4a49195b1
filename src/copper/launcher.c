/* SPDX-License-Identifier: BSD-3-Clause */
/* A running launcher: one child process in a session of its own, so that all processes that it
 * started on this host can be killed together, and a pipe with its output lines. The end of the
 * pipe means that the launcher has ended; nothing here polls. */
#include "copper/launcher.h"

#include "base/text.h"
#include "copper/cli.h"
#include "copper/launcher_choice.h"
#include "host/clock.h"
#include "host/rundir.h"
#include "host/trust.h"
#include "proto/job.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define KILL_MS     3000  /* srun tells its tasks, ssh its server */
#define CLEAN_MS    10000 /* more, for the launcher itself: it removes its files, of slow storage */
#define BY_SIGNAL   128   /* with the signal's number, the status of a shell that one has ended */
#define SLOWER      3     /* so many times as long as the first command to end others may take */
#define COMMAND_MAX 16
#define ENV_INPUT   "COPPER_INPUT" /* file to feed to each command */
#define ENV_JOB     "COPPER_JOB" /* file that a launcher that stays removes at its end, or empty */
#define ENV_OUTPUT  "COPPER_OUTPUT"        /* "yes": what the commands print goes to descriptor 3 */
#define ENV_MISSING "COPPER_ALLOW_MISSING" /* of so many hosts "start" can do without */
#define ENV_PARTS   "COPPER_PARTS"         /* directory of Copper's own launchers */
#define ENV_PROGRAM "COPPER_PROGRAM" /* this one: what launchers need of it, `copper job each` */

/* Host names, one a line, in memory: the list may be longer than a pipe holds. */
static int hosts_file(const struct cu_hosts *hosts)
{
    int fd = memfd_create("hosts", MFD_CLOEXEC);
    FILE *out = fd >= 0 ? fdopen(fcntl(fd, F_DUPFD_CLOEXEC, 0), "w") : NULL;
    bool failed = !out;

    for (size_t i = 0; i < hosts->count && !failed; i++)
        failed = fprintf(out, "%s\n", hosts->names[i]) < 0;
    if (out && fclose(out) != 0)
        failed = true;
    if (failed && fd >= 0)
        close(fd);
    if (failed || lseek(fd, 0, SEEK_SET) != 0)
        return -1;
    return fd;
}

int cu_launcher_text_file(const char *text)
{
    int fd = memfd_create("input", MFD_CLOEXEC);

    if (fd >= 0 && write(fd, text, strlen(text)) != (ssize_t)strlen(text)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* In the child: descriptors 0 hosts, 1 lines, 2 ours, 3 where the commands' output goes, 4 what
 * they read unless it is a file with a name. */
__attribute__((noreturn)) static void run_launcher(const char *program,
                                                   const struct cu_launcher_config *config,
                                                   int hosts_fd, int lines_fd, int input_fd)
{
    const char *argv[COMMAND_MAX + 3] = {program, config->mode};
    int output = config->keep_stdout ? dup(1) : open("/dev/null", O_WRONLY);
    char self[CU_PATH_MAX] = "", missing[16];
    static const int ends[] = {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM};
    sigset_t none;
    size_t n = 0;

    while (config->command[n] && n < COMMAND_MAX) {
        argv[2 + n] = config->command[n];
        n++;
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* What this process ignores (nohup, trap '' TERM) a shell could not catch, to clean up. */
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        signal(ends[i], SIG_DFL);
    setsid();
    setenv(ENV_INPUT, input_fd > 0 ? "/dev/fd/4" : config->input, 1);
    if (readlink("/proc/self/exe", self, sizeof(self) - 1) > 0)
        setenv(ENV_PROGRAM, self, 1);
    setenv(ENV_JOB, config->job ? config->job : "", 1);
    setenv(ENV_PARTS, config->parts, 1);
    snprintf(missing, sizeof(missing), "%u", config->allow_missing);
    setenv(ENV_MISSING, missing, 1);
    setenv(ENV_OUTPUT, config->keep_stdout ? "yes" : "no", 1);
    /* above 4 first: none of the five may be overwritten before it is copied */
    output = fcntl(output, F_DUPFD_CLOEXEC, 10);
    hosts_fd = fcntl(hosts_fd, F_DUPFD_CLOEXEC, 10);
    lines_fd = fcntl(lines_fd, F_DUPFD_CLOEXEC, 10);
    if (input_fd > 0)
        input_fd = fcntl(input_fd, F_DUPFD_CLOEXEC, 10);
    dup2(hosts_fd, 0);
    dup2(lines_fd, 1);
    dup2(output, 3);
    if (input_fd > 0)
        dup2(input_fd, 4);
    execvp(program, (char *const *)argv); /* a script without "#!", too */
    cu_cli_say(stderr, "%s: %s", program, strerror(errno));
    _exit(127);
}

/* Launchers write lists of hosts to a temporary directory, and send the job's key to these hosts.
 * So it must not be in a place where another user can exchange it, and one that can be written. 0
 * or -errno with err. */
static int choose_tmpdir(struct cu_error *err)
{
    const char *given = getenv("TMPDIR");
    char run_dir[CU_PATH_MAX];
    struct cu_trust_dir dir;
    struct cu_error why = {""};
    int rc;

    if (!given || given[0] == '\0')
        given = "/tmp";
    if (cu_trust_open_dir(given, CU_TRUST_WAY, false, &dir, &why) == 0) {
        close(dir.fd);
        if (access(given, W_OK | X_OK) == 0)
            return 0;
        (void)cu_error_set(&why, -errno, "%.400s: %s", given, strerror(errno));
    }
    rc = cu_rundir_make(getuid(), run_dir, err);
    if (rc != 0)
        return rc;
    cu_cli_say(stderr, "TMPDIR: %s; used is %s", why.text, run_dir);
    return setenv("TMPDIR", run_dir, 1) == 0 ? 0 : cu_error_set(err, -ENOMEM, "out of memory");
}

int cu_launcher_spawn(struct cu_launcher *s, const struct cu_launcher_config *config,
                      struct cu_error *err)
{
    char program[CU_PATH_MAX];
    int fds[2] = {-1, -1}, hosts_fd = -1, line_fd = -1;
    int rc;

    memset(s, 0, sizeof(*s));
    s->fd = -1;
    s->hosts = config->hosts;
    s->hear = config->hear;
    s->context = config->context;
    rc = cu_launcher_find(config->parts, program, err);
    if (rc == 0)
        rc = choose_tmpdir(err);
    if (rc != 0)
        return rc;
    s->of = calloc(config->hosts->count, sizeof(*s->of));
    s->by_label = calloc(config->hosts->count, sizeof(*s->by_label));
    hosts_fd = hosts_file(config->hosts);
    if (!config->input && config->input_fd <= 0)
        line_fd = cu_launcher_text_file(CU_JOB_SHELL_LINE);
    if (!s->of || !s->by_label || hosts_fd < 0 ||
        (!config->input && config->input_fd <= 0 && line_fd < 0)) {
        rc = cu_error_set(err, -ENOMEM, "out of memory");
        goto out;
    }
    if (pipe2(fds, O_CLOEXEC) != 0) {
        rc = cu_error_set(err, -errno, "pipe: %s", strerror(errno));
        goto out;
    }
    s->pid = fork();
    if (s->pid == 0)
        run_launcher(program, config, hosts_fd, fds[1], line_fd >= 0 ? line_fd : config->input_fd);
    if (s->pid < 0) {
        rc = cu_error_set(err, -errno, "fork: %s", strerror(errno));
        s->pid = 0;
        goto out;
    }
    s->fd = fds[0];
    fds[0] = -1;
    fcntl(s->fd, F_SETFL, O_NONBLOCK);
out:
    if (fds[0] >= 0)
        close(fds[0]);
    if (fds[1] >= 0)
        close(fds[1]);
    if (hosts_fd >= 0)
        close(hosts_fd);
    if (line_fd >= 0)
        close(line_fd);
    if (rc != 0)
        cu_launcher_free(s);
    return rc;
}

static size_t label_length(const char *name)
{
    return strspn(name, "0123456789.") == strlen(name) || strchr(name, ':') ? 0
                                                                            : strcspn(name, ".");
}

/* By first label, whatever its case; those without one, which nobody looks for, are first. */
static int compare_labels(const char *a, const char *b)
{
    size_t a_len = label_length(a), b_len = label_length(b);
    int order = strncasecmp(a, b, a_len < b_len ? a_len : b_len);

    return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

static int compare_entries(const void *a, const void *b, void *context)
{
    const struct cu_hosts *hosts = context;

    return compare_labels(hosts->names[*(const uint32_t *)a], hosts->names[*(const uint32_t *)b]);
}

/* The one host with the same first label: a node may report a longer or a shorter name of
 * itself. All of ten thousand may, so the labels are sorted once. */
static struct cu_launcher_host *find_label(struct cu_launcher *s, const char *name)
{
    const struct cu_hosts *hosts = s->hosts;
    size_t low = 0, high = hosts->count;

    if (label_length(name) == 0)
        return NULL;
    for (size_t i = 0; !s->sorted && i < hosts->count; i++)
        s->by_label[i] = (uint32_t)i;
    if (!s->sorted)
        qsort_r(s->by_label, hosts->count, sizeof(*s->by_label), compare_entries, (void *)hosts);
    s->sorted = true;
    while (low < high) { /* the first that is not before it */
        size_t middle = low + (high - low) / 2;

        if (compare_labels(hosts->names[s->by_label[middle]], name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == hosts->count || compare_labels(hosts->names[s->by_label[low]], name) != 0 ||
        (low + 1 < hosts->count && compare_labels(hosts->names[s->by_label[low + 1]], name) == 0))
        return NULL;
    return &s->of[s->by_label[low]];
}

static struct cu_launcher_host *find_host(struct cu_launcher *s, const char *name)
{
    size_t low = 0, high = s->hosts->count;

    while (low < high) { /* host lists are in natural order */
        size_t middle = low + (high - low) / 2;
        int order = cu_parse_natural_compare(name, s->hosts->names[middle]);

        if (order == 0)
            return &s->of[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return find_label(s, name);
}

/* Is name[0..len) a name of host? Nodes know longer and shorter ones of themselves. */
static bool names_host(const char *name, size_t len, const char *host)
{
    size_t label = label_length(host), whole = strlen(host);

    if (len == whole && strncasecmp(name, host, len) == 0)
        return true;
    return label > 0 && len >= label && (len == label || name[label] == '.') &&
           strncasecmp(name, host, label) == 0 && (label == whole || len == label);
}

/* What a program of Copper's on that host has said, without the words by which it introduces
 * itself: "copperd: node2: " in front of it. Whoever prints it names the host. */
static const char *without_names(const char *text, const char *host)
{
    static const char *const programs[] = {"copperd: ", "copper: "};

    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
        size_t len = strlen(programs[i]);
        const char *end;

        if (strncmp(text, programs[i], len) != 0)
            continue;
        text += len;
        end = strstr(text, ": "); /* an address has colons, too */
        if (end && names_host(text, (size_t)(end - text), host))
            text = end + 2;
        return text;
    }
    return text;
}

static void say(char **at, const char *text)
{
    size_t room = CU_TEXT_BYTES(strlen(text)) + 3;

    if (text[0] == '\0')
        return;
    free(*at);
    *at = malloc(room);
    if (*at)
        cu_text_line(*at, room, text, strlen(text));
}

/* "HOST STATUS TEXT"; STATUS "-": it has said something and runs on; "+": it begins; "?": another
 * host is to begin with it; HOST "-": about no host. */
static void take_line(struct cu_launcher *s, char *line)
{
    char *status = strchr(line, ' ');
    char *end = status ? strchr(status + 1, ' ') : NULL;
    const char *text;
    struct cu_launcher_host *host;

    if (strcmp(line, "stay") == 0) {
        s->stay = true;
        return;
    }
    if (strcmp(line, "begins") == 0) {
        s->begins = true;
        return;
    }
    if (!end)
        return;
    *status++ = '\0';
    *end = '\0';
    text = end + 1;
    if (s->hear)
        s->hear(s->context, text);
    host = find_host(s, line);
    if (!host) {
        say(&s->text, text);
        return;
    }
    if (strcmp(status, "?") == 0) {
        host->passed = true;
        return;
    }
    host->tried = true;
    host->swallowed = atoi(status) == CU_JOB_SHELL_STATUS;
    if (host->swallowed)
        text = "a start-up file of the login shell there starts another shell (as \"exec zsh\" "
               "does), which takes Copper's input for commands: it may do so in interactive "
               "shells only";
    say(&host->text, without_names(text, s->hosts->names[host - s->of]));
    if (strcmp(status, "-") == 0 || strcmp(status, "+") == 0 || host->state != CU_LAUNCHER_RUNS)
        return;
    if (strcmp(status, "0") == 0) {
        host->state = CU_LAUNCHER_DONE;
        s->done++;
    } else {
        host->state = CU_LAUNCHER_FAILED;
        s->failed++;
    }
}

/* A line that is too long for the buffer is cut. */
static void take_bytes(struct cu_launcher *s, const char *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '\n') {
            while (s->line_len > 0 && s->line[s->line_len - 1] == '\r')
                s->line_len--; /* ssh ends its own lines so */
            s->line[s->line_len] = '\0';
            take_line(s, s->line);
            s->line_len = 0;
        } else if (s->line_len + 1 < sizeof(s->line)) {
            s->line[s->line_len++] = bytes[i];
        }
    }
}

bool cu_launcher_tried(const struct cu_launcher *s, size_t i)
{
    return !s->begins || s->of[i].tried;
}

bool cu_launcher_untouched(const struct cu_launcher *s, size_t i)
{
    return s->pid == 0 &&
           (s->of[i].swallowed || (!s->cut_off && !cu_launcher_tried(s, i) && !s->of[i].passed));
}

static void reap(struct cu_launcher *s)
{
    int status = 0;

    while (s->pid > 0 && waitpid(s->pid, &status, 0) < 0 && errno == EINTR)
        ;
    s->cut_off = s->cut_off || WIFSIGNALED(status) ||
                 (WIFEXITED(status) && WEXITSTATUS(status) == BY_SIGNAL + SIGTERM);
    s->pid = 0;
}

bool cu_launcher_take(struct cu_launcher *s)
{
    char bytes[4096];

    while (s->fd >= 0) {
        ssize_t n = read(s->fd, bytes, sizeof(bytes));

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == EAGAIN)
            return true;
        if (n > 0) {
            take_bytes(s, bytes, (size_t)n);
            continue;
        }
        close(s->fd);
        s->fd = -1;
        reap(s);
    }
    return false;
}

bool cu_launcher_wait(struct cu_launcher *s, int silence_ms)
{
    int64_t begin_ms = cu_clock_ms(), deadline_ms = begin_ms + silence_ms;
    size_t ended = 0;

    while (cu_launcher_take(s)) {
        if (s->done + s->failed > ended) {
            int64_t now_ms = cu_clock_ms();

            if (ended == 0 && SLOWER * (now_ms - begin_ms) > silence_ms)
                silence_ms = (int)(SLOWER * (now_ms - begin_ms));
            ended = s->done + s->failed;
            deadline_ms = now_ms + silence_ms;
        }
        if (cu_clock_wait(s->fd, POLLIN, deadline_ms) != 0)
            return false;
    }
    return true;
}

/* Waits for the launcher itself, while programs of it still hold the pipe. It is not reaped, so
 * that its group stays its own. */
static void await_leader(const struct cu_launcher *s)
{
    int fd = (int)syscall(SYS_pidfd_open, s->pid, 0);

    if (fd >= 0 && cu_clock_wait(fd, POLLIN, cu_clock_ms() + CLEAN_MS) != 0)
        cu_cli_say(stderr, "the launcher does not end: it is killed, and its files may stay");
    if (fd >= 0)
        close(fd);
}

void cu_launcher_kill(struct cu_launcher *s)
{
    if (s->pid <= 0)
        return;
    kill(-s->pid, SIGTERM);
    if (!cu_launcher_wait(s, KILL_MS)) {
        s->cut_off = true;
        await_leader(s);
        kill(-s->pid, SIGKILL);
        reap(s);
    }
}

void cu_launcher_free(struct cu_launcher *s)
{
    for (size_t i = 0; s->of && i < s->hosts->count; i++)
        free(s->of[i].text);
    free(s->of);
    free(s->by_label);
    free(s->text);
    s->of = NULL;
    s->by_label = NULL;
    s->text = NULL;
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}
