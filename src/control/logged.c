/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/logged.h"

#include "base/hostlist.h"
#include "control/base64.h"
#include "control/bulk.h"
#include "control/gather.h"
#include "host/log.h"

#include <sodium.h>
#include <stdlib.h>

/* Behind which place; the very beginning, unless the request says one. */
static struct cu_logpage_at after_of(const struct cu_task *task)
{
    const char *text = json_string_value(json_object_get(task->request, "after"));
    struct cu_logpage_at at = {0};

    if (text && !cu_logpage_at_read(text, &at))
        at = (struct cu_logpage_at){0};
    return at;
}

bool cu_logged_check(const struct cu_task *task)
{
    const json_t *after = json_object_get(task->request, "after");
    struct cu_logpage_at at;

    return !after || (json_is_string(after) && cu_logpage_at_read(json_string_value(after), &at));
}

void cu_logged_begin(struct cu_commands *commands, struct cu_task *task, uint64_t now_ns)
{
    const struct cu_job *job = commands->config.job;
    bool asked = json_is_true(json_object_get(task->request, "asked"));

    if (!job->log_collect && !asked && task->scope != CU_SCOPE_BELOW) {
        cu_task_finish(commands, task, json_pack("{s:b, s:b}", "ok", 1, "collects", 0));
        return;
    }
    if (job->log_level >= CU_LOG_NONE) {
        cu_task_fail(commands, task,
                     "this job has no log: launch it with --log-collect, or with -l");
        return;
    }
    if (cu_task_set_deadline(commands, task, task->timeout_ms))
        cu_gather_start(commands, task, now_ns);
}

void cu_logged_own(struct cu_commands *commands, struct cu_task *task)
{
    const struct cu_commands_hooks *hooks = &commands->config.hooks;
    struct cu_logpage_at after = after_of(task);

    task->page = cu_logpage_new();
    if (!task->page || !hooks->logged || hooks->logged(hooks->context, &after, task->page) == 0)
        return;
    cu_log_warn("this node's log is left out: out of memory");
    cu_logpage_free(task->page);
    task->page = cu_logpage_new();
}

json_t *cu_logged_json(const struct cu_logpage *page)
{
    struct cu_buf *bytes = cu_logpage_encode(page);
    json_t *json = cu_base64_json(bytes);

    cu_buf_unref(bytes);
    return json;
}

struct cu_logpage *cu_logged_read(const json_t *text)
{
    struct cu_buf *bytes = cu_base64_read(text);
    struct cu_logpage *page = NULL;

    if (bytes && cu_logpage_decode(bytes->data, bytes->size, &page) != 0)
        page = NULL;
    cu_buf_unref(bytes);
    return page;
}

/* Has it lines of these nodes only, all behind that place? */
static bool agrees(const struct cu_logpage *page, const struct cu_idset *ranks,
                   const struct cu_logpage_at *after)
{
    struct cu_logpage_at at;
    size_t len;

    for (size_t i = 0; i < cu_logpage_count(page); i++) {
        (void)cu_logpage_line(page, i, &at, &len);
        if (at.rank >= ranks->limit || !cu_idset_has(ranks, at.rank) ||
            cu_logpage_compare(&at, after) <= 0)
            return false;
    }
    return true;
}

void cu_logged_add(struct cu_task *task, const struct cu_idset *ranks, struct cu_parts *parts)
{
    struct cu_logpage *more = parts->page;
    struct cu_logpage_at after = after_of(task);

    if (more && task->page && !cu_idset_meet(&task->seen, ranks) && agrees(more, ranks, &after) &&
        cu_logpage_merge(task->page, more) == 0)
        cu_idset_add_all(&task->seen, ranks);
    else
        cu_log_warn("the log of %u nodes is left out: it is none, or out of memory", ranks->count);
}

/* All nodes whose lines are not there, in the short form of lists: also the ones that the launch
 * went on without, of which there may be some. */
static void add_lacking(const struct cu_commands *commands, const struct cu_task *task,
                        json_t *result)
{
    const struct cu_hosts *hosts = &commands->config.job->hosts;
    struct cu_hosts lacking = {.names = calloc(hosts->count + 1, sizeof(*lacking.names))};
    char *text;

    for (size_t i = 0; lacking.names && i < hosts->count; i++)
        if (!cu_idset_has(&task->seen, (uint32_t)i) &&
            !cu_idset_has(&commands->left_out, (uint32_t)i))
            lacking.names[lacking.count++] = hosts->names[i];
    text = lacking.names ? cu_hostlist_text(&lacking, ',') : NULL;
    if (text)
        json_object_set_new(result, "lacking", json_string(text));
    free(text);
    free(lacking.names); /* the names themselves are the job's */
}

void cu_logged_put(const struct cu_commands *commands, struct cu_task *task, json_t *result)
{
    char id[2 * CU_JOB_ID_BYTES + 1];

    task->parts->parts.page = task->page;
    task->parts->used = task->parts->used || task->page;
    task->page = NULL;
    if (task->op != CU_OP_LOG || task->scope == CU_SCOPE_BELOW)
        return;
    json_object_set_new(result, "collects", json_true());
    sodium_bin2hex(id, sizeof(id), commands->config.job->id, CU_JOB_ID_BYTES);
    json_object_set_new(result, "job", json_string(id));
    add_lacking(commands, task, result);
}
