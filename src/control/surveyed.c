/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/surveyed.h"

#include "base/hostlist.h"
#include "control/base64.h"
#include "control/bulk.h"
#include "host/log.h"

#include <sodium.h>
#include <stdlib.h>
#include <sys/time.h>

json_t *cu_surveyed_json(const struct cu_survey *survey)
{
    struct cu_buf *bytes = cu_survey_encode(survey);
    json_t *json = cu_base64_json(bytes);

    cu_buf_unref(bytes);
    return json;
}

struct cu_survey *cu_surveyed_read(const json_t *text, const struct cu_survey_limits *limits)
{
    struct cu_buf *bytes = cu_base64_read(text);
    struct cu_survey *survey = NULL;

    if (bytes && cu_survey_decode(bytes->data, bytes->size, limits, &survey) != 0)
        survey = NULL;
    cu_buf_unref(bytes);
    return survey;
}

void cu_surveyed_own(struct cu_commands *commands, struct cu_task *task)
{
    const struct cu_commands_hooks *hooks = &commands->config.hooks;
    struct cu_commands_taken *own;

    if (!commands->config.job->profile || !hooks->survey || task->scope == CU_SCOPE_HERE)
        return;
    own = hooks->survey(hooks->context);
    if (own)
        cu_bulk_add_taken(commands, task->parts, own);
    else
        cu_log_warn("this node's profile is left out: out of memory");
}

/* Does it tell of these nodes only? */
static bool agrees(const struct cu_survey *survey, const struct cu_idset *ranks)
{
    for (int n = CU_SURVEY_NODES; n <= CU_SURVEY_PARENTS; n++)
        for (size_t i = 0; i < survey->lists[n].count; i++)
            if (!cu_idset_has(ranks, cu_survey_number(survey->lists[n].entries[i].key)))
                return false;
    return true;
}

struct cu_survey_limits cu_surveyed_limits(const struct cu_commands *commands)
{
    return (struct cu_survey_limits){
        .nodes = commands->config.limits.node_count,
        .trees = commands->config.limits.tree_count,
        .top = commands->config.job->top_paths,
    };
}

void cu_surveyed_add(struct cu_commands *commands, struct cu_task *task,
                     const struct cu_idset *ranks, const json_t *result, struct cu_parts *parts)
{
    struct cu_parts more = {.survey = parts->survey};

    if (!commands->config.job->profile || !json_object_get(result, "survey"))
        return;
    if (!more.survey || !agrees(more.survey, ranks)) {
        cu_log_warn("the profile of %u nodes is left out: it is none, or out of memory",
                    ranks->count);
        return;
    }
    parts->survey = NULL;
    cu_bulk_add(commands, task->parts, &more);
}

static void add_facts(const struct cu_commands *commands, json_t *result)
{
    const struct cu_commands_config *config = &commands->config;
    char id[2 * CU_JOB_ID_BYTES + 1], *hosts = cu_hostlist_text(&config->job->hosts, ' ');
    struct timeval now;
    json_t *options, *facts;

    gettimeofday(&now, NULL);
    options = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:b, s:I, s:b, s:b}", "trees",
        (json_int_t)config->limits.tree_count, "fanout", (json_int_t)config->limits.fanout,
        "max_cacheable_bytes", (json_int_t)config->limits.max_cacheable_bytes, "cache_bytes",
        (json_int_t)config->limits.cache_bytes, "chunk_bytes",
        (json_int_t)config->limits.chunk_bytes, "enoent_ttl_ms",
        (json_int_t)config->job->enoent_ttl_ms, "top", (json_int_t)config->job->top_paths,
        "full_paths", config->job->full_paths, "snapshot_s", (json_int_t)config->job->snapshot_s,
        "learn", config->job->recipe != NULL, "encrypt", config->job->encrypt);
    facts = json_pack("{s:s, s:s, s:I, s:I, s:s, s:I, s:s, s:o}", "version", CU_VERSION, "job",
                      sodium_bin2hex(id, sizeof(id), config->job->id, CU_JOB_ID_BYTES), "begin_ms",
                      (json_int_t)config->job->begin_ms, "now_ms",
                      (json_int_t)now.tv_sec * 1000 + now.tv_usec / 1000, "mount",
                      config->job->mount_dir, "node_count", (json_int_t)config->limits.node_count,
                      "hosts", hosts ? hosts : "", "options", options);
    free(hosts);
    if (facts)
        json_object_set_new(result, "facts", facts);
}

void cu_surveyed_put(const struct cu_commands *commands, const struct cu_task *task, json_t *result)
{
    if (task->parts->surveyed && task->scope == CU_SCOPE_ROOT)
        add_facts(commands, result);
}
