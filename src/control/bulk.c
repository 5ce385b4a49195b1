/* SPDX-License-Identifier: BSD-3-Clause */
/* Figures of thousands of nodes: decoding their JSON, encoding it and freeing it takes 10 to 30 us
 * per node, so large results are handled on a thread of their own (loop/crew.h), and so is all that
 * is done with the parts of parts.h: up to 0.2 s. The loop only passes references on.
 *
 * Invariants: while a job is under way, only the thread uses its JSON and its parts. Jobs are done
 * in order, so what is added to a sum is in it when it is written. */
#include "control/bulk.h"

#include "control/gather.h"
#include "control/surveyed.h"
#include "core/counters.h"
#include "host/log.h"

#include <assert.h>
#include <stdlib.h>

/* Values in a result that one node can account for: its counters in the sum and of itself, and what
 * stands around them. */
#define VALUES_EACH (2 * (size_t)CU_COUNTER_COUNT + 64)

struct job {
    struct cu_crew_job aside;
    struct cu_list link; /* commands->jobs; unlinked when the control plane was destroyed */
    struct cu_commands *commands;
    json_t *json;                    /* owned */
    struct cu_buf *text;             /* reference */
    struct cu_parts parts;           /* that were read, or are to be added */
    const struct cu_recipe *lent;    /* the same, this node's; NULL: not that */
    struct cu_commands_taken *taken; /* the same, of this node; owned, NULL: not that */
    struct cu_bulk_sum *sum;         /* reference */
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
    cu_parts_clear(&job->parts);
    cu_bulk_sum_unref(job->sum);
    assert(!job->taken);
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

    job->json = cu_bulk_decode(job->text, job->node_count);
    cu_parts_read(job->json, &job->limits, &job->parts);
}

static void is_read(struct cu_crew_job *aside)
{
    struct job *job = job_of(aside);
    struct cu_commands *commands = job->commands;

    if (commands) {
        cu_gather_read(commands, job->rank, job->id, job->json, &job->parts);
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

/* --- sums ------------------------------------------------------------------------------------- */

struct cu_bulk_sum *cu_bulk_sum_new(void)
{
    struct cu_bulk_sum *sum = calloc(1, sizeof(*sum));

    if (sum)
        sum->refs = 1;
    return sum;
}

void cu_bulk_sum_unref(struct cu_bulk_sum *sum)
{
    if (!sum || --sum->refs > 0)
        return;
    cu_parts_clear(&sum->parts);
    free(sum);
}

static struct cu_bulk_sum *sum_ref(struct cu_bulk_sum *sum)
{
    sum->refs++;
    return sum;
}

static void add_taken(struct cu_parts *sum, struct cu_commands_taken *taken)
{
    struct cu_parts own = {.survey = taken->make(taken)};

    taken->free(taken);
    if (own.survey)
        cu_parts_add(sum, &own);
    else
        cu_log_warn("this node's profile is left out: out of memory");
}

static void add(struct cu_crew_job *aside)
{
    struct job *job = job_of(aside);

    cu_parts_add(&job->sum->parts, &job->parts);
    if (job->taken)
        add_taken(&job->sum->parts, job->taken);
    job->taken = NULL;
    if (job->lent)
        cu_parts_add_recipe(&job->sum->parts, job->lent);
}

static void is_added(struct cu_crew_job *aside)
{
    struct job *job = job_of(aside);

    if (job->lent && job->commands)
        job->commands->config.hooks.returned(job->commands->config.hooks.context);
    job_free(job);
}

void cu_bulk_add(struct cu_commands *commands, struct cu_bulk_sum *sum, struct cu_parts *more)
{
    struct job *job = job_new(commands, add, is_added);

    sum->used = true;
    sum->surveyed = sum->surveyed || more->survey;
    if (job) {
        job->sum = sum_ref(sum);
        job->parts = *more;
        *more = (struct cu_parts){0};
        cu_crew_run(commands->config.aside, &job->aside);
    } else if (!commands->config.aside) {
        cu_parts_add(&sum->parts, more);
    } else {
        cu_log_warn("a part of a result is left out: out of memory");
        cu_parts_clear(more);
    }
}

void cu_bulk_add_taken(struct cu_commands *commands, struct cu_bulk_sum *sum,
                       struct cu_commands_taken *taken)
{
    struct job *job = job_new(commands, add, is_added);

    sum->used = sum->surveyed = true;
    if (job) {
        job->sum = sum_ref(sum);
        job->taken = taken;
        cu_crew_run(commands->config.aside, &job->aside);
    } else if (!commands->config.aside) {
        add_taken(&sum->parts, taken);
    } else {
        cu_log_warn("this node's profile is left out: out of memory");
        taken->free(taken);
    }
}

void cu_bulk_add_recorded(struct cu_commands *commands, struct cu_bulk_sum *sum)
{
    const struct cu_commands_hooks *hooks = &commands->config.hooks;
    const struct cu_recipe *lent = hooks->recorded(hooks->context);
    struct job *job = lent ? job_new(commands, add, is_added) : NULL;

    sum->used = true;
    if (job) {
        job->sum = sum_ref(sum);
        job->lent = lent;
        cu_crew_run(commands->config.aside, &job->aside);
        return;
    }
    if (lent && !commands->config.aside)
        cu_parts_add_recipe(&sum->parts, lent);
    else
        cu_log_warn("this node's record is left out: out of memory");
    if (lent)
        hooks->returned(hooks->context);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void complete(json_t *result, const struct cu_bulk_sum *sum)
{
    flatten(result);
    if (result && sum)
        cu_parts_write(&sum->parts, result);
}

static void write_text(struct cu_crew_job *aside)
{
    struct job *job = job_of(aside);

    complete(job->json, job->sum);
    job->text = cu_commands_encode(job->json);
    json_decref(job->json);
    job->json = NULL;
}

static void is_written(struct cu_crew_job *aside)
{
    struct job *job = job_of(aside);

    if (job->commands)
        cu_commands_reply(job->commands, &job->origin, job->text);
    job_free(job);
}

static bool is_large(const json_t *result, const struct cu_bulk_sum *sum)
{
    return (sum && sum->used) || weight(result) >= CU_BULK_NODES ||
           json_string_length(json_object_get(result, "survey")) >= CU_BULK_BYTES;
}

/* NULL: it is to be done here. */
static struct job *job_for(struct cu_commands *commands, const struct cu_commands_origin *origin,
                           json_t *result, struct cu_bulk_sum *sum)
{
    struct job *job = result && is_large(result, sum) ? job_new(commands, NULL, NULL) : NULL;

    if (!job)
        return NULL;
    job->origin = *origin;
    job->json = result;
    job->sum = sum ? sum_ref(sum) : NULL;
    return job;
}

void cu_bulk_reply(struct cu_commands *commands, const struct cu_commands_origin *origin,
                   json_t *result, struct cu_bulk_sum *sum)
{
    struct job *job;
    struct cu_buf *text = NULL;

    if (!origin->owner) {
        cu_bulk_free(commands, result);
        return;
    }
    job = job_for(commands, origin, result, sum);
    if (job) {
        job->aside.work = write_text;
        job->aside.done = is_written;
        cu_crew_run(commands->config.aside, &job->aside);
        return;
    }
    if (result && (!sum || sum->refs == 1)) { /* else: the thread uses it */
        complete(result, sum);
        text = cu_commands_encode(result);
    }
    json_decref(result);
    cu_commands_reply(commands, origin, text);
    cu_buf_unref(text);
}

void cu_commands_answer(struct cu_commands *commands, const struct cu_commands_origin *origin,
                        json_t *result)
{
    cu_bulk_reply(commands, origin, result, NULL);
}

static void complete_result(struct cu_crew_job *aside)
{
    complete(job_of(aside)->json, job_of(aside)->sum);
}

static void is_complete(struct cu_crew_job *aside)
{
    struct job *job = job_of(aside);

    if (job->commands)
        cu_gather_stopped(job->commands, &job->origin, job->json);
    json_decref(job->json);
    job_free(job);
}

void cu_bulk_stop(struct cu_commands *commands, const struct cu_commands_origin *origin,
                  json_t *result, struct cu_bulk_sum *sum)
{
    struct job *job = job_for(commands, origin, result, sum);

    if (job) {
        job->aside.work = complete_result;
        job->aside.done = is_complete;
        cu_crew_run(commands->config.aside, &job->aside);
        return;
    }
    if (sum->refs == 1) /* else: the thread uses it */
        complete(result, sum);
    cu_gather_stopped(commands, origin, result);
    json_decref(result);
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

bool cu_commands_busy(const struct cu_commands *commands)
{
    return !cu_list_empty(&commands->jobs);
}
