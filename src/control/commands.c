/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of a request: read, then done at once, or kept as a task that is parked (no parent yet),
 * handed up, waiting for nodes or gathering from children, until it is answered, once. Nothing
 * polls: a task moves when a result, a lost peer, the core or its deadline moves it.
 *
 * The text comes from whoever holds the key or the control socket, so its size, its shape and the
 * number of tasks are bounded; nothing in it is believed. */
#include "control/commands.h"

#include "base/path.h"
#include "base/text.h"
#include "control/gather.h"
#include "control/results.h"
#include "control/shown.h"
#include "control/task.h"
#include "proto/control.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_DEFAULT_MS 5000u
#define TIMEOUT_MAX_MS     60000u
#define WAIT_MAX_MS        86400000u
#define HANDED_UP_MS       1000u /* what the way up and down may take beyond the root's own limit */
#define NS_PER_MS          1000000u

static const struct op_name {
    const char *name;
    enum cu_task_op op;
} op_names[] = {
    {"status", CU_OP_STATUS},   {"stats", CU_OP_STATS}, {"wait", CU_OP_WAIT},
    {"stop", CU_OP_STOP},       {"drop", CU_OP_DROP},   {"doctor", CU_OP_DOCTOR},
    {"refresh", CU_OP_REFRESH},
};

struct cu_commands *cu_commands_create(const struct cu_commands_config *config)
{
    struct cu_commands *commands = calloc(1, sizeof(*commands));

    if (commands == NULL)
        return NULL;
    commands->config = *config;
    cu_list_init(&commands->tasks);
    cu_deadline_init(&commands->deadlines);
    commands->next_id = 1;
    return commands;
}

void cu_commands_destroy(struct cu_commands *commands)
{
    if (commands == NULL)
        return;
    cu_list_for_each_safe (it, &commands->tasks)
        cu_task_free(commands, CU_LIST_ENTRY(it, struct cu_task, link));
    cu_deadline_free(&commands->deadlines);
    free(commands);
}

struct cu_buf *cu_commands_encode(const json_t *result)
{
    size_t size = json_dumpb(result, NULL, 0, JSON_COMPACT);
    struct cu_buf *text = size > 0 ? cu_buf_new(size) : NULL;

    if (text != NULL && json_dumpb(result, (char *)text->data, size, JSON_COMPACT) != size) {
        cu_buf_unref(text);
        text = NULL;
    }
    return text;
}

static void reply(struct cu_commands *commands, const struct cu_commands_origin *origin,
                  const json_t *result)
{
    static const char no_memory[] = "{\"ok\":false,\"error\":\"out of memory\"}";
    static const char too_long[] = "{\"ok\":false,\"error\":\"the answer is too long\"}";
    struct cu_buf *text;

    if (origin->owner == NULL)
        return;
    text = result != NULL ? cu_commands_encode(result) : NULL;
    if (text != NULL && text->size > CU_CONTROL_JSON_MAX) {
        cu_buf_unref(text);
        text = cu_buf_copy(too_long, sizeof(too_long) - 1);
    }
    if (text == NULL)
        text = cu_buf_copy(no_memory, sizeof(no_memory) - 1);
    if (text == NULL)
        return; /* the asker's time limit tells him */
    commands->config.hooks.reply(commands->config.hooks.context, origin, text);
    cu_buf_unref(text);
}

static void reply_error(struct cu_commands *commands, const struct cu_commands_origin *origin,
                        const char *text)
{
    json_t *result = json_pack("{s:b, s:s}", "ok", 0, "error", text);

    reply(commands, origin, result);
    json_decref(result);
}

void cu_task_free(struct cu_commands *commands, struct cu_task *task)
{
    cu_list_remove(&task->link);
    cu_deadline_disarm(&commands->deadlines, &task->deadline);
    commands->task_count--;
    json_decref(task->request);
    json_decref(task->sum);
    json_decref(task->nodes);
    cu_idset_free(&task->seen);
    free(task->children);
    free(task);
}

void cu_task_finish(struct cu_commands *commands, struct cu_task *task, json_t *result)
{
    struct cu_commands_origin origin = task->origin;

    cu_task_free(commands, task);
    reply(commands, &origin, result);
    json_decref(result);
}

void cu_task_fail(struct cu_commands *commands, struct cu_task *task, const char *format, ...)
{
    struct cu_commands_origin origin = task->origin;
    char text[CU_ERROR_TEXT_MAX];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    cu_task_free(commands, task);
    reply_error(commands, &origin, text);
}

static const char *parent_name(const struct cu_commands *commands, const struct cu_task *task)
{
    const struct cu_hosts *hosts = &commands->config.job->hosts;

    return task->parent < hosts->count ? hosts->names[task->parent] : "?";
}

/* At most deadline_ms after it came. When even that cannot be kept, the task is failed: false. */
static bool set_deadline(struct cu_commands *commands, struct cu_task *task, uint64_t deadline_ms)
{
    if (cu_deadline_arm(&commands->deadlines, &task->deadline,
                        task->asked_ns + deadline_ms * NS_PER_MS) == 0)
        return true;
    cu_task_fail(commands, task, "out of memory");
    return false;
}

/* At the root, or where only this node (and what is below it) is meant. */
static void do_here(struct cu_commands *commands, struct cu_task *task, uint64_t now_ns)
{
    const uint8_t *bits;

    switch (task->op) {
    case CU_OP_STATUS:
        cu_task_finish(commands, task, cu_results_status(commands, now_ns));
        return;
    case CU_OP_DOCTOR:
        cu_task_finish(commands, task,
                       cu_results_doctor(commands,
                                         json_is_true(json_object_get(task->request, "hosts")),
                                         now_ns));
        return;
    case CU_OP_WAIT:
        if (cu_core_ready(commands->config.core, &bits) == commands->config.limits.node_count)
            cu_task_finish(commands, task, cu_results_status(commands, now_ns));
        else if (set_deadline(commands, task, task->timeout_ms))
            task->state = CU_TASK_WAITING;
        return;
    case CU_OP_STATS:
    case CU_OP_STOP:
    case CU_OP_REFRESH:
    case CU_OP_DROP:
        if (set_deadline(commands, task, task->timeout_ms))
            cu_gather_start(commands, task, now_ns);
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
    if (text != NULL)
        rc = commands->config.hooks.ask(commands->config.hooks.context, cu_peer_parent(parent),
                                        task->id, text);
    cu_buf_unref(text);
    if (rc < 0)
        return false;
    task->state = CU_TASK_HANDED_UP;
    task->parent = parent;
    set_deadline(commands, task, task->timeout_ms + HANDED_UP_MS); /* moved: cannot fail */
    return true;
}

/* A task for the root: done here, handed up, or parked. True when it moved. */
static bool towards_root(struct cu_commands *commands, struct cu_task *task, uint64_t now_ns)
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

static bool find_op(const json_t *request, enum cu_task_op *op)
{
    const char *name = json_string_value(json_object_get(request, "op"));

    for (size_t i = 0; name != NULL && i < sizeof(op_names) / sizeof(op_names[0]); i++) {
        if (strcmp(op_names[i].name, name) == 0) {
            *op = op_names[i].op;
            return true;
        }
    }
    return false;
}

/* Brings the fields of a request into the form that all nodes expect. NULL, or what is wrong. */
static const char *check_fields(struct cu_commands *commands, struct cu_task *task)
{
    const json_t *timeout = json_object_get(task->request, "timeout_ms");
    uint64_t max = task->op == CU_OP_WAIT ? WAIT_MAX_MS : TIMEOUT_MAX_MS;
    const char *path = json_string_value(json_object_get(task->request, "path"));
    char given[CU_TREE_PATH_MAX], normal[CU_TREE_PATH_MAX];
    bool all = json_is_true(json_object_get(task->request, "all")) ||
               json_is_true(json_object_get(task->request, "root"));
    bool below = json_is_true(json_object_get(task->request, "below"));

    if (task->op == CU_OP_WAIT)
        task->timeout_ms = (uint64_t)commands->config.job->ready_timeout_s * 1000;
    else
        task->timeout_ms = TIMEOUT_DEFAULT_MS;
    if (json_is_integer(timeout)) {
        json_int_t value = json_integer_value(timeout);

        if (value < 0 || (uint64_t)value > max)
            return "\"timeout_ms\" is out of range";
        task->timeout_ms = (uint64_t)value;
    } else if (timeout != NULL) {
        return "\"timeout_ms\" is not a whole number";
    }
    if (task->op == CU_OP_REFRESH) {
        const json_t *generation = json_object_get(task->request, "generation");

        if (path == NULL)
            return "\"path\" lacks";
        if (generation != NULL &&
            (!json_is_integer(generation) || json_integer_value(generation) < 1 ||
             json_integer_value(generation) > INT32_MAX))
            return "\"generation\" is out of range";
        if (cu_text_unname(path, given, sizeof(given)) < 0 ||
            cu_path_normalise_tree(given, normal) < 0)
            return "\"path\" is not an absolute path, or too long";
        if (json_object_set_new(task->request, "path", cu_shown_name(normal, strlen(normal))) < 0)
            return "out of memory";
    }
    task->scope = CU_SCOPE_HERE;
    if (task->op == CU_OP_WAIT || (all && task->op != CU_OP_DROP && task->op != CU_OP_DOCTOR))
        task->scope = CU_SCOPE_ROOT;
    else if (below)
        task->scope = CU_SCOPE_BELOW;
    return NULL;
}

static struct cu_task *task_new(struct cu_commands *commands,
                                const struct cu_commands_origin *origin, json_t *request,
                                uint64_t now_ns)
{
    struct cu_task *task = calloc(1, sizeof(*task));

    if (task == NULL)
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
    json_t *request = NULL;
    const char *wrong = NULL;
    struct cu_task *task = NULL;
    enum cu_task_op op = CU_OP_STATUS;

    if (size <= CU_COMMANDS_REQUEST_MAX)
        request = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(request))
        wrong = "the request is not a JSON object, or too long";
    else if (!find_op(request, &op))
        wrong = "\"op\" is not a request that this version knows";
    else if (commands->stopping)
        wrong = "this daemon is stopping";
    else if (commands->task_count >= CU_COMMANDS_TASKS_MAX)
        wrong = "too many requests wait already";
    else if ((task = task_new(commands, origin, request, now_ns)) == NULL)
        wrong = "out of memory";
    json_decref(request);
    if (wrong != NULL) {
        reply_error(commands, origin, wrong);
        return;
    }
    task->op = op;
    wrong = check_fields(commands, task);
    if (wrong != NULL) {
        cu_task_fail(commands, task, "%s", wrong);
        return;
    }
    if (task->scope != CU_SCOPE_ROOT) {
        do_here(commands, task, now_ns);
        return;
    }
    task->state = CU_TASK_PARKED;
    if (set_deadline(commands, task, task->timeout_ms))
        towards_root(commands, task, now_ns);
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

/* The root's answer goes on as it is. A newline would break the line protocol of the socket. */
static void hand_down(struct cu_commands *commands, struct cu_task *task, const void *text,
                      size_t size, uint64_t now_ns)
{
    struct cu_commands_origin origin = task->origin;
    struct cu_buf *copy = NULL;

    if (size > CU_CONTROL_JSON_MAX || memchr(text, '\n', size) != NULL) {
        cu_task_fail(commands, task, "the answer of %s is broken", parent_name(commands, task));
        return;
    }
    if (task->op == CU_OP_STOP && commands->stopping)
        cu_gather_outlive(commands, task, now_ns);
    else
        cu_task_free(commands, task);
    if (origin.owner == NULL)
        return;
    copy = cu_buf_copy(text, size);
    if (copy != NULL)
        commands->config.hooks.reply(commands->config.hooks.context, &origin, copy);
    else
        reply(commands, &origin, NULL);
    cu_buf_unref(copy);
}

void cu_commands_result(struct cu_commands *commands, struct cu_peer peer, uint64_t id,
                        const void *text, size_t size, uint64_t now_ns)
{
    struct cu_task *task = task_of(commands, id);
    json_t *result;

    if (task == NULL)
        return; /* its time was over */
    if (task->state == CU_TASK_HANDED_UP && cu_peer_equal(peer, cu_peer_parent(task->parent))) {
        hand_down(commands, task, text, size, now_ns);
    } else if (task->state == CU_TASK_GATHERING && peer.side == CU_CHILD) {
        result = size <= CU_CONTROL_JSON_MAX ? json_loadb(text, size, 0, NULL) : NULL;
        cu_gather_result(commands, task, peer.rank, result);
        json_decref(result);
    }
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
    cu_list_for_each_safe (it, &commands->tasks) {
        struct cu_task *task = CU_LIST_ENTRY(it, struct cu_task, link);

        if (task->origin.owner != owner)
            continue;
        if (task->op == CU_OP_STOP)
            task->origin.owner = NULL; /* what is begun is brought to its end */
        else
            cu_task_free(commands, task);
    }
}

bool cu_commands_poll(struct cu_commands *commands, uint64_t now_ns)
{
    bool moved = false;

    cu_list_for_each_safe (it, &commands->tasks) {
        struct cu_task *task = CU_LIST_ENTRY(it, struct cu_task, link);
        const uint8_t *bits;

        if (task->state == CU_TASK_PARKED && task->scope == CU_SCOPE_ROOT) {
            moved = towards_root(commands, task, now_ns) || moved;
        } else if (task->state == CU_TASK_WAITING && cu_core_ready(commands->config.core, &bits) ==
                                                         commands->config.limits.node_count) {
            cu_task_finish(commands, task, cu_results_status(commands, now_ns));
            moved = true;
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

    while ((deadline = cu_deadline_pop(&commands->deadlines, now_ns)) != NULL) {
        struct cu_task *task = CU_DEADLINE_ENTRY(deadline, struct cu_task, deadline);

        switch (task->state) {
        case CU_TASK_PARKED:
            cu_task_fail(commands, task, "this node has not found its parent in the tree yet");
            break;
        case CU_TASK_HANDED_UP:
            cu_task_fail(commands, task, "%s did not answer in time", parent_name(commands, task));
            break;
        case CU_TASK_WAITING:
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
            cu_task_fail(commands, task, "this daemon is stopping");
    }
}

bool cu_commands_lingers(const struct cu_commands *commands)
{
    return !cu_list_empty(&commands->tasks);
}
