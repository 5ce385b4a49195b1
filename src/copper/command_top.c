/* SPDX-License-Identifier: BSD-3-Clause */
/* copper top: what the job does now. At any time at most one request is under way, so that a top
 * that is stopped costs a daemon one answer at most. All signals that end the program are taken
 * between two steps, so that the terminal is always given back. */
#include "base/parse.h"
#include "control/client.h"
#include "copper/cli.h"
#include "copper/reach.h"
#include "copper/top_json.h"
#include "copper/top_page.h"
#include "copper/top_screen.h"
#include "host/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define GATHER_MS     900   /* for the nodes to answer */
#define SILENT_MS     5000  /* then the page says so */
#define GIVEN_UP_MS   15000 /* and then another daemon is asked */
#define LAST_TRIES_MS 10000 /* without any daemon */

static volatile sig_atomic_t ended_by; /* the signal */

struct top {
    const struct cu_cli_options *options;
    struct cu_top_model model;
    struct cu_top_page page;
    struct cu_client client;
    bool connected, asked;
    int64_t asked_ms;                   /* when the last request was sent */
    int64_t next_ms;                    /* when the next one is due */
    int64_t lost_ms;                    /* since when no daemon answers; 0: one does */
    uint64_t samples;                   /* taken */
    uint32_t rows;                      /* visible */
    const struct cu_screen_ops *screen; /* NULL: --once */
};

static void on_signal(int number)
{
    ended_by = number;
}

/* --- asking ----------------------------------------------------------------------------------- */

static void disconnect(struct top *top)
{
    if (top->connected)
        cu_client_close(&top->client);
    top->connected = false;
    top->asked = false;
}

static int send_request(struct top *top, struct cu_error *err)
{
    json_t *request =
        json_pack("{s:s, s:b, s:i}", "op", "top", "all", 1, "timeout_ms", (int)GATHER_MS);
    int rc = request ? 0 : cu_error_set(err, -ENOMEM, "out of memory");

    if (rc == 0 && !top->connected) {
        rc = cu_reach_mount(top->options->mount, &top->client, err);
        top->connected = rc == 0;
    }
    if (rc == 0)
        rc = cu_client_send(&top->client, request, err);
    json_decref(request);
    top->asked = rc == 0;
    top->asked_ms = cu_clock_ms();
    top->next_ms = top->asked_ms + 1000 * (int64_t)top->options->delay_s;
    return rc;
}

static void stamp(struct cu_top_model *model)
{
    time_t now = time(NULL);
    struct tm local;

    model->clock[0] = '\0';
    if (localtime_r(&now, &local))
        strftime(model->clock, sizeof(model->clock), "%H:%M:%S", &local);
}

/* The answer is there, or comes within timeout_ms. */
static int receive(struct top *top, int timeout_ms, struct cu_error *err)
{
    json_t *answer = NULL;
    int rc = cu_client_take(&top->client, timeout_ms, &answer, err);

    top->asked = false;
    if (rc == 0 && !cu_top_model_take(&top->model, answer))
        rc = cu_error_set(err, -EBADMSG, "the answer is no sample");
    json_decref(answer);
    if (rc == 0) {
        stamp(&top->model);
        top->samples++;
        top->lost_ms = 0;
        top->model.note[0] = '\0';
    }
    return rc;
}

/* The names of the hosts, and the form of the tree. */
static int begin(struct top *top)
{
    json_t *request = json_pack("{s:s, s:b}", "op", "doctor", "hosts", 1), *status = NULL;
    int rc, code = cu_cli_call(top->options->mount, request, CU_CLIENT_ANSWER_MS, &status);

    if (code >= 0)
        return code;
    rc = cu_top_model_init(&top->model, status);
    json_decref(status);
    if (rc < 0)
        return cu_cli_fail(CU_EXIT_FAILED, "%s",
                           rc == -ENOMEM ? "out of memory" : "the daemon names no hosts");
    return -1;
}

/* --- once ------------------------------------------------------------------------------------- */

static int print(struct top *top)
{
    json_t *json = NULL;
    int status = CU_EXIT_OK;

    if (top->options->json) {
        json = cu_top_json(&top->model);
        if (!json || json_dumpf(json, stdout,
                                JSON_COMPACT | JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII |
                                    JSON_REAL_PRECISION(9)) != 0)
            status = CU_EXIT_FAILED;
        putchar('\n');
        json_decref(json);
    } else {
        cu_top_page_all(&top->page, &top->model);
        for (unsigned i = 0; i < top->page.count; i++) {
            const char *text = top->page.lines[i].text;
            size_t len = strlen(text);

            while (len > 0 && text[len - 1] == ' ')
                len--;
            printf("%.*s\n", (int)len, text);
        }
        if (top->page.lacks)
            status = CU_EXIT_FAILED;
    }
    if (status != CU_EXIT_OK)
        return cu_cli_fail(CU_EXIT_FAILED, "cannot write the output");
    if (fflush(stdout) != 0)
        return cu_cli_unwritten();
    return CU_EXIT_OK;
}

/* The first sample begins the time that the second one is of. */
static int once(struct top *top)
{
    uint64_t wanted = top->options->count > 0 ? top->options->count : 1;
    struct timespec pause = {.tv_sec = top->options->delay_s};
    struct cu_error err;
    int status = CU_EXIT_OK;

    while (status == CU_EXIT_OK && top->samples < wanted + 1) {
        if (top->samples > 0)
            nanosleep(&pause, NULL);
        if (send_request(top, &err) < 0 || receive(top, CU_CLIENT_ANSWER_MS, &err) < 0)
            return cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
        if (top->samples > 1)
            status = print(top);
    }
    if (status == CU_EXIT_OK && top->model.dead_count + top->model.silent_count > 0)
        status = CU_EXIT_FAILED;
    return status;
}

/* --- live ------------------------------------------------------------------------------------- */

static void draw(struct top *top)
{
    top->screen->measure(&top->page.width, &top->page.height);
    if (top->page.width > CU_TOP_WIDTH_MAX)
        top->page.width = CU_TOP_WIDTH_MAX;
    top->rows = cu_top_page_make(&top->page, &top->model);
    top->screen->draw(top->page.lines, top->page.count);
}

/* What went wrong is shown, and tried again. -ENOENT: the job has ended. */
static int lose(struct top *top, int rc, const struct cu_error *err)
{
    int64_t now = cu_clock_ms();

    disconnect(top);
    if (top->lost_ms == 0)
        top->lost_ms = now;
    (void)snprintf(top->model.note, sizeof(top->model.note), "%.*s",
                   (int)sizeof(top->model.note) - 1, err->text);
    return rc == -ENOENT || now - top->lost_ms > LAST_TRIES_MS ? -ENOENT : 0;
}

/* Asks when it is due, takes what has come. -ENOENT: there is no job any more. */
static int ask_and_take(struct top *top, bool readable)
{
    int64_t now = cu_clock_ms();
    struct cu_error err;
    int rc = 0;

    if (top->asked && readable)
        rc = receive(top, SILENT_MS, &err);
    else if (top->asked && now - top->asked_ms > GIVEN_UP_MS)
        rc = cu_error_set(&err, -ETIMEDOUT, "the daemon does not answer");
    else if (top->asked && now - top->asked_ms > SILENT_MS)
        (void)snprintf(top->model.note, sizeof(top->model.note),
                       "no answer for %" PRId64 " seconds", (now - top->asked_ms) / 1000);
    if (rc == 0 && !top->asked && !top->model.paused && now >= top->next_ms)
        rc = send_request(top, &err);
    return rc == 0 ? 0 : lose(top, rc, &err);
}

static int wait_ms(const struct top *top)
{
    int64_t left = top->next_ms - cu_clock_ms();

    if (top->asked || left > 1000)
        return 1000; /* the time since the request is shown */
    if (top->model.paused)
        return 60000;
    return left > 0 ? (int)left : 0;
}

/* Until there is something to do. True: the daemon's answer begins to come. *gone: the terminal is.
 */
static bool wait_for(const struct top *top, const sigset_t *open, bool *gone)
{
    struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
                           {.fd = top->asked ? top->client.channel.fd : -1, .events = POLLIN}};
    int ms = wait_ms(top);
    const struct timespec limit = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};

    if (ppoll(fds, 2, &limit, open) <= 0)
        return false;
    *gone = (fds[0].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
    return fds[1].revents != 0;
}

static bool enough(const struct top *top)
{
    return top->options->count > 0 && top->samples >= top->options->count;
}

/* Returns when the user quits (0), a signal came (-EINTR), the terminal (-EIO) or the job (-ENOENT)
 * has gone. */
static int live(struct top *top, const sigset_t *open)
{
    bool gone = false;
    int rc = 0;

    while (rc == 0) {
        bool readable = wait_for(top, open, &gone), more = true;
        int key;

        if (ended_by != 0)
            return -EINTR;
        if (gone)
            return -EIO;
        while (more && (key = top->screen->key()) != CU_SCREEN_NO_KEY)
            more = cu_top_model_key(&top->model, key, top->rows);
        if (!more)
            return 0;
        rc = ask_and_take(top, readable);
        if (enough(top))
            return 0;
        draw(top);
    }
    return rc;
}

/* Signals that end the program are let in only while it waits. *open: the mask then. */
static void take_signals(sigset_t *open)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction action = {.sa_handler = on_signal};
    sigset_t closed;

    sigemptyset(&closed);
    sigaddset(&closed, SIGWINCH);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
        sigaddset(&closed, ends[i]);
        (void)sigaction(ends[i], &action, NULL);
    }
    (void)sigprocmask(SIG_BLOCK, &closed, open);
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        sigdelset(open, ends[i]);
    sigdelset(open, SIGWINCH);
}

static int on_screen(struct top *top)
{
    const char *colours = getenv("NO_COLOR");
    struct cu_error err;
    char wrong[256];
    sigset_t open;
    int rc;

    if (isatty(STDIN_FILENO) != 1 || isatty(STDOUT_FILENO) != 1)
        return cu_cli_fail(CU_EXIT_USAGE, "top: this is not a terminal: use --once");
    top->screen = cu_top_screen(&err);
    if (!top->screen)
        return cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
    take_signals(&open);
    if (top->screen->open(!colours || colours[0] == '\0', wrong, sizeof(wrong)) < 0)
        return cu_cli_fail(CU_EXIT_FAILED, "top: %s; use --once", wrong);
    draw(top);
    rc = live(top, &open);
    top->screen->close();
    if (rc == -EINTR)
        return ended_by == SIGINT ? CU_EXIT_OK : CU_EXIT_INTERRUPTED + ended_by;
    if (rc == -EIO)
        return CU_EXIT_INTERRUPTED + SIGHUP;
    if (rc == -ENOENT)
        return cu_cli_fail(CU_EXIT_FAILED, "top: the job has ended (%s)", top->model.note);
    return CU_EXIT_OK;
}

static int run(const struct cu_command *command, int argc, char **argv)
{
    struct cu_cli_options options;
    struct top top = {.options = &options};
    int status = cu_cli_parse(command, argc, argv, &options);

    if (status >= 0)
        return status;
    if (options.delay_s == 0)
        options.delay_s = 1;
    if (options.json && !options.once)
        return cu_cli_fail(CU_EXIT_USAGE, "top: --json goes with --once only");
    setlocale(LC_CTYPE, "");
    status = begin(&top);
    if (status >= 0)
        return status;
    status = options.once ? once(&top) : on_screen(&top);
    disconnect(&top);
    cu_top_page_free(&top.page);
    cu_top_model_free(&top.model);
    return status;
}

const struct cu_command cu_command_top = {
    .name = "top",
    .synopsis = "[-d SECONDS] [-n COUNT] [--once [--json]] [-v MOUNT]",
    .summary = "Shows live what the job does: requests, storage, slow nodes, hot paths",
    .details = "In a terminal; ? shows the keys, q quits. With --once as text, for scripts.\n",
    .options = "v1jDN",
    .run = run,
};
