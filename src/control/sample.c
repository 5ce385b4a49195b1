/* SPDX-License-Identifier: BSD-3-Clause */
/* A row is one string of numbers, so that a result has few JSON values (bulk.c). The values of a
 * peer are clamped to what a sum can hold, and its lists count only as far as honest ones go. */
#include "control/sample.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROW_BYTES (8u * 21u + CU_SAMPLE_PATH_BYTES + 1)
#define MANY      8u /* times what a list may hold, before it is cut */

static const struct form {
    const char *name;
    uint32_t max;
    uint32_t columns; /* all */
    uint32_t kept_by; /* so many of these, the first ones */
    uint32_t first;   /* so many rows by each of these */
    bool ranked, parented, leveled, pathed;
} forms[CU_SAMPLE_LISTS] = {
    [CU_SAMPLE_NODES] = {.name = "nodes",
                         .max = CU_SAMPLE_NODES_MAX,
                         .columns = CU_SAMPLE_NODE_COLUMNS,
                         .kept_by = 4,
                         .first = CU_SAMPLE_FIRST,
                         .ranked = true},
    [CU_SAMPLE_LINKS] = {.name = "links",
                         .max = CU_SAMPLE_LINKS_MAX,
                         .columns = CU_SAMPLE_LINK_COLUMNS,
                         .kept_by = 2,
                         .first = CU_SAMPLE_FIRST,
                         .ranked = true,
                         .parented = true},
    [CU_SAMPLE_PATHS] = {.name = "paths",
                         .max = CU_SAMPLE_PATHS_MAX,
                         .columns = CU_SAMPLE_PATH_COLUMNS,
                         .kept_by = 1,
                         .first = CU_SAMPLE_PATHS_MAX,
                         .pathed = true},
    [CU_SAMPLE_BELOW] = {.name = "tree",
                         .max = CU_SAMPLE_BELOW_MAX,
                         .columns = CU_SAMPLE_BELOW_COLUMNS,
                         .ranked = true,
                         .parented = true,
                         .leveled = true},
};
_Static_assert(4 * CU_SAMPLE_FIRST <= CU_SAMPLE_NODES_MAX, "nodes by each column");
_Static_assert(2 * CU_SAMPLE_FIRST <= CU_SAMPLE_LINKS_MAX, "links by each column");

static const char *const figure_names[] = {
#define X(name) #name,
    CU_SAMPLE_FIGURES(X)
#undef X
};

static const char *const times_names[CU_SAMPLE_TIMES] = {"answers", "parents", "calls"};

const char *cu_sample_figure_name(enum cu_sample_figure figure)
{
    return figure_names[figure];
}

static uint64_t sum_of(uint64_t a, uint64_t b)
{
    return a > INT64_MAX || b > INT64_MAX - a ? INT64_MAX : a + b;
}

void cu_sample_free(struct cu_sample *sample)
{
    for (int l = 0; l < CU_SAMPLE_LISTS; l++) {
        for (uint32_t i = 0; i < sample->lists[l].count; i++)
            free(sample->lists[l].rows[i].path);
        free(sample->lists[l].rows);
    }
    *sample = (struct cu_sample){0};
}

/* Of a path that is in the list already the figures are added. */
static struct cu_sample_row *same_path(const struct cu_sample_list *list, const char *path)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (list->rows[i].path && strcmp(list->rows[i].path, path) == 0)
            return &list->rows[i];
    return NULL;
}

static bool grow(struct cu_sample_list *list)
{
    uint32_t room = list->room > 0 ? 2 * list->room : 8;
    struct cu_sample_row *rows;

    if (list->count < list->room)
        return true;
    rows = realloc(list->rows, room * sizeof(*rows));
    if (!rows)
        return false;
    list->rows = rows;
    list->room = room;
    return true;
}

bool cu_sample_add_row(struct cu_sample *sample, enum cu_sample_lists l,
                       const struct cu_sample_row *row)
{
    struct cu_sample_list *list = &sample->lists[l];
    struct cu_sample_row *same = NULL;
    char *path = NULL;

    if (forms[l].pathed && row->path)
        same = same_path(list, row->path);
    if (same) {
        for (uint32_t i = 0; i < forms[l].columns; i++)
            same->values[i] = sum_of(same->values[i], row->values[i]);
        return true;
    }
    if (forms[l].pathed && (!row->path || !(path = strdup(row->path))))
        return false;
    if (!grow(list)) {
        free(path);
        return false;
    }
    list->rows[list->count] = *row;
    list->rows[list->count++].path = path;
    return true;
}

/* --- from text -------------------------------------------------------------------------------- */

/* The next number of a text, up to what a sum can hold. */
static bool take_number(const char **text, uint64_t *value)
{
    char *end;

    if (**text < '0' || **text > '9')
        return false;
    errno = 0;
    *value = strtoull(*text, &end, 10);
    if (errno != 0 || *value > INT64_MAX || (*end != ' ' && *end != '\0'))
        return false;
    *text = *end == ' ' ? end + 1 : end;
    return true;
}

static bool take_u32(const char **text, uint32_t *value)
{
    uint64_t wide;

    if (!take_number(text, &wide) || wide > UINT32_MAX)
        return false;
    *value = (uint32_t)wide;
    return true;
}

static bool read_row(const struct form *form, const char *text, uint32_t limit,
                     struct cu_sample_row *row)
{
    *row = (struct cu_sample_row){0};
    if (!text || (form->ranked && (!take_u32(&text, &row->rank) || row->rank >= limit)) ||
        (form->parented && (!take_u32(&text, &row->parent) || row->parent >= limit)) ||
        (form->leveled && (!take_u32(&text, &row->level) || row->level >= CU_SAMPLE_BELOW_MAX)))
        return false;
    for (uint32_t i = 0; i < form->columns; i++)
        if (!take_number(&text, &row->values[i]))
            return false;
    if (!form->pathed && *text != '\0')
        return false;
    if (form->pathed) {
        if (*text == '\0' || strlen(text) > CU_SAMPLE_PATH_BYTES)
            return false;
        row->path = (char *)text;
    }
    return true;
}

/* What a reader does with the ranks and levels of rows. */
struct reader {
    const struct cu_idset *ranks; /* NULL: all below the limit */
    uint32_t limit;
    uint32_t from, own;
};

static void read_list(struct cu_sample *sample, enum cu_sample_lists l, const json_t *rows,
                      const struct reader *reader)
{
    for (size_t i = 0; i < json_array_size(rows) && i < forms[l].max; i++) {
        struct cu_sample_row row;

        if (!read_row(&forms[l], json_string_value(json_array_get(rows, i)), reader->limit, &row) ||
            (forms[l].ranked && reader->ranks && !cu_idset_has(reader->ranks, row.rank)))
            continue;
        if (forms[l].leveled && reader->ranks) {
            if ((row.level == 0) != (row.rank == reader->from))
                continue; /* at the top is who answers, and nobody else */
            row.parent = row.level == 0 ? reader->own : row.parent;
            row.level++;
        }
        (void)cu_sample_add_row(sample, l, &row);
    }
}

static uint64_t number(const json_t *object, const char *name)
{
    json_int_t value = json_integer_value(json_object_get(object, name));

    return value > 0 ? (uint64_t)value : 0;
}

static void read_all(struct cu_sample *sample, const json_t *json, const struct reader *reader)
{
    const json_t *figures = json_object_get(json, "figures");
    uint64_t window_ms = number(json, "window_ms");

    if (window_ms > sample->window_ms)
        sample->window_ms = window_ms;
    for (int i = 0; i < CU_SAMPLE_FIGURE_COUNT; i++)
        sample->figures[i] = sum_of(sample->figures[i], number(figures, figure_names[i]));
    for (int i = 0; i < CU_SAMPLE_TIMES; i++) {
        const char *text = json_string_value(json_object_get(json, times_names[i]));
        struct cu_histogram more;

        if (text && cu_histogram_parse(text, &more) == 0)
            cu_histogram_merge(&sample->times[i], &more);
    }
    for (int l = 0; l < CU_SAMPLE_LISTS; l++)
        read_list(sample, (enum cu_sample_lists)l, json_object_get(json, forms[l].name), reader);
}

static void cut(struct cu_sample_list *list, const struct form *form);

void cu_sample_add(struct cu_sample *sample, const json_t *json, const struct cu_idset *ranks,
                   uint32_t from, uint32_t own)
{
    const struct reader reader = {.ranks = ranks, .limit = ranks->limit, .from = from, .own = own};

    read_all(sample, json, &reader);
    for (int l = 0; l < CU_SAMPLE_LISTS; l++) /* a node may have thousands of children */
        if (sample->lists[l].count > MANY * forms[l].max)
            cut(&sample->lists[l], &forms[l]);
}

void cu_sample_read(struct cu_sample *sample, const json_t *json, uint32_t limit)
{
    const struct reader reader = {.limit = limit};

    read_all(sample, json, &reader);
}

void cu_sample_crown(struct cu_sample *sample, uint32_t own, uint32_t nodes)
{
    const struct cu_sample_row row = {
        .rank = own,
        .parent = own,
        .values = {[CU_SAMPLE_BELOW_P99] = cu_histogram_at(&sample->times[CU_SAMPLE_ANSWERS], 990),
                   [CU_SAMPLE_BELOW_REQUESTS] = sample->figures[CU_SAMPLE_requests],
                   [CU_SAMPLE_BELOW_STORAGE] = sample->figures[CU_SAMPLE_storage_operations],
                   [CU_SAMPLE_BELOW_NODES] = nodes},
    };

    (void)cu_sample_add_row(sample, CU_SAMPLE_BELOW, &row);
}

/* --- the first few ---------------------------------------------------------------------------- */

static int by_column(const void *a, const void *b, void *context)
{
    const struct cu_sample_row *x = a, *y = b;
    uint32_t column = *(const uint32_t *)context;

    if (x->level != y->level)
        return x->level < y->level ? -1 : 1;
    if (x->values[column] != y->values[column])
        return x->values[column] > y->values[column] ? -1 : 1;
    if (x->path && y->path)
        return strcmp(x->path, y->path);
    return x->rank < y->rank ? -1 : x->rank > y->rank;
}

/* Moves rows of list to the front of it: the first by each column, then the first ones of the
 * others. */
static void cut(struct cu_sample_list *list, const struct form *form)
{
    uint32_t kept = 0, column;

    if (list->count > form->max) {
        for (column = 0; column < form->kept_by; column++) {
            qsort_r(list->rows + kept, list->count - kept, sizeof(*list->rows), by_column, &column);
            /* Those that an earlier column has kept are among the first of this one, or are not. */
            kept += form->first < form->max - kept ? form->first : form->max - kept;
        }
        column = 0;
        qsort_r(list->rows + kept, list->count - kept, sizeof(*list->rows), by_column, &column);
        for (uint32_t i = form->max; i < list->count; i++)
            free(list->rows[i].path);
        list->count = form->max;
    }
    column = 0;
    if (list->count > 1)
        qsort_r(list->rows, list->count, sizeof(*list->rows), by_column, &column);
}

void cu_sample_cut(struct cu_sample *sample)
{
    for (int l = 0; l < CU_SAMPLE_LISTS; l++)
        cut(&sample->lists[l], &forms[l]);
}

/* --- to text ---------------------------------------------------------------------------------- */

static json_t *row_text(const struct form *form, const struct cu_sample_row *row)
{
    char text[ROW_BYTES];
    size_t at = 0;

    if (form->ranked)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%" PRIu32 " ", row->rank);
    if (form->parented)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%" PRIu32 " ", row->parent);
    if (form->leveled)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%" PRIu32 " ", row->level);
    for (uint32_t i = 0; i < form->columns; i++)
        at += (size_t)snprintf(text + at, sizeof(text) - at, "%" PRIu64 "%s", row->values[i],
                               i + 1 < form->columns || form->pathed ? " " : "");
    if (form->pathed)
        (void)snprintf(text + at, sizeof(text) - at, "%s", row->path);
    return json_string(text);
}

json_t *cu_sample_json(const struct cu_sample *sample)
{
    json_t *json = json_object(), *figures = json_object();
    char text[CU_HISTOGRAM_TEXT_MAX];

    json_object_set_new(json, "window_ms", json_integer((json_int_t)sample->window_ms));
    for (int i = 0; i < CU_SAMPLE_FIGURE_COUNT; i++)
        json_object_set_new(figures, figure_names[i], json_integer((json_int_t)sample->figures[i]));
    json_object_set_new(json, "figures", figures);
    for (int i = 0; i < CU_SAMPLE_TIMES; i++) {
        (void)cu_histogram_text(&sample->times[i], text);
        json_object_set_new(json, times_names[i], json_string(text));
    }
    for (int l = 0; l < CU_SAMPLE_LISTS; l++) {
        json_t *rows = json_array();

        for (uint32_t i = 0; i < sample->lists[l].count; i++)
            json_array_append_new(rows, row_text(&forms[l], &sample->lists[l].rows[i]));
        json_object_set_new(json, forms[l].name, rows);
    }
    return json;
}
