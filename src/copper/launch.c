/* SPDX-License-Identifier: BSD-3-Clause */
/* Starts a job, and detects when it is ready. Three things can happen, and one poll waits for all:
 * a command on a host ends (the launcher's pipe), rank 0 answers `wait` (its connection), a signal
 * arrives (a signal descriptor). Rank 0 is tried when its command has ended, for then it listens;
 * where commands stay as long as their daemons (srun), it is tried again and again at growing
 * distances. Where nodes may be missing, any node whose command has ended can be asked, because it
 * hands the request up.
 *
 * Invariant: whatever the end, either all nodes are ready, but for those that may be missing and
 * are named, or everything was stopped again. */
#include "copper/launch.h"

#include "control/client.h"
#include "control/commands.h"
#include "copper/cli.h"
#include "copper/job_file.h"
#include "copper/job_stop.h"
#include "copper/joblog.h"
#include "copper/launch_state.h"
#include "copper/progress.h"
#include "host/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define TRY_MS       300 /* for one attempt to reach rank 0 */
#define RETRY_MAX_MS 100
/* After a failure: for other hosts to fail, too, and be named. As long again as the first took. */
#define OTHERS_MS       1000
#define OTHERS_MAX_MS   5000
#define UNREACHED_MS    5000 /* for a host that listens on the network of -n to be reached */
#define LAUNCHER_END_MS 2000 /* of one that stays, after it has removed the job's file */
#define ANSWER_EARLY_MS 100  /* `wait` ends so long before the limit, to report missing nodes */
#define ANSWER_LATE_MS                                                                             \
    2000 /* its answer is awaited so long after the limit: it tells who lacks                      \
          */

size_t cu_launch_without(const struct cu_launch *l)
{
    size_t allowed = l->job->allow_missing;

    return l->launcher.failed < allowed ? l->launcher.failed : allowed;
}

static bool may_be_asked(const struct cu_launch *l, size_t i)
{
    return l->launcher.stay ? l->launcher.of[i].state != CU_LAUNCHER_FAILED
                            : l->launcher.of[i].state == CU_LAUNCHER_DONE;
}

/* The host that `wait` goes to, the first from that one on; -1: none yet. Every second time it is
 * rank 0, for which `wait` is meant: the others hand it up, and where thousands of them do not
 * answer, none is tried in vain for long. */
static ssize_t whom_to_ask(const struct cu_launch *l, size_t at)
{
    size_t count = l->job->hosts.count;

    if (l->job->allow_missing == 0)
        return may_be_asked(l, 0) ? 0 : -1;
    if (l->ask_root && may_be_asked(l, 0))
        return 0;
    for (size_t k = 0; k < count; k++)
        if (may_be_asked(l, (at + k) % count))
            return (ssize_t)((at + k) % count);
    return -1;
}

int cu_launch_open_host(const struct cu_launch *l, size_t host, int timeout_ms,
                        struct cu_client *client, struct cu_error *err)
{
    if (strcmp(l->job->hosts.names[host], "localhost") == 0)
        return cu_client_open_here(l->job->mount_dir, client, err);
    return cu_client_open_rank(l->job, (uint32_t)host, timeout_ms, client, err);
}

/* Whoever has been started listens. With -n only on that network, and when this host is not there,
 * and there is no other way, it will not reach them later either. */
static void note_reach(struct cu_launch *l, size_t host, bool reached)
{
    int64_t now = cu_clock_ms();

    l->unreached_host = host;
    snprintf(l->unreached_at, sizeof(l->unreached_at), "%.380s", reached ? "" : l->last.text);
    if (reached)
        l->unreached_ms = 0;
    else if (l->unreached_ms == 0)
        l->unreached_ms = now;
    else if (now - l->unreached_ms >= UNREACHED_MS && l->fail_ms == 0 && l->relay_failed &&
             !l->launcher.stay && strchr(l->job->network, ':'))
        l->fail_ms = now;
}

json_t *cu_launch_wait_request(const struct cu_launch *l, int64_t way_ms)
{
    int64_t left = l->limit_ms - cu_clock_ms() - ANSWER_EARLY_MS - way_ms;

    return json_pack("{s:s,s:I,s:I}", "op", "wait", "timeout_ms", (json_int_t)(left > 1 ? left : 1),
                     "missing", (json_int_t)cu_launch_without(l));
}

static void ask_wait(struct cu_launch *l)
{
    json_t *request = cu_launch_wait_request(l, 0);
    ssize_t host = whom_to_ask(l, l->ask_at);
    int rc = cu_launch_open_host(l, (size_t)host, TRY_MS, &l->client, &l->last);

    note_reach(l, (size_t)host, rc == 0);
    l->asked_without = cu_launch_without(l);
    if (rc != 0 && l->job->allow_missing > 0) {
        l->ask_at = host > 0 || !l->ask_root ? (size_t)host + 1 : l->ask_at;
        l->ask_root = !l->ask_root;
    }
    if (rc == 0) {
        rc = cu_client_send(&l->client, request, &l->last);
        l->asked = rc == 0;
        if (rc != 0)
            cu_client_close(&l->client);
        else
            cu_launch_relay_close(l);
    }
    json_decref(request);
    l->retry_ms = l->retry_ms * 2 < RETRY_MAX_MS ? l->retry_ms * 2 : RETRY_MAX_MS;
    l->try_ms = cu_clock_ms() + l->retry_ms;
}

/* Somebody stops the job: from this host the job's file goes with it, from another one rank 0 says
 * it. A launcher that stays removes the file, too, when it ends. */
static bool is_stopped(struct cu_launch *l)
{
    struct stat st;

    if (l->told_stopped || fstat(l->file->fd, &st) != 0 || st.st_nlink != 0)
        return l->told_stopped;
    if (l->gone_ms == 0)
        l->gone_ms = cu_clock_ms() + (l->launcher.stay ? LAUNCHER_END_MS : 0);
    return cu_clock_ms() >= l->gone_ms;
}

/* Takes result, a reference: what that host has answered. */
static void take_result(struct cu_launch *l, size_t host, json_t *result)
{
    if (host == 0 && strcmp(cu_cli_text(result, "error"), CU_COMMANDS_STOPPING) == 0)
        l->told_stopped = true;
    /* The time of the `wait` is over: are so few nodes missing that the launch still succeeds? */
    if (!json_is_true(json_object_get(result, "ok")) && l->job->allow_missing > 0 &&
        json_object_get(result, "missing") &&
        cu_cli_number(result, "missing_count") <= l->job->allow_missing)
        l->ready = true;
    if (json_is_true(json_object_get(result, "ok")) || l->ready) {
        l->ready = true;
        l->answer = json_incref(result);
    } else {
        (void)cu_error_set(&l->last, -EAGAIN, "%s", cu_cli_text(result, "error"));
        json_decref(l->not_ready);
        l->not_ready = json_incref(result);
    }
    json_decref(result);
}

static void take_answer(struct cu_launch *l)
{
    json_t *result = NULL;
    int rc = cu_client_receive(&l->client, TRY_MS, &result, &l->last);

    l->asked = false;
    cu_client_close(&l->client);
    l->try_ms = cu_clock_ms() + l->retry_ms;
    if (rc == 0)
        take_result(l, l->unreached_host, result);
}

static bool may_try(const struct cu_launch *l)
{
    return !l->ready && !l->asked && whom_to_ask(l, l->ask_at) >= 0;
}

/* When the time of the launch is over. A busy machine may answer `wait` late. */
static int64_t end_of_time(const struct cu_launch *l)
{
    return l->limit_ms + (l->asked || l->relay_asked ? ANSWER_LATE_MS : 0);
}

/* Is the launcher at work on a host? One that has failed at some may not end by itself (Hydra). */
static bool works(const struct cu_launcher *s)
{
    return s->fd >= 0 && (s->failed == 0 || s->done + s->failed < s->hosts->count);
}

/* Is the launch over? Success also needs the launcher's end, so that no process of the launch is
 * left here.
 * */
static bool finished(struct cu_launch *l, int64_t now)
{
    bool running = l->launcher.fd >= 0;

    if (l->interrupted != 0)
        return true;
    if (!l->ready && is_stopped(l))
        return true;
    if (l->ready && (l->launcher.stay || !works(&l->launcher)))
        return true;
    if (now >= end_of_time(l))
        return true;
    if (!running && !l->ready &&
        (l->launcher.stay || l->launcher.done + l->job->allow_missing < l->job->hosts.count))
        return true;
    return l->fail_ms != 0 && now >= l->fail_ms;
}

static int64_t earliest(const struct cu_launch *l)
{
    int64_t next = end_of_time(l), relay_ms = INT64_MAX;

    if (may_try(l))
        relay_ms = cu_launch_relay_next(l, whom_to_ask(l, l->relay_at));
    if (relay_ms < next)
        next = relay_ms;
    if (may_try(l) && l->try_ms < next)
        next = l->try_ms;
    if (l->fail_ms != 0 && l->fail_ms < next)
        next = l->fail_ms;
    if (!l->ready && l->gone_ms != 0 && l->gone_ms < next)
        next = l->gone_ms;
    if (l->terminal && l->progress_ms < next)
        next = l->progress_ms;
    return next;
}

static void wait_once(struct cu_launch *l)
{
    struct pollfd polls[5] = {
        {.fd = l->signal_fd, .events = POLLIN},
        {.fd = l->launcher.fd, .events = POLLIN},
        {.fd = l->asked ? l->client.channel.fd : -1, .events = POLLIN},
        {.fd = l->relay_asked ? l->relay.channel.fd : -1, .events = POLLIN},
        {.fd = l->progress_asked ? l->progress.channel.fd : -1, .events = POLLIN},
    };
    struct signalfd_siginfo info;
    json_t *result;

    if (poll(polls, 5, cu_clock_left_ms(earliest(l))) < 0)
        return;
    if (polls[0].revents != 0 && read(l->signal_fd, &info, sizeof(info)) == sizeof(info))
        l->interrupted = (int)info.ssi_signo;
    if (polls[1].revents != 0)
        cu_launcher_take(&l->launcher);
    if (polls[2].revents != 0)
        take_answer(l);
    if (polls[3].revents != 0 && (result = cu_launch_relay_answer(l)))
        take_result(l, l->relay_host, result);
    if (polls[4].revents != 0)
        cu_launch_progress_take(l);
}

static int64_t others_ms(int64_t first_ms)
{
    if (first_ms < OTHERS_MS)
        return OTHERS_MS;
    return first_ms < OTHERS_MAX_MS ? first_ms : OTHERS_MAX_MS;
}

static void run_until_finished(struct cu_launch *l)
{
    int64_t now = cu_clock_ms();

    while (!finished(l, now)) {
        wait_once(l);
        now = cu_clock_ms();
        if ((l->asked || l->relay_asked) && l->asked_without != cu_launch_without(l) && !l->ready) {
            cu_client_close(&l->client); /* asked anew, with the right number */
            cu_launch_relay_close(l);
            l->asked = false;
            l->try_ms = now;
        }
        if (may_try(l) && now >= l->try_ms && now < l->limit_ms)
            ask_wait(l);
        if (may_try(l) && now < l->limit_ms)
            cu_launch_relay(l, whom_to_ask(l, l->relay_at), now);
        if (l->launcher.failed > l->job->allow_missing && l->fail_ms == 0)
            l->fail_ms = now + others_ms(now - l->start_ms);
        cu_launch_progress(l, now);
    }
    cu_launch_progress_end(l);
}

/* With which of `may` another attempt avoids all causes of failure; 0: there are other causes. Sets
 * the index of a host that has failed. */
static unsigned find_again(const struct cu_launch *l, unsigned may, size_t *example)
{
    unsigned found = 0;

    for (size_t i = l->job->hosts.count; i-- > 0;) {
        const struct cu_launcher_host *s = &l->launcher.of[i];
        unsigned cause = 0;

        if (s->state != CU_LAUNCHER_FAILED)
            continue;
        if (s->text && strstr(s->text, CU_JOB_PORT_TAKEN))
            cause = CU_LAUNCH_PORT & may;
        else if (s->text && strstr(s->text, CU_JOB_NO_INPUT))
            cause = CU_LAUNCH_INPUT & may;
        if (cause == 0)
            return 0;
        found |= cause;
        *example = i;
    }
    return found;
}

static void say_again(const struct cu_launch *l, unsigned again, size_t example)
{
    const char *host = l->job->hosts.names[example], *shared = getenv("COPPER_SHARED");

    if ((again & CU_LAUNCH_INPUT) != 0)
        cu_cli_say(stderr, "%s: %s: sharing it through a file in %s", host, CU_JOB_NO_INPUT,
                   shared && shared[0] != '\0' ? shared : "the home directory");
    else
        cu_cli_say(stderr, "%s: port %u is in use: trying another", host, (unsigned)l->job->port);
}

/* The hosts on which nothing can run of this launch, which is over; the names are the job's. */
static void find_untouched(const struct cu_launch *l, struct cu_hosts *out)
{
    const struct cu_hosts *all = &l->job->hosts;

    *out = (struct cu_hosts){.names = calloc(all->count, sizeof(*out->names))};
    for (size_t i = 0; out->names && i < all->count; i++)
        if (cu_launcher_untouched(&l->launcher, i))
            out->names[out->count++] = all->names[i];
}

/* While no daemon has taken `wait`, the job has no tree that a stop could go through. */
static void stop_all(const struct cu_launch *l, const struct cu_launch_paths *paths,
                     struct cu_job_stop *stop)
{
    char id[2 * CU_JOB_ID_BYTES + 1];
    const struct cu_local_stop_whose whose = {.job_id = id};
    struct cu_hosts untouched;

    find_untouched(l, &untouched);
    stop->untouched = &untouched;
    stop->relay = l->relayed;
    cu_job_file_id(l->job, id);
    if (l->asked || l->not_ready || l->answer)
        cu_job_stop_everywhere(l->job, paths, stop);
    else
        cu_job_stop_each(&l->job->hosts, l->job->mount_dir, &whose, 0, paths, stop);
    stop->untouched = NULL;
    free(untouched.names);
}

static int give_up(struct cu_launch *l, const struct cu_launch_paths *paths, unsigned *again)
{
    char command[CU_JOB_STOP_AGAIN_MAX];
    const struct cu_job *job = l->job;
    const struct cu_joblog log = {.parent = job->report_dir ? job->report_dir : job->log_dir};
    struct cu_job_stop stop = {0};
    bool stopped = is_stopped(l);
    size_t example = 0;

    *again = l->interrupted == 0 && !stopped ? find_again(l, *again, &example) : 0;
    if (*again == 0 && l->interrupted == 0 && !stopped)
        stop.log = &log; /* --log-collect: it may tell why */
    if (*again != 0)
        say_again(l, *again, example);
    else if (l->interrupted != 0)
        cu_cli_say(stderr, "interrupted: stopping what was started");
    else if (stopped)
        cu_cli_say(stderr, "the job was stopped while it was being launched");
    else {
        cu_launch_look(l);
        (void)cu_launcher_take(&l->launcher); /* what has come meanwhile */
        cu_launch_print_failure(l);
    }
    cu_client_close(&l->client);
    cu_launch_relay_close(l);
    cu_progress_begin("stopping what was started");
    cu_launcher_kill(&l->launcher);
    stop_all(l, paths, &stop);
    cu_progress_end();
    if (stop.silent > 0) {
        cu_job_stop_again(&stop, l->job->mount_dir, command);
        cu_cli_say(stderr, "%zu node%s could not be cleaned: %s; when %s back: %s", stop.silent,
                   stop.silent == 1 ? "" : "s", stop.first, stop.silent == 1 ? "it is" : "they are",
                   command);
        *again = 0;
    }
    cu_job_stop_free(&stop);
    return l->interrupted != 0 ? CU_EXIT_INTERRUPTED + l->interrupted : CU_EXIT_FAILED;
}

/* All signals that end a process by default and can be blocked: schedulers use many of them as
 * warnings. Not those that the user has told this process to ignore (nohup, trap '' TERM): one that
 * is blocked would arrive all the same. Of SIGINT and SIGQUIT, shells say so of each command in the
 * background. */
static int block_signals(void)
{
    static const int ends[] = {SIGINT,  SIGTERM, SIGHUP,    SIGQUIT, SIGXCPU, SIGXFSZ,
                               SIGUSR1, SIGUSR2, SIGVTALRM, SIGALRM, SIGPROF};
    struct sigaction now;
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        if (sigaction(ends[i], NULL, &now) != 0 || now.sa_handler != SIG_IGN || ends[i] == SIGINT ||
            ends[i] == SIGQUIT)
            sigaddset(&set, ends[i]);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return -1;
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int cu_launch_run(const struct cu_job *job, struct cu_job_file *file,
                  const struct cu_launch_paths *paths, unsigned *again)
{
    const char *const command[] = {paths->copperd, NULL};
    struct cu_launcher_config config = {.parts = paths->parts,
                                        .mode = "start",
                                        .command = command,
                                        .hosts = &job->hosts,
                                        .input = file->path,
                                        .job = file->path,
                                        .allow_missing = job->allow_missing,
                                        .keep_stdout = job->log_to_stdout};
    struct cu_launch l = {.job = job,
                          .file = file,
                          .paths = paths,
                          .client.channel.fd = -1,
                          .relay.channel.fd = -1,
                          .progress.channel.fd = -1,
                          .retry_ms = 5};
    struct cu_error err;
    int status;

    if (cu_launch_input(job, paths->parts, &config.input_fd, &err) != 0) {
        *again = 0;
        return cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
    }
    l.start_ms = cu_clock_ms();
    l.limit_ms = l.start_ms + (int64_t)cu_job_launch_ms(job);
    l.progress_ms = l.start_ms + CU_LAUNCH_PROGRESS_MS;
    l.terminal = isatty(2) == 1;
    l.signal_fd = block_signals();
    if (l.signal_fd < 0) {
        (void)cu_error_set(&err, -errno, "signals: %s", strerror(errno));
        status = -1;
    } else {
        status = cu_launcher_spawn(&l.launcher, &config, &err);
    }
    if (config.input_fd > 0)
        close(config.input_fd);
    if (status != 0) {
        if (l.signal_fd >= 0)
            close(l.signal_fd);
        *again = 0;
        return cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
    }
    run_until_finished(&l);
    if (l.ready && l.interrupted == 0) {
        if (!l.launcher.stay)
            cu_launcher_kill(
                &l.launcher); /* what still runs of it is for hosts that are left out */
        cu_launch_settle(&l, file);
        if (l.left_out_count > 0)
            cu_launch_look(&l);
        cu_launch_print_success(&l);
        *again = 0;
        status = CU_EXIT_OK;
    } else {
        status = give_up(&l, paths, again);
    }
    cu_client_close(&l.client);
    cu_launch_relay_close(&l);
    json_decref(l.not_ready);
    json_decref(l.answer);
    free(l.left_out);
    free(l.found);
    cu_launcher_free(&l.launcher);
    close(l.signal_fd);
    return status;
}
