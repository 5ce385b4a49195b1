/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/sampled.h"

#include "control/gather.h"
#include "control/sample.h"

#include <stdlib.h>
#include <string.h>

#define NS_PER_MS UINT64_C(1000000)
#define WAIT_MS   1000u /* for another one's gathering, beyond its own time */

static bool gathers(const struct cu_task *task)
{
    return task->op == CU_OP_TOP && task->scope == CU_SCOPE_ROOT &&
           task->state == CU_TASK_GATHERING;
}

void cu_sampled_begin(struct cu_commands *commands, struct cu_task *task, uint64_t now_ns)
{
    struct cu_commands_origin origin = task->origin;
    struct cu_sampled *kept = &commands->sampled;

    if (task->scope == CU_SCOPE_ROOT && kept->text &&
        now_ns - kept->begun_ns < CU_SAMPLED_SHARED_MS * NS_PER_MS) {
        cu_task_free(commands, task);
        cu_commands_reply(commands, &origin, kept->text);
        return;
    }
    cu_buf_unref(kept->text);
    kept->text = NULL;
    cu_list_for_each (it, &commands->tasks) {
        if (task->scope != CU_SCOPE_ROOT || !gathers(CU_LIST_ENTRY(it, struct cu_task, link)))
            continue;
        if (cu_task_set_deadline(commands, task, task->timeout_ms + WAIT_MS))
            task->state = CU_TASK_WAITING;
        return;
    }
    if (task->scope == CU_SCOPE_ROOT)
        kept->begun_ns = now_ns;
    if (cu_task_set_deadline(commands, task, task->timeout_ms))
        cu_gather_start(commands, task, now_ns);
}

void cu_sampled_own(struct cu_commands *commands, struct cu_task *task, uint64_t now_ns)
{
    const struct cu_commands_hooks *hooks = &commands->config.hooks;

    task->sample = calloc(1, sizeof(*task->sample));
    if (task->sample && hooks->sample)
        hooks->sample(hooks->context, now_ns, task->sample);
}

void cu_sampled_add(struct cu_commands *commands, struct cu_task *task,
                    const struct cu_idset *ranks, uint32_t child, const json_t *result)
{
    if (cu_idset_meet(&task->seen, ranks))
        return; /* a sum cannot be split, and nothing counts twice */
    cu_idset_add_all(&task->seen, ranks);
    if (task->sample)
        cu_sample_add(task->sample, json_object_get(result, "sample"), ranks, child,
                      commands->config.limits.rank);
}

void cu_sampled_finish(struct cu_commands *commands, struct cu_task *task, json_t *result)
{
    if (!task->sample)
        return;
    cu_sample_crown(task->sample, commands->config.limits.rank, task->seen.count);
    cu_sample_cut(task->sample);
    json_object_set_new(result, "sample", cu_sample_json(task->sample));
}

/* A list of ranks, as much of it as fits, and how many there are. */
static void add_ranks(json_t *result, const char *name, const char *count_name,
                      const struct cu_idset *set)
{
    char *text = cu_idset_text(set);
    char *cut;

    if (text && strlen(text) > CU_SAMPLED_RANKS_MAX) {
        text[CU_SAMPLED_RANKS_MAX] = '\0';
        cut = strrchr(text, ',');
        *(cut ? cut : text) = '\0';
    }
    json_object_set_new(result, name, json_string(text ? text : ""));
    json_object_set_new(result, count_name, json_integer(set->count));
    free(text);
}

/* Who is not in the sample: without a daemon that is ready (dead), one that did not answer in time
 * (silent), and those that the launch went on without. */
static void add_absent(struct cu_commands *commands, const struct cu_task *task, json_t *result)
{
    uint32_t count = commands->config.limits.node_count;
    struct cu_idset dead, silent, left_out;
    const uint8_t *bits = NULL;
    int rc = cu_idset_init(&dead, count);

    rc = cu_idset_init(&silent, count) < 0 ? -1 : rc;
    rc = cu_idset_init(&left_out, count) < 0 ? -1 : rc;
    cu_core_ready(commands->config.core, &bits);
    for (uint32_t rank = 0; rc == 0 && rank < count; rank++) {
        bool ready = bits && (bits[rank / 8] >> rank % 8 & 1) != 0;

        if (!cu_idset_has(&task->seen, rank))
            cu_idset_add(cu_idset_has(&commands->left_out, rank) ? &left_out
                         : ready                                 ? &silent
                                                                 : &dead,
                         rank);
    }
    if (rc == 0) {
        add_ranks(result, "dead", "dead_count", &dead);
        add_ranks(result, "silent", "silent_count", &silent);
        add_ranks(result, "left_out", "left_out_count", &left_out);
    }
    cu_idset_free(&dead);
    cu_idset_free(&silent);
    cu_idset_free(&left_out);
}

void cu_sampled_answer(struct cu_commands *commands, struct cu_task *task, json_t *result)
{
    struct cu_buf *text;

    json_object_set_new(result, "answered", json_integer(task->seen.count));
    json_object_set_new(result, "nodes", json_integer(commands->config.limits.node_count));
    if (task->scope != CU_SCOPE_ROOT)
        return;
    add_absent(commands, task, result);
    text = cu_commands_encode(result);
    commands->sampled.text = text;
    cu_list_for_each_safe (it, &commands->tasks) {
        struct cu_task *other = CU_LIST_ENTRY(it, struct cu_task, link);
        struct cu_commands_origin origin = other->origin;

        if (other->op != CU_OP_TOP || other->state != CU_TASK_WAITING)
            continue;
        cu_task_free(commands, other);
        cu_commands_reply(commands, &origin, text);
    }
}

void cu_sampled_free(struct cu_sample *sample)
{
    if (!sample)
        return;
    cu_sample_free(sample);
    free(sample);
}
