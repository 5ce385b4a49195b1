/* SPDX-License-Identifier: BSD-3-Clause */
#include "copper/jobreport_parts.h"

#include "control/shown.h"
#include "core/counters.h"

#include <stdlib.h>
#include <string.h>

#define EXAMPLES_MAX 100u
#define SAMPLE_ERROR (1.0 / 32) /* 1 / sqrt(CU_SURVEY_SAMPLE) */

static json_t *number(uint64_t value)
{
    return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

static void add(json_t *object, const char *name, uint64_t value)
{
    json_object_set_new(object, name, number(value));
}

/* A long key is the end of its path. */
static json_t *shown(const struct cu_keyed_entry *entry, bool path)
{
    json_t *name = cu_shown_name((const char *)entry->key, entry->key_len), *text;
    const char *whole = json_string_value(name);

    if (!path || !whole || whole[0] == '/')
        return name;
    text = json_sprintf("...%s", whole);
    json_decref(name);
    return text;
}

json_t *cu_jobreport_classes(const struct cu_survey *survey)
{
    static const enum cu_survey_path_number told[] = {
        CU_SURVEY_PATH_missing, CU_SURVEY_PATH_bytes,  CU_SURVEY_PATH_here,
        CU_SURVEY_PATH_flight,  CU_SURVEY_PATH_parent, CU_SURVEY_PATH_storage,
        CU_SURVEY_PATH_wait_us,
    };
    json_t *list = json_array();

    for (int i = 0; i < CU_SURVEY_CLASS_COUNT; i++) {
        unsigned char key = (unsigned char)i;
        const struct cu_keyed_entry *entry =
            cu_keyed_find(&survey->lists[CU_SURVEY_CLASSES], &key, 1);
        json_t *row = json_object();

        json_object_set_new(row, "class",
                            json_string(cu_survey_class_name((enum cu_survey_class)i)));
        add(row, "requests", entry ? entry->numbers[CU_SURVEY_PATH_got] : 0);
        for (size_t n = 0; n < sizeof(told) / sizeof(told[0]); n++)
            add(row, cu_survey_path_number_name(told[n]), entry ? entry->numbers[told[n]] : 0);
        json_array_append_new(list, row);
    }
    return list;
}

json_t *cu_jobreport_timeline(const struct cu_survey *survey)
{
    const struct cu_keyed *bins = &survey->lists[CU_SURVEY_TIMELINE];
    json_t *columns = json_pack("[s, s]", "begin_ms", "width_ms"), *rows = json_array();

    for (unsigned i = 0; i < CU_SURVEY_TIME_NUMBER_COUNT; i++)
        json_array_append_new(columns, json_string(cu_survey_time_number_name(i)));
    for (size_t i = 0; i < bins->count; i++) {
        uint64_t begin_ms, width_ms;
        json_t *row = json_array();

        cu_survey_bin_bounds(cu_survey_number(bins->entries[i].key), &begin_ms, &width_ms);
        json_array_append_new(row, number(begin_ms));
        json_array_append_new(row, number(width_ms));
        for (unsigned n = 0; n < CU_SURVEY_TIME_NUMBER_COUNT; n++)
            json_array_append_new(row, number(bins->entries[i].numbers[n]));
        json_array_append_new(rows, row);
    }
    return json_pack("{s:o, s:o}", "columns", columns, "rows", rows);
}

/* The counters that are in the list, as a flag each. */
static void find_counters(const struct cu_keyed *list, bool there[CU_COUNTER_COUNT])
{
    for (size_t i = 0; i < list->count; i++) {
        unsigned counter = list->entries[i].key[CU_SURVEY_KEY_BYTES];

        if (counter < CU_COUNTER_COUNT)
            there[counter] = true;
    }
}

json_t *cu_jobreport_intervals(const struct cu_survey *survey, uint64_t seconds)
{
    const struct cu_keyed *list = &survey->lists[CU_SURVEY_INTERVALS];
    json_t *columns = json_pack("[s, s]", "begin_s", "width_s"), *rows = json_array();
    bool there[CU_COUNTER_COUNT] = {false};

    find_counters(list, there);
    for (int c = 0; c < CU_COUNTER_COUNT; c++)
        if (there[c])
            json_array_append_new(columns, json_string(cu_counter_name((enum cu_counter)c)));
    for (size_t i = 0; i < list->count;) {
        uint32_t interval = cu_survey_number(list->entries[i].key);
        uint64_t begin, width;
        json_t *row = json_array();

        cu_survey_interval_bounds(interval, &begin, &width);
        json_array_append_new(row, number(begin * seconds));
        json_array_append_new(row, number(width * seconds));
        for (unsigned c = 0; c < CU_COUNTER_COUNT; c++) {
            const struct cu_keyed_entry *entry = &list->entries[i];
            bool is_it = i < list->count && cu_survey_number(entry->key) == interval &&
                         entry->key[CU_SURVEY_KEY_BYTES] == c;

            if (there[c])
                json_array_append_new(row, number(is_it ? entry->numbers[0] : 0));
            i += is_it;
        }
        while (i < list->count && cu_survey_number(list->entries[i].key) == interval)
            i++; /* counters that this version does not have */
        json_array_append_new(rows, row);
    }
    return json_pack("{s:I, s:o, s:o}", "seconds", (json_int_t)seconds, "columns", columns, "rows",
                     rows);
}

/* --- nodes ------------------------------------------------------------------------------------ */

static const struct cu_keyed_entry *of_rank(const struct cu_keyed *list, uint32_t rank)
{
    unsigned char key[CU_SURVEY_KEY_BYTES];

    cu_survey_key(rank, key);
    return cu_keyed_find(list, key, sizeof(key));
}

/* How many nodes are above this one; the links come from the nodes, so they may be in a circle. */
static json_t *level_of(const struct cu_survey *survey, uint32_t rank, uint32_t tree)
{
    for (uint32_t level = 0; level < survey->limits.nodes; level++) {
        const struct cu_keyed_entry *entry = of_rank(&survey->lists[CU_SURVEY_PARENTS], rank);
        uint64_t parent = entry ? entry->numbers[tree] : 0;

        if (parent == 0 || parent > survey->limits.nodes)
            return json_null();
        if (parent - 1 == rank)
            return json_integer(level);
        rank = (uint32_t)(parent - 1);
    }
    return json_null();
}

static void add_place(const struct cu_survey *survey, uint32_t rank, json_t *row)
{
    const struct cu_keyed_entry *entry = of_rank(&survey->lists[CU_SURVEY_PARENTS], rank);
    json_t *parents = json_array(), *levels = json_array();

    for (uint32_t tree = 0; tree < survey->limits.trees; tree++) {
        uint64_t parent = entry ? entry->numbers[tree] : 0;

        json_array_append_new(parents, parent == 0 || parent > survey->limits.nodes ? json_null()
                                       : parent - 1 == rank ? json_integer(-1)
                                                            : number(parent - 1));
        json_array_append_new(levels, level_of(survey, rank, tree));
    }
    json_array_append_new(row, parents);
    json_array_append_new(row, levels);
}

static json_t *node_row(const struct cu_survey *survey, uint32_t rank, const char *host,
                        bool left_out)
{
    const struct cu_keyed_entry *entry = of_rank(&survey->lists[CU_SURVEY_NODES], rank);
    json_t *row = json_array();

    json_array_append_new(row, json_integer(rank));
    json_array_append_new(row, json_string(host));
    json_array_append_new(row, json_string(entry ? "up" : left_out ? "left out" : "missing"));
    for (unsigned n = 0; n < CU_SURVEY_NODE_NUMBER_COUNT; n++) {
        json_array_append_new(row, entry ? number(entry->numbers[n]) : json_null());
        if (n == CU_SURVEY_NODE_restarts && entry)
            add_place(survey, rank, row);
        if (n == CU_SURVEY_NODE_restarts && !entry) {
            json_array_append_new(row, json_null());
            json_array_append_new(row, json_null());
        }
    }
    return row;
}

static json_t *node_columns(void)
{
    json_t *columns = json_pack("[s, s, s]", "rank", "host", "state");

    for (unsigned n = 0; n < CU_SURVEY_NODE_NUMBER_COUNT; n++) {
        json_array_append_new(columns, json_string(cu_survey_node_number_name(n)));
        if (n == CU_SURVEY_NODE_restarts) {
            json_array_append_new(columns, json_string("parents"));
            json_array_append_new(columns, json_string("levels"));
        }
    }
    return columns;
}

static bool is_in(const json_t *names, const char *host)
{
    const json_t *name;
    size_t i;

    json_array_foreach ((json_t *)names, i, name)
        if (json_is_string(name) && strcmp(json_string_value(name), host) == 0)
            return true;
    return false;
}

json_t *cu_jobreport_nodes(const struct cu_survey *survey, const struct cu_hosts *hosts,
                           const json_t *left_out, json_t *missing, json_t *left)
{
    json_t *rows = json_array();

    for (uint32_t rank = 0; rank < hosts->count; rank++) {
        const char *host = hosts->names[rank];
        bool there = of_rank(&survey->lists[CU_SURVEY_NODES], rank);
        bool without = !there && is_in(left_out, host);

        json_array_append_new(rows, node_row(survey, rank, host, without));
        if (!there)
            json_array_append_new(without ? left : missing,
                                  json_pack("{s:I, s:s}", "rank", (json_int_t)rank, "host", host));
    }
    return json_pack("{s:o, s:o}", "columns", node_columns(), "rows", rows);
}

/* --- paths ------------------------------------------------------------------------------------ */

static int most_first(const void *a, const void *b)
{
    const struct cu_keyed_entry *x = *(const struct cu_keyed_entry *const *)a;
    const struct cu_keyed_entry *y = *(const struct cu_keyed_entry *const *)b;
    uint64_t x_got = x->numbers[CU_SURVEY_PATH_got], y_got = y->numbers[CU_SURVEY_PATH_got];

    if (x_got != y_got)
        return x_got > y_got ? -1 : 1;
    return strcmp((const char *)x->key, (const char *)y->key);
}

static int most_bytes_first(const void *a, const void *b)
{
    const struct cu_keyed_entry *x = *(const struct cu_keyed_entry *const *)a;
    const struct cu_keyed_entry *y = *(const struct cu_keyed_entry *const *)b;
    uint64_t x_bytes = x->numbers[CU_SURVEY_PATH_bytes], y_bytes = y->numbers[CU_SURVEY_PATH_bytes];

    if (x_bytes != y_bytes)
        return x_bytes > y_bytes ? -1 : 1;
    return most_first(a, b);
}

/* The entries in another order; NULL: out of memory. */
static const struct cu_keyed_entry **sorted(const struct cu_keyed *list,
                                            int (*order)(const void *, const void *))
{
    const struct cu_keyed_entry **all =
        malloc((list->count + 1) * sizeof(const struct cu_keyed_entry *));

    for (size_t i = 0; all && i < list->count; i++)
        all[i] = &list->entries[i];
    if (all && list->count > 0)
        qsort(all, list->count, sizeof(const struct cu_keyed_entry *), order);
    return all;
}

/* kept: figures of each row behind value, over and nodes. */
static json_t *list_of(const struct cu_survey *survey, enum cu_survey_list which, size_t rows_max,
                       const char *name, const enum cu_survey_path_number *kept, size_t kept_count)
{
    const struct cu_keyed *list = &survey->lists[which];
    const struct cu_keyed_entry **all = sorted(list, most_first);
    json_t *rows = json_array();

    for (size_t i = 0; all && i < list->count && i < rows_max; i++) {
        const struct cu_keyed_entry *entry = all[i];
        uint64_t got = entry->numbers[CU_SURVEY_PATH_got], most = entry->weight + list->error;
        json_t *row = json_object();

        json_object_set_new(row, name, shown(entry, which != CU_SURVEY_MISSING_NAMES));
        add(row, "value", got);
        add(row, "over", most > got ? most - got : 0);
        add(row, "nodes", entry->numbers[CU_SURVEY_PATH_nodes]);
        for (size_t n = 0; n < kept_count; n++)
            add(row, cu_survey_path_number_name(kept[n]), entry->numbers[kept[n]]);
        json_array_append_new(rows, row);
    }
    free(all);
    return json_pack("{s:I, s:I, s:I, s:o}", "total", (json_int_t)list->total, "error",
                     (json_int_t)list->error, "capacity",
                     (json_int_t)survey->kinds[which].count_max, "rows", rows);
}

json_t *cu_jobreport_paths(const struct cu_survey *survey, size_t rows)
{
    static const enum cu_survey_path_number all[] = {
        CU_SURVEY_PATH_lookups,  CU_SURVEY_PATH_missing, CU_SURVEY_PATH_reads,
        CU_SURVEY_PATH_listings, CU_SURVEY_PATH_others,  CU_SURVEY_PATH_here,
        CU_SURVEY_PATH_flight,   CU_SURVEY_PATH_parent,  CU_SURVEY_PATH_storage,
        CU_SURVEY_PATH_max_us,
    };
    const size_t count = sizeof(all) / sizeof(all[0]);
    json_t *paths = json_object();

    json_object_set_new(paths, "by_requests",
                        list_of(survey, CU_SURVEY_BY_REQUESTS, rows, "path", all, count));
    json_object_set_new(paths, "by_bytes",
                        list_of(survey, CU_SURVEY_BY_BYTES, rows, "path", all, count));
    json_object_set_new(paths, "by_wait",
                        list_of(survey, CU_SURVEY_BY_WAIT, rows, "path", all, count));
    json_object_set_new(paths, "missing_names",
                        list_of(survey, CU_SURVEY_MISSING_NAMES, rows, "name", NULL, 0));
    json_object_set_new(paths, "missing_directories",
                        list_of(survey, CU_SURVEY_MISSING_DIRS, rows, "path", NULL, 0));
    json_object_set_new(paths, "found_directories",
                        list_of(survey, CU_SURVEY_FOUND_DIRS, rows, "path", NULL, 0));
    json_object_set_new(paths, "past_trees",
                        list_of(survey, CU_SURVEY_PAST_TREES, rows, "path", NULL, 0));
    return paths;
}

/* --- the sample ------------------------------------------------------------------------------- */

/* How many paths there are for each one of the sample: 1, if all are in it. The k-th smallest hash
 * of n uniform ones is about k / n of all values. */
static double scale_of(const struct cu_keyed *sample)
{
    uint64_t largest = 0;

    if (sample->count < CU_SURVEY_SAMPLE)
        return 1;
    for (size_t i = 0; i < sample->count; i++) {
        uint64_t hash = cu_keyed_hash(sample->entries[i].key, sample->entries[i].key_len);

        if (hash > largest)
            largest = hash;
    }
    return (double)UINT64_MAX / ((double)largest + 1) * (double)(sample->count - 1) /
           (double)sample->count;
}

static uint64_t scaled(uint64_t value, double scale)
{
    double product = (double)value * scale;

    return product >= (double)INT64_MAX ? INT64_MAX : (uint64_t)(product + 0.5);
}

static json_t *example(const struct cu_keyed_entry *entry, const struct cu_hosts *hosts)
{
    uint64_t rank = entry->numbers[CU_SURVEY_PATH_rank];
    json_t *row = json_object();

    json_object_set_new(row, "path", shown(entry, true));
    if (rank > 0 && rank <= hosts->count) {
        add(row, "rank", rank - 1);
        json_object_set_new(row, "host", json_string(hosts->names[rank - 1]));
    }
    add(row, "requests", entry->numbers[CU_SURVEY_PATH_got]);
    add(row, "bytes", entry->numbers[CU_SURVEY_PATH_bytes]);
    return row;
}

json_t *cu_jobreport_distinct(const struct cu_survey *survey, const struct cu_hosts *hosts)
{
    const struct cu_keyed *sample = &survey->lists[CU_SURVEY_DISTINCT];
    const struct cu_keyed_entry **all = sorted(sample, most_bytes_first);
    uint64_t count = 0, bytes = 0, requests = 0;
    double scale = scale_of(sample);
    json_t *examples = json_array();

    for (size_t i = 0; all && i < sample->count; i++) {
        if (all[i]->numbers[CU_SURVEY_PATH_nodes] != 1)
            continue;
        count++;
        bytes += all[i]->numbers[CU_SURVEY_PATH_bytes];
        requests += all[i]->numbers[CU_SURVEY_PATH_got];
        if (json_array_size(examples) < EXAMPLES_MAX)
            json_array_append_new(examples, example(all[i], hosts));
    }
    free(all);
    return json_pack("{s:I, s:I, s:f, s:I, s:I, s:I, s:o}", "sampled", (json_int_t)sample->count,
                     "paths", (json_int_t)scaled(sample->count, scale), "relative_error",
                     sample->count < CU_SURVEY_SAMPLE ? 0.0 : SAMPLE_ERROR, "one_node",
                     (json_int_t)scaled(count, scale), "one_node_bytes",
                     (json_int_t)scaled(bytes, scale), "one_node_requests",
                     (json_int_t)scaled(requests, scale), "examples", examples);
}
