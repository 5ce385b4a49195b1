/* SPDX-License-Identifier: BSD-3-Clause */
/* The far end of a relay: asks the daemon of this node over its socket, for which the user's own
 * rights are enough: no key travels. The answer is printed in lines, because launchers cut long
 * ones. */
#include "control/client.h"
#include "copper/cli.h"
#include "copper/relay.h"
#include "host/clock.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ASK_MS   2000
#define SLACK_MS 2000
#define LONG_MS  15000 /* for an answer of all nodes */
#define RETRY_MS 50    /* until a daemon that is being started serves */

/* Connects to the daemon of this job here. 0, or -errno with err; -EXDEV: it is another job's. */
static int open_job(const char *mount, const char *job_id, struct cu_client *client,
                    struct cu_error *err)
{
    json_t *status = json_pack("{s:s}", "op", "status"), *result = NULL;
    int rc = cu_client_open_here(mount, client, err);

    if (rc == 0)
        rc = cu_client_call(client, status, ASK_MS, &result, err);
    if (rc == 0 && strcmp(cu_cli_text(result, "job"), job_id) != 0)
        rc = cu_error_set(err, -EXDEV, "another job of Copper's runs at %s here", mount);
    if (rc == -ENOENT)
        (void)cu_error_set(err, rc, "no daemon runs at %s here", mount);
    if (rc != 0)
        cu_client_close(client);
    json_decref(status);
    json_decref(result);
    return rc;
}

/* A daemon that is waited for may be about to start. */
static int open_in_time(const char *mount, const char *job_id, int64_t deadline_ms,
                        struct cu_client *client, struct cu_error *err)
{
    const struct timespec pause = {.tv_nsec = RETRY_MS * 1000000L};
    int rc = open_job(mount, job_id, client, err);

    while (rc != 0 && cu_clock_ms() + RETRY_MS < deadline_ms) {
        nanosleep(&pause, NULL);
        rc = open_job(mount, job_id, client, err);
    }
    return rc;
}

static int print_answer(const json_t *answer, bool ended)
{
    char *text = json_dumps(answer, JSON_COMPACT), *coded;
    size_t size = text ? strlen(text) : 0;
    size_t room = sodium_base64_ENCODED_LEN(size, sodium_base64_VARIANT_URLSAFE_NO_PADDING), n = 0;
    const char *at;

    coded = text ? malloc(room) : NULL;
    if (!coded) {
        free(text);
        return cu_cli_fail(CU_EXIT_FAILED, "out of memory");
    }
    sodium_bin2base64(coded, room, (const unsigned char *)text, size,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    for (at = coded; strlen(at) > CU_RELAY_PIECE; at += CU_RELAY_PIECE)
        printf("@copper - - " CU_RELAY_PART " %zu %.*s\n", n++, (int)CU_RELAY_PIECE, at);
    printf(CU_RELAY_LAST " %zu %s %s\n", n, ended ? CU_RELAY_ENDED : CU_RELAY_OPEN, at);
    free(coded);
    free(text);
    return fflush(stdout) == 0 ? CU_EXIT_OK : CU_EXIT_FAILED;
}

/* The request that was encoded, or NULL. */
static json_t *decode(const char *coded)
{
    size_t len = strlen(coded), size = 0;
    char *text = malloc(len + 1);
    json_t *request = NULL;

    if (text && sodium_base642bin((unsigned char *)text, len, coded, len, NULL, &size, NULL,
                                  sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0)
        request = json_loadb(text, size, 0, NULL);
    free(text);
    return request;
}

static int ask(const char *mount, const char *job_id, json_t *request)
{
    const char *op = cu_cli_text(request, "op");
    bool waits = strcmp(op, "wait") == 0, stops = strcmp(op, "stop") == 0, ended = false;
    int timeout_ms = (int)(cu_cli_number(request, "timeout_ms") & INT32_MAX);
    int64_t deadline_ms = cu_clock_ms() + (waits ? timeout_ms : 0);
    json_t *answer = NULL;
    struct cu_client client;
    struct cu_error err;
    int status, rc = open_in_time(mount, job_id, deadline_ms, &client, &err);

    if (rc != 0)
        return cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
    if (waits) {
        timeout_ms = cu_clock_left_ms(deadline_ms);
        json_object_set_new(request, "timeout_ms", json_integer(timeout_ms > 1 ? timeout_ms : 1));
    }
    rc = cu_client_send(&client, request, &err);
    if (rc == 0)
        rc = cu_client_receive(&client, timeout_ms > 0 ? timeout_ms + SLACK_MS : LONG_MS, &answer,
                               &err);
    if (rc == 0 && stops && json_is_true(json_object_get(answer, "ok")))
        ended = cu_client_await_end(&client);
    cu_client_close(&client);
    status = rc == 0 ? print_answer(answer, ended) : cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
    json_decref(answer);
    return status;
}

int cu_relay_ask(int argc, char **argv)
{
    json_t *request = argc == 4 ? decode(argv[3]) : NULL;
    int status;

    if (!json_is_object(request)) {
        json_decref(request);
        return cu_cli_fail(CU_EXIT_USAGE, "job ask: is called by launchers only");
    }
    status = ask(argv[1], argv[2], request);
    json_decref(request);
    return status;
}
