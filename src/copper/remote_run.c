/* SPDX-License-Identifier: BSD-3-Clause */
/* One thread and one epoll for all hosts. A host costs a process, its pidfd and a pipe for its
 * output; the number of concurrent hosts follows from this and from the limits of this machine.
 *
 * A long list is cut into parts. The first host of a part starts the others of it, with the same
 * program, and passes the lines on. What it does not bring to an end itself comes back, and is done
 * from here: it cannot start others, or says nothing for a while, or its remote shell has failed.
 *
 * Invariant: a host is in one place: in a part, in the queue or at work here, or ended, after its
 * one line with a status was printed. */
#include "copper/remote_state.h"

#include "copper/cli.h"
#include "copper/remote_part.h"
#include "host/clock.h"
#include "proto/job.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#define TRIES_MAX 2u
#define PART_MS   5000 /* so long may a part say nothing of any of its hosts */
#define NO_ANSWER 255  /* ssh's own failure */
#define NOT_RUN   126
#define NOT_FOUND 127
#define MARK      "@copper " /* before each line of a part, which may follow other output */
#define PASSED    "?"        /* as a status: a part's first host is to begin with it */
#define BACK      "back"     /* as a status: this host is to be started by another */

/* --- lines ------------------------------------------------------------------------------------ */

static void tell(const struct cu_remote *r, const char *host, const char *status, const char *text)
{
    printf("%s%s %s %s\n", r->inside ? MARK : "", host, status, text);
}

static void tell_begun(struct cu_remote *r, size_t host)
{
    if (r->start && !r->of[host].begun)
        tell(r, r->hosts.names[host], "+", "");
    r->of[host].begun = true;
}

/* The part's first host begins with the others of it, and what it says of that may get lost. */
static void tell_passed(struct cu_remote *r, const struct cu_remote_todo *part)
{
    for (size_t i = part->host + 1; r->start && i < part->host + part->count; i++)
        tell(r, r->hosts.names[i], PASSED, "");
}

void cu_remote_put(struct cu_remote *r, size_t host, size_t count)
{
    r->queue[(r->first + r->waiting++) % r->hosts.count] =
        (struct cu_remote_todo){.host = host, .count = count};
}

/* This launcher itself does what a part has not brought to an end. */
static void take_back(struct cu_remote *r, size_t host)
{
    r->of[host].where = CU_REMOTE_HERE;
    cu_remote_put(r, host, 1);
}

static void take_back_part(struct cu_remote *r, const struct cu_call *call, const char *why)
{
    size_t count = 0;

    for (size_t i = call->host; i < call->host + call->count; i++)
        if (r->of[i].where == CU_REMOTE_IN_PART) {
            take_back(r, i);
            count++;
        }
    if (count > 0 && r->debug)
        cu_cli_say(stderr, "%s did not start %zu host%s of its part: %s",
                   r->hosts.names[call->host], count, count == 1 ? "" : "s",
                   why[0] != '\0' ? why : "it has said nothing");
}

/* The index of a host of the part, which is in natural order; SIZE_MAX: it has none such. */
static size_t find_in_part(const struct cu_remote *r, const struct cu_call *call, const char *name)
{
    size_t low = call->host, high = call->host + call->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = cu_parse_natural_compare(name, r->hosts.names[middle]);

        if (order == 0)
            return middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return SIZE_MAX;
}

/* "@copper HOST STATUS TEXT" of a part; of a command, "@copper - - TEXT" is passed on. */
static void on_line(void *context, struct cu_call *call, char *line)
{
    struct cu_remote *r = context;
    char *name = strstr(line, MARK), *status, *text;
    size_t host;

    if (!name)
        return;
    name += strlen(MARK);
    if (!call->part && !r->start && strncmp(name, "- - ", 4) == 0)
        tell(r, "-", "-", name + 4);
    if (!call->part)
        return;
    status = strchr(name, ' ');
    text = status ? strchr(status + 1, ' ') : NULL;
    if (!text)
        return;
    *status++ = '\0';
    *text++ = '\0';
    host = find_in_part(r, call, name);
    if (host == SIZE_MAX || r->of[host].where != CU_REMOTE_IN_PART)
        return;
    call->heard_ms = cu_clock_ms();
    if (strcmp(status, "+") == 0) {
        tell_begun(r, host);
    } else if (strcmp(status, BACK) == 0) {
        if (r->debug)
            cu_cli_say(stderr, "%s cannot start %s: %s", r->hosts.names[call->host], name, text);
        take_back(r, host);
    } else if (status[0] != '\0' && strspn(status, "0123456789") == strlen(status)) {
        r->of[host].where = CU_REMOTE_ENDED;
        tell(r, name, status, text);
    }
}

/* --- one call --------------------------------------------------------------------------------- */

/* The words for a call into argv. */
static void make_words(const struct cu_remote *r, const struct cu_call *call, const char **argv)
{
    const char *host = r->hosts.names[call->host];
    bool local = strcmp(host, "localhost") == 0 || (r->inside && call->host == r->self);
    char *const *words = local || r->executes ? r->plain : r->words;
    size_t n = 0;

    if (!local) {
        for (size_t i = 0; i < r->shell_count; i++)
            argv[n++] = r->shell[i];
        argv[n++] = host;
    }
    for (size_t i = 0; i < CU_REMOTE_PART_WORDS && call->part; i++)
        argv[n++] = r->part_words[i];
    for (size_t i = 0; i < r->word_count; i++)
        argv[n++] = words[i];
    if (r->start && !call->part) {
        argv[n++] = "--node";
        argv[n++] = host; /* letters, digits, '.', '-' and '_' only */
        if (r->output)
            argv[n++] = "--foreground";
    }
    argv[n] = NULL;
}

int cu_remote_watch(const struct cu_remote *r, int fd, uint32_t events, uint64_t what)
{
    struct epoll_event event = {.events = events, .data.u64 = what};

    return epoll_ctl(r->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0 ? 0 : -errno;
}

static void end_process(const struct cu_call *call, int signal_number)
{
    kill(call->pid, signal_number); /* not reaped yet: the number is still its own */
}

/* 0 or -errno: then nothing of it is left. */
static int begin(struct cu_remote *r, const struct cu_remote_todo *todo)
{
    const char *argv[3 * CU_REMOTE_WORDS_MAX + CU_REMOTE_PART_WORDS] = {NULL};
    size_t at = r->idle[r->running];
    struct cu_call *call = &r->calls[at];
    int in, rc;

    *call = (struct cu_call){.host = todo->host, .count = todo->count, .part = todo->count > 1};
    call->heard_ms = cu_clock_ms();
    make_words(r, call, argv);
    in = call->part ? cu_part_write(&r->hosts, call->host, call->count, r->part_shell, r->input)
                    : open(r->input, O_RDONLY | O_CLOEXEC);
    if (in < 0)
        return call->part ? in : -errno;
    rc = cu_call_begin(call, argv, in, r->output);
    close(in);
    if (rc != 0)
        return rc;
    rc = cu_remote_watch(r, call->pidfd, EPOLLIN, 2 * at);
    if (rc == 0)
        rc = cu_remote_watch(r, call->out, EPOLLIN, 2 * at + 1);
    if (rc != 0) {
        end_process(call, SIGKILL);
        waitpid(call->pid, NULL, 0);
        cu_call_end(call, NULL, NULL);
        return rc;
    }
    r->running++;
    r->parts += call->part;
    return 0;
}

static const char *program_of(const struct cu_remote *r)
{
    for (size_t i = 0; i < r->word_count; i++)
        if (r->plain[i][0] == '/')
            return r->plain[i];
    return r->plain[r->word_count - 1];
}

/* Prints the host's line; or another try follows, when the error was not from Copper. */
static void end_host(struct cu_remote *r, struct cu_call *call, int status)
{
    const char *name = r->hosts.names[call->host];
    const char *said = call->ours[0] != '\0' ? call->ours : call->last;
    bool others_fault = status != 0 && call->ours[0] == '\0';
    char text[3 * CU_CALL_SAID_MAX], number[16];

    if (others_fault && !r->inside && status != NOT_RUN && status != NOT_FOUND &&
        status != CU_JOB_SHELL_STATUS && r->start && !r->output &&
        ++r->of[call->host].tries < TRIES_MAX) {
        cu_remote_put(r, call->host, 1);
        return;
    }
    r->of[call->host].where = CU_REMOTE_ENDED;
    snprintf(number, sizeof(number), "%d", status);
    if (status == NOT_FOUND && strstr(said, "while loading shared libraries"))
        snprintf(text, sizeof(text), "cannot run %s: %s", program_of(r), said); /* it is there */
    else if (status == NOT_RUN || status == NOT_FOUND)
        snprintf(text, sizeof(text),
                 "cannot run %s: Copper must be at the same path on every node (%s)", program_of(r),
                 said);
    else if (status == NO_ANSWER)
        snprintf(text, sizeof(text), "no answer from rsh: %s",
                 said[0] != '\0' ? said : "it said nothing");
    else if (status != 0 && said[0] == '\0')
        snprintf(text, sizeof(text), "ended with status %d", status);
    else
        snprintf(text, sizeof(text), "%s", said);
    tell(r, name, others_fault && r->inside ? BACK : number, text);
}

static void reap(struct cu_remote *r, size_t at)
{
    struct cu_call *call = &r->calls[at];
    int status = 0;

    if (waitpid(call->pid, &status, WNOHANG) != call->pid)
        return;
    r->idle[--r->running] = at;
    cu_call_end(call, on_line, r);
    r->parts -= call->part && !call->given_up;
    if (call->part)
        take_back_part(r, call, call->last);
    else
        end_host(r, call, WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

/* --- all hosts -------------------------------------------------------------------------------- */

/* Is it a lack of resources that the end of another host will free? */
static bool is_lack(int rc)
{
    return rc == -EAGAIN || rc == -ENOMEM || rc == -EMFILE || rc == -ENFILE || rc == -ENOSPC;
}

/* Starts as many hosts as there is room for. -errno: not even one could be started. */
static int begin_some(struct cu_remote *r)
{
    while (r->waiting > 0 && r->running < r->width) {
        struct cu_remote_todo todo = r->queue[r->first];
        int rc = begin(r, &todo);

        if (rc != 0 && is_lack(rc) && r->running > 0) {
            r->width = r->running;
            return 0;
        }
        if (rc != 0)
            return rc;
        r->first = (r->first + 1) % r->hosts.count;
        r->waiting--;
        tell_begun(r, todo.host);
        tell_passed(r, &todo);
    }
    return 0;
}

/* Takes the hosts of silent parts back. */
static void look_at_parts(struct cu_remote *r)
{
    int64_t now_ms = cu_clock_ms();

    for (size_t i = 0; r->parts > 0 && i < r->width; i++) {
        struct cu_call *call = &r->calls[i];

        if (!call->part || call->given_up || call->pidfd < 0 || now_ms - call->heard_ms < PART_MS)
            continue;
        call->given_up = true;
        r->parts--;
        end_process(call, SIGTERM);
        take_back_part(r, call, "it was silent for too long");
    }
}

/* When to look again, at the parts that have just begun, too; for epoll_wait. */
static int next_look_ms(const struct cu_remote *r)
{
    int64_t next_ms = INT64_MAX;

    for (size_t i = 0; r->parts > 0 && i < r->width; i++) {
        const struct cu_call *call = &r->calls[i];

        if (call->part && !call->given_up && call->pidfd >= 0 && call->heard_ms + PART_MS < next_ms)
            next_ms = call->heard_ms + PART_MS;
    }
    return next_ms < INT64_MAX ? cu_clock_left_ms(next_ms) : -1;
}

/* 0; -EINTR: the launcher, or who reads the lines, has ended, or asks to stop. */
static int wait_some(struct cu_remote *r, int timeout_ms)
{
    struct epoll_event events[256];
    int n = epoll_wait(r->epoll_fd, events, 256, timeout_ms);

    for (int i = 0; i < n; i++) {
        uint64_t what = events[i].data.u64;

        if (what == CU_REMOTE_SIGNAL || what == CU_REMOTE_READER)
            return -EINTR;
        if (what % 2 == 1)
            cu_call_take(&r->calls[what / 2], on_line, r);
    }
    for (int i = 0; i < n; i++) /* last: a call that has ended is used again */
        if (events[i].data.u64 % 2 == 0)
            reap(r, (size_t)(events[i].data.u64 / 2));
    return 0;
}

/* What was started here. A part's remote shell may be in a process group of others. */
static void end_all(const struct cu_remote *r)
{
    if (!r->inside) {
        kill(0, SIGTERM); /* blocked for this process */
        return;
    }
    for (size_t i = 0; i < r->width; i++)
        if (r->calls[i].pidfd > 0)
            end_process(&r->calls[i], SIGTERM);
}

int cu_remote_run(struct cu_remote *r)
{
    int rc = 0;

    while (rc == 0 && (r->waiting > 0 || r->running > 0)) {
        look_at_parts(r);
        rc = begin_some(r);
        fflush(stdout);
        if (rc != 0 && !r->inside)
            printf("- - no remote command can be started: %s: %s\n", r->shell[0], strerror(-rc));
        if (rc != 0)
            break; /* inside: who has started this takes the hosts back */
        rc = wait_some(r, next_look_ms(r));
        fflush(stdout);
    }
    if (rc != 0)
        end_all(r);
    fflush(stdout);
    return rc != 0 ? CU_EXIT_FAILED : CU_EXIT_OK;
}
