/* SPDX-License-Identifier: BSD-3-Clause */
/* What is large in a result: a survey, a recipe, a page of a log. Reading, merging and writing them
 * takes up to 0.2 s, so it is done on a thread of its own (bulk.h), and nothing here belongs to the
 * loop. Any thread, one at a time. */
#ifndef CU_CONTROL_PARTS_H
#define CU_CONTROL_PARTS_H

#include "proto/logpage.h"
#include "proto/recipe.h"
#include "proto/survey.h"

#include <jansson.h>

/* Each owned, or NULL: there is none. */
struct cu_parts {
    struct cu_survey *survey;
    struct cu_recipe *recipe;
    struct cu_logpage *page;
};

/* Takes what is there, or can be read, out of a result of another daemon; the members of the result
 * are null then. result: NULL, or any JSON. */
void cu_parts_read(json_t *result, const struct cu_survey_limits *limits, struct cu_parts *parts);
/* Puts them into a result. Without a survey "facts", which the client needs to read it, go. */
void cu_parts_write(const struct cu_parts *parts, json_t *result);
/* Adds the survey and the recipe of more, which is empty then. What cannot be added is left out,
 * and logged. */
void cu_parts_add(struct cu_parts *sum, struct cu_parts *more);
/* The same with a recipe of somebody else. */
void cu_parts_add_recipe(struct cu_parts *sum, const struct cu_recipe *more);
/* Frees what is in them. */
void cu_parts_clear(struct cu_parts *parts);

#endif
