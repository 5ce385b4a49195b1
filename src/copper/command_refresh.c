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
#include "host/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* In all, however often the nodes are asked. A kernel that holds a million names needs some
 * seconds. */
#define TIMEOUT_MS 50000
/* After a node's death its children need some seconds to find another parent, and no request
 * reaches them meanwhile. Sending a refresh twice is harmless. Counted from the first answers. */
#define HEALING_MS 5000
#define PAUSE_MS   250
#define LINKS_MS   3000 /* for storage to say where links lead */
#define TOGETHER   8u   /* paths asked about at once: few of what a daemon takes */

/* A path that is being refreshed. */
struct path {
    char *name; /* owned */
    struct cu_client client;
    json_t *request, *result; /* owned, or NULL */
    struct cu_error err;
    int rc;
};

struct paths {
    const char *mount;
    struct cu_hosts known; /* the job's hosts */
    struct path *list;
    size_t count;
};

static void start(const char *mount, struct path *path)
{
    char name[CU_TEXT_BYTES(CU_TREE_PATH_MAX)];

    cu_text_name(name, sizeof(name), path->name, strlen(path->name));
    path->request = json_pack("{s:s,s:s,s:b}", "op", "refresh", "path", name, "all", 1);
    path->rc = path->request ? cu_reach_mount(mount, &path->client, &path->err)
                             : cu_error_set(&path->err, -ENOMEM, "out of memory");
}

static void finish(struct path *path)
{
    cu_client_close(&path->client);
    json_decref(path->request);
    json_decref(path->result);
    path->request = NULL;
    path->result = NULL;
}

static bool is_silent(const struct path *path)
{
    return path->rc == 0 && (!path->result || cu_cli_number(path->result, "silent_count") > 0);
}

/* Of those that need it; the nodes have left_ms. True: some nodes were silent. */
static bool ask_once(struct path *paths, size_t count, int left_ms)
{
    bool asked[TOGETHER], silent = false;

    for (size_t i = 0; i < count; i++) {
        asked[i] = is_silent(&paths[i]);
        if (!asked[i])
            continue;
        json_decref(paths[i].result);
        paths[i].result = NULL;
        if (json_object_set_new(paths[i].request, "timeout_ms", json_integer(left_ms)) == 0)
            paths[i].rc = cu_client_send(&paths[i].client, paths[i].request, &paths[i].err);
        else
            paths[i].rc = cu_error_set(&paths[i].err, -ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < count; i++) {
        if (asked[i] && paths[i].rc == 0)
            paths[i].rc = cu_client_take(&paths[i].client, left_ms + CU_CLIENT_ANSWER_MS,
                                         &paths[i].result, &paths[i].err);
        silent = silent || is_silent(&paths[i]);
    }
    return silent;
}

/* Asks all nodes about all of them at once, so that a silent node is waited for once; asks again
 * while nodes are silent that may be connecting to another parent. A node that is silent because
 * its kernel waits for storage takes all of the time at once. */
static void ask_all(struct path *paths, size_t count)
{
    const struct timespec pause = {.tv_nsec = PAUSE_MS * 1000000L};
    int64_t deadline_ms = cu_clock_ms() + TIMEOUT_MS, healed_ms;
    bool silent = ask_once(paths, count, TIMEOUT_MS);

    healed_ms = cu_clock_ms() + HEALING_MS;
    while (silent && cu_clock_ms() < healed_ms && cu_clock_left_ms(deadline_ms) > HEALING_MS) {
        nanosleep(&pause, NULL);
        silent = ask_once(paths, count, cu_clock_left_ms(deadline_ms));
    }
}

static int say(const struct path *path)
{
    uint64_t nodes, silent, failed;
    int status = CU_EXIT_OK;

    if (path->rc != 0)
        return cu_cli_fail(CU_EXIT_FAILED, "%s: %s", path->name, path->err.text);
    nodes = cu_cli_number(path->result, "nodes");
    silent = cu_cli_number(path->result, "silent_count");
    failed = cu_cli_number(path->result, "failed");
    cu_cli_say(stdout, "%s: refreshed on %" PRIu64 " node%s", path->name, nodes,
               nodes == 1 ? "" : "s");
    if (silent > 0)
        status = cu_cli_fail_silent(path->name, path->result, silent);
    if (failed > 0)
        status = cu_cli_fail(CU_EXIT_FAILED,
                             "%s: the kernels of %" PRIu64
                             " nodes could not be told all: again, or start the job anew",
                             path->name, failed);
    return status;
}

static int refresh_some(const struct paths *paths, struct path *some, size_t count)
{
    int status = CU_EXIT_OK;

    cu_progress_begin("refreshing");
    for (size_t i = 0; i < count; i++)
        start(paths->mount, &some[i]);
    ask_all(some, count);
    for (size_t i = 0; i < count; i++)
        if (some[i].rc == 0)
            some[i].rc = cu_hosts_answer_check(&paths->known, some[i].result, &some[i].err);
    cu_progress_end();
    for (size_t i = 0; i < count; i++) {
        if (say(&some[i]) != CU_EXIT_OK)
            status = CU_EXIT_FAILED;
        finish(&some[i]);
    }
    return status;
}

static int add(struct paths *paths, char *name)
{
    struct path *larger;

    for (size_t i = 0; i < paths->count; i++)
        if (strcmp(paths->list[i].name, name) == 0)
            return 0;
    larger = realloc(paths->list, (paths->count + 1) * sizeof(*larger));
    name = larger ? strdup(name) : NULL;
    if (larger)
        paths->list = larger;
    if (!name)
        return -ENOMEM;
    paths->list[paths->count++] = (struct path){.name = name, .client.channel.fd = -1};
    return 0;
}

/* A path as the user wrote it. */
static int add_given(struct paths *paths, const char *given)
{
    struct cu_way way;
    bool hangs;
    int rc;

    rc = cu_way_find_within(paths->mount, given, LINKS_MS, &way, &hangs);
    if (hangs)
        fprintf(stderr, "copper: %s: storage does not answer: links in it are not followed\n",
                given);
    for (size_t i = 0; i < way.count && rc == 0; i++)
        rc = add(paths, way.paths[i]);
    cu_way_free(&way);
    return rc == 0 ? CU_EXIT_OK : cu_cli_fail(CU_EXIT_FAILED, "\"%s\": %s", given, strerror(-rc));
}

static int refresh_all(struct paths *paths, int count, char **given)
{
    int status = CU_EXIT_OK;

    for (int i = 0; i < count; i++)
        if (add_given(paths, given[i]) != CU_EXIT_OK)
            status = CU_EXIT_FAILED;
    for (size_t i = 0; i < paths->count; i += TOGETHER) {
        size_t some = paths->count - i < TOGETHER ? paths->count - i : TOGETHER;

        if (refresh_some(paths, paths->list + i, some) != CU_EXIT_OK)
            status = CU_EXIT_FAILED;
    }
    for (size_t i = 0; i < paths->count; i++)
        free(paths->list[i].name);
    free(paths->list);
    return status;
}

static int run(const struct cu_command *command, int argc, char **argv)
{
    static char root[] = "/", *all[] = {root};
    struct cu_cli_options options;
    struct cu_client client;
    struct cu_error err;
    struct paths paths = {0};
    int status = cu_cli_parse(command, argc, argv, &options), rc;

    if (status >= 0)
        return status;
    paths.mount = options.mount;
    if (cu_reach_mount(options.mount, &client, &err) != 0)
        return cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
    rc = cu_hosts_answer_known(options.mount, &client, &paths.known, &err);
    cu_client_close(&client);
    if (rc != 0)
        return cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
    if (options.first < argc)
        status = refresh_all(&paths, argc - options.first, argv + options.first);
    else
        status = refresh_all(&paths, 1, all);
    cu_parse_hosts_free(&paths.known);
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
