/* SPDX-License-Identifier: BSD-3-Clause */
/* Figures of thousands of nodes: decoding their JSON, encoding it and freeing it takes 10 to 30 us
 * per node, so large results are handled on a thread of their own (loop/crew.h), and so is what
 * makes a survey of text, and text of a survey: tens of ms where its lists are full. The loop only
 * passes references on, and merges.
 *
 * Invariant: while a job is under way, only the thread uses its JSON and its survey. */
#include "control/bulk.h"

#include "control/gather.h"
#include "control/surveyed.h"
#include "core/counters.h"

#include <stdlib.h>

/* Values in a result that one node can account for: its counters in the sum and of itself, and what
 * stands around them. */
#define VALUES_EACH (2 * (size_t)CU_COUNTER_COUNT + 64)

struct job {
    struct cu_crew_job aside;
    struct cu_list link; /* commands->jobs; unlinked when the control plane was destroyed */
    struct cu_commands *commands;
    json_t *json;             /* owned */
    struct cu_buf *text;      /* reference */
    struct cu_survey *survey; /* owned; NULL: none */
    /* a result that is read */
    uint32_t rank;
    uint64_t id;
    uint32_t node_count;
    struct cu_survey_limits limits;
    /* an answer that is being written; owner NULL: not needed any more */
    struct cu_commands_origin origin;
};

static struct job *job_new(struct cu_commands *commands, void (*work)(struct cu_crew_job *),
                           void (*done)(struct cu_crew_job *))
{
    struct job *job = commands->config.aside ? calloc(1, sizeof(*job)) : NULL;

    if (!job)
        return NULL;
    job->aside = (struct cu_crew_job){.work = work, .done = done};
    job->commands = commands;
    cu_list_push_back(&commands->jobs, &job->link);
    return job;
}

static struct job *job_of(struct cu_crew_job *aside)
{
    return CU_LIST_ENTRY(aside, struct job, aside);
}

static void job_free(struct job *job)
{
    cu_list_remove(&job->link);
    cu_buf_unref(job->text);
    cu_survey_free(job->survey);
    free(job);
}

/* The nodes whose figures are in a result, or in a list of the parts of one. */
static size_t weight(const json_t *json)
{
    const json_t *parts = json_is_object(json) ? json_object_get(json, "nodes") : json, *part;
    size_t sum = 0, i;

    json_array_foreach ((json_t *)parts, i, part)
        sum += json_is_array(part) ? json_array_size(part) : 1;
    return sum;
}

/* The parts become one list. */
static void flatten(json_t *result)
{
    json_t *parts = json_object_get(result, "nodes"), *flat, *part;
    size_t i;

    if (!json_is_array(parts))
        return;
    flat = json_array();
    json_array_foreach (parts, i, part)
        json_array_extend(flat, part);
    json_object_set_new(result, "nodes", flat);
}

/* --- letting go ------------------------------------------------------------------------------- */

static void let_go(struct cu_crew_job *aside)
{
    json_decref(job_of(aside)->json);
}

static void has_gone(struct cu_crew_job *aside)
{
    job_free(job_of(aside));
}

void cu_bulk_free(struct cu_commands *commands, json_t *json)
{
    struct job *job = weight(json) >= CU_BULK_NODES ? job_new(commands, let_go, has_gone) : NULL;

    if (!job) {
        json_decref(json);
        return;
    }
    job->json = json;
    cu_crew_run(commands->config.aside, &job->aside);
}

/* --- reading ---------------------------------------------------------------------------------- */

/* Are the figures in a result those of nodes that it speaks for, each once? */
static bool agrees(const json_t *result, uint32_t node_count)
{
    const json_t *nodes = json_object_get(result, "nodes"), *node;
    const char *text = json_string_value(json_object_get(result, "ranks"));
    struct cu_idset ranks;
    bool good = true;
    size_t i;

    if (!json_is_array(nodes))
        return true;
    if (cu_idset_init(&ranks, node_count) < 0)
        return false;
    good = text && cu_idset_add_text(&ranks, text) == 0;
    json_array_foreach ((json_t *)nodes, i, node) {
        json_int_t rank = json_integer_value(json_object_get(node, "rank"));

        good = good && json_is_integer(json_object_get(node, "rank")) && rank >= 0 &&
               rank < node_count && cu_idset_has(&ranks, (uint32_t)rank);
        if (good)
            cu_idset_remove(&ranks, (uint32_t)rank);
    }
    cu_idset_free(&ranks);
    return good;
}

json_t *cu_bulk_decode(const struct cu_buf *text, uint32_t node_count)
{
    size_t values = 0, values_max = ((size_t)node_count + 2) * VALUES_EACH;
    json_t *result;

    for (size_t i = 0; i < text->size; i++)
        values += text->data[i] == ',' || text->data[i] == '[' || text->data[i] == '{';
    if (values > values_max)
        return NULL;
    result = json_loadb((const char *)text->data, text->size, 0, NULL);
    if (agrees(result, node_count))
        return result;
    json_decref(result);
    return NULL;
}

static void read_text(struct cu_crew_job *aside)
{
    struct job *job = job_of(aside);
    const json_t *survey;

    job->json = cu_bulk_decode(job->text, job->node_count);
    survey = json_object_get(job->json, "survey");
    if (!json_is_string(survey))
        return;
    job->survey = cu_surveyed_read(survey, &job->limits);
    json_object_set_new(job->json, "survey", json_null()); /* if it is none, not read again */
}

static void is_read(struct cu_crew_job *aside)
{
    struct job *job = job_of(aside);
    struct cu_commands *commands = job->commands;

    if (commands) {
        cu_gather_read(commands, job->rank, job->id, job->json, job->survey);
        cu_bulk_free(commands, job->json);
    } else {
        json_decref(job->json);
    }
    job_free(job);
}

bool cu_bulk_read(struct cu_commands *commands, uint32_t rank, uint64_t id, struct cu_buf *text)
{
    struct job *job = text->size >= CU_BULK_BYTES ? job_new(commands, read_text, is_read) : NULL;

    if (!job)
        return false;
    job->rank = rank;
    job->id = id;
    job->node_count = commands->config.limits.node_count;
    job->limits = cu_surveyed_limits(commands);
    job->text = cu_buf_ref(text);
    cu_crew_run(commands->config.aside, &job->aside);
    return true;
}

/* --- writing ---------------------------------------------------------------------------------- */

static struct cu_buf *encode(json_t *result, const struct cu_survey *survey)
{
    json_t *text = result && survey ? cu_surveyed_json(survey) : NULL;

    flatten(result);
    if (text)
        json_object_set_new(result, "survey", text);
    return result ? cu_commands_encode(result) : NULL;
}

static void write_text(struct cu_crew_job *aside)
{
    struct job *job = job_of(aside);

    job->text = encode(job->json, job->survey);
    json_decref(job->json);
    job->json = NULL;
    cu_survey_free(job->survey);
    job->survey = NULL;
}

static void is_written(struct cu_crew_job *aside)
{
    struct job *job = job_of(aside);

    if (job->commands)
        cu_commands_reply(job->commands, &job->origin, job->text);
    job_free(job);
}

void cu_bulk_reply(struct cu_commands *commands, const struct cu_commands_origin *origin,
                   json_t *result, struct cu_survey *survey)
{
    bool large = survey || weight(result) >= CU_BULK_NODES;
    struct job *job = large ? job_new(commands, write_text, is_written) : NULL;
    struct cu_buf *text;

    if (job) {
        job->origin = *origin;
        job->json = result;
        job->survey = survey;
        cu_crew_run(commands->config.aside, &job->aside);
        return;
    }
    text = encode(result, survey);
    json_decref(result);
    cu_survey_free(survey);
    cu_commands_reply(commands, origin, text);
    cu_buf_unref(text);
}

/* --- ends ------------------------------------------------------------------------------------- */

void cu_bulk_gone(struct cu_commands *commands, const void *owner)
{
    cu_list_for_each (link, &commands->jobs) {
        struct job *job = CU_LIST_ENTRY(link, struct job, link);

        if (job->origin.owner == owner)
            job->origin.owner = NULL;
    }
}

void cu_bulk_close(struct cu_commands *commands)
{
    struct cu_list *link;

    while ((link = cu_list_pop_front(&commands->jobs)))
        CU_LIST_ENTRY(link, struct job, link)->commands = NULL;
}
