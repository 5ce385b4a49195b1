/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/parts.h"

#include "control/logged.h"
#include "control/recorded.h"
#include "control/surveyed.h"
#include "host/log.h"

#include <errno.h>

/* A member that is text, which is read once. */
static const json_t *text_of(const json_t *result, const char *name)
{
    const json_t *text = json_object_get(result, name);

    return json_is_string(text) ? text : NULL;
}

void cu_parts_read(json_t *result, const struct cu_survey_limits *limits, struct cu_parts *parts)
{
    const json_t *survey = text_of(result, "survey"), *recipe = text_of(result, "recipe");
    const json_t *page = text_of(result, "page");

    *parts = (struct cu_parts){0};
    if (survey) {
        parts->survey = cu_surveyed_read(survey, limits);
        json_object_set_new(result, "survey", json_null());
    }
    if (recipe) {
        parts->recipe = cu_recorded_read(recipe);
        json_object_set_new(result, "recipe", json_null());
    }
    if (page) {
        parts->page = cu_logged_read(page);
        json_object_set_new(result, "page", json_null());
    }
}

static void put(json_t *result, const char *name, json_t *text)
{
    if (text)
        json_object_set_new(result, name, text);
}

void cu_parts_write(const struct cu_parts *parts, json_t *result)
{
    if (parts->survey)
        put(result, "survey", cu_surveyed_json(parts->survey));
    else
        json_object_del(result, "facts");
    if (parts->recipe)
        put(result, "recipe", cu_recorded_json(parts->recipe));
    if (parts->page)
        put(result, "page", cu_logged_json(parts->page));
}

/* Those of a node that is in both are of one of them. */
static void add_survey(struct cu_parts *sum, struct cu_survey *more)
{
    if (!sum->survey)
        sum->survey = cu_survey_new(&more->limits);
    if (sum->survey && cu_survey_merge(sum->survey, more) != -ENOMEM)
        return;
    cu_log_warn("the job's profile is left out: out of memory");
    cu_survey_free(sum->survey);
    sum->survey = NULL;
}

void cu_parts_add_recipe(struct cu_parts *sum, const struct cu_recipe *more)
{
    if (!sum->recipe)
        sum->recipe = cu_recipe_new();
    if (!sum->recipe || cu_recipe_merge(sum->recipe, more) != 0)
        cu_log_warn("a record of some nodes is left out: too many paths, or out of memory");
}

void cu_parts_add(struct cu_parts *sum, struct cu_parts *more)
{
    if (more->survey)
        add_survey(sum, more->survey);
    if (more->recipe)
        cu_parts_add_recipe(sum, more->recipe);
    cu_parts_clear(more);
}

void cu_parts_clear(struct cu_parts *parts)
{
    cu_survey_free(parts->survey);
    cu_recipe_free(parts->recipe);
    cu_logpage_free(parts->page);
    *parts = (struct cu_parts){0};
}
