/* SPDX-License-Identifier: BSD-3-Clause */
/* copper refresh: makes changes on storage visible. Paths may be given as on storage or as below
 * the mount, absolute or relative. Of a path that leads over links, the links and what they lead to
 * are refreshed (way.h). */
#include "base/text.h"
#include "control/client.h"
#include "copper/cli.h"
#include "copper/hosts_answer.h"
#include "copper/progress.h"
#include "copper/reach.h"
#include "copper/way.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* A kernel that holds a million names needs some seconds. */
#define TIMEOUT_MS 50000
/* After a node's death its children need some seconds to find another parent, and no request
 * reaches them meanwhile. Sending a refresh twice is harmless. */
#define HEALING_MS 5000
#define PAUSE_MS   250
#define LINKS_MS   3000 /* for storage to say where links lead */

/* Asks all nodes; asks again while nodes are silent that may be connecting to another parent. */
static int ask_all(struct cu_client *client, const json_t *request, json_t **result,
                   struct cu_error *err)
{
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    int rc;

    for (int waited_ms = 0;; waited_ms += PAUSE_MS) {
        rc = cu_client_call(client, request, TIMEOUT_MS + CU_CLIENT_ANSWER_MS, result, err);
        if (rc != 0 || cu_cli_number(*result, "silent_count") == 0 || waited_ms >= HEALING_MS)
            return rc;
        json_decref(*result);
        *result = NULL;
        nanosleep(&pause, NULL);
    }
}

/* known: the job's hosts. */
static int refresh_one(struct cu_client *client, const struct cu_hosts *known, const char *path)
{
    char name[CU_TEXT_BYTES(CU_TREE_PATH_MAX)];
    json_t *request, *result = NULL;
    struct cu_error err;
    int status = CU_EXIT_OK, rc;

    cu_text_name(name, sizeof(name), path, strlen(path));
    request = json_pack("{s:s,s:s,s:b,s:i}", "op", "refresh", "path", name, "all", 1, "timeout_ms",
                        TIMEOUT_MS);
    if (!request)
        return cu_cli_fail(CU_EXIT_FAILED, "out of memory");
    cu_progress_begin("refreshing");
    rc = ask_all(client, request, &result, &err);
    if (rc == 0)
        rc = cu_hosts_answer_check(known, result, &err);
    cu_progress_end();
    json_decref(request);
    if (rc != 0) {
        json_decref(result);
        return cu_cli_fail(CU_EXIT_FAILED, "%s: %s", path, err.text);
    }
    cu_cli_say(stdout, "%s: refreshed on %" PRIu64 " node%s", path, cu_cli_number(result, "nodes"),
               cu_cli_number(result, "nodes") == 1 ? "" : "s");
    if (cu_cli_number(result, "silent_count") > 0)
        status = cu_cli_fail(CU_EXIT_FAILED, "%s: %" PRIu64 " node%s did not answer", path,
                             cu_cli_number(result, "silent_count"),
                             cu_cli_number(result, "silent_count") == 1 ? "" : "s");
    if (cu_cli_number(result, "failed") > 0)
        status = cu_cli_fail(CU_EXIT_FAILED,
                             "%s: the kernels of %" PRIu64
                             " nodes could not be told all: again, or start the job anew",
                             path, cu_cli_number(result, "failed"));
    json_decref(result);
    return status;
}

/* A path as the user wrote it. */
static int refresh_given(struct cu_client *client, const struct cu_hosts *known, const char *mount,
                         const char *given)
{
    int status = CU_EXIT_OK, rc;
    struct cu_way way;
    bool hangs;

    rc = cu_way_find_within(mount, given, LINKS_MS, &way, &hangs);
    if (hangs)
        fprintf(stderr, "copper: %s: storage does not answer: links in it are not followed\n",
                given);
    if (rc != 0)
        status = cu_cli_fail(CU_EXIT_FAILED, "\"%s\": %s", given, strerror(-rc));
    for (size_t i = 0; i < way.count && rc == 0; i++)
        if (refresh_one(client, known, way.paths[i]) != CU_EXIT_OK)
            status = CU_EXIT_FAILED;
    cu_way_free(&way);
    return status;
}

static int run(const struct cu_command *command, int argc, char **argv)
{
    static char all[] = "/";
    struct cu_cli_options options;
    struct cu_client client;
    struct cu_hosts known = {0};
    struct cu_error err;
    int status = cu_cli_parse(command, argc, argv, &options);

    if (status >= 0)
        return status;
    if (cu_reach_mount(options.mount, &client, &err) != 0)
        return cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
    if (cu_hosts_answer_known(options.mount, &client, &known, &err) != 0) {
        cu_client_close(&client);
        return cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
    }
    status = CU_EXIT_OK;
    for (int i = options.first; i < argc || i == options.first; i++) {
        const char *given = i < argc ? argv[i] : all;

        if (refresh_given(&client, &known, options.mount, given) != CU_EXIT_OK)
            status = CU_EXIT_FAILED;
    }
    cu_client_close(&client);
    cu_parse_hosts_free(&known);
    return status;
}

const struct cu_command cu_command_refresh = {
    .name = "refresh",
    .synopsis = "[-v MOUNT] [PATH...]",
    .summary = "Drops what is cached at and below each PATH (all when none is given), on all nodes",
    .details = "What is read next comes from storage again. PATH: as on storage, or below MOUNT.\n",
    .options = "v",
    .operands = true,
    .run = run,
};
