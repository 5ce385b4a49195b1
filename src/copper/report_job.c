/* SPDX-License-Identifier: BSD-3-Clause */
#include "copper/report_job.h"

#include "base/path.h"
#include "copper/cli.h"
#include "copper/latencies.h"
#include "core/tree.h"
#include "host/readfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RANKS_MAX (UINT64_C(1) << 20)

/* --- from a file ------------------------------------------------------------------------------ */

/* The file itself, or job.json in it. */
static int name_file(const char *path, char out[CU_PATH_MAX])
{
    struct stat st;
    bool dir = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    int len = snprintf(out, CU_PATH_MAX, "%s%s", path, dir ? "/job.json" : "");

    return len < CU_PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* 0 with *text, owned by the caller; or -errno. */
static int read_text(const char *name, char **text, size_t *size)
{
    int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY), rc;

    if (fd < 0)
        return -errno;
    rc = cu_readfile_all(fd, CU_REPORT_BYTES_MAX, text, size);
    close(fd);
    return rc;
}

json_t *cu_report_job_read(const char *path, struct cu_error *err)
{
    json_error_t wrong;
    json_t *job = NULL;
    struct cu_error why;
    char name[CU_PATH_MAX], *text = NULL;
    size_t size = 0;
    int rc = name_file(path, name);

    if (rc == 0)
        rc = read_text(name, &text, &size);
    if (rc < 0) {
        cu_error_set(err, rc, "%s: %s", name, strerror(-rc));
        return NULL;
    }
    job = json_loadb(text, size, JSON_REJECT_DUPLICATES, &wrong);
    free(text);
    if (!job) {
        cu_error_set(err, -EINVAL, "%s: is no JSON: line %d: %s", name, wrong.line, wrong.text);
    } else if (cu_report_job_check(job, &why) != 0) {
        cu_error_set(err, -EINVAL, "%s: %s", name, why.text);
        json_decref(job);
        job = NULL;
    }
    return job;
}

int cu_report_job_check(const json_t *job, struct cu_error *err)
{
    const json_t *format = json_object_get(job, "report");

    if (!json_is_integer(format) || !json_is_object(json_object_get(job, "counters")))
        return cu_error_set(err, -EINVAL,
                            "these are not the figures of a job: \"report\" and "
                            "\"counters\" are missing");
    if (json_integer_value(format) != CU_REPORT_FORMAT)
        return cu_error_set(err, -EINVAL,
                            "these are figures of format %lld, this is a Copper for %d",
                            (long long)json_integer_value(format), CU_REPORT_FORMAT);
    return 0;
}

/* --- from a job that runs --------------------------------------------------------------------- */

/* Columns of the nodes: counters that are shown as they are. */
static const char *const counted[] = {
    "child_wants",          "storage_bytes", "peer_bytes_in",   "peer_bytes_out",
    "kernel_bytes",         "bypass_bytes",  "rss_bytes",       "loop_longest_us",
    "parents_changed",      "parents_lost",  "asked_again",     "requests_waiting_most",
    "storage_waiting_most", "read_ahead",    "read_ahead_used", "read_ahead_wasted",
};
#define COUNTED (sizeof(counted) / sizeof(counted[0]))

static void append(json_t *list, uint64_t value)
{
    json_array_append_new(list, json_integer((json_int_t)value));
}

static uint64_t add_all(const json_t *counters, const char *prefix)
{
    static const char *const no_operations[] = {"fuse_forget", "storage_bytes", "storage_errors",
                                                "storage_waiting", "storage_waiting_most"};
    uint64_t total = 0;
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)counters, name, value) {
        bool counts = strncmp(name, prefix, strlen(prefix)) == 0;

        for (size_t i = 0; i < sizeof(no_operations) / sizeof(no_operations[0]); i++)
            counts = counts && strcmp(name, no_operations[i]) != 0;
        if (counts)
            total += cu_cli_number(counters, name);
    }
    return total;
}

/* The parents that a node has as long as none has died; -1: it is the root. */
static json_t *parents_of(const json_t *status, uint64_t rank)
{
    uint64_t nodes = cu_cli_number(status, "nodes"), fanout = cu_cli_number(status, "fanout");
    uint32_t count = (uint32_t)json_array_size(json_object_get(status, "trees"));
    json_t *parents = json_array();

    if (fanout == 0 || fanout > RANKS_MAX || nodes > RANKS_MAX || rank >= nodes)
        return parents;
    for (uint32_t t = 0; t < count; t++) {
        struct cu_tree tree = cu_tree_make((uint32_t)nodes, (uint32_t)fanout, t, count);
        uint32_t parent = cu_tree_parent(&tree, (uint32_t)rank);

        json_array_append_new(parents, json_integer(parent == rank ? -1 : (json_int_t)parent));
    }
    return parents;
}

static json_t *columns(void)
{
    json_t *names =
        json_pack("[s,s,s,s,s,s,s,s,s,s,s]", "rank", "host", "state", "parents", "requests", "here",
                  "flight", "parent", "storage", "negative", "storage_operations");

    for (size_t i = 0; i < COUNTED; i++)
        json_array_append_new(names, json_string(counted[i]));
    json_array_append_new(names, json_string("cpu_ms"));
    return names;
}

static json_t *row_of(const json_t *node, const json_t *status)
{
    static const char *const where[] = {"hit_here", "hit_flight", "hit_parent", "hit_storage",
                                        "hit_negative"};
    const json_t *c = json_object_get(node, "counters");
    uint64_t rank = cu_cli_number(node, "rank");
    json_t *row = json_pack("[I,s,s]", (json_int_t)rank, cu_cli_text(node, "host"), "up");

    json_array_append_new(row, parents_of(status, rank));
    append(row, add_all(c, "fuse_"));
    for (size_t i = 0; i < sizeof(where) / sizeof(where[0]); i++)
        append(row, cu_cli_number(c, where[i]));
    append(row, add_all(c, "storage_"));
    for (size_t i = 0; i < COUNTED; i++)
        append(row, cu_cli_number(c, counted[i]));
    append(row, cu_cli_number(c, "cpu_user_ms") + cu_cli_number(c, "cpu_system_ms"));
    return row;
}

/* Hosts that are known by name alone. */
static json_t *named(const json_t *hosts)
{
    json_t *list = json_array();
    const json_t *host;
    size_t i;

    json_array_foreach (hosts, i, host)
        json_array_append_new(list, json_pack("{s:O}", "host", host));
    return list;
}

static json_t *past_trees(const json_t *bypassed, json_t *paths)
{
    json_t *rows = json_array();
    const char *path;
    json_t *value;

    json_object_foreach (json_object_get(bypassed, "files"), path, value)
        json_array_append_new(rows, json_pack("{s:s,s:O}", "path", path, "value", value));
    json_object_set_new(paths, "past_trees", json_pack("{s:o}", "rows", rows));
    return json_pack("{s:I,s:I,s:I}", "bytes", (json_int_t)cu_cli_number(bypassed, "bytes"),
                     "largest", (json_int_t)cu_cli_number(bypassed, "largest"), "advice_bytes",
                     (json_int_t)cu_cli_number(bypassed, "fits"));
}

json_t *cu_report_job_make(const json_t *stats, const json_t *status)
{
    json_t *job = json_object(), *rows = json_array(), *paths = json_object();
    json_t *sum = json_object_get(stats, "sum"), *node;
    uint64_t up_ms = cu_cli_number(status, "uptime_ms"), now_ms = (uint64_t)time(NULL) * 1000;
    size_t i;

    if (!job || !rows || !paths) {
        json_decref(job);
        json_decref(rows);
        json_decref(paths);
        return NULL;
    }
    json_array_foreach (json_object_get(stats, "nodes"), i, node)
        json_array_append_new(rows, row_of(node, status));
    json_object_set_new(job, "report", json_integer(CU_REPORT_FORMAT));
    json_object_set_new(job, "version", json_string(cu_cli_text(status, "version")));
    json_object_set_new(job, "job", json_string(cu_cli_text(status, "job")));
    json_object_set_new(job, "begin_ms",
                        json_integer((json_int_t)(now_ms > up_ms ? now_ms - up_ms : 0)));
    json_object_set_new(job, "seconds", json_real((double)up_ms / 1000));
    json_object_set_new(job, "mount", json_string(cu_cli_text(status, "mount")));
    json_object_set_new(job, "network", json_string(cu_cli_text(status, "network")));
    json_object_set_new(job, "node_count",
                        json_integer((json_int_t)cu_cli_number(status, "nodes")));
    json_object_set_new(job, "answered",
                        json_integer((json_int_t)cu_cli_number(stats, "answered")));
    json_object_set_new(job, "missing", named(json_object_get(stats, "silent")));
    json_object_set_new(job, "left_out", named(json_object_get(stats, "left_out")));
    json_object_set_new(job, "options",
                        json_pack("{s:I,s:I,s:I,s:I}", "trees",
                                  (json_int_t)json_array_size(json_object_get(status, "trees")),
                                  "fanout", (json_int_t)cu_cli_number(status, "fanout"),
                                  "max_cacheable_bytes",
                                  (json_int_t)cu_cli_number(status, "max_cacheable_bytes"),
                                  "cache_bytes", (json_int_t)cu_cli_number(status, "cache_bytes")));
    if (sum)
        json_object_set(job, "counters", sum);
    json_object_set_new(job, "latency", cu_latencies_expand(json_object_get(stats, "latency")));
    json_object_set_new(job, "nodes", json_pack("{s:o,s:o}", "columns", columns(), "rows", rows));
    json_object_set_new(job, "past_trees", past_trees(json_object_get(stats, "bypassed"), paths));
    json_object_set_new(job, "paths", paths);
    return job;
}
