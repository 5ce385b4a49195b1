/* SPDX-License-Identifier: BSD-3-Clause */
/* copper stage: puts whole trees into the caches of all nodes. The same request begins a stage and
 * asks how far it is, so a node that came, or came back, in the meantime begins with the next look.
 *
 * The paths are staged one after the other. A signal ends the stage on all nodes; what is there
 * stays. */
#include "base/text.h"
#include "control/client.h"
#include "control/staged.h"
#include "copper/cli.h"
#include "copper/hosts_answer.h"
#include "copper/reach.h"
#include "copper/stage_show.h"
#include "copper/storage_path.h"
#include "host/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOOK_MIN_MS 10
#define LOOK_MAX_MS 500
#define LOOK_SHARE  32 /* of the time so far: so late is the end seen */
/* A daemon that died is restarted, and its children find another parent. */
#define HEALING_MS 15000
#define GONE_MS    3000 /* a daemon that ended does not come back later */

static volatile sig_atomic_t interrupted; /* the signal */

struct stage {
    const struct cu_cli_options *options;
    struct cu_client client;
    bool connected;
    struct cu_hosts known;
    char id[CU_STAGED_ID + 1];
    char path[CU_TREE_PATH_MAX];
    struct cu_stage_show show;
    int64_t begun_ms;   /* the command, with all its paths */
    int64_t changed_ms; /* when something was last heard that was new */
    int64_t heard_ms;   /* when a daemon last answered */
    uint64_t before;    /* what was known then */
};

static void on_signal(int number)
{
    interrupted = number;
}

static void take_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct sigaction before;

        if (sigaction(numbers[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            sigaction(numbers[i], &action, NULL);
    }
}

static void disconnect(struct stage *stage)
{
    if (!stage->connected)
        return;
    cu_client_close(&stage->client);
    cu_parse_hosts_free(&stage->known);
    stage->known = (struct cu_hosts){0};
    stage->connected = false;
}

static int connect_to(struct stage *stage, struct cu_error *err)
{
    int rc;

    if (stage->connected)
        return 0;
    rc = cu_reach_mount(stage->options->mount, &stage->client, err);
    if (rc != 0)
        return rc;
    rc = cu_hosts_answer_known(stage->options->mount, &stage->client, &stage->known, err);
    stage->connected = rc == 0;
    if (rc != 0)
        cu_client_close(&stage->client);
    return rc;
}

/* One request and its answer, a new reference. */
static int ask(struct stage *stage, bool cancel, json_t **result, struct cu_error *err)
{
    char name[CU_TEXT_BYTES(CU_TREE_PATH_MAX)];
    json_t *request;
    int rc = connect_to(stage, err);

    *result = NULL;
    if (rc != 0)
        return rc;
    cu_text_name(name, sizeof(name), stage->path, strlen(stage->path));
    request = json_pack("{s:s, s:s, s:s, s:b, s:b, s:b, s:I}", "op", "stage", "path", name, "stage",
                        stage->id, "all", 1, "manifest", stage->options->manifest != NULL, "cancel",
                        cancel, "rate", (json_int_t)stage->options->rate);
    if (!request)
        return cu_error_set(err, -ENOMEM, "out of memory");
    rc = cu_client_call(&stage->client, request, CU_CLIENT_ANSWER_MS, result, err);
    json_decref(request);
    if (rc == 0)
        rc = cu_hosts_answer_check(&stage->known, *result, err);
    if (rc != 0) {
        json_decref(*result);
        *result = NULL;
        disconnect(stage);
    }
    return rc;
}

/* May the next attempt succeed? Answers that say no are final. */
static bool may_heal(const struct stage *stage, int rc)
{
    int64_t limit_ms = rc == -ENOENT ? GONE_MS : HEALING_MS;

    return rc != -EREMOTEIO && rc != -EBADMSG && rc != -ENOMEM &&
           cu_clock_ms() - stage->heard_ms < limit_ms;
}

static bool is_over(struct stage *stage, const json_t *result)
{
    const json_t *figures = json_object_get(result, "stage");
    uint64_t nodes = cu_cli_number(figures, "nodes"), done = cu_cli_number(figures, "done");
    uint64_t now =
        cu_cli_number(figures, "bytes_sum") + cu_cli_number(figures, "objects_done") + done + nodes;

    if (now != stage->before) {
        stage->before = now;
        stage->changed_ms = cu_clock_ms();
    }
    if (nodes == 0 || done < nodes)
        return false;
    return cu_cli_number(result, "silent_count") == 0 ||
           cu_clock_ms() - stage->changed_ms >= HEALING_MS;
}

static bool time_is_over(const struct stage *stage)
{
    uint32_t limit = stage->options->timeout_s;

    return limit > 0 && cu_clock_ms() - stage->begun_ms >= (int64_t)limit * 1000;
}

static void cancel(struct stage *stage)
{
    struct cu_error err;
    json_t *result;

    if (ask(stage, true, &result, &err) == 0)
        json_decref(result);
    else
        cu_cli_fail(CU_EXIT_FAILED, "%s; the stage may go on", err.text);
}

/* What is wrong with a stage that is over; the exit status. */
static int judge(const struct stage *stage, const json_t *result)
{
    const json_t *figures = json_object_get(result, "stage");
    uint64_t silent = cu_cli_number(result, "silent_count");
    uint64_t errors = cu_cli_number(figures, "errors"), over = cu_cli_number(figures, "over_bytes");
    char left[32], fits[32], whole[32];
    int status = CU_EXIT_OK;

    if (over > 0)
        status = cu_cli_fail(
            CU_EXIT_FAILED,
            "%s: does not fit: of %s, %s are staged, and %" PRIu64
            " files with %s are not; the cache has room for %s of what is staged (a larger -m, or "
            "copper refresh of an earlier stage)",
            stage->path, cu_cli_size(over + cu_cli_number(figures, "bytes"), whole),
            cu_cli_size(cu_cli_number(figures, "bytes_done"), fits),
            cu_cli_number(figures, "over_files"), cu_cli_size(over, left),
            cu_cli_size(cu_cli_number(figures, "room"), (char[32]){0}));
    if (errors > 0)
        status = cu_cli_fail(CU_EXIT_FAILED, "%" PRIu64 " path%s could not be staged: %s%s", errors,
                             errors == 1 ? "" : "s", cu_cli_text(figures, "error"),
                             errors == 1 ? "" : ", and others");
    if (silent > 0)
        status = cu_cli_fail_silent(NULL, result, silent);
    return status;
}

/* Looks again and again. An exit status, or -1 with *result: all nodes are through. */
static int follow(struct stage *stage, json_t **result)
{
    int64_t pause_ms = LOOK_MIN_MS;

    stage->heard_ms = stage->changed_ms = cu_clock_ms();
    for (;;) {
        struct timespec pause;
        struct cu_error err;
        int rc = ask(stage, false, result, &err);

        if (rc != 0 && !may_heal(stage, rc))
            return cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
        if (rc == 0) {
            stage->heard_ms = cu_clock_ms();
            if (stage->options->no_wait || is_over(stage, *result))
                return -1;
            cu_stage_show_progress(&stage->show, json_object_get(*result, "stage"),
                                   cu_cli_number(*result, "silent_count"));
            json_decref(*result);
            *result = NULL;
        }
        pause = (struct timespec){pause_ms / 1000, pause_ms % 1000 * 1000000};
        if (!interrupted)
            nanosleep(&pause, NULL);
        if (interrupted) {
            cu_stage_show_end(&stage->show);
            cancel(stage);
            return cu_cli_fail(CU_EXIT_INTERRUPTED + interrupted,
                               "%s: ended; what is staged so far stays", stage->path);
        }
        if (time_is_over(stage)) {
            cu_stage_show_end(&stage->show);
            return cu_cli_fail(CU_EXIT_FAILED, "%s: is not over after %u s; it goes on",
                               stage->path, stage->options->timeout_s);
        }
        pause_ms = (cu_clock_ms() - stage->show.begun_ms) / LOOK_SHARE;
        pause_ms = pause_ms < LOOK_MIN_MS   ? LOOK_MIN_MS
                   : pause_ms > LOOK_MAX_MS ? LOOK_MAX_MS
                                            : pause_ms;
    }
}

static int stage_one(struct stage *stage, const char *given)
{
    uint8_t random[CU_STAGED_ID / 2];
    json_t *result = NULL;
    int status, rc = cu_storage_path(stage->options->mount, given, stage->path);

    if (rc != 0)
        return cu_cli_fail(CU_EXIT_FAILED, "%s: %s", given[0] != '\0' ? given : "\"\"",
                           strerror(-rc));
    randombytes_buf(random, sizeof(random));
    sodium_bin2hex(stage->id, sizeof(stage->id), random, sizeof(random));
    cu_stage_show_begin(&stage->show, stage->path,
                        stage->options->json || isatty(STDERR_FILENO) != 1);
    status = follow(stage, &result);
    if (status >= 0)
        return status;
    cu_stage_show_end(&stage->show);
    status = stage->options->no_wait ? CU_EXIT_OK : judge(stage, result);
    cu_stage_show_result(&stage->show, json_object_get(result, "stage"),
                         cu_cli_number(result, "silent_count"),
                         stage->options->no_wait ? "begun"
                         : status == CU_EXIT_OK  ? "staged"
                                                 : "failed");
    json_decref(result);
    return status;
}

static int run(const struct cu_command *command, int argc, char **argv)
{
    static struct cu_cli_options options;
    static struct stage stage;
    int status = cu_cli_parse(command, argc, argv, &options);

    if (status >= 0)
        return status;
    if (options.wait && options.no_wait)
        return cu_cli_fail(CU_EXIT_USAGE, "stage: --wait and --no-wait exclude each other");
    if ((options.first == argc) != (options.manifest != NULL))
        return cu_cli_fail(CU_EXIT_USAGE,
                           "stage: needs a PATH, or else --manifest FILE; see copper stage --help");
    if (options.manifest && strcmp(options.manifest, "-") == 0)
        return cu_cli_fail(CU_EXIT_USAGE,
                           "stage: --manifest: each node reads the list itself, so \"-\" is not "
                           "standard input; allowed is a file that all nodes see (./- is one of "
                           "that name)");
    if (sodium_init() < 0)
        return cu_cli_fail(CU_EXIT_FAILED, "libsodium cannot be used");
    stage.options = &options;
    stage.begun_ms = cu_clock_ms();
    take_signals();
    status = options.manifest ? stage_one(&stage, options.manifest) : CU_EXIT_OK;
    for (int i = options.first; i < argc && !interrupted; i++) {
        int one = stage_one(&stage, argv[i]);

        if (one > status)
            status = one;
    }
    disconnect(&stage);
    return status;
}

const struct cu_command cu_command_stage = {
    .name = "stage",
    .synopsis = "[-v MOUNT] [--no-wait] [--timeout SECONDS] [--rate SIZE] [--json] PATH... | "
                "--manifest FILE",
    .summary = "Puts each PATH and all below it into the caches of all nodes",
    .details =
        "Afterwards nothing of it is read from storage or from another node. PATH: as on storage, "
        "or\nbelow MOUNT. Progress is shown on a terminal, or printed as a line of JSON each "
        "second. "
        "Ctrl-C\nends the stage; the command given again goes on with what is missing.\n",
    .options = "vjwWtmR",
    .operands = true,
    .run = run,
};
