/* SPDX-License-Identifier: BSD-3-Clause */
/* One thread that sleeps in sigtimedwait: all that can happen to it is a signal. SIGUSR1 goes both
 * ways: from the daemon it says that the phase has changed, to the daemon that it must stop (which
 * SIGTERM, sent to both by whoever stops a whole job step, has perhaps told it already).
 *
 * Invariant: at most one daemon uses the device and the recovery area: the next one is started when
 * the last has been waited for. */
#include "copperd/supervisor.h"

#include "host/clock.h"
#include "host/log.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FLUSH_LOG_MS 200
#define STOP_MS      1000u /* an orderly end takes milliseconds; a frozen daemon has none */
#define KILL_MS      500u  /* stop tools wait 2 s for us */
#define BACKOFF_MS   50u   /* before the second restart; doubled for each further one */
#define LEAVE_MS     1000  /* for the supervisor to end, then again when it is killed */

struct supervisor {
    const struct cu_supervisor_config *config;
    sigset_t signals;
    sigset_t before;
    int device_fd;
    pid_t daemon;
    int status; /* of the daemon, when it has ended */
    bool stop;
    bool killed;
    uint64_t deadline_ms; /* of the next step when it must stop; UINT64_MAX: none */
    uint64_t restarts_ms[CU_SUPERVISOR_RESTARTS];
    unsigned restart_count;
};

enum outcome {
    ENDED,  /* status says how */
    DONE,   /* it has cleaned up and is about to end */
    CLINGS, /* killed, but a system call keeps it */
};

static pid_t supervisor_pid; /* in the daemon */

static void close_device(struct supervisor *s)
{
    if (s->device_fd >= 0)
        close(s->device_fd);
    s->device_fd = -1;
}

static int start_daemon(struct supervisor *s, bool again)
{
    pid_t self = getpid();

    (void)cu_log_flush(FLUSH_LOG_MS); /* upper bound of the wait for a log directory that hangs */
    s->daemon = fork();
    if (s->daemon < 0)
        return -errno;
    if (s->daemon > 0) {
        s->config->started(s->config->context);
        return 0;
    }
    supervisor_pid = self;
    prctl(PR_SET_NAME, "copperd");
    /* A mount without a daemon that will serve it must not stay. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != self)
        _exit(1);
    sigprocmask(SIG_SETMASK, &s->before, NULL);
    s->config->serve(s->config->context, again);
    _exit(1);
}

/* The next signal, 0 at the deadline (UINT64_MAX: none). */
static int next_signal(struct supervisor *s, uint64_t deadline_ms)
{
    uint64_t now = (uint64_t)cu_clock_ms(), left = deadline_ms > now ? deadline_ms - now : 0;
    struct timespec wait = {.tv_sec = (time_t)(left / 1000),
                            .tv_nsec = (long)(left % 1000) * 1000000};
    int number;

    if (deadline_ms == UINT64_MAX)
        number = sigwaitinfo(&s->signals, NULL);
    else
        number = sigtimedwait(&s->signals, NULL, &wait);
    if (number == SIGTERM || number == SIGINT)
        s->stop = true;
    if (number < 0)
        return errno == EAGAIN ? 0 : SIGCHLD;
    return number;
}

/* Watches the daemon until it has ended. */
static enum outcome watch(struct supervisor *s)
{
    for (;;) {
        int number = next_signal(s, s->deadline_ms);
        enum cu_recovery_phase phase = cu_recovery_phase(s->config->recovery);
        pid_t pid = waitpid(s->daemon, &s->status, WNOHANG);

        if (phase == CU_RECOVERY_DONE)
            return DONE;
        if (pid == s->daemon || (pid < 0 && errno == ECHILD))
            return ENDED;
        if (phase == CU_RECOVERY_GIVEN_UP)
            close_device(s);
        if (number == SIGTERM || number == SIGINT) {
            kill(s->daemon, SIGUSR1);
            if (s->deadline_ms == UINT64_MAX)
                s->deadline_ms = (uint64_t)cu_clock_ms() + STOP_MS;
        } else if (number == 0 && s->killed) {
            return CLINGS;
        } else if (number == 0) {
            cu_log_warn("the daemon (pid %ld) does not stop: killed", (long)s->daemon);
            kill(s->daemon, SIGKILL);
            s->killed = true;
            s->deadline_ms = (uint64_t)cu_clock_ms() + KILL_MS;
        }
    }
}

/* Is another restart within bounds? Then it is counted, and waited for; false, too, when a signal
 * to stop comes meanwhile. */
static bool may_restart(struct supervisor *s)
{
    uint64_t now = (uint64_t)cu_clock_ms(), until;
    unsigned recent = 0;

    for (unsigned i = 0; i < CU_SUPERVISOR_RESTARTS && i < s->restart_count; i++)
        recent += now - s->restarts_ms[i] < (uint64_t)CU_SUPERVISOR_WINDOW_S * 1000;
    if (recent >= CU_SUPERVISOR_RESTARTS)
        return false;
    s->restarts_ms[s->restart_count++ % CU_SUPERVISOR_RESTARTS] = now;
    until = now + (recent == 0 ? 0 : (uint64_t)BACKOFF_MS << (recent - 1));
    while (!s->stop && (uint64_t)cu_clock_ms() < until)
        next_signal(s, until);
    return !s->stop;
}

static void log_end(const struct supervisor *s)
{
    if (WIFSIGNALED(s->status))
        cu_log_error("the daemon (pid %ld) was killed by signal %d", (long)s->daemon,
                     WTERMSIG(s->status));
    else
        cu_log_error("the daemon (pid %ld) ended with status %d", (long)s->daemon,
                     WEXITSTATUS(s->status));
}

/* The daemon has ended. 1: start it again; 0: it was meant to; -errno with err. */
static int judge(struct supervisor *s, struct cu_error *err)
{
    enum cu_recovery_phase phase = cu_recovery_phase(s->config->recovery);
    bool signalled = WIFSIGNALED(s->status);
    int number = signalled ? WTERMSIG(s->status) : 0;

    if (phase == CU_RECOVERY_STARTING && signalled)
        return cu_error_set(err, -EIO, "the daemon was killed by signal %d while it started",
                            number);
    if (phase == CU_RECOVERY_STARTING)
        return -EIO;
    if (WIFEXITED(s->status) && WEXITSTATUS(s->status) == 0)
        return 0;
    log_end(s);
    if (phase != CU_RECOVERY_SERVING || number == SIGTERM || number == SIGINT || s->stop)
        return 0;
    if (may_restart(s))
        return 1;
    if (s->stop)
        return 0;
    cu_log_error("the daemon died more than %u times in %u s: gives up", CU_SUPERVISOR_RESTARTS,
                 CU_SUPERVISOR_WINDOW_S);
    return cu_error_set(err, -EIO, "the daemon died more than %u times in %u s",
                        CU_SUPERVISOR_RESTARTS, CU_SUPERVISOR_WINDOW_S);
}

int cu_supervisor_run(const struct cu_supervisor_config *config, struct cu_error *err)
{
    struct supervisor s = {
        .config = config, .device_fd = config->device_fd, .deadline_ms = UINT64_MAX};
    bool again = false;
    int rc;

    prctl(PR_SET_NAME, CU_SUPERVISOR_NAME);
    sigemptyset(&s.signals);
    sigaddset(&s.signals, SIGCHLD);
    sigaddset(&s.signals, SIGUSR1);
    sigaddset(&s.signals, SIGTERM);
    sigaddset(&s.signals, SIGINT);
    sigprocmask(SIG_BLOCK, &s.signals, &s.before);
    for (;;) {
        enum outcome outcome;

        rc = start_daemon(&s, again);
        if (rc < 0) {
            cu_error_set(err, rc, "no second process: %s", strerror(-rc));
            break;
        }
        outcome = watch(&s);
        rc = outcome == DONE ? 1 : 0;
        if (outcome == ENDED)
            rc = judge(&s, err);
        if (outcome != ENDED || rc <= 0)
            break;
        again = true;
    }
    close_device(&s);
    return rc;
}

/* --- in the daemon ---------------------------------------------------------------------------- */

void cu_supervisor_tell(struct cu_recovery *recovery, enum cu_recovery_phase phase)
{
    cu_recovery_set_phase(recovery, phase);
    if (supervisor_pid > 0 && getppid() == supervisor_pid)
        kill(supervisor_pid, SIGUSR1);
}

void cu_supervisor_leave(struct cu_recovery *recovery)
{
    struct pollfd ended = {.fd = -1, .events = POLLIN};

    prctl(PR_SET_PDEATHSIG, 0);
    if (supervisor_pid > 0)
        ended.fd = (int)syscall(SYS_pidfd_open, supervisor_pid, 0);
    cu_supervisor_tell(recovery, CU_RECOVERY_DONE);
    if (ended.fd < 0)
        return;
    if (getppid() == supervisor_pid && poll(&ended, 1, LEAVE_MS) == 0 &&
        getppid() == supervisor_pid) { /* it is frozen, and has nothing left to do */
        kill(supervisor_pid, SIGKILL);
        (void)poll(&ended, 1, LEAVE_MS);
    }
    close(ended.fd);
}
