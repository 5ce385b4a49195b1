/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/staged.h"

#include "base/path.h"
#include "base/text.h"
#include "control/shown.h"
#include "control/task.h"

#include <errno.h>
#include <string.h>

#define TEXT_MAX 8192u /* bytes of a peer's text */

static json_t *number_json(uint64_t value)
{
    return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

json_t *cu_staged_json(const struct cu_staged *staged, const char *host)
{
    json_t *json = json_object();
    const struct {
        const char *name;
        uint64_t value;
    } members[] = {
        {"nodes", 1},
        {"queued", staged->queued},
        {"walked", staged->walked},
        {"done", staged->done},
        {"full", staged->over_bytes > 0},
        {"failed", staged->errors > 0},
        {"objects", staged->objects},
        {"objects_done", staged->objects_done},
        {"bytes", staged->bytes},
        {"bytes_done", staged->bytes_done},
        {"bytes_sum", staged->bytes_done},
        {"over_files", staged->over_files},
        {"over_bytes", staged->over_bytes},
        {"room", staged->room},
        {"errors", staged->errors},
    };

    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
        json_object_set_new(json, members[i].name, number_json(members[i].value));
    json_object_set_new(json, "slowest", cu_shown_name(host, strlen(host)));
    if (staged->error)
        json_object_set_new(json, "error", cu_shown_name(staged->error, strlen(staged->error)));
    return json;
}

static uint64_t number(const json_t *json, const char *name)
{
    json_int_t value = json_integer_value(json_object_get(json, name));

    return value > 0 ? (uint64_t)value : 0;
}

static void take_text(json_t *sum, const json_t *more, const char *name)
{
    json_t *text = json_object_get(more, name);

    if (json_is_string(text) && json_string_length(text) <= TEXT_MAX)
        json_object_set(sum, name, text);
}

static bool slower(const json_t *a, const json_t *b)
{
    uint64_t left = number(a, "bytes_done"), right = number(b, "bytes_done");

    if (left != right)
        return left < right;
    return number(a, "objects_done") < number(b, "objects_done");
}

void cu_staged_add(json_t **sum, const json_t *more)
{
    static const char *const added[] = {"nodes", "queued", "walked",   "done",
                                        "full",  "failed", "bytes_sum"};
    static const char *const largest[] = {"objects", "bytes", "over_files", "over_bytes", "errors"};
    static const char *const of_slowest[] = {"objects_done", "bytes_done"};
    bool first = !*sum, replaces;

    if (!json_is_object(more))
        return;
    if (first)
        *sum = json_object();
    replaces = first || slower(more, *sum);
    for (size_t i = 0; i < sizeof(added) / sizeof(added[0]); i++)
        json_object_set_new(*sum, added[i],
                            number_json(number(*sum, added[i]) + number(more, added[i])));
    for (size_t i = 0; i < sizeof(largest) / sizeof(largest[0]); i++)
        if (first || number(more, largest[i]) > number(*sum, largest[i]))
            json_object_set_new(*sum, largest[i], number_json(number(more, largest[i])));
    if (first || number(more, "room") < number(*sum, "room"))
        json_object_set_new(*sum, "room", number_json(number(more, "room")));
    if (!json_object_get(*sum, "error"))
        take_text(*sum, more, "error");
    if (!replaces)
        return;
    for (size_t i = 0; i < sizeof(of_slowest) / sizeof(of_slowest[0]); i++)
        json_object_set_new(*sum, of_slowest[i], number_json(number(more, of_slowest[i])));
    take_text(*sum, more, "slowest");
}

static const char *error_text(int rc)
{
    if (rc == -EBUSY)
        return "too many stages wait already";
    if (rc == -EUSERS)
        return "too many paths were staged one by one: stage a directory that holds them, or name "
               "them in a manifest";
    return strerror(-rc);
}

void cu_staged_own(struct cu_commands *commands, struct cu_task *task)
{
    const struct cu_commands_hooks *hooks = &commands->config.hooks;
    const struct cu_hosts *hosts = &commands->config.job->hosts;
    uint32_t rank = commands->config.limits.rank;
    const char *name = json_string_value(json_object_get(task->request, "path"));
    struct cu_staged staged = {0};
    char path[CU_TREE_PATH_MAX];
    struct cu_staged_order order = {
        .id = json_string_value(json_object_get(task->request, "stage")),
        .path = path,
        .manifest = json_is_true(json_object_get(task->request, "manifest")),
        .cancel = json_is_true(json_object_get(task->request, "cancel")),
        .rate = number(task->request, "rate"),
    };
    json_t *own;
    int rc = cu_text_unname(name, path, sizeof(path)) > 0 ? 0 : -EINVAL;

    if (rc == 0)
        rc = hooks->stage(hooks->context, &order, &staged);
    if (rc < 0)
        staged = (struct cu_staged){.done = true, .errors = 1, .error = error_text(rc)};
    own = cu_staged_json(&staged, rank < hosts->count ? hosts->names[rank] : "?");
    cu_staged_add(&task->stage, own);
    json_decref(own);
}
