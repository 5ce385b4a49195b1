/* SPDX-License-Identifier: BSD-3-Clause */
/* copper stats: the number of requests, where their answers were found, and the resulting load on
 * storage. The counters' names are the daemon's (core/counters.h); one that this table does not
 * know is in --json all the same.
 * */
#include "control/client.h"
#include "control/latencies.h"
#include "control/metrics.h"
#include "copper/bypassed.h"
#include "copper/cli.h"
#include "copper/hosts_answer.h"
#include "copper/latencies.h"
#include "copper/progress.h"
#include "copper/watch.h"
#include "host/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REQUESTS_HEADING "Requests of the kernel"
#define STORAGE_HEADING  "Storage operations"

static const struct row {
    const char *counter; /* NULL: a heading */
    const char *label;
    bool bytes;
} rows[] = {
    {NULL, REQUESTS_HEADING, false},
    {"fuse_lookup", "lookup", false},
    {"fuse_getattr", "getattr", false},
    {"fuse_readlink", "readlink", false},
    {"fuse_open", "open", false},
    {"fuse_read", "read", false},
    {"fuse_opendir", "opendir", false},
    {"fuse_readdir", "readdir", false},
    {"fuse_getxattr", "getxattr", false},
    {"fuse_listxattr", "listxattr", false},
    {"fuse_statfs", "statfs", false},
    {"fuse_access", "access", false},
    {"fuse_ioctl", "ioctl", false},
    {"fuse_other", "other", false},
    {"fuse_refused", "refused (read-only)", false},
    {NULL, "Answers, by where they were", false},
    {"hit_here", "on this node", false},
    {"hit_negative", "on this node: no such file", false},
    {"hit_flight", "already on the way", false},
    {"hit_parent", "from the parent", false},
    {"hit_storage", "from storage", false},
    {NULL, "For children", false},
    {"child_wants", "requests", false},
    {"child_hit_here", "answered from the cache", false},
    {"child_hit_flight", "already on the way", false},
    {"child_hit_parent", "from the parent", false},
    {"child_hit_storage", "from storage", false},
    {NULL, STORAGE_HEADING, false},
    {"storage_stat", "stat", false},
    {"storage_readdir", "readdir", false},
    {"storage_readlink", "readlink", false},
    {"storage_open", "open", false},
    {"storage_read", "read", false},
    {"storage_xattr", "xattr", false},
    {"storage_statfs", "statfs", false},
    {"storage_revalidate", "revalidate", false},
    {"storage_errors", "errors", false},
    {NULL, "Bytes", false},
    {"storage_bytes", "from storage", true},
    {"bypass_bytes", "past the trees, above -M", true},
    {"peer_bytes_in", "from other nodes", true},
    {"peer_bytes_out", "to other nodes", true},
    {"sockets_aside_bytes", "sent, received on other threads", true},
    {"crypt_aside_bytes", "encrypted on other threads", true},
    {"kernel_bytes", "to the kernel", true},
    {NULL, "Cache", false},
    {"cached_bytes", "cached", true},
    {"cached_objects", "objects", false},
    {"evictions", "evicted", false},
    {"expired", "expired", false},
    {"renewed", "renewed with others", false},
    {"renewed_used", "used after that", false},
    {"stale_versions", "changed on storage", false},
    {"bad_checksums", "bad checksums", false},
    {"links_rewritten", "links shown with another target", false},
    {"searchers", "processes with known search paths", false},
    {NULL, "Read ahead", false},
    {"read_ahead", "objects", false},
    {"read_ahead_used", "used", false},
    {"read_ahead_wasted", "gone unused", false},
    {"read_on", "read by roots before anybody asked", false},
    {"read_on_used", "used", false},
    {"read_on_bytes", "bytes", true},
    {"read_on_unused_bytes", "for nobody so far", true},
    {NULL, "Recipe", false},
    {"recipe_objects", "objects named", false},
    {"recipe_done", "done", false},
    {"recipe_asked", "asked for", false},
    {"recipe_sent", "came because of it", false},
    {"recipe_used", "used", false},
    {"recipe_bytes", "bytes that came", true},
    {"recipe_unused_bytes", "not used so far", true},
    {"warmed_names", "names put into the kernel", false},
    {"warmed_bytes", "content put into the kernel", true},
    {NULL, "Queues", false},
    {"spun_us", "looked for events in vain, us", false},
    {"requests_waiting", "the kernel's requests", false},
    {"requests_waiting_most", "the most so far", false},
    {"storage_waiting", "storage operations", false},
    {"storage_waiting_most", "the most so far", false},
    {"storage_given_up", "given up, as others hang", false},
    {NULL, "Names", false},
    {"inode_bytes", "the kernel's", true},
    {"recovery_bytes", "for a successor", true},
    {"names_asked_back", "asked back", false},
    {NULL, "Trouble", false},
    {"recovery_full", "recovery records left out", false},
    {"parents_lost", "parents lost", false},
    {"parents_changed", "parents changed", false},
    {"asked_again", "asked another parent", false},
    {"asked_now", "asked once more, in haste", false},
    {"refused_busy", "children refused: busy", false},
    {"handshakes_refused", "strangers refused", false},
    {"bad_messages", "bad messages", false},
    {"wrong_answers", "wrong answers", false},
    {"unsent", "messages not sent", false},
    {"no_memory", "out of memory", false},
    {NULL, "Process", false},
    {"rss_bytes", "resident memory", true},
    {"cpu_user_ms", "CPU, user (ms)", false},
    {"cpu_system_ms", "CPU, system (ms)", false},
    {"loop_longest_us", "longest loop turn (us)", false},
    {"loop_busy_us", "longest loop turn, CPU (us)", false},
};
#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static void print_counters(const json_t *counters)
{
    const char *heading = NULL;
    char size[32];

    for (size_t i = 0; i < ROW_COUNT; i++) {
        uint64_t value;

        if (!rows[i].counter) {
            heading = rows[i].label;
            continue;
        }
        value = cu_cli_number(counters, rows[i].counter);
        if (value == 0)
            continue;
        if (heading)
            puts(heading);
        heading = NULL;
        if (rows[i].bytes)
            printf("  %-28s %14s\n", rows[i].label, cu_cli_size(value, size));
        else
            printf("  %-28s %14" PRIu64 "\n", rows[i].label, value);
    }
}

/* The rows under a heading, added up. */
static uint64_t total_under(const char *heading, const json_t *counters)
{
    uint64_t total = 0;
    bool inside = false;

    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (!rows[i].counter)
            inside = strcmp(rows[i].label, heading) == 0;
        else if (inside && strcmp(rows[i].counter, "storage_errors") != 0)
            total += cu_cli_number(counters, rows[i].counter);
    }
    return total;
}

static int compare_ranks(const void *a, const void *b)
{
    uint64_t left = cu_cli_number(*(const json_t *const *)a, "rank");
    uint64_t right = cu_cli_number(*(const json_t *const *)b, "rank");

    return left < right ? -1 : left > right;
}

static void print_node(const json_t *node)
{
    const json_t *c = json_object_get(node, "counters");
    char storage[32], kernel[32], cached[32];

    printf("%-20s %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10s %10s %10s\n",
           cu_cli_text(node, "host"), total_under(REQUESTS_HEADING, c),
           cu_cli_number(c, "hit_here") + cu_cli_number(c, "hit_negative"),
           cu_cli_number(c, "hit_flight") + cu_cli_number(c, "hit_parent"),
           total_under(STORAGE_HEADING, c), cu_cli_size(cu_cli_number(c, "storage_bytes"), storage),
           cu_cli_size(cu_cli_number(c, "kernel_bytes"), kernel),
           cu_cli_size(cu_cli_number(c, "cached_bytes"), cached));
}

/* A line for each node, by rank. */
static int print_nodes(const json_t *nodes)
{
    size_t count = json_array_size(nodes);
    const json_t **sorted = malloc((count + 1) * sizeof(const json_t *));

    if (!sorted)
        return cu_cli_fail(CU_EXIT_FAILED, "out of memory");
    for (size_t i = 0; i < count; i++)
        sorted[i] = json_array_get(nodes, i);
    qsort(sorted, count, sizeof(const json_t *), compare_ranks);
    printf("\n%-20s %10s %10s %10s %10s %10s %10s %10s\n", "Node", "requests", "here", "elsewhere",
           "storage", "bytes", "to kernel", "cached");
    for (size_t i = 0; i < count; i++)
        print_node(sorted[i]);
    free(sorted);
    return CU_EXIT_OK;
}

/* Of the whole job. */
static int print_job(const json_t *result, const struct cu_cli_options *options)
{
    uint64_t silent = cu_cli_number(result, "silent_count");
    uint64_t answered = cu_cli_number(result, "answered");
    int status = CU_EXIT_OK;

    if (options->json) {
        status = cu_cli_print_json(result);
    } else {
        printf("%" PRIu64 " node%s%s\n", answered, answered == 1 ? "" : "s",
               cu_cli_number(result, "left_out_count") > 0 ? "; the launch went on without others"
                                                           : "");
        print_counters(json_object_get(result, "sum"));
        if (options->nodes)
            status = print_nodes(json_object_get(result, "nodes"));
        if (options->latency)
            cu_latencies_print(json_object_get(result, "latency"));
        cu_bypassed_print(json_object_get(result, "bypassed"));
    }
    return silent > 0 ? cu_cli_fail_silent(NULL, result, silent) : status;
}

static int print_here(const json_t *result, const struct cu_cli_options *options)
{
    json_t *node = json_array_get(json_object_get(result, "nodes"), 0);
    json_t *bypassed = json_object_get(result, "bypassed");
    json_t *latency = json_object_get(result, "latency");

    if (bypassed)
        json_object_set(node, "bypassed", bypassed);
    if (latency && options->json)
        json_object_set(node, "latency", latency);
    if (options->json)
        return cu_cli_print_json(node);
    printf("%s (rank %" PRIu64 ")\n", cu_cli_text(node, "host"), cu_cli_number(node, "rank"));
    print_counters(json_object_get(node, "counters"));
    if (options->latency)
        cu_latencies_print(latency);
    cu_bypassed_print(bypassed);
    return CU_EXIT_OK;
}

/* Asks for the figures; -1 with *result, or the exit status. */
static int ask(const struct cu_cli_options *options, json_t **result)
{
    bool all = options->all || options->nodes;
    bool latency = options->latency || options->prometheus || options->watch_s > 0;
    struct cu_error err;
    json_t *request = json_pack("{s:s,s:b,s:b,s:b}", "op", "stats", "all", all, "each",
                                options->nodes, "latency", latency);
    int status = cu_cli_call(options->mount, request, CU_CLIENT_ANSWER_MS, result);

    if (status < 0 && all && cu_hosts_answer_judge(options->mount, *result, &err) != 0) {
        json_decref(*result);
        status = cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
    }
    return status;
}

/* The counters of this node, or of all. */
static const json_t *counters_of(const json_t *result, const struct cu_cli_options *options)
{
    const json_t *node = json_array_get(json_object_get(result, "nodes"), 0);

    return options->all || options->nodes ? json_object_get(result, "sum")
                                          : json_object_get(node, "counters");
}

/* Until the job ends, or the reader. */
static int watch(const struct cu_cli_options *options)
{
    struct cu_watch *lines = cu_watch_create(options->json);
    const struct timespec pause = {.tv_sec = options->watch_s};
    json_t *result = NULL;
    bool more = lines != NULL;
    int status = -1;

    if (!lines)
        return cu_cli_fail(CU_EXIT_FAILED, "out of memory");
    while (more && (status = ask(options, &result)) < 0) {
        more = cu_watch_take(lines, counters_of(result, options),
                             json_object_get(result, "latency"), cu_clock_ns());
        json_decref(result);
        if (more)
            nanosleep(&pause, NULL);
    }
    cu_watch_destroy(lines);
    return more ? status : CU_EXIT_OK;
}

static int print_prometheus(const json_t *result, const struct cu_cli_options *options)
{
    json_t *nodes = json_object_get(result, "nodes"), *sum = json_array();
    const char *host = json_string_value(json_object_get(json_array_get(nodes, 0), "host"));
    struct cu_latency *latency = calloc(1, sizeof(*latency));
    struct cu_buf *text = NULL;

    json_array_append_new(sum, json_pack("{s:O?}", "counters", json_object_get(result, "sum")));
    if (latency)
        cu_latencies_add(latency, json_object_get(result, "latency"));
    if (options->all || options->nodes)
        host = NULL; /* latencies are those of all */
    text = cu_metrics_text(options->all && !options->nodes ? sum : nodes, latency, host);
    if (text)
        fwrite(text->data, 1, text->size, stdout);
    cu_buf_unref(text);
    json_decref(sum);
    free(latency);
    if (!text)
        return cu_cli_fail(CU_EXIT_FAILED, "out of memory");
    if (cu_cli_number(result, "silent_count") > 0)
        return cu_cli_fail_silent(NULL, result, cu_cli_number(result, "silent_count"));
    return CU_EXIT_OK;
}

static int run(const struct cu_command *command, int argc, char **argv)
{
    struct cu_cli_options options;
    json_t *result = NULL;
    int status = cu_cli_parse(command, argc, argv, &options);

    if (status >= 0)
        return status;
    if (options.prometheus && (options.json || options.watch_s > 0))
        return cu_cli_fail(CU_EXIT_USAGE, "--prometheus goes with neither --json nor --watch");
    if (options.watch_s > 0)
        return watch(&options);
    cu_progress_begin("asking");
    status = ask(&options, &result);
    if (status >= 0)
        return status;
    cu_progress_end();
    json_object_del(result, "ok");
    if (options.latency && options.json)
        json_object_set_new(result, "latency",
                            cu_latencies_expand(json_object_get(result, "latency")));
    if (options.prometheus)
        status = print_prometheus(result, &options);
    else if (options.all || options.nodes)
        status = print_job(result, &options);
    else
        status = print_here(result, &options);
    json_decref(result);
    return status;
}

const struct cu_command cu_command_stats = {
    .name = "stats",
    .synopsis =
        "[--all | --nodes] [--latency] [--json | --prometheus] [--watch [SECONDS]] [-v MOUNT]",
    .summary = "Shows what was asked, where it was found and what it cost the storage",
    .details =
        "Of this node; with --all the sum over all nodes, with --nodes a line for each, too.\n"
        "With --latency also how long answers took.\n",
    .options = "vanjLIP",
    .run = run,
};
