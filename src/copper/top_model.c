/* SPDX-License-Identifier: BSD-3-Clause */
#include "copper/top_model.h"

#include "base/text.h"
#include "copper/cli.h"
#include "screen/screen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 8u

static const struct view {
    enum cu_sample_lists list;
    uint32_t columns;             /* that a list can be sorted by, and then by name */
    const char *names[NAMES_MAX]; /* in the order of the rows' values */
} views[CU_TOP_VIEWS] = {
    [CU_TOP_NODES] = {CU_SAMPLE_NODES,
                      CU_SAMPLE_NODE_COLUMNS,
                      {"p50", "p99", "requests", "storage", "waiting", "name"}},
    [CU_TOP_LINKS] = {CU_SAMPLE_LINKS,
                      CU_SAMPLE_LINK_COLUMNS,
                      {"p50", "p99", "answers", "p10", "name"}},
    [CU_TOP_PATHS] = {CU_SAMPLE_PATHS,
                      CU_SAMPLE_PATH_COLUMNS,
                      {"requests", "bytes", "missing", "storage", "name"}},
    [CU_TOP_TREE] = {CU_SAMPLE_BELOW, 0, {"p99"}},
};

/* Names for people, made once. */
static json_t *shown_hosts(const json_t *names)
{
    json_t *shown = json_array();
    char text[1024];

    for (size_t i = 0; shown && i < json_array_size(names); i++) {
        const char *name = json_string_value(json_array_get(names, i));

        cu_text_line(text, sizeof(text), name ? name : "?", name ? strlen(name) : 1);
        json_array_append_new(shown, json_string(text));
    }
    return shown;
}

int cu_top_model_init(struct cu_top_model *model, const json_t *status)
{
    const json_t *hosts = json_object_get(status, "hosts");
    uint64_t fanout = cu_cli_number(status, "fanout");

    *model = (struct cu_top_model){.view = CU_TOP_NODES};
    model->node_count = (uint32_t)json_array_size(hosts);
    if (model->node_count == 0)
        return -EINVAL;
    model->tree = cu_tree_make(model->node_count, fanout > 0 ? (uint32_t)fanout : 1, 0, 1);
    snprintf(model->job, sizeof(model->job), "%.8s", cu_cli_text(status, "job"));
    model->hosts = shown_hosts(hosts);
    model->sort[CU_TOP_NODES] = CU_SAMPLE_NODE_P99;
    if (!model->hosts || cu_idset_init(&model->dead, model->node_count) < 0 ||
        cu_idset_init(&model->silent, model->node_count) < 0 ||
        cu_idset_init(&model->left_out, model->node_count) < 0) {
        cu_top_model_free(model);
        return -ENOMEM;
    }
    return 0;
}

void cu_top_model_free(struct cu_top_model *model)
{
    json_decref(model->hosts);
    cu_sample_free(&model->sample);
    cu_idset_free(&model->dead);
    cu_idset_free(&model->silent);
    cu_idset_free(&model->left_out);
    *model = (struct cu_top_model){0};
}

/* What cannot be read of a list is left out; the number beside it counts. */
static uint64_t take_ranks(struct cu_idset *set, const json_t *answer, const char *name,
                           const char *count_name)
{
    uint64_t count = cu_cli_number(answer, count_name);

    memset(set->bits, 0, ((size_t)set->limit + 7) / 8);
    set->count = 0;
    if (cu_idset_add_text(set, cu_cli_text(answer, name)) < 0)
        return count;
    return count > set->count ? count : set->count;
}

bool cu_top_model_take(struct cu_top_model *model, const json_t *answer)
{
    const json_t *sample = json_object_get(answer, "sample");

    if (!json_is_true(json_object_get(answer, "ok")) || !json_is_object(sample))
        return false;
    cu_sample_free(&model->sample);
    cu_sample_read(&model->sample, sample, model->node_count);
    model->sampled = true;
    model->answered = (uint32_t)cu_cli_number(answer, "answered");
    model->dead_count = take_ranks(&model->dead, answer, "dead", "dead_count");
    model->silent_count = take_ranks(&model->silent, answer, "silent", "silent_count");
    model->left_out_count = take_ranks(&model->left_out, answer, "left_out", "left_out_count");
    return true;
}

const char *cu_top_host(const struct cu_top_model *model, uint32_t rank)
{
    const char *name = json_string_value(json_array_get(model->hosts, rank));

    return name ? name : "?";
}

static const struct cu_sample_row *node_of(const struct cu_top_model *model, uint32_t rank)
{
    const struct cu_sample_list *list = &model->sample.lists[CU_SAMPLE_NODES];

    for (uint32_t i = 0; i < list->count; i++)
        if (list->rows[i].rank == rank)
            return &list->rows[i];
    return NULL;
}

enum cu_top_state cu_top_state(const struct cu_top_model *model, uint32_t rank)
{
    const struct cu_sample_row *node = node_of(model, rank);
    uint64_t usual = cu_histogram_at(&model->sample.times[CU_SAMPLE_ANSWERS], 500);

    if (cu_idset_has(&model->left_out, rank))
        return CU_TOP_LEFT_OUT;
    if (cu_idset_has(&model->dead, rank))
        return CU_TOP_DEAD;
    if (cu_idset_has(&model->silent, rank))
        return CU_TOP_SILENT;
    if (node && node->values[CU_SAMPLE_NODE_P50] >= CU_TOP_SLOW_US &&
        node->values[CU_SAMPLE_NODE_P50] >= CU_TOP_SLOW_TIMES * usual)
        return CU_TOP_SLOW;
    return CU_TOP_ANSWERS;
}

const char *cu_top_sort_name(const struct cu_top_model *model, enum cu_top_view view)
{
    return views[view].names[model->sort[view]];
}

/* --- rows ------------------------------------------------------------------------------------- */

static bool lets_through(const struct cu_top_model *model, enum cu_top_view view,
                         const struct cu_sample_row *row)
{
    if (model->filter[0] == '\0')
        return true;
    if (view == CU_TOP_PATHS)
        return strstr(row->path, model->filter);
    return strstr(cu_top_host(model, row->rank), model->filter) ||
           (view == CU_TOP_LINKS && strstr(cu_top_host(model, row->parent), model->filter));
}

struct order {
    const struct cu_top_model *model;
    enum cu_top_view view;
};

static int by_choice(const void *a, const void *b, void *context)
{
    const struct cu_sample_row *x = *(const struct cu_sample_row *const *)a;
    const struct cu_sample_row *y = *(const struct cu_sample_row *const *)b;
    const struct order *order = context;
    uint32_t column = order->model->sort[order->view];
    int sign = order->model->reverse ? -1 : 1;

    if (column < views[order->view].columns && x->values[column] != y->values[column])
        return x->values[column] > y->values[column] ? -sign : sign;
    if (order->view == CU_TOP_PATHS)
        return order->model->reverse ? strcmp(y->path, x->path) : strcmp(x->path, y->path);
    return x->rank < y->rank ? -sign : x->rank > y->rank ? sign : 0;
}

uint32_t cu_top_rows(const struct cu_top_model *model, enum cu_top_view view,
                     const struct cu_sample_row **rows)
{
    const struct cu_sample_list *list = &model->sample.lists[views[view].list];
    struct order order = {.model = model, .view = view};
    uint32_t count = 0;

    for (uint32_t i = 0; i < list->count; i++)
        if (lets_through(model, view, &list->rows[i]))
            rows[count++] = &list->rows[i];
    if (count > 1)
        qsort_r(rows, count, sizeof(const struct cu_sample_row *), by_choice, &order);
    return count;
}

/* --- keys ------------------------------------------------------------------------------------- */

static void type(struct cu_top_model *model, int key)
{
    size_t len = strlen(model->filter);

    if (key == '\n')
        model->typing = false;
    if (key == 27) {
        model->typing = false;
        model->filter[0] = '\0';
    }
    if (key == CU_SCREEN_ERASE) {
        while (len > 0 && ((unsigned char)model->filter[len - 1] & 0xc0) == 0x80)
            len--; /* what follows the first byte of a character */
        model->filter[len > 0 ? len - 1 : 0] = '\0';
    }
    if (key >= 32 && key < 256 && key != 127 && len + 1 < sizeof(model->filter)) {
        model->filter[len] = (char)key;
        model->filter[len + 1] = '\0';
    }
    model->scroll = 0;
}

static void sort_by(struct cu_top_model *model, int step)
{
    uint32_t count = views[model->view].columns + 1, *sort = &model->sort[model->view];

    *sort = step > 0 ? (*sort + 1) % count : (*sort + count - 1) % count;
    model->scroll = 0;
}

static void move_by(struct cu_top_model *model, int64_t rows)
{
    int64_t to = (int64_t)model->scroll + rows;

    model->scroll = to < 0 ? 0 : to > UINT32_MAX ? UINT32_MAX : (uint32_t)to;
}

static void show(struct cu_top_model *model, enum cu_top_view view)
{
    model->view = view;
    model->scroll = 0;
}

/* The keys that move in a list. */
static void move_key(struct cu_top_model *model, int key, uint32_t page)
{
    switch (key) {
    case CU_SCREEN_UP:
    case 'k':
        move_by(model, -1);
        return;
    case CU_SCREEN_DOWN:
    case 'j':
        move_by(model, 1);
        return;
    case CU_SCREEN_PAGE_UP:
        move_by(model, -(int64_t)page);
        return;
    case CU_SCREEN_PAGE_DOWN:
        move_by(model, page);
        return;
    case CU_SCREEN_HOME:
        model->scroll = 0;
        return;
    case CU_SCREEN_END:
        model->scroll = UINT32_MAX; /* the page makes it what there is */
        return;
    default:
        return;
    }
}

bool cu_top_model_key(struct cu_top_model *model, int key, uint32_t page)
{
    static const char letters[] = "nlpt"; /* in the order of the views */
    const char *letter = key > 0 && key < 128 ? strchr(letters, key) : NULL;

    if (key == CU_SCREEN_NO_KEY || key == CU_SCREEN_OTHER)
        return true;
    if (model->typing) {
        type(model, key);
        return true;
    }
    if (key == 'q' || key == 'Q')
        return false;
    if (model->help) {
        model->help = false; /* any key */
        return true;
    }
    if (letter)
        show(model, (enum cu_top_view)(letter - letters));
    else if (key == '\t')
        show(model, (enum cu_top_view)((model->view + 1) % CU_TOP_VIEWS));
    else if (key == '?' || key == 'h')
        model->help = true;
    else if (key == '/')
        model->typing = true;
    else if (key == 27)
        model->filter[0] = '\0';
    else if (key == '<' || key == ',' || key == CU_SCREEN_LEFT)
        sort_by(model, -1);
    else if (key == '>' || key == '.' || key == CU_SCREEN_RIGHT)
        sort_by(model, 1);
    else if (key == 'r')
        model->reverse = !model->reverse;
    else if (key == ' ')
        model->paused = !model->paused;
    else
        move_key(model, key, page);
    return true;
}
