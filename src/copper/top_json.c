/* SPDX-License-Identifier: BSD-3-Clause */
#include "copper/top_json.h"

#include "copper/top_page.h"

/* A column of a row; rates come in thousandths a second. */
struct column {
    const char *name;
    uint32_t value;
    bool is_rate;
};

static const struct column node_columns[] = {
    {"requests", CU_SAMPLE_NODE_REQUESTS, true}, {"storage", CU_SAMPLE_NODE_STORAGE, true},
    {"p50_us", CU_SAMPLE_NODE_P50, false},       {"p99_us", CU_SAMPLE_NODE_P99, false},
    {"waiting", CU_SAMPLE_NODE_WAITING, false},  {0},
};
static const struct column link_columns[] = {
    {"answers", CU_SAMPLE_LINK_ANSWERS, true},
    {"p10_us", CU_SAMPLE_LINK_P10, false},
    {"p50_us", CU_SAMPLE_LINK_P50, false},
    {"p99_us", CU_SAMPLE_LINK_P99, false},
    {0},
};
static const struct column path_columns[] = {
    {"requests", CU_SAMPLE_PATH_REQUESTS, true},
    {"bytes", CU_SAMPLE_PATH_BYTES_S, true},
    {"missing", CU_SAMPLE_PATH_MISSING, true},
    {"storage", CU_SAMPLE_PATH_STORAGE, true},
    {0},
};
static const struct column below_columns[] = {
    {"nodes", CU_SAMPLE_BELOW_NODES, false},
    {"requests", CU_SAMPLE_BELOW_REQUESTS, true},
    {"storage", CU_SAMPLE_BELOW_STORAGE, true},
    {"p99_us", CU_SAMPLE_BELOW_P99, false},
    {0},
};

static json_t *value_of(uint64_t value, bool is_rate)
{
    return is_rate ? json_real((double)value / 1000) : json_integer((json_int_t)value);
}

static json_t *row_json(const struct cu_top_model *model, enum cu_sample_lists list,
                        const struct cu_sample_row *row, const struct column *columns)
{
    json_t *object = json_object();
    enum cu_top_state state = cu_top_state(model, row->rank);

    if (list == CU_SAMPLE_PATHS) {
        json_object_set_new(object, "path", json_string(row->path));
    } else {
        json_object_set_new(object, "host", json_string(cu_top_host(model, row->rank)));
        json_object_set_new(object, "rank", json_integer(row->rank));
    }
    if ((list == CU_SAMPLE_LINKS || list == CU_SAMPLE_BELOW) && row->parent != row->rank)
        json_object_set_new(object, "parent", json_string(cu_top_host(model, row->parent)));
    if (list == CU_SAMPLE_BELOW)
        json_object_set_new(object, "level", json_integer(row->level));
    for (; columns->name; columns++)
        json_object_set_new(object, columns->name,
                            value_of(row->values[columns->value], columns->is_rate));
    if (list == CU_SAMPLE_NODES)
        json_object_set_new(object, "slow", json_boolean(state == CU_TOP_SLOW));
    return object;
}

static json_t *list_json(const struct cu_top_model *model, enum cu_sample_lists l,
                         const struct column *columns)
{
    const struct cu_sample_list *list = &model->sample.lists[l];
    json_t *array = json_array();

    for (uint32_t i = 0; i < list->count; i++)
        json_array_append_new(array, row_json(model, l, &list->rows[i], columns));
    return array;
}

static json_t *times_json(const struct cu_histogram *us)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:I}", "count", (json_int_t)cu_histogram_count(us),
                     "p50_us", (json_int_t)cu_histogram_at(us, 500), "p90_us",
                     (json_int_t)cu_histogram_at(us, 900), "p99_us",
                     (json_int_t)cu_histogram_at(us, 990), "max_us", (json_int_t)us->max);
}

static void add_absent(const struct cu_top_model *model, json_t *json, const char *name,
                       const char *count_name, const struct cu_idset *set, uint64_t count)
{
    json_t *names = json_array();

    for (uint32_t rank = cu_idset_next(set, 0); rank < set->limit;
         rank = cu_idset_next(set, rank + 1))
        json_array_append_new(names, json_string(cu_top_host(model, rank)));
    json_object_set_new(json, name, names);
    json_object_set_new(json, count_name, json_integer((json_int_t)count));
}

json_t *cu_top_json(const struct cu_top_model *model)
{
    static const char *const times[CU_SAMPLE_TIMES] = {"answers", "parents", "storage_calls"};
    json_t *json = json_object(), *now = json_object(), *rates = json_object();
    json_t *latency = json_object();

    json_object_set_new(json, "seconds", json_real((double)model->sample.window_ms / 1000));
    json_object_set_new(json, "node_count", json_integer(model->node_count));
    json_object_set_new(json, "answered", json_integer(model->answered));
    for (int f = 0; f < CU_SAMPLE_FIGURE_COUNT; f++)
        json_object_set_new(f < CU_SAMPLE_NOW ? rates : now,
                            cu_sample_figure_name((enum cu_sample_figure)f),
                            value_of(model->sample.figures[f], f < CU_SAMPLE_NOW));
    json_object_set_new(json, "rates", rates);
    json_object_set_new(json, "now", now);
    for (int i = 0; i < CU_SAMPLE_TIMES; i++)
        json_object_set_new(latency, times[i], times_json(&model->sample.times[i]));
    json_object_set_new(json, "latency", latency);
    json_object_set_new(json, "nodes", list_json(model, CU_SAMPLE_NODES, node_columns));
    json_object_set_new(json, "links", list_json(model, CU_SAMPLE_LINKS, link_columns));
    json_object_set_new(json, "paths", list_json(model, CU_SAMPLE_PATHS, path_columns));
    json_object_set_new(json, "tree", list_json(model, CU_SAMPLE_BELOW, below_columns));
    add_absent(model, json, "dead", "dead_count", &model->dead, model->dead_count);
    add_absent(model, json, "silent", "silent_count", &model->silent, model->silent_count);
    add_absent(model, json, "left_out", "left_out_count", &model->left_out, model->left_out_count);
    return json;
}
