/* SPDX-License-Identifier: BSD-3-Clause */
/* Checks a request before anything is done: it may come from any holder of the key or of the
 * control socket. */
#include "control/request.h"

#include "base/path.h"
#include "base/text.h"
#include "control/logged.h"
#include "control/sampled.h"
#include "control/shown.h"
#include "proto/control.h"

#include <string.h>

#define TIMEOUT_MAX_MS 60000u
#define WAIT_MAX_MS    86400000u

static const struct op_name {
    const char *name;
    enum cu_task_op op;
} op_names[] = {
    {"status", CU_OP_STATUS},   {"stats", CU_OP_STATS},       {"wait", CU_OP_WAIT},
    {"stop", CU_OP_STOP},       {"drop", CU_OP_DROP},         {"doctor", CU_OP_DOCTOR},
    {"refresh", CU_OP_REFRESH}, {"launched", CU_OP_LAUNCHED}, {"recipe", CU_OP_RECIPE},
    {"stage", CU_OP_STAGE},     {"top", CU_OP_TOP},           {"log", CU_OP_LOG},
    {"learn", CU_OP_LEARN},
};

bool cu_request_op(const json_t *request, enum cu_task_op *op)
{
    const char *name = json_string_value(json_object_get(request, "op"));

    for (size_t i = 0; name && i < sizeof(op_names) / sizeof(op_names[0]); i++) {
        if (strcmp(op_names[i].name, name) == 0) {
            *op = op_names[i].op;
            return true;
        }
    }
    return false;
}

/* Members of requests, and the ops that keep them; 0: all. */
static const struct member {
    const char *name;
    unsigned ops; /* bit i: op i */
} members[] = {
    {"op", 0},
    {"timeout_ms", 0},
    {"all", 0},
    {"root", 0},
    {"below", 0},
    {"each", 1u << CU_OP_STATS},
    {"latency", 1u << CU_OP_STATS},
    {"survey", 1u << CU_OP_STATS},
    {"hosts", 1u << CU_OP_DOCTOR},
    {"missing", 1u << CU_OP_WAIT},
    {"path", 1u << CU_OP_REFRESH | 1u << CU_OP_STAGE | 1u << CU_OP_LEARN},
    {"name", 1u << CU_OP_LEARN},
    {"stage", 1u << CU_OP_STAGE},
    {"manifest", 1u << CU_OP_STAGE},
    {"cancel", 1u << CU_OP_STAGE},
    {"rate", 1u << CU_OP_STAGE},
    {"generation", 1u << CU_OP_REFRESH},
    {"left_out", 1u << CU_OP_LAUNCHED},
    {"after", 1u << CU_OP_LOG},
    {"asked", 1u << CU_OP_LOG},
};

const char *cu_request_reduce(const json_t *request, enum cu_task_op op, json_t **reduced)
{
    *reduced = json_object();
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        json_t *value = json_object_get(request, members[i].name);

        if (!value || (members[i].ops != 0 && (members[i].ops & 1u << op) == 0))
            continue;
        if (json_is_array(value) || json_is_object(value)) {
            json_decref(*reduced);
            *reduced = NULL;
            return "a member of the request is a list or an object";
        }
        if (json_object_set(*reduced, members[i].name, value) < 0)
            break;
    }
    return NULL;
}

/* A list of ranks. With those of earlier requests they are no more than the launcher allowed to be
 * missing: a daemon of the job cannot make others believe that there is less to stop. */
static bool is_rank_list(const struct cu_commands *commands, const struct cu_task *task)
{
    const json_t *field = json_object_get(task->request, "left_out");
    const char *text = json_string_value(field);
    struct cu_idset set;
    bool good;

    if (!field)
        return true;
    if (!text || cu_idset_init(&set, commands->config.limits.node_count) < 0)
        return false;
    cu_idset_add_all(&set, &commands->left_out);
    good = cu_idset_add_text(&set, text) == 0 && set.count <= commands->config.job->allow_missing;
    cu_idset_free(&set);
    return good;
}

/* A path on storage, which takes its normal form. NULL, or what is wrong. */
static const char *check_path(const struct cu_task *task)
{
    const char *path = json_string_value(json_object_get(task->request, "path"));
    char given[CU_TREE_PATH_MAX], normal[CU_TREE_PATH_MAX];

    if (!path)
        return "\"path\" lacks";
    if (cu_text_unname(path, given, sizeof(given)) < 0 || cu_path_normalise_tree(given, normal) < 0)
        return "\"path\" is not an absolute path, or too long";
    if (json_object_set_new(task->request, "path", cu_shown_name(normal, strlen(normal))) < 0)
        return "out of memory";
    return NULL;
}

static const char *check_refresh(const struct cu_task *task)
{
    const json_t *generation = json_object_get(task->request, "generation");

    if (generation && (!json_is_integer(generation) || json_integer_value(generation) < 1 ||
                       json_integer_value(generation) > INT32_MAX))
        return "\"generation\" is out of range";
    return check_path(task);
}

static const char *check_stage(const struct cu_commands *commands, const struct cu_task *task)
{
    const json_t *id = json_object_get(task->request, "stage");
    const json_t *rate = json_object_get(task->request, "rate");

    if (!json_is_string(id) || json_string_length(id) != CU_STAGED_ID)
        return "\"stage\" is not the id of a stage";
    if (rate && (!json_is_integer(rate) || json_integer_value(rate) < 0))
        return "\"rate\" is not a number of bytes a second";
    if (!commands->config.hooks.stage)
        return "this daemon does not stage";
    return check_path(task);
}

/* The first command tells the name, others may tell the same. */
static const char *check_learn(const struct cu_commands *commands, const struct cu_task *task)
{
    const char *name = json_string_value(json_object_get(task->request, "name"));

    if (!cu_job_learns_by_command(commands->config.job) || !commands->config.hooks.learn)
        return "the recipe of this job is not for its commands to name";
    if (!name || !cu_job_is_recipe_name(name))
        return "\"name\" is not the name of a recipe";
    return check_path(task);
}

const char *cu_request_check(struct cu_commands *commands, struct cu_task *task)
{
    const json_t *timeout = json_object_get(task->request, "timeout_ms");
    uint64_t max = task->op == CU_OP_WAIT ? WAIT_MAX_MS : TIMEOUT_MAX_MS;
    const char *wrong = NULL;
    bool all = json_is_true(json_object_get(task->request, "all")) ||
               json_is_true(json_object_get(task->request, "root"));
    bool below = json_is_true(json_object_get(task->request, "below"));

    if (task->op == CU_OP_WAIT)
        task->timeout_ms = cu_job_launch_ms(commands->config.job);
    else
        task->timeout_ms = task->op == CU_OP_TOP ? CU_SAMPLED_TIMEOUT_MS : CU_TASK_TIMEOUT_MS;
    if (json_is_integer(timeout)) {
        json_int_t value = json_integer_value(timeout);

        if (value < 0 || (uint64_t)value > max)
            return "\"timeout_ms\" is out of range";
        task->timeout_ms = (uint64_t)value;
    } else if (timeout) {
        return "\"timeout_ms\" is not a whole number";
    }
    if (task->op == CU_OP_RECIPE && !commands->config.hooks.records(commands->config.hooks.context))
        return "this job records nothing: launch it with --learn NAME";
    if (task->op == CU_OP_LAUNCHED && !is_rank_list(commands, task))
        return "\"left_out\" is not a list of ranks, or of more than may be missing";
    if (task->op == CU_OP_WAIT && json_object_get(task->request, "missing")) {
        const json_t *missing = json_object_get(task->request, "missing");

        if (!json_is_integer(missing) || json_integer_value(missing) < 0 ||
            json_integer_value(missing) > CU_JOB_MISSING_MAX)
            return "\"missing\" is out of range";
    }
    if (task->op == CU_OP_REFRESH)
        wrong = check_refresh(task);
    else if (task->op == CU_OP_STAGE)
        wrong = check_stage(commands, task);
    else if (task->op == CU_OP_LOG && !cu_logged_check(task))
        wrong = "\"after\" is not a place in a log";
    else if (task->op == CU_OP_LEARN)
        wrong = check_learn(commands, task);
    if (wrong)
        return wrong;
    task->scope = CU_SCOPE_HERE;
    if (task->op == CU_OP_LEARN)
        return NULL;
    if (task->op == CU_OP_WAIT || (task->op == CU_OP_STAGE && !below) ||
        (all && task->op != CU_OP_DROP && task->op != CU_OP_DOCTOR))
        task->scope = CU_SCOPE_ROOT;
    else if (below)
        task->scope = CU_SCOPE_BELOW;
    return NULL;
}
