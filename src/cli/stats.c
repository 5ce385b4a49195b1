/* copper stats: what was asked, where it was found, what it cost the storage. The counters' names
 * are the daemon's (core/counters.h); one that this table does not know is in --json all the same.
 */
#include "cli/cli.h"
#include "cli/client.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct row {
    const char *counter; /* NULL: a heading */
    const char *label;
    bool bytes;
} rows[] = {
    {NULL, "Requests of the kernel", false},
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
    {NULL, "Storage operations", false},
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
    {"peer_bytes_in", "from other nodes", true},
    {"peer_bytes_out", "to other nodes", true},
    {"kernel_bytes", "to the kernel", true},
    {NULL, "Cache", false},
    {"cached_bytes", "cached", true},
    {"cached_objects", "objects", false},
    {"evictions", "evicted", false},
    {"expired", "expired", false},
    {"stale_versions", "changed on storage", false},
    {"bad_checksums", "bad checksums", false},
    {NULL, "Process", false},
    {"rss_bytes", "resident memory", true},
    {"cpu_user_ms", "CPU, user (ms)", false},
    {"cpu_system_ms", "CPU, system (ms)", false},
};
#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static void print_counters(const json_t *counters)
{
    const char *heading = NULL;
    char size[32];

    for (size_t i = 0; i < ROW_COUNT; i++) {
        uint64_t value;

        if (rows[i].counter == NULL) {
            heading = rows[i].label;
            continue;
        }
        value = cu_cli_number(counters, rows[i].counter);
        if (value == 0)
            continue;
        if (heading != NULL)
            puts(heading);
        heading = NULL;
        if (rows[i].bytes)
            printf("  %-28s %14s\n", rows[i].label, cu_cli_size(value, size));
        else
            printf("  %-28s %14" PRIu64 "\n", rows[i].label, value);
    }
}

static int print_result(json_t *result, const struct cu_cli_options *options)
{
    const json_t *nodes = json_object_get(result, "nodes");
    uint64_t silent = cu_cli_number(result, "silent_count");
    const json_t *first = json_array_get(nodes, 0);

    json_object_del(result, "ok");
    if (!options->all) { /* the others were not asked */
        json_object_del(result, "silent");
        json_object_del(result, "silent_count");
        silent = 0;
    }
    if (options->json)
        return cu_cli_print_json(options->all || first == NULL ? result : first);
    if (options->all)
        printf("%zu nodes\n", json_array_size(nodes));
    else
        printf("%s (rank %" PRIu64 ")\n", cu_cli_text(first != NULL ? first : result, "host"),
               cu_cli_number(first != NULL ? first : result, "rank"));
    if (options->all)
        print_counters(json_object_get(result, "sum"));
    else
        print_counters(json_object_get(first != NULL ? first : result, "counters"));
    if (silent > 0)
        return cu_cli_fail(CU_EXIT_FAILED, "%" PRIu64 " nodes did not answer", silent);
    return CU_EXIT_OK;
}

static int run(const struct cu_command *command, int argc, char **argv)
{
    struct cu_cli_options options;
    json_t *request, *result = NULL;
    struct cu_client client;
    struct cu_error err;
    int status = cu_cli_parse(command, argc, argv, &options);
    int rc;

    if (status < 0)
        status = cu_cli_no_operands(command, argc, argv, &options);
    if (status >= 0)
        return status;
    if (cu_client_open(options.mount, &client, &err) != 0)
        return cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
    request = json_pack("{s:s,s:b}", "op", "stats", "all", options.all);
    rc = cu_client_call(&client, request, CU_CLIENT_ANSWER_MS, &result, &err);
    json_decref(request);
    cu_client_close(&client);
    if (rc != 0)
        return cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
    status = print_result(result, &options);
    json_decref(result);
    return status;
}

const struct cu_command cu_command_stats = {
    .name = "stats",
    .synopsis = "[--all] [--json] [-v MOUNT]",
    .summary = "Shows what was asked, where it was found and what it cost the storage",
    .details = "Of this node; with --all the sum over all nodes, and with --json each node, too.\n",
    .options = "vaj",
    .run = run,
};
