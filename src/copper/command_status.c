/* SPDX-License-Identifier: BSD-3-Clause */
/* copper status: is the job up, and where does this node stand in it? */
#include "control/client.h"
#include "copper/cli.h"
#include "copper/hosts_answer.h"
#include "copper/progress.h"
#include "copper/reach.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define WAIT_DEFAULT_S 20

static void print_list(const json_t *names)
{
    const json_t *name;
    size_t i;

    json_array_foreach (names, i, name)
        printf("%s%s", i > 0 ? ", " : "", json_string_value(name));
}

static void print_tree(const json_t *tree)
{
    const char *parent = json_string_value(json_object_get(tree, "parent"));
    const json_t *children = json_object_get(tree, "children");

    printf("tree %" PRIu64 "      %s", cu_cli_number(tree, "tree"), cu_cli_text(tree, "role"));
    if (parent)
        printf(", parent %s", parent);
    if (json_array_size(children) > 0) {
        printf(", children ");
        print_list(children);
    }
    putchar('\n');
}

static void print_memory(const json_t *status)
{
    char names[32], records[32];
    uint64_t full = cu_cli_number(status, "recovery_full");

    printf("names       %s of the kernel's, %s for a successor\n",
           cu_cli_size(cu_cli_number(status, "inode_bytes"), names),
           cu_cli_size(cu_cli_number(status, "recovery_bytes"), records));
    if (full > 0)
        printf("recovery    full: %" PRIu64 " records left out, whose files' users get an error "
               "should the daemon die\n",
               full);
}

static void print_status(const json_t *status)
{
    char cached[32], budget[32], chunk[32];
    const json_t *tree;
    size_t i;

    printf("mount       %s\n", cu_cli_text(status, "mount"));
    printf("job         %.8s, %" PRIu64 " of %" PRIu64 " nodes ready%s\n",
           cu_cli_text(status, "job"), cu_cli_number(status, "ready"),
           cu_cli_number(status, "nodes"),
           json_is_true(json_object_get(status, "root")) ? "" : " at or below this node");
    if (cu_cli_number(status, "missing_count") > 0) {
        printf("missing     ");
        print_list(json_object_get(status, "missing"));
        puts(cu_cli_number(status, "missing_count") >
                     json_array_size(json_object_get(status, "missing"))
                 ? ", ..."
                 : "");
    }
    if (cu_cli_number(status, "left_out_count") > 0) {
        printf("left out    ");
        print_list(json_object_get(status, "left_out"));
        puts("");
    }
    printf("node        %s (rank %" PRIu64 "), pid %" PRIu64 ", up %.1f s, version %s\n",
           cu_cli_text(status, "host"), cu_cli_number(status, "rank"), cu_cli_number(status, "pid"),
           (double)cu_cli_number(status, "uptime_ms") / 1000, cu_cli_text(status, "version"));
    if (cu_cli_number(status, "restarts") > 0)
        printf("restarts    %" PRIu64 ": the daemon here has died, see its log\n",
               cu_cli_number(status, "restarts"));
    json_array_foreach (json_object_get(status, "trees"), i, tree)
        print_tree(tree);
    if (json_object_get(status, "network"))
        printf("network     %s\n", cu_cli_text(status, "network"));
    if (json_object_get(status, "network_note"))
        printf("            %s\n", cu_cli_text(status, "network_note"));
    printf("fan-out     %" PRIu64 "\n", cu_cli_number(status, "fanout"));
    printf("cache       %s of %s, %" PRIu64 " objects, chunks of %s\n",
           cu_cli_size(cu_cli_number(status, "cached_bytes"), cached),
           cu_cli_size(cu_cli_number(status, "cache_bytes"), budget),
           cu_cli_number(status, "cached_objects"),
           cu_cli_size(cu_cli_number(status, "chunk_bytes"), chunk));
    if (json_object_get(status, "memory_note"))
        printf("            %s\n", cu_cli_text(status, "memory_note"));
    print_memory(status);
}

/* Asks and prints; with wait: first until all nodes are ready. */
static int ask(struct cu_client *client, const struct cu_cli_options *options)
{
    uint32_t wait_ms =
        (options->timeout_s > 0 ? options->timeout_s : WAIT_DEFAULT_S) * UINT32_C(1000);
    json_t *request, *result = NULL;
    struct cu_error err;
    int status = CU_EXIT_OK, rc;

    if (options->wait) {
        request = json_pack("{s:s,s:I}", "op", "wait", "timeout_ms", (json_int_t)wait_ms);
        rc = cu_client_call(client, request, (int)wait_ms + CU_CLIENT_OPEN_MS, &result, &err);
        json_decref(request);
        json_decref(result);
        if (rc != 0)
            return cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
    }
    request = json_pack("{s:s,s:b}", "op", "status", "root", options->all || options->wait);
    rc = cu_client_call(client, request, CU_CLIENT_ANSWER_MS, &result, &err);
    json_decref(request);
    if (rc == 0 && (options->all || options->wait))
        rc = cu_hosts_answer_judge(options->mount, result, &err);
    if (rc != 0) {
        json_decref(result);
        return cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
    }
    cu_progress_end();
    json_object_del(result, "ok");
    if (options->json)
        status = cu_cli_print_json(result);
    else
        print_status(result);
    json_decref(result);
    return status;
}

static int run(const struct cu_command *command, int argc, char **argv)
{
    struct cu_cli_options options;
    struct cu_client client;
    struct cu_error err;
    int status = cu_cli_parse(command, argc, argv, &options);

    if (status < 0 && options.timeout_s > 0 && !options.wait)
        status = cu_cli_fail(CU_EXIT_USAGE, "--timeout: only with --wait");
    if (status >= 0)
        return status;
    if (cu_reach_mount(options.mount, &client, &err) != 0)
        return cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
    cu_progress_begin(options.wait ? "waiting for all nodes" : "asking");
    status = ask(&client, &options);
    cu_client_close(&client);
    return status;
}

const struct cu_command cu_command_status = {
    .name = "status",
    .synopsis = "[--all] [--wait [--timeout SECONDS]] [--json] [-v MOUNT]",
    .summary = "Shows the job, this node's place in it and its cache",
    .details = "With --all the root of the job answers, which knows all nodes.\n",
    .options = "vajwt",
    .run = run,
};
