/* SPDX-License-Identifier: BSD-3-Clause */
/* The results about this node. Every json_* call may be out of memory: a missing member is better
 * than no answer, so only the object itself is checked. */
#include "control/results.h"
#include "host/process.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *host_of(const struct cu_commands *commands, uint32_t rank)
{
    return rank < commands->config.job->hosts.count ? commands->config.job->hosts.names[rank] : "?";
}

static void add_int(json_t *object, const char *name, uint64_t value)
{
    json_object_set_new(object, name, json_integer((json_int_t)value));
}

static bool has_bit(const uint8_t *bits, uint32_t rank)
{
    return (bits[rank / 8] >> (rank % 8) & 1) != 0;
}

uint32_t cu_results_count_missing(const struct cu_commands *commands, const uint8_t *bits)
{
    uint32_t missing = 0;

    for (uint32_t rank = 0; rank < commands->config.limits.node_count; rank++)
        missing += !has_bit(bits, rank) && !cu_idset_has(&commands->left_out, rank);
    return missing;
}

uint32_t cu_results_add_missing(struct cu_commands *commands, json_t *result, const char *name,
                                const uint8_t *bits)
{
    json_t *names = json_array(), *left_out = json_array();
    char count_name[64];
    uint32_t missing = 0, left = 0;

    for (uint32_t rank = 0; rank < commands->config.limits.node_count; rank++) {
        bool is_left_out = cu_idset_has(&commands->left_out, rank);
        uint32_t *count = is_left_out ? &left : &missing;

        if (!has_bit(bits, rank) && (*count)++ < CU_COMMANDS_NAMES_MAX)
            json_array_append_new(is_left_out ? left_out : names,
                                  json_string(host_of(commands, rank)));
    }
    json_object_set_new(result, name, names);
    if (left > 0) {
        json_object_set(result, "left_out", left_out);
        add_int(result, "left_out_count", left);
    }
    json_decref(left_out);
    snprintf(count_name, sizeof(count_name), "%s_count", name);
    add_int(result, count_name, missing);
    return missing;
}

static json_t *tree_answer(struct cu_commands *commands, uint32_t tree)
{
    const struct cu_core_config *limits = &commands->config.limits;
    uint32_t children[CU_COMMANDS_NAMES_MAX];
    uint32_t parent = cu_core_parent(commands->config.core, tree);
    uint32_t count = cu_core_children(commands->config.core, tree, children, CU_COMMANDS_NAMES_MAX);
    json_t *object = json_object(), *names = json_array();
    const char *role = count > 0 ? "interior" : "leaf";

    if (parent == limits->rank)
        role = "root";
    else if (parent == CU_RANK_NONE)
        role = "joining";
    for (uint32_t i = 0; i < count; i++)
        json_array_append_new(names, json_string(host_of(commands, children[i])));
    add_int(object, "tree", tree);
    json_object_set_new(object, "role", json_string(role));
    json_object_set_new(object, "parent",
                        parent == limits->rank || parent == CU_RANK_NONE
                            ? json_null()
                            : json_string(host_of(commands, parent)));
    json_object_set_new(object, "children", names);
    return object;
}

void cu_results_add_notes(struct cu_commands *commands, json_t *object)
{
    const struct cu_commands_hooks *hooks = &commands->config.hooks;
    const char *memory = commands->config.memory_note;
    char text[512], note[512];

    if (memory && memory[0] != '\0')
        json_object_set_new(object, "memory_note", json_string(memory));
    if (!hooks->network)
        return;
    hooks->network(hooks->context, text, sizeof(text), note, sizeof(note));
    json_object_set_new(object, "network", json_string(text));
    if (note[0] != '\0')
        json_object_set_new(object, "network_note", json_string(note));
}

json_t *cu_results_status(struct cu_commands *commands, uint64_t now_ns)
{
    const struct cu_commands_config *config = &commands->config;
    const struct cu_core_config *limits = &config->limits;
    const uint64_t *counters = cu_core_counters(config->core);
    json_t *object = json_object(), *trees = json_array();
    const uint8_t *bits = NULL;
    uint32_t ready = cu_core_ready(config->core, &bits);
    char id[2 * CU_JOB_ID_BYTES + 1];
    bool root = cu_core_parent(config->core, 0) == limits->rank;

    if (!object)
        return NULL;
    json_object_set_new(object, "ok", json_true());
    json_object_set_new(object, "version", json_string(CU_VERSION));
    json_object_set_new(
        object, "job",
        json_string(sodium_bin2hex(id, sizeof(id), config->job->id, CU_JOB_ID_BYTES)));
    json_object_set_new(object, "host", json_string(host_of(commands, limits->rank)));
    add_int(object, "rank", limits->rank);
    add_int(object, "pid", (uint64_t)getpid());
    add_int(object, "group", getgid());
    json_object_set_new(object, "mount", json_string(config->job->mount_dir));
    add_int(object, "port", config->job->port);
    cu_results_add_notes(commands, object);
    add_int(object, "nodes", limits->node_count);
    add_int(object, "ready", ready);
    json_object_set_new(object, "root", json_boolean(root));
    if (config->job->owner)
        json_object_set_new(object, "owner", json_string(config->job->owner));
    json_object_set_new(object, "launched", json_boolean(commands->launched));
    if (root && bits)
        cu_results_add_missing(commands, object, "missing", bits);
    for (uint32_t tree = 0; tree < limits->tree_count; tree++)
        json_array_append_new(trees, tree_answer(commands, tree));
    json_object_set_new(object, "trees", trees);
    add_int(object, "fanout", limits->fanout);
    add_int(object, "chunk_bytes", limits->chunk_bytes);
    add_int(object, "max_cacheable_bytes", limits->max_cacheable_bytes);
    add_int(object, "cache_bytes", limits->cache_bytes);
    add_int(object, "cached_bytes", counters[CU_COUNT_cached_bytes]);
    add_int(object, "cached_objects", counters[CU_COUNT_cached_objects]);
    add_int(object, "inode_bytes", counters[CU_COUNT_inode_bytes]);
    add_int(object, "inode_bytes_max", limits->cache_bytes / CU_CORE_NAME_SHARE);
    add_int(object, "recovery_bytes", counters[CU_COUNT_recovery_bytes]);
    add_int(object, "recovery_full", counters[CU_COUNT_recovery_full]);
    add_int(object, "rss_bytes", cu_process_resident_bytes());
    add_int(object, "uptime_ms", (now_ns - config->started_ns) / 1000000);
    add_int(object, "restarts", config->restarts);
    add_int(object, "generation", cu_core_generation(config->core));
    return object;
}

json_t *cu_commands_counters(struct cu_commands *commands)
{
    const uint64_t *counters = cu_core_counters(commands->config.core);
    json_t *object = json_object();
    uint64_t user_ms, system_ms;

    if (!object)
        return NULL;
    for (int i = 0; i < CU_COUNTER_COUNT; i++)
        add_int(object, cu_counter_name((enum cu_counter)i), counters[i]);
    cu_process_cpu_ms(&user_ms, &system_ms);
    add_int(object, "rss_bytes", cu_process_resident_bytes());
    add_int(object, "cpu_user_ms", user_ms);
    add_int(object, "cpu_system_ms", system_ms);
    return object;
}

void cu_results_add_counters(json_t *sum, const json_t *counters)
{
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)counters, name, value) {
        uint64_t so_far = (uint64_t)json_integer_value(json_object_get(sum, name));
        uint64_t more = (uint64_t)json_integer_value(value), total = so_far + more;

        if (cu_counter_kind_of(name) == CU_GAUGE_WORST)
            total = so_far > more ? so_far : more;

        json_object_set_new(sum, name, json_integer((json_int_t)total));
    }
}

json_t *cu_results_node_stats(struct cu_commands *commands)
{
    json_t *object = json_object();

    if (!object)
        return NULL;
    json_object_set_new(object, "host",
                        json_string(host_of(commands, commands->config.limits.rank)));
    add_int(object, "rank", commands->config.limits.rank);
    json_object_set_new(object, "counters", cu_commands_counters(commands));
    return object;
}

static const char *state_name(enum cu_task_state state)
{
    switch (state) {
    case CU_TASK_PARKED:
        return "waits for a parent";
    case CU_TASK_HANDED_UP:
        return "waits for the parent's answer";
    case CU_TASK_WAITING:
        return "waits for nodes";
    case CU_TASK_GATHERING:
        return "waits for children";
    case CU_TASK_OUTLIVING:
        return "waits for the parent's end";
    case CU_TASK_LAUNCHING:
        return "waits for the launch's end";
    }
    return "?";
}

/* All hosts of the job by rank, and those of them that the launch went on without. */
static void add_hosts(const struct cu_commands *commands, json_t *object)
{
    const struct cu_hosts *hosts = &commands->config.job->hosts;
    json_t *names = json_array(), *without = json_array();

    for (size_t i = 0; i < hosts->count; i++) {
        json_array_append_new(names, json_string(hosts->names[i]));
        if (cu_idset_has(&commands->left_out, (uint32_t)i))
            json_array_append_new(without, json_string(hosts->names[i]));
    }
    json_object_set_new(object, "hosts", names);
    json_object_set_new(object, "hosts_without", without);
}

json_t *cu_results_doctor(struct cu_commands *commands, bool hosts, uint64_t now_ns)
{
    json_t *object = cu_results_status(commands, now_ns), *requests = json_array();

    if (!object)
        return NULL;
    if (hosts)
        add_hosts(commands, object);
    cu_list_for_each (it, &commands->tasks) {
        const struct cu_task *task = CU_LIST_ENTRY(it, struct cu_task, link);
        json_t *entry;

        if (task->op == CU_OP_DOCTOR || task->confirms)
            continue; /* this one, and what nobody has asked for */
        entry = json_object();
        json_object_set(entry, "request", task->request);
        json_object_set_new(entry, "state", json_string(state_name(task->state)));
        add_int(entry, "age_ms", (now_ns - task->asked_ns) / 1000000);
        json_array_append_new(requests, entry);
    }
    json_object_set_new(object, "requests", requests);
    commands->config.hooks.describe(commands->config.hooks.context, object);
    return object;
}

json_t *cu_results_not_ready(struct cu_commands *commands)
{
    json_t *object = json_object();
    const uint8_t *bits = NULL;
    char text[256];
    uint32_t missing;
    size_t at;

    cu_core_ready(commands->config.core, &bits);
    if (!object || !bits)
        return object;
    missing = cu_results_add_missing(commands, object, "missing", bits);
    at = (size_t)snprintf(text, sizeof(text), "%u of %u nodes are not ready:", missing,
                          commands->config.limits.node_count);
    for (uint32_t i = 0; i < missing; i++) {
        const char *host = json_string_value(json_array_get(json_object_get(object, "missing"), i));

        if (i >= 5 || !host || at + strlen(host) + 8 > sizeof(text)) {
            snprintf(text + at, sizeof(text) - at, " ...");
            break;
        }
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%s %s", i > 0 ? "," : "", host);
    }
    json_object_set_new(object, "ok", json_false());
    json_object_set_new(object, "error", json_string(text));
    add_int(object, "nodes", commands->config.limits.node_count);
    add_int(object, "ready", commands->config.limits.node_count - missing);
    return object;
}
