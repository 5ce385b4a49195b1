/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/own.h"

#include "base/path.h"
#include "base/text.h"
#include "control/bulk.h"
#include "control/bypassed.h"
#include "control/logged.h"
#include "control/results.h"
#include "control/sampled.h"
#include "control/surveyed.h"
#include "core/latency.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DOCTOR_MS 1000u /* where all that could tell hangs, it tells what is known */

static void drop_zeros(json_t *counters)
{
    const char *name;
    json_t *value;
    void *next;

    json_object_foreach_safe (counters, next, name, value) {
        if (json_integer_value(value) == 0)
            json_object_del(counters, name);
    }
}

/* Sums are always sent, so the size does not grow with the number of nodes; figures of each node
 * only on request, and without the many zeros. */
static void own_stats(struct cu_commands *commands, struct cu_task *task)
{
    json_t *own = cu_results_node_stats(commands);
    json_t *counters = json_object_get(own, "counters");

    task->sum = json_deep_copy(counters);
    if (task->scope == CU_SCOPE_HERE || json_is_true(json_object_get(task->request, "each"))) {
        if (task->scope != CU_SCOPE_HERE)
            drop_zeros(counters);
        task->nodes = json_pack("[[O]]", own);
    }
    json_decref(own);
}

static void own_latency(const struct cu_commands *commands, struct cu_task *task)
{
    bool wanted = task->op == CU_OP_STOP || json_is_true(json_object_get(task->request, "latency"));

    if (!wanted || !commands->config.latency)
        return;
    task->latency = malloc(sizeof(*task->latency)); /* NULL: the answer is without */
    if (task->latency)
        *task->latency = *commands->config.latency;
}

/* The path to refresh, which was checked when it came: the requested one, or the nearest above it
 * that a REFRESH message can carry. What is below is refreshed, too. Its length, or -EINVAL. */
static int refresh_path(const char *name, char out[CU_PATH_MAX])
{
    char whole[CU_TREE_PATH_MAX];
    int len = cu_text_unname(name, whole, sizeof(whole));

    if (len <= 0)
        return -EINVAL;
    while (len >= CU_PATH_MAX)
        len = (int)cu_path_parent_len(whole, (size_t)len);
    memcpy(out, whole, (size_t)len);
    out[len] = '\0';
    return len;
}

/* Complete when the kernel has been sent all invalidations. */
static void own_refresh(struct cu_commands *commands, struct cu_task *task, uint64_t now_ns)
{
    const struct cu_commands_hooks *hooks = &commands->config.hooks;
    const char *name = json_string_value(json_object_get(task->request, "path"));
    char path[CU_PATH_MAX] = "/";
    uint32_t generation = 0;
    int len = 1;

    if (task->op == CU_OP_REFRESH)
        len = refresh_path(name, path);
    if (len <= 0)
        return;
    if (task->op == CU_OP_REFRESH) {
        generation = (uint32_t)json_integer_value(json_object_get(task->request, "generation"));
        if (generation == 0)
            generation = cu_core_generation(commands->config.core) + 1;
        json_object_set_new(task->request, "generation", json_integer(generation));
    }
    hooks->forgot(hooks->context, &task->failures);
    cu_core_refresh(commands->config.core, path, (size_t)len, generation, now_ns);
    task->own_open = true;
}

/* The launch is over; no request waits for the nodes that it went on without. */
static void own_launched(struct cu_commands *commands, const struct cu_task *task)
{
    const char *text = json_string_value(json_object_get(task->request, "left_out"));

    int rc = text ? cu_idset_add_text(&commands->left_out, text) : 0;

    assert(rc == 0); /* was judged when it came */
    commands->launched = true;
}

void cu_own_learn(struct cu_commands *commands, struct cu_task *task)
{
    const struct cu_commands_hooks *hooks = &commands->config.hooks;
    const char *name = json_string_value(json_object_get(task->request, "name"));
    const char *path = json_string_value(json_object_get(task->request, "path"));
    char whole[CU_PATH_MAX];

    if (commands->learned[0] == '\0') {
        if (cu_text_unname(path, whole, sizeof(whole)) < 0) {
            cu_task_fail(commands, task, "\"path\" is too long");
            return;
        }
        snprintf(commands->learned, sizeof(commands->learned), "%s", name);
        hooks->learn(hooks->context, whole);
    }
    cu_task_finish(commands, task, json_pack("{s:b, s:s}", "ok", 1, "name", commands->learned));
}

bool cu_own_doctor(struct cu_commands *commands, struct cu_task *task, uint64_t now_ns, bool late)
{
    const struct cu_commands_hooks *hooks = &commands->config.hooks;
    bool hosts = json_is_true(json_object_get(task->request, "hosts"));

    if (late || !hooks->known || hooks->known(hooks->context)) {
        cu_task_finish(commands, task, cu_results_doctor(commands, hosts, now_ns));
        return true;
    }
    if (task->state != CU_TASK_WAITING && cu_task_set_deadline(commands, task, DOCTOR_MS))
        task->state = CU_TASK_WAITING;
    return false;
}

void cu_own_part(struct cu_commands *commands, struct cu_task *task, uint64_t now_ns)
{
    if (task->op == CU_OP_STATS) {
        own_stats(commands, task);
        if (json_is_true(json_object_get(task->request, "survey")))
            cu_surveyed_own(commands, task);
    }
    if (task->op == CU_OP_REFRESH || task->op == CU_OP_DROP)
        own_refresh(commands, task, now_ns);
    if (task->op == CU_OP_LAUNCHED)
        own_launched(commands, task);
    if (task->op == CU_OP_RECIPE) {
        memcpy(task->learned, commands->learned, sizeof(task->learned));
        cu_bulk_add_recorded(commands, task->parts);
    }
    if (task->op == CU_OP_LOG)
        cu_logged_own(commands, task);
    if (task->op == CU_OP_STAGE)
        cu_staged_own(commands, task);
    if (task->op == CU_OP_TOP)
        cu_sampled_own(commands, task, now_ns);
    if (task->op == CU_OP_STOP) {
        task->sum = cu_commands_counters(commands);
        cu_surveyed_own(commands, task);
    }
    if (task->op == CU_OP_STATS || task->op == CU_OP_STOP) {
        own_latency(commands, task);
        task->bypassed = cu_bypassed_own(commands->config.core);
    }
    if (!task->own_open)
        cu_idset_add(&task->seen, commands->config.limits.rank);
}
