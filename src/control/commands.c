/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of a request: read, then done at once, or kept as a task that is parked (no parent yet),
 * handed up, waiting for nodes or gathering from children, until it is answered, once. Nothing
 * polls: a task moves when a result, a lost peer, the core or its deadline moves it.
 *
 * Requests may come from any holder of the key or of the control socket. So their size, their form
 * and the number of tasks are bounded, and every field is checked. */
#include "control/commands.h"

#include "base/path.h"
#include "base/text.h"
#include "control/bulk.h"
#include "control/gather.h"
#include "control/launched.h"
#include "control/logged.h"
#include "control/own.h"
#include "control/request.h"
#include "control/results.h"
#include "control/sampled.h"
#include "control/shown.h"
#include "control/task.h"
#include "proto/control.h"
#include "proto/survey.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define HANDED_UP_MS 1000u /* time for the way up and down, beyond the limit of the root */
#define NS_PER_MS    1000000u

struct cu_commands *cu_commands_create(const struct cu_commands_config *config)
{
    struct cu_commands *commands = calloc(1, sizeof(*commands));

    if (!commands)
        return NULL;
    commands->config = *config;
    if (cu_idset_init(&commands->left_out, config->limits.node_count) < 0) {
        free(commands);
        return NULL;
    }
    cu_list_init(&commands->tasks);
    cu_list_init(&commands->jobs);
    cu_deadline_init(&commands->deadlines);
    commands->next_id = 1;
    if (cu_launched_expect(commands, config->started_ns) < 0) {
        cu_commands_destroy(commands);
        return NULL;
    }
    return commands;
}

void cu_commands_destroy(struct cu_commands *commands)
{
    if (!commands)
        return;
    cu_list_for_each_safe (it, &commands->tasks)
        cu_task_free(commands, CU_LIST_ENTRY(it, struct cu_task, link));
    cu_bulk_close(commands);
    cu_deadline_free(&commands->deadlines);
    cu_buf_unref(commands->sampled.text);
    cu_idset_free(&commands->left_out);
    free(commands);
}

struct cu_buf *cu_commands_encode(const json_t *result)
{
    size_t size = json_dumpb(result, NULL, 0, JSON_COMPACT);
    struct cu_buf *text = size > 0 ? cu_buf_new(size) : NULL;

    if (text && json_dumpb(result, (char *)text->data, size, JSON_COMPACT) != size) {
        cu_buf_unref(text);
        text = NULL;
    }
    return text;
}

void cu_commands_reply(struct cu_commands *commands, const struct cu_commands_origin *origin,
                       struct cu_buf *text)
{
    static const char no_memory[] = "{\"ok\":false,\"error\":\"out of memory\"}";
    static const char too_long[] = "{\"ok\":false,\"error\":\"the answer is too long\"}";

    if (!origin->owner)
        return;
    if (!text)
        text = cu_buf_copy(no_memory, sizeof(no_memory) - 1);
    else if (text->size > CU_CONTROL_JSON_MAX)
        text = cu_buf_copy(too_long, sizeof(too_long) - 1);
    else
        cu_buf_ref(text);
    if (!text)
        return; /* the client's own time limit reports it */
    commands->config.hooks.reply(commands->config.hooks.context, origin, text);
    cu_buf_unref(text);
}

static void reply_error(struct cu_commands *commands, const struct cu_commands_origin *origin,
                        const char *text)
{
    cu_commands_answer(commands, origin, json_pack("{s:b, s:s}", "ok", 0, "error", text));
}

void cu_task_free(struct cu_commands *commands, struct cu_task *task)
{
    cu_list_remove(&task->link);
    cu_deadline_disarm(&commands->deadlines, &task->deadline);
    commands->task_count--;
    json_decref(task->request);
    json_decref(task->sum);
    free(task->latency);
    cu_bulk_sum_unref(task->parts);
    cu_sampled_free(task->sample);
    cu_logpage_free(task->page);
    json_decref(task->bypassed);
    json_decref(task->stage);
    json_decref(task->in_use);
    cu_bulk_free(commands, task->nodes);
    cu_idset_free(&task->seen);
    cu_idset_free(&task->up);
    free(task->children);
    free(task);
}

void cu_task_finish(struct cu_commands *commands, struct cu_task *task, json_t *result)
{
    struct cu_commands_origin origin = task->origin;
    struct cu_bulk_sum *parts = task->parts;
    bool confirms = task->confirms;

    task->parts = NULL;
    cu_task_free(commands, task);
    if (!confirms)
        cu_bulk_reply(commands, &origin, result, parts);
    cu_bulk_sum_unref(parts);
    if (!confirms)
        return;
    cu_launched_confirm(commands, result);
    json_decref(result);
}

void cu_task_fail(struct cu_commands *commands, struct cu_task *task, const char *format, ...)
{
    struct cu_commands_origin origin = task->origin;
    char text[CU_ERROR_TEXT_MAX];
    bool confirms = task->confirms;
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    cu_task_free(commands, task);
    if (confirms)
        cu_launched_confirm(commands, NULL);
    else
        reply_error(commands, &origin, text);
}

static const char *parent_name(const struct cu_commands *commands, const struct cu_task *task)
{
    const struct cu_hosts *hosts = &commands->config.job->hosts;

    return task->parent < hosts->count ? hosts->names[task->parent] : "?";
}

/* At most deadline_ms after it came. When even that cannot be kept, the task is failed: false. */
bool cu_task_set_deadline(struct cu_commands *commands, struct cu_task *task, uint64_t deadline_ms)
{
    if (cu_deadline_arm(&commands->deadlines, &task->deadline,
                        task->asked_ns + deadline_ms * NS_PER_MS) == 0)
        return true;
    cu_task_fail(commands, task, "out of memory");
    return false;
}

/* Are all nodes ready that a `wait` is for? It may say how many need not be. */
static bool is_over(const struct cu_commands *commands, const struct cu_task *task)
{
    const uint8_t *bits = NULL;
    uint64_t ready = cu_core_ready(commands->config.core, &bits);
    uint64_t spare = (uint64_t)json_integer_value(json_object_get(task->request, "missing"));

    if (ready + commands->left_out.count + spare < commands->config.limits.node_count)
        return false; /* any nodes: it is enough to count them */
    return bits && cu_results_count_missing(commands, bits) <= spare;
}

/* At the root, or where only this node (and what is below it) is meant. */
static void do_here(struct cu_commands *commands, struct cu_task *task, uint64_t now_ns)
{
    switch (task->op) {
    case CU_OP_STATUS:
        cu_task_finish(commands, task, cu_results_status(commands, now_ns));
        return;
    case CU_OP_DOCTOR:
        (void)cu_own_doctor(commands, task, now_ns, false);
        return;
    case CU_OP_WAIT:
        if (is_over(commands, task))
            cu_task_finish(commands, task, cu_results_status(commands, now_ns));
        else if (cu_task_set_deadline(commands, task, task->timeout_ms))
            task->state = CU_TASK_WAITING;
        return;
    case CU_OP_STATS:
    case CU_OP_STOP:
    case CU_OP_REFRESH:
    case CU_OP_DROP:
    case CU_OP_LAUNCHED:
    case CU_OP_RECIPE:
    case CU_OP_STAGE:
        if (cu_task_set_deadline(commands, task, task->timeout_ms))
            cu_gather_start(commands, task, now_ns);
        return;
    case CU_OP_LEARN:
        cu_own_learn(commands, task);
        return;
    case CU_OP_TOP:
        cu_sampled_begin(commands, task, now_ns);
        return;
    case CU_OP_LOG:
        cu_logged_begin(commands, task, now_ns);
        return;
    }
}

static bool hand_up(struct cu_commands *commands, struct cu_task *task, uint32_t parent,
                    uint64_t now_ns)
{
    uint64_t spent_ms = (now_ns - task->asked_ns) / NS_PER_MS;
    uint64_t left_ms = task->timeout_ms > spent_ms ? task->timeout_ms - spent_ms : 1;
    struct cu_buf *text;
    int rc = -ENOMEM;

    json_object_set_new(task->request, "timeout_ms", json_integer((json_int_t)left_ms));
    text = cu_commands_encode(task->request);
    if (text)
        rc = commands->config.hooks.ask(commands->config.hooks.context, cu_peer_parent(parent),
                                        task->id, text);
    cu_buf_unref(text);
    if (rc < 0)
        return false;
    task->state = CU_TASK_HANDED_UP;
    task->parent = parent;
    cu_task_set_deadline(commands, task, task->timeout_ms + HANDED_UP_MS); /* moved: cannot fail */
    return true;
}

/* A task for the root: done here, handed up, or parked. True when it moved. */
bool cu_task_towards_root(struct cu_commands *commands, struct cu_task *task, uint64_t now_ns)
{
    uint32_t parent = cu_core_parent(commands->config.core, 0);

    if (parent == CU_RANK_NONE)
        return false;
    if (parent == commands->config.limits.rank) {
        do_here(commands, task, now_ns);
        return true;
    }
    return hand_up(commands, task, parent, now_ns);
}

static struct cu_task *task_new(struct cu_commands *commands,
                                const struct cu_commands_origin *origin, json_t *request,
                                uint64_t now_ns)
{
    struct cu_task *task = calloc(1, sizeof(*task));

    if (!task)
        return NULL;
    task->origin = *origin;
    task->request = json_incref(request);
    task->asked_ns = now_ns;
    task->id = commands->next_id++;
    cu_list_push_back(&commands->tasks, &task->link);
    commands->task_count++;
    return task;
}

void cu_commands_request(struct cu_commands *commands, const struct cu_commands_origin *origin,
                         const void *text, size_t size, uint64_t now_ns)
{
    json_t *request = NULL, *reduced = NULL;
    const char *wrong = NULL;
    struct cu_task *task = NULL;
    enum cu_task_op op = CU_OP_STATUS;

    if (size <= CU_COMMANDS_REQUEST_MAX)
        request = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(request))
        wrong = "the request is not a JSON object, or too long";
    else if (!cu_request_op(request, &op))
        wrong = "\"op\" is not a request that this version knows";
    else if (commands->stopping)
        wrong = CU_COMMANDS_STOPPING;
    else if (commands->task_count >= CU_COMMANDS_TASKS_MAX)
        wrong = "too many requests wait already";
    else
        wrong = cu_request_reduce(request, op, &reduced);
    if (!wrong && (!reduced || !(task = task_new(commands, origin, reduced, now_ns))))
        wrong = "out of memory";
    json_decref(reduced);
    json_decref(request);
    if (wrong) {
        reply_error(commands, origin, wrong);
        return;
    }
    task->op = op;
    wrong = cu_request_check(commands, task);
    if (wrong) {
        cu_task_fail(commands, task, "%s", wrong);
        return;
    }
    if (task->scope != CU_SCOPE_ROOT) {
        do_here(commands, task, now_ns);
        return;
    }
    task->state = CU_TASK_PARKED;
    if (cu_task_set_deadline(commands, task, task->timeout_ms))
        cu_task_towards_root(commands, task, now_ns);
}

static struct cu_task *task_of(struct cu_commands *commands, uint64_t id)
{
    cu_list_for_each (it, &commands->tasks) {
        struct cu_task *task = CU_LIST_ENTRY(it, struct cu_task, link);

        if (task->id == id)
            return task;
    }
    return NULL;
}

/* The root's answer is passed on unchanged. A newline would break the line protocol of the
 * socket. */
static void hand_down(struct cu_commands *commands, struct cu_task *task, struct cu_buf *text,
                      uint64_t now_ns)
{
    struct cu_commands_origin origin = task->origin;

    if (text->size > CU_CONTROL_JSON_MAX || memchr(text->data, '\n', text->size)) {
        cu_task_fail(commands, task, "the answer of %s is broken", parent_name(commands, task));
        return;
    }
    if (task->confirms) {
        cu_task_finish(commands, task, cu_bulk_decode(text, commands->config.limits.node_count));
        return;
    }
    if (task->op == CU_OP_STOP && commands->stopping)
        cu_gather_outlive(commands, task, now_ns);
    else
        cu_task_free(commands, task);
    cu_commands_reply(commands, &origin, text);
}

void cu_commands_result(struct cu_commands *commands, struct cu_peer peer, uint64_t id,
                        struct cu_buf *text, uint64_t now_ns)
{
    struct cu_task *task = task_of(commands, id);

    if (!task)
        return; /* its time was over */
    if (task->state == CU_TASK_HANDED_UP && cu_peer_equal(peer, cu_peer_parent(task->parent)))
        hand_down(commands, task, text, now_ns);
    else if (task->state == CU_TASK_GATHERING && peer.side == CU_CHILD)
        cu_gather_result(commands, task, peer.rank, text);
}

void cu_gather_read(struct cu_commands *commands, uint32_t rank, uint64_t id, json_t *result,
                    struct cu_parts *parts)
{
    struct cu_task *task = task_of(commands, id);

    if (task && task->state == CU_TASK_GATHERING)
        cu_gather_take(commands, task, rank, result, parts);
}

void cu_commands_peer_down(struct cu_commands *commands, struct cu_peer peer, uint64_t now_ns)
{
    (void)now_ns;
    cu_list_for_each_safe (it, &commands->tasks) {
        struct cu_task *task = CU_LIST_ENTRY(it, struct cu_task, link);

        if (task->state == CU_TASK_HANDED_UP && cu_peer_equal(peer, cu_peer_parent(task->parent))) {
            if (commands->stopping)
                cu_task_fail(commands, task, "%s ended before it answered",
                             parent_name(commands, task));
            else
                task->state = CU_TASK_PARKED; /* another parent will be found */
        } else if (task->state == CU_TASK_OUTLIVING &&
                   cu_peer_equal(peer, cu_peer_parent(task->parent))) {
            cu_task_free(commands, task);
        } else if (task->state == CU_TASK_GATHERING && peer.side == CU_CHILD) {
            cu_gather_child_down(commands, task, peer.rank);
        }
    }
}

void cu_commands_gone(struct cu_commands *commands, const void *owner)
{
    cu_bulk_gone(commands, owner);
    cu_list_for_each_safe (it, &commands->tasks) {
        struct cu_task *task = CU_LIST_ENTRY(it, struct cu_task, link);

        if (task->origin.owner != owner)
            continue;
        if (task->op == CU_OP_STOP || (task->op == CU_OP_TOP && task->state == CU_TASK_GATHERING))
            task->origin.owner = NULL; /* what is begun is brought to its end: others may wait */
        else
            cu_task_free(commands, task);
    }
}

bool cu_commands_poll(struct cu_commands *commands, uint64_t now_ns)
{
    bool moved = false;

    cu_list_for_each_safe (it, &commands->tasks) {
        struct cu_task *task = CU_LIST_ENTRY(it, struct cu_task, link);

        if (task->state == CU_TASK_PARKED && task->scope == CU_SCOPE_ROOT) {
            moved = cu_task_towards_root(commands, task, now_ns) || moved;
        } else if (task->state == CU_TASK_WAITING && task->op == CU_OP_WAIT &&
                   is_over(commands, task)) {
            cu_task_finish(commands, task, cu_results_status(commands, now_ns));
            moved = true;
        } else if (task->state == CU_TASK_WAITING && task->op == CU_OP_DOCTOR) {
            moved = cu_own_doctor(commands, task, now_ns, false) || moved;
        } else if (task->state == CU_TASK_GATHERING) {
            moved = cu_gather_poll(commands, task) || moved;
        }
    }
    return moved;
}

uint64_t cu_commands_deadline(const struct cu_commands *commands)
{
    return cu_deadline_next(&commands->deadlines);
}

void cu_commands_tick(struct cu_commands *commands, uint64_t now_ns)
{
    struct cu_deadline *deadline;

    while ((deadline = cu_deadline_pop(&commands->deadlines, now_ns))) {
        struct cu_task *task = CU_DEADLINE_ENTRY(deadline, struct cu_task, deadline);

        switch (task->state) {
        case CU_TASK_LAUNCHING:
            cu_launched_ask(commands, task, now_ns);
            break;
        case CU_TASK_PARKED:
            cu_task_fail(commands, task, "this node has not found its parent in the tree yet");
            break;
        case CU_TASK_HANDED_UP:
            cu_task_fail(commands, task, "%s did not answer in time", parent_name(commands, task));
            break;
        case CU_TASK_WAITING:
            if (task->op == CU_OP_TOP)
                cu_task_fail(commands, task, "the nodes did not answer in time");
            else if (task->op == CU_OP_DOCTOR)
                (void)cu_own_doctor(commands, task, now_ns, true);
            else
                cu_task_finish(commands, task, cu_results_not_ready(commands));
            break;
        case CU_TASK_GATHERING:
            cu_gather_finish(commands, task);
            break;
        case CU_TASK_OUTLIVING:
            cu_task_free(commands, task);
            break;
        }
    }
}

void cu_commands_stopping(struct cu_commands *commands)
{
    commands->stopping = true;
    cu_list_for_each_safe (it, &commands->tasks) {
        struct cu_task *task = CU_LIST_ENTRY(it, struct cu_task, link);

        if (task->op != CU_OP_STOP || task->state != CU_TASK_HANDED_UP)
            cu_task_fail(commands, task, CU_COMMANDS_STOPPING);
    }
}

bool cu_commands_lingers(const struct cu_commands *commands)
{
    return !cu_list_empty(&commands->tasks);
}
