/* SPDX-License-Identifier: BSD-3-Clause */
/* One request down the tree, one result up: a node asks its children, does its own part, and
 * answers when all children have, or with what has come when the time is over. A child's limit is
 * shorter than its parent's, so that one silent node far below costs itself, not the branch above
 * it.
 *
 * A refresh is complete when this node's kernel has been sent the invalidations, too.
 *
 * A stop is complete for a child when its connection has ended, too: then its process has. One that
 * has answered and does not end in time is silent. The root also tells how many of the silent ones
 * were ready when the stop came ("late_count"): what is found ended there later was stopped. */
#include "control/gather.h"

#include "control/bulk.h"
#include "control/bypassed.h"
#include "control/inuse.h"
#include "control/latencies.h"
#include "control/logged.h"
#include "control/own.h"
#include "control/results.h"
#include "control/sampled.h"
#include "control/surveyed.h"
#include "core/claims.h"
#include "host/log.h"
#include "proto/control.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void child_done(struct cu_task *task, struct cu_task_child *child)
{
    if (child->done)
        return;
    child->done = true;
    task->child_open--;
}

static struct cu_task_child *child_of(struct cu_task *task, uint32_t rank)
{
    for (uint32_t i = 0; i < task->child_count; i++) {
        if (task->children[i].rank == rank)
            return &task->children[i];
    }
    return NULL;
}

/* Each level below keeps the same part of the time, and the last one has so many parts of it. */
#define LAST_PARTS 8u

static uint64_t limit_below_ms(const struct cu_commands *commands, const struct cu_task *task)
{
    const struct cu_tree *tree = cu_core_tree(commands->config.core, 0);
    uint32_t levels = cu_tree_height(tree, commands->config.limits.rank);

    return task->timeout_ms - task->timeout_ms / (LAST_PARTS + (levels > 0 ? levels : 1));
}

/* What is sent to the children: the request, for what is below, with less time. */
static struct cu_buf *request_below(const struct cu_commands *commands, const struct cu_task *task)
{
    json_t *request = json_copy(task->request);
    uint64_t limit_ms = limit_below_ms(commands, task);
    struct cu_buf *text;

    if (!request)
        return NULL;
    json_object_del(request, "all");
    json_object_del(request, "root");
    json_object_set_new(request, "below", json_true());
    json_object_set_new(request, "timeout_ms", json_integer((json_int_t)limit_ms));
    text = cu_commands_encode(request);
    json_decref(request);
    return text;
}

/* A record that cannot be used is left out: a recipe need not be complete. */
static void merge_recipe(struct cu_commands *commands, struct cu_task *task, const json_t *result,
                         struct cu_parts *parts)
{
    struct cu_parts more = {.recipe = parts->recipe};
    const char *name = json_string_value(json_object_get(result, "name"));

    /* Of several names the first one in the alphabet, whoever answers first. */
    if (name && cu_job_is_recipe_name(name) &&
        (task->learned[0] == '\0' || strcmp(name, task->learned) < 0))
        snprintf(task->learned, sizeof(task->learned), "%s", name);

    if (!more.recipe)
        return;
    parts->recipe = NULL;
    cu_bulk_add(commands, task->parts, &more);
}

static void finish_when_done(struct cu_commands *commands, struct cu_task *task)
{
    if (task->child_open == 0 && !task->own_open)
        cu_gather_finish(commands, task);
}

bool cu_gather_poll(struct cu_commands *commands, struct cu_task *task)
{
    const struct cu_commands_hooks *hooks = &commands->config.hooks;
    uint64_t failures = 0;

    if (!task->own_open || !hooks->forgot(hooks->context, &failures))
        return false;
    task->own_open = false;
    task->failed += failures > task->failures;
    cu_idset_add(&task->seen, commands->config.limits.rank);
    finish_when_done(commands, task);
    return true;
}

/* The ranks that run when a stop comes. */
static int note_up(struct cu_commands *commands, struct cu_task *task)
{
    const uint8_t *bits = NULL;

    if (cu_core_ready(commands->config.core, &bits) == 0 || !bits)
        return 0;
    if (cu_idset_init(&task->up, commands->config.limits.node_count) < 0)
        return -ENOMEM;
    for (uint32_t rank = 0; rank < task->up.limit; rank++)
        if ((bits[rank / 8] >> rank % 8 & 1) != 0)
            cu_idset_add(&task->up, rank);
    return 0;
}

void cu_gather_start(struct cu_commands *commands, struct cu_task *task, uint64_t now_ns)
{
    const struct cu_commands_config *config = &commands->config;
    uint32_t max = config->limits.node_count;
    uint32_t *ranks = malloc((size_t)max * sizeof(*ranks));
    struct cu_buf *text;
    uint32_t count = 0;

    task->state = CU_TASK_GATHERING;
    if (ranks && task->scope != CU_SCOPE_HERE)
        count = cu_core_children(config->core, 0, ranks, max);
    task->children = calloc((size_t)count + 1, sizeof(*task->children));
    task->parts = cu_bulk_sum_new();
    if (!ranks || !task->children || !task->parts || cu_idset_init(&task->seen, max) < 0 ||
        (task->op == CU_OP_STOP && task->scope == CU_SCOPE_ROOT && note_up(commands, task) < 0)) {
        free(ranks);
        cu_task_fail(commands, task, "out of memory");
        return;
    }
    cu_own_part(commands, task, now_ns);
    text = request_below(commands, task);
    task->child_count = count;
    task->child_open = count;
    for (uint32_t i = 0; i < count; i++) {
        task->children[i].rank = ranks[i];
        if (!text ||
            config->hooks.ask(config->hooks.context, cu_peer_child(ranks[i]), task->id, text) < 0)
            child_done(task, &task->children[i]);
    }
    cu_buf_unref(text);
    free(ranks);
    finish_when_done(commands, task);
}

/* A node that has changed its parent in the meantime may have been asked by both parents. A sum
 * cannot be split, so a sum that contains such a node is not counted, and its other nodes count as
 * silent. */
static void merge_stats(struct cu_commands *commands, struct cu_task *task,
                        const struct cu_idset *ranks, json_t *result, struct cu_parts *parts)
{
    json_t *nodes = json_object_get(result, "nodes");

    if (cu_idset_meet(&task->seen, ranks))
        return;
    cu_idset_add_all(&task->seen, ranks);
    cu_results_add_counters(task->sum, json_object_get(result, "sum"));
    if (task->latency)
        cu_latencies_add(task->latency, json_object_get(result, "latency"));
    cu_bypassed_add(&task->bypassed, json_object_get(result, "bypassed"));
    if (json_is_true(json_object_get(task->request, "survey")))
        cu_surveyed_add(commands, task, ranks, result, parts);
    if (!task->nodes || !json_is_array(nodes))
        return;
    json_array_append(task->nodes, nodes);
    json_object_del(result, "nodes"); /* it has one owner */
}

/* The nodes that failed, of those that a result speaks for. */
static uint64_t failed_of(const json_t *result, const struct cu_idset *ranks)
{
    json_int_t failed = json_integer_value(json_object_get(result, "failed"));

    if (failed < 0)
        return 0;
    return (uint64_t)failed < ranks->count ? (uint64_t)failed : ranks->count;
}

/* Removes the ranks for which the child may not speak. True when there were some. */
static bool cut_claims(const struct cu_commands *commands, const struct cu_task *task,
                       uint32_t rank, struct cu_idset *ranks)
{
    const struct cu_tree *tree = cu_core_tree(commands->config.core, 0);
    uint32_t removed = cu_claims_cut(tree, rank, ranks->bits);

    for (uint32_t i = 0; i < task->child_count; i++)
        if (task->children[i].rank != rank)
            removed += cu_claims_cut_of(tree, rank, task->children[i].rank, ranks->bits);
    ranks->count -= removed;
    if (removed > 0)
        cu_core_counters(commands->config.core)[CU_COUNT_ranks_refused]++;
    return removed > 0;
}

/* Takes the ranks that a child's result covers, and their figures. A sum cannot be split: of one
 * that contains figures of others nothing counts. */
static void merge(struct cu_commands *commands, struct cu_task *task, uint32_t rank, json_t *result,
                  struct cu_parts *parts)
{
    const char *text = json_string_value(json_object_get(result, "ranks"));
    struct cu_idset ranks;
    bool cut;

    if (!json_is_true(json_object_get(result, "ok")) || cu_idset_init(&ranks, task->seen.limit) < 0)
        return;
    if (!text || cu_idset_add_text(&ranks, text) < 0)
        cu_idset_add(&ranks, rank);
    cut = cut_claims(commands, task, rank, &ranks);
    if (task->op == CU_OP_STATS) {
        if (!cut)
            merge_stats(commands, task, &ranks, result, parts);
    } else if (task->op == CU_OP_TOP) {
        if (!cut)
            cu_sampled_add(commands, task, &ranks, rank, result);
    } else if (task->op == CU_OP_LOG) {
        if (!cut)
            cu_logged_add(task, &ranks, parts);
    } else {
        if (!cut && !cu_idset_meet(&task->seen, &ranks)) { /* not counted twice */
            cu_bypassed_add(&task->bypassed, json_object_get(result, "bypassed"));
            if (task->latency)
                cu_latencies_add(task->latency, json_object_get(result, "latency"));
            if (task->op == CU_OP_STOP)
                cu_surveyed_add(commands, task, &ranks, result, parts);
            if (task->sum)
                cu_results_add_counters(task->sum, json_object_get(result, "sum"));
            cu_inuse_add(&task->in_use, json_object_get(result, "in_use"));
            if (task->op == CU_OP_STAGE)
                cu_staged_add(&task->stage, json_object_get(result, "stage"));
        }
        if (task->op == CU_OP_RECIPE)
            merge_recipe(commands, task, result, parts);
        cu_idset_add_all(&task->seen, &ranks);
        task->failed += failed_of(result, &ranks);
    }
    cu_idset_free(&ranks);
}

void cu_gather_result(struct cu_commands *commands, struct cu_task *task, uint32_t rank,
                      struct cu_buf *text)
{
    struct cu_task_child *child = child_of(task, rank);
    const struct cu_survey_limits limits = cu_surveyed_limits(commands);
    struct cu_parts parts;
    json_t *result;

    if (!child || child->answered || child->coming || child->done)
        return;
    child->coming =
        text->size <= CU_CONTROL_JSON_MAX && cu_bulk_read(commands, rank, task->id, text);
    if (child->coming)
        return;
    result = text->size <= CU_CONTROL_JSON_MAX
                 ? cu_bulk_decode(text, commands->config.limits.node_count)
                 : NULL;
    cu_parts_read(result, &limits, &parts);
    cu_gather_take(commands, task, rank, result, &parts);
    cu_parts_clear(&parts);
    json_decref(result);
}

void cu_gather_take(struct cu_commands *commands, struct cu_task *task, uint32_t rank,
                    json_t *result, struct cu_parts *parts)
{
    struct cu_task_child *child = child_of(task, rank);

    if (!child || child->answered || child->done)
        return;
    child->coming = false;
    child->answered = true;
    merge(commands, task, rank, result, parts);
    if (task->op != CU_OP_STOP || child->down || json_is_true(json_object_get(result, "lingers")) ||
        !json_is_true(json_object_get(result, "ok")))
        child_done(task, child);
    finish_when_done(commands, task);
}

void cu_gather_child_down(struct cu_commands *commands, struct cu_task *task, uint32_t rank)
{
    struct cu_task_child *child = child_of(task, rank);

    if (!child || child->done)
        return;
    child->down = true;
    if (child->coming)
        return; /* it had answered before */
    child_done(task, child);
    finish_when_done(commands, task);
}

static uint32_t count_late(const struct cu_task *task)
{
    uint32_t late = 0;

    for (uint32_t rank = 0; rank < task->up.limit; rank++)
        late += cu_idset_has(&task->up, rank) && !cu_idset_has(&task->seen, rank);
    return late;
}

/* The form for the client, made at the root or where only this node was meant. */
static void add_totals(struct cu_commands *commands, struct cu_task *task, json_t *result)
{
    if (task->op == CU_OP_STATS)
        json_object_set_new(result, "answered", json_integer(task->seen.count));
    else
        json_object_set_new(result, task->op == CU_OP_STOP ? "stopped" : "nodes",
                            json_integer(task->seen.count));
    if (task->scope == CU_SCOPE_ROOT)
        cu_results_add_missing(commands, result, "silent", task->seen.bits);
    if (task->op == CU_OP_STOP && task->scope == CU_SCOPE_ROOT)
        json_object_set_new(result, "late_count", json_integer(count_late(task)));
    if (task->op == CU_OP_STOP) {
        uint64_t up_ns = task->asked_ns - commands->config.started_ns;

        json_object_set_new(result, "up_ms", json_integer((json_int_t)(up_ns / 1000000)));
        json_object_set_new(result, "learns",
                            json_boolean(commands->config.job->recipe || commands->learned[0]));
        cu_results_add_notes(commands, result);
    }
}

void cu_gather_finish(struct cu_commands *commands, struct cu_task *task)
{
    json_t *result = json_object();
    char *ranks;

    for (uint32_t i = 0; task->op == CU_OP_STOP && i < task->child_count; i++) {
        if (!task->children[i].done)
            cu_idset_remove(&task->seen, task->children[i].rank);
    }
    json_object_set_new(result, "ok", json_true());
    if (task->sum)
        json_object_set(result, "sum", task->sum);
    if (task->latency)
        json_object_set_new(result, "latency", cu_latencies_json(task->latency));
    if (task->bypassed) {
        cu_bypassed_cut(task->bypassed);
        json_object_set(result, "bypassed", task->bypassed);
    }
    cu_surveyed_put(commands, task, result);
    if (task->stage)
        json_object_set(result, "stage", task->stage);
    if (task->learned[0] != '\0')
        json_object_set_new(result, "name", json_string(task->learned));
    if (task->in_use)
        json_object_set(result, "in_use", task->in_use);
    cu_sampled_finish(commands, task, result);
    cu_logged_put(commands, task, result);
    if (task->nodes)
        json_object_set_new(result, "nodes", task->nodes);
    task->nodes = NULL;
    if (task->op == CU_OP_REFRESH || task->op == CU_OP_STOP)
        json_object_set_new(result, "failed", json_integer((json_int_t)task->failed));
    if (task->scope == CU_SCOPE_BELOW) {
        ranks = cu_idset_text(&task->seen);
        json_object_set_new(result, "ranks", json_string(ranks ? ranks : ""));
        free(ranks);
    } else if (task->op == CU_OP_TOP) {
        cu_sampled_answer(commands, task, result);
    } else {
        add_totals(commands, task, result);
    }
    if (task->op == CU_OP_STOP) {
        struct cu_commands_origin origin = task->origin;
        struct cu_bulk_sum *parts = task->parts;

        task->parts = NULL;
        cu_task_free(commands, task);
        cu_bulk_stop(commands, &origin, result, parts);
        cu_bulk_sum_unref(parts);
        return;
    }
    cu_task_finish(commands, task, result);
}

/* Meanwhile this node may have begun to stop for another reason. */
void cu_gather_stopped(struct cu_commands *commands, const struct cu_commands_origin *origin,
                       json_t *result)
{
    const struct cu_commands_hooks *hooks = &commands->config.hooks;

    if (commands->stopping)
        cu_commands_answer(commands, origin,
                           json_pack("{s:b, s:s}", "ok", 0, "error", CU_COMMANDS_STOPPING));
    else
        hooks->stop(hooks->context, origin, result);
}

void cu_gather_outlive(struct cu_commands *commands, struct cu_task *task, uint64_t now_ns)
{
    task->state = CU_TASK_OUTLIVING;
    task->origin.owner = NULL;
    if (cu_deadline_arm(&commands->deadlines, &task->deadline,
                        now_ns + CU_COMMANDS_END_MS * UINT64_C(1000000)) < 0)
        cu_task_free(commands, task);
}
