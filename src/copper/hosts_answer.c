/* SPDX-License-Identifier: BSD-3-Clause */
/* A compromised node can answer for other nodes. Its figures cannot be checked here, but the names
 * can: an answer with hosts that are not in the job, or with one host twice, is reported as invalid
 * and not shown. */
#include "copper/hosts_answer.h"

#include "copper/cli.h"
#include "host/rundir.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HOSTS_MS 2000 /* time limit for this node's daemon to answer */

static bool is_in(const json_t *names, const char *name)
{
    const json_t *value;
    size_t i;

    json_array_foreach (names, i, value) {
        if (json_is_string(value) && strcmp(json_string_value(value), name) == 0)
            return true;
    }
    return false;
}

/* The names in a result's "hosts" that are not in without, one a line. 0 or -ENOMEM. */
static int list_hosts(const json_t *result, const json_t *without, char **text, size_t *size)
{
    FILE *out = open_memstream(text, size);
    const json_t *value;
    size_t i;

    if (!out)
        return -ENOMEM;
    json_array_foreach (json_object_get(result, "hosts"), i, value) {
        const char *name = json_is_string(value) ? json_string_value(value) : "";

        if (!is_in(without, name))
            fprintf(out, "%s\n", name);
    }
    return fclose(out) == 0 ? 0 : -ENOMEM;
}

int cu_hosts_answer_here(struct cu_client *client, bool running, struct cu_hosts *hosts,
                         char owner[CU_SESSION_MAX], struct cu_error *err)
{
    json_t *request = json_pack("{s:s,s:b}", "op", "doctor", "hosts", 1);
    json_t *result = NULL;
    char *text = NULL;
    size_t size = 0;
    int rc = cu_client_call(client, request, HOSTS_MS, &result, err);

    json_decref(request);
    if (rc == 0 && list_hosts(result, running ? json_object_get(result, "hosts_without") : NULL,
                              &text, &size) != 0)
        rc = cu_error_set(err, -ENOMEM, "out of memory");
    if (rc == 0)
        rc = cu_parse_hosts(text, size, hosts, err);
    if (owner)
        snprintf(owner, CU_SESSION_MAX, "%s", cu_cli_text(result, "owner"));
    json_decref(result);
    free(text);
    return rc;
}

int cu_hosts_answer_known(const char *mount_dir, struct cu_client *client, struct cu_hosts *known,
                          struct cu_error *err)
{
    char run_dir[CU_PATH_MAX], path[CU_PATH_MAX];
    struct cu_job job = {0};
    int rc;

    *known = (struct cu_hosts){0};
    if (!client->peer && !client->relayed)
        return cu_hosts_answer_here(client, false, known, NULL, err);
    rc = cu_rundir_path(getuid(), run_dir);
    if (rc == 0)
        rc = cu_rundir_file(run_dir, mount_dir, "job", path);
    if (rc == 0)
        rc = cu_client_read_job(path, &job, err);
    if (rc != 0)
        return rc;
    *known = job.hosts;
    job.hosts = (struct cu_hosts){0};
    cu_job_free(&job);
    return 0;
}

/* The index of name, from the first of those not looked at on: lists have the job's order. */
static size_t find(const struct cu_hosts *known, const char *name, size_t from)
{
    for (size_t i = 0; name && i < known->count; i++) {
        size_t at = (from + i) % known->count;

        if (strcmp(known->names[at], name) == 0)
            return at;
    }
    return known->count;
}

static int refuse(const struct cu_hosts *known, const char *name, size_t at, struct cu_error *err)
{
    if (at < known->count)
        return cu_error_set(err, -EBADMSG, "an answer names %s twice", known->names[at]);
    return cu_error_set(err, -EBADMSG, "an answer names a host that is not of the job: %s",
                        name ? name : "?");
}

/* seen: a flag for each of known, all false. */
static int check_names(const struct cu_hosts *known, const json_t *names, bool *seen,
                       struct cu_error *err)
{
    const json_t *value;
    size_t i, from = 0;

    json_array_foreach (names, i, value) {
        const char *name = json_string_value(value);
        size_t at = find(known, name, from);

        if (at == known->count || seen[at])
            return refuse(known, name, at, err);
        seen[at] = true;
        from = at + 1;
    }
    return 0;
}

/* {"host", "rank"}: one of the job's. */
static int check_node(const struct cu_hosts *known, const json_t *node, size_t *rank,
                      struct cu_error *err)
{
    const char *name = json_string_value(json_object_get(node, "host"));
    const json_t *given = json_object_get(node, "rank");

    *rank = known->count;
    if (json_is_integer(given) && json_integer_value(given) >= 0 &&
        (uint64_t)json_integer_value(given) < known->count)
        *rank = (size_t)json_integer_value(given);
    if (*rank == known->count || !name || strcmp(known->names[*rank], name) != 0)
        return refuse(known, name, known->count, err);
    return 0;
}

static int check_nodes(const struct cu_hosts *known, const json_t *nodes, bool *seen,
                       struct cu_error *err)
{
    const json_t *node;
    size_t i, rank;
    int rc = 0;

    json_array_foreach (nodes, i, node) {
        rc = check_node(known, node, &rank, err);
        if (rc == 0 && seen[rank])
            rc = refuse(known, NULL, rank, err);
        if (rc != 0)
            return rc;
        seen[rank] = true;
    }
    return 0;
}

/* Parents and children in a status. */
static int check_trees(const struct cu_hosts *known, const json_t *trees, bool *seen,
                       struct cu_error *err)
{
    const json_t *tree;
    size_t i;
    int rc = 0;

    json_array_foreach (trees, i, tree) {
        const char *parent = json_string_value(json_object_get(tree, "parent"));

        memset(seen, 0, known->count * sizeof(*seen));
        rc = check_names(known, json_object_get(tree, "children"), seen, err);
        if (rc == 0 && parent && find(known, parent, 0) == known->count)
            rc = refuse(known, parent, known->count, err);
        if (rc != 0)
            break;
    }
    return rc;
}

/* Each node of the job has answered, is silent, or was left out. */
static int check_sum(const struct cu_hosts *known, const json_t *result, struct cu_error *err)
{
    const char *answered = json_object_get(result, "answered") ? "answered" : "nodes";
    uint64_t sum;

    if (!json_object_get(result, "silent_count"))
        return 0;
    sum = cu_cli_number(result, answered) + cu_cli_number(result, "silent_count") +
          cu_cli_number(result, "left_out_count");
    if (sum == known->count)
        return 0;
    return cu_error_set(err, -EBADMSG, "an answer accounts for %llu nodes, of %zu",
                        (unsigned long long)sum, known->count);
}

int cu_hosts_answer_check(const struct cu_hosts *known, const json_t *result, struct cu_error *err)
{
    static const char *const lists[] = {"silent", "missing", "left_out"};
    static const char *const counts[] = {
        "answered", "nodes", "silent_count", "missing_count", "ready", "left_out_count", "failed"};
    bool *seen = calloc(known->count + 1, sizeof(*seen));
    size_t rank;
    int rc = 0;

    if (!seen)
        return cu_error_set(err, -ENOMEM, "out of memory");
    for (size_t i = 0; rc == 0 && i < sizeof(lists) / sizeof(lists[0]); i++) {
        memset(seen, 0, known->count * sizeof(*seen));
        rc = check_names(known, json_object_get(result, lists[i]), seen, err);
    }
    memset(seen, 0, known->count * sizeof(*seen));
    if (rc == 0 && json_is_array(json_object_get(result, "nodes")))
        rc = check_nodes(known, json_object_get(result, "nodes"), seen, err);
    if (rc == 0 && json_object_get(result, "host"))
        rc = check_node(known, result, &rank, err);
    for (size_t i = 0; rc == 0 && i < sizeof(counts) / sizeof(counts[0]); i++)
        if (cu_cli_number(result, counts[i]) > known->count)
            rc = cu_error_set(err, -EBADMSG, "an answer tells of %llu nodes, of %zu",
                              (unsigned long long)cu_cli_number(result, counts[i]), known->count);
    if (rc == 0)
        rc = check_trees(known, json_object_get(result, "trees"), seen, err);
    if (rc == 0)
        rc = check_sum(known, result, err);
    free(seen);
    return rc;
}

int cu_hosts_answer_judge(const char *mount_dir, const json_t *result, struct cu_error *err)
{
    struct cu_hosts known = {0};
    struct cu_client client;
    int rc = cu_client_open_here(mount_dir, &client, err);

    if (rc == -ENOENT) {
        client.peer = true;
        rc = 0;
    }
    if (rc == 0)
        rc = cu_hosts_answer_known(mount_dir, &client, &known, err);
    if (rc == 0)
        rc = cu_hosts_answer_check(&known, result, err);
    cu_client_close(&client);
    cu_parse_hosts_free(&known);
    return rc;
}
