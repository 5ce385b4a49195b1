/* SPDX-License-Identifier: BSD-3-Clause */
/* The near end of a relay: a process with one end of a socket pair, whose other end is the client's
 * connection. It reads requests as the daemon's own socket takes them, one a line, has the launcher
 * run one command for each, and writes the answer as one line. So the rest of the program need not
 * know how its daemon is reached.
 *
 * It lives until the other end is closed, whatever happens to the process there, and then ends the
 * launcher that it may have running. */
#include "copper/relay.h"

#include "base/idset.h"
#include "copper/cli.h"
#include "copper/job_file.h"
#include "copper/launcher.h"
#include "host/process.h"
#include "proto/control.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SOCKET 3    /* of the relay's process */
#define END_MS 3000 /* for a launcher to end by itself when its command has */

struct relay {
    const struct cu_job *job;
    const struct cu_launch_paths *paths;
    size_t first, tries;
    char job_id[2 * CU_JOB_ID_BYTES + 1];
    char why[CU_ERROR_TEXT_MAX]; /* of the last host that brought no answer */
    struct cu_launcher launcher; /* at work, or about to end */
    char *name;                  /* of its host; borrowed */
    struct cu_hosts one;
};

static void hear(void *context, const char *text)
{
    (void)cu_relay_take(context, text);
}

/* Runs the launcher until the answer is complete. 0; -ECONNRESET: nobody wants it any more. */
static int run_launcher(struct relay *r, struct cu_relay_answer *answer)
{
    struct cu_launcher *s = &r->launcher;
    struct pollfd polls[2] = {{.fd = SOCKET, .events = POLLRDHUP}};

    while (cu_launcher_take(s) && !answer->complete) {
        polls[1] = (struct pollfd){.fd = s->fd, .events = POLLIN};
        if (poll(polls, 2, -1) < 0 && errno != EINTR)
            return -errno;
        if (polls[0].revents != 0)
            return -ECONNRESET;
    }
    return 0;
}

static void end_launcher(struct relay *r, bool killed)
{
    if (r->launcher.pid > 0 && (killed || !cu_launcher_wait(&r->launcher, END_MS)))
        cu_launcher_kill(&r->launcher);
    if (r->launcher.of)
        cu_launcher_free(&r->launcher);
}

static void note_why(struct relay *r, const struct cu_relay_answer *answer, const char *host)
{
    const struct cu_launcher *s = &r->launcher;
    const char *said = s->of[0].text ? s->of[0].text : s->text ? s->text : "it said nothing";

    if (answer->broken || answer->complete)
        said = "the launcher has not carried the whole answer";
    snprintf(r->why, sizeof(r->why), "%.200s: %.250s", host, said);
}

/* Asks through one host. The answer as text, new; NULL with *rc 0 and a reason, or -errno. */
static char *ask_host(struct relay *r, size_t rank, const char *coded, bool *ended, int *rc)
{
    const char *const command[] = {r->paths->copper, "job", "ask", r->job->mount_dir,
                                   r->job_id,        coded, NULL};
    char *text = NULL;
    struct cu_relay_answer answer = {0};
    struct cu_launcher_config config = {.parts = r->paths->parts,
                                        .mode = "run",
                                        .command = command,
                                        .hosts = &r->one,
                                        .hear = hear,
                                        .context = &answer};
    struct cu_error err;

    *rc = 0;
    r->name = r->job->hosts.names[rank];
    r->one = (struct cu_hosts){.names = &r->name, .count = 1};
    if (cu_launcher_spawn(&r->launcher, &config, &err) != 0) {
        snprintf(r->why, sizeof(r->why), "%s", err.text);
        return NULL;
    }
    *rc = run_launcher(r, &answer);
    if (*rc == 0) {
        text = cu_relay_text(&answer);
        *ended = answer.ended;
    }
    if (*rc == 0 && !text)
        note_why(r, &answer, r->name);
    r->launcher.hear = NULL;
    if (!text)
        end_launcher(r, *rc != 0);
    cu_relay_clear(&answer);
    return text;
}

static char *ask_hosts(struct relay *r, const char *coded, bool *ended, int *rc)
{
    size_t count = r->job->hosts.count, tried = 0;
    struct cu_idset out;
    char *text = NULL;

    *rc = cu_idset_init(&out, (uint32_t)count);
    if (*rc == 0 && r->job->left_out && cu_idset_add_text(&out, r->job->left_out) != 0)
        cu_idset_free(&out);
    for (size_t i = 0; *rc == 0 && !text && i < count && tried < r->tries; i++) {
        size_t rank = (r->first + i) % count;

        if (cu_idset_has(&out, (uint32_t)rank))
            continue;
        tried++;
        text = ask_host(r, rank, coded, ended, rc);
    }
    cu_idset_free(&out);
    return text;
}

static int send_line(const char *text)
{
    struct iovec parts[2] = {{.iov_base = (void *)text, .iov_len = strlen(text)},
                             {.iov_base = "\n", .iov_len = 1}};
    size_t i = 0;

    while (i < 2) {
        struct msghdr msg = {.msg_iov = parts + i, .msg_iovlen = 2 - i};
        ssize_t n = sendmsg(SOCKET, &msg, MSG_NOSIGNAL);

        if (n < 0 && errno != EINTR)
            return -errno;
        for (; i < 2 && n >= (ssize_t)parts[i].iov_len; i++)
            n -= (ssize_t)parts[i].iov_len;
        if (i < 2 && n > 0) {
            parts[i].iov_base = (char *)parts[i].iov_base + n;
            parts[i].iov_len -= (size_t)n;
        }
    }
    return 0;
}

static int send_failure(const char *why)
{
    json_t *answer = json_pack("{s:b,s:b,s:s%}", "ok", 0, "relay", 0, "error", why, strlen(why));
    char *text = answer ? json_dumps(answer, JSON_COMPACT) : NULL;
    int rc = send_line(
        text ? text : "{\"ok\":false,\"relay\":false,\"error\":\"the launcher has failed\"}");

    free(text);
    json_decref(answer);
    return rc;
}

/* One request, to its answer. 0: another may follow. */
static int serve(struct relay *r, const char *request, size_t size)
{
    size_t room = sodium_base64_ENCODED_LEN(size, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    char *coded = malloc(room), *text;
    bool ended = false;
    int rc;

    if (!coded)
        return -ENOMEM;
    sodium_bin2base64(coded, room, (const unsigned char *)request, size,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    text = ask_hosts(r, coded, &ended, &rc);
    free(coded);
    if (rc == 0)
        rc = text ? send_line(text) : send_failure(r->why);
    if (rc == 0 && ended)
        rc = -ECONNRESET; /* as the daemon's own connection ends */
    free(text);
    end_launcher(r, false); /* the answer has not waited for it */
    return rc;
}

__attribute__((noreturn)) static void run_relay(struct relay *r)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t n;
    sigset_t all;
    FILE *in = fdopen(SOCKET, "r");

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    cu_process_silence(STDIN_FILENO);
    cu_process_silence(STDOUT_FILENO);
    cu_process_silence(STDERR_FILENO); /* shells tell of their children that are killed */
    while (in && (n = getline(&line, &room, in)) > 1)
        if (serve(r, line, (size_t)n - 1) != 0)
            break;
    _exit(0);
}

/* The relay is nobody's child, so that nobody waits for its end. */
static int start(struct relay *r, int fd, struct cu_error *err)
{
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) {
        pid = fork();
        if (pid != 0)
            _exit(pid < 0 ? 1 : 0);
        dup2(fd, SOCKET);
        fcntl(SOCKET, F_SETFD, FD_CLOEXEC);
        cu_process_close_above(SOCKET);
        run_relay(r);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (pid < 0 || status != 0)
        return cu_error_set(err, -EAGAIN, "no process can be started: %s",
                            strerror(pid < 0 ? errno : EAGAIN));
    return 0;
}

int cu_relay_open(const struct cu_job *job, const struct cu_launch_paths *paths, size_t first,
                  size_t tries, struct cu_client *client, struct cu_error *err)
{
    struct relay r = {.job = job, .paths = paths, .first = first, .tries = tries};
    int fds[2], rc;

    *client = (struct cu_client){.channel.fd = -1, .relayed = true};
    snprintf(client->name, sizeof(client->name), "through the launcher");
    if (sodium_init() < 0)
        return cu_error_set(err, -EIO, "libsodium does not start");
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0)
        return cu_error_set(err, -errno, "socket: %s", strerror(errno));
    cu_job_file_id(job, r.job_id);
    snprintf(r.why, sizeof(r.why), "no host of the job is left to ask");
    rc = start(&r, fds[1], err);
    close(fds[1]);
    if (rc != 0)
        close(fds[0]);
    else
        client->channel.fd = fds[0];
    return rc;
}
