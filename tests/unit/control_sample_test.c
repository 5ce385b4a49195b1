/* SPDX-License-Identifier: BSD-3-Clause */
/* Samples of thousands of nodes, merged up a tree: the sums and the first of each list are those of
 * all nodes at once, and the text stays short. */
#include "control/sample.h"

#include "core/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define NODES 10624u

/* The same for a rank each time, and with no order. */
static uint64_t value_of(uint32_t rank, uint32_t column)
{
    return (rank * 2654435761u ^ (column + 1) * 40503u * rank) % 1000003u;
}

static struct cu_sample_row node_row(uint32_t rank)
{
    struct cu_sample_row row = {.rank = rank};

    for (uint32_t i = 0; i < CU_SAMPLE_NODE_COLUMNS; i++)
        row.values[i] = value_of(rank, i);
    return row;
}

static struct cu_sample_row link_row(uint32_t rank, uint32_t parent)
{
    struct cu_sample_row row = {.rank = rank, .parent = parent};

    for (uint32_t i = 0; i < CU_SAMPLE_LINK_COLUMNS; i++)
        row.values[i] = value_of(rank, i + 10);
    return row;
}

static void fill(struct cu_sample *sample, uint32_t rank, uint32_t parent)
{
    struct cu_sample_row node = node_row(rank), link = link_row(rank, parent);
    char path[64];
    struct cu_sample_row common = {.path = path, .values = {5000, 100, 1, 2}};

    sample->window_ms = 1000 + rank % 7;
    for (int f = 0; f < CU_SAMPLE_FIGURE_COUNT; f++)
        sample->figures[f] = rank + (uint32_t)f;
    for (uint32_t i = 0; i < 20; i++)
        cu_histogram_add(&sample->times[CU_SAMPLE_ANSWERS], value_of(rank, i));
    assert_true(cu_sample_add_row(sample, CU_SAMPLE_NODES, &node));
    if (parent != rank)
        assert_true(cu_sample_add_row(sample, CU_SAMPLE_LINKS, &link));
    for (int i = 0; i < 10; i++) {
        snprintf(path, sizeof(path), "/lus/env/lib/python3/site-packages/common%d.py", i);
        assert_true(cu_sample_add_row(sample, CU_SAMPLE_PATHS, &common));
    }
    common.values[0] = 1000;
    snprintf(path, sizeof(path), "/lus/env/own%u", rank);
    assert_true(cu_sample_add_row(sample, CU_SAMPLE_PATHS, &common));
}

static size_t longest; /* text on the way */

/* What a rank sends up: the JSON of its subtree; *nodes: how many these are. */
static json_t *gather(const struct cu_tree *tree, uint32_t rank, struct cu_idset *seen)
{
    struct cu_sample sample = {0};
    uint32_t children[64], count = cu_tree_children(tree, rank, children, 64);
    json_t *json;
    size_t size;

    fill(&sample, rank, cu_tree_parent(tree, rank));
    cu_idset_add(seen, rank);
    for (uint32_t i = 0; i < count; i++) {
        struct cu_idset below;

        assert_int_equal(cu_idset_init(&below, NODES), 0);
        json = gather(tree, children[i], &below);
        cu_sample_add(&sample, json, &below, children[i], rank);
        cu_idset_add_all(seen, &below);
        cu_idset_free(&below);
        json_decref(json);
    }
    cu_sample_crown(&sample, rank, seen->count);
    cu_sample_cut(&sample);
    json = cu_sample_json(&sample);
    size = json_dumpb(json, NULL, 0, JSON_COMPACT);
    if (size > longest)
        longest = size;
    cu_sample_free(&sample);
    return json;
}

static int downwards(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x > y ? -1 : x < y;
}

/* Are the highest values of a column among the rows? */
static void assert_first(const struct cu_sample_list *list, uint32_t column, uint32_t salt,
                         uint32_t from)
{
    static uint64_t all[NODES];

    for (uint32_t rank = from; rank < NODES; rank++)
        all[rank - from] = value_of(rank, column + salt);
    qsort(all, NODES - from, sizeof(all[0]), downwards);
    for (uint32_t i = 0; i < CU_SAMPLE_FIRST; i++) {
        bool found = false;

        for (uint32_t k = 0; k < list->count; k++)
            found = found || list->rows[k].values[column] == all[i];
        assert_true(found);
    }
}

static void test_sample_of_many(void **state)
{
    struct cu_tree tree = cu_tree_make(NODES, 4, 0, 1);
    struct cu_sample sample = {0};
    struct cu_idset seen;
    json_t *json;
    uint64_t sum = 0;

    (void)state;
    longest = 0;
    assert_int_equal(cu_idset_init(&seen, NODES), 0);
    json = gather(&tree, 0, &seen);
    cu_sample_read(&sample, json, NODES);
    assert_int_equal(seen.count, NODES);
    for (uint32_t rank = 0; rank < NODES; rank++)
        sum += rank;
    assert_int_equal(sample.figures[0], sum);
    assert_int_equal(sample.figures[3], sum + 3 * NODES);
    assert_int_equal(cu_histogram_count(&sample.times[CU_SAMPLE_ANSWERS]), 20 * NODES);
    assert_int_equal(sample.window_ms, 1006);
    assert_int_equal(sample.lists[CU_SAMPLE_NODES].count, CU_SAMPLE_NODES_MAX);
    for (uint32_t column = 0; column < 4; column++)
        assert_first(&sample.lists[CU_SAMPLE_NODES], column, 0, 0);
    for (uint32_t column = 0; column < 2; column++)
        assert_first(&sample.lists[CU_SAMPLE_LINKS], column, 10, 1);
    for (uint32_t i = 0; i < 10; i++) /* asked for by all: they come first, and exactly */
        assert_int_equal(sample.lists[CU_SAMPLE_PATHS].rows[i].values[0], 5000ull * NODES);
    assert_int_equal(sample.lists[CU_SAMPLE_BELOW].rows[0].values[CU_SAMPLE_BELOW_NODES], NODES);
    assert_int_equal(sample.lists[CU_SAMPLE_BELOW].count, CU_SAMPLE_BELOW_MAX);
    for (uint32_t i = 0; i < 21; i++) /* the root, its children and theirs */
        assert_int_equal(sample.lists[CU_SAMPLE_BELOW].rows[i].level, i == 0 ? 0 : i < 5 ? 1 : 2);
    print_message("the longest text of %u nodes: %zu bytes\n", NODES, longest);
    assert_true(longest < CU_SAMPLE_BYTES_MAX / 3);
    cu_sample_free(&sample);
    cu_idset_free(&seen);
    json_decref(json);
}

/* The longest numbers and paths of many bytes. */
static void test_sample_longest_text(void **state)
{
    struct cu_sample sample = {0};
    char path[CU_SAMPLE_PATH_BYTES + 1];
    json_t *json;

    (void)state;
    for (uint32_t i = 0; i < 400; i++) {
        struct cu_sample_row row = {.rank = 99999 - i % 100, .parent = 99999, .path = path};

        memset(path, '\\', sizeof(path)); /* two bytes each, in JSON */
        (void)snprintf(path + CU_SAMPLE_PATH_BYTES - 6, 7, "%06u", i);
        for (int k = 0; k < CU_SAMPLE_COLUMNS_MAX; k++)
            row.values[k] = INT64_MAX;
        for (int l = 0; l < CU_SAMPLE_LISTS; l++)
            assert_true(cu_sample_add_row(&sample, (enum cu_sample_lists)l, &row));
    }
    for (int t = 0; t < CU_SAMPLE_TIMES; t++)
        for (uint32_t i = 0; i < CU_HISTOGRAM_BUCKETS; i++)
            sample.times[t].buckets[i] = INT64_MAX;
    for (int f = 0; f < CU_SAMPLE_FIGURE_COUNT; f++)
        sample.figures[f] = INT64_MAX;
    cu_sample_cut(&sample);
    json = cu_sample_json(&sample);
    assert_true(json_dumpb(json, NULL, 0, JSON_COMPACT) <= CU_SAMPLE_BYTES_MAX);
    json_decref(json);
    cu_sample_free(&sample);
}

static void add_text(struct cu_sample *sample, const char *text, const char *ranks, uint32_t from)
{
    json_t *json = json_loads(text, 0, NULL);
    struct cu_idset set;

    assert_non_null(json);
    assert_int_equal(cu_idset_init(&set, 100), 0);
    assert_int_equal(cu_idset_add_text(&set, ranks), 0);
    cu_sample_add(sample, json, &set, from, 0);
    cu_idset_free(&set);
    json_decref(json);
}

/* A peer may send anything. */
static void test_sample_of_a_liar(void **state)
{
    struct cu_sample sample = {0};

    (void)state;
    add_text(&sample, "{}", "3", 3);
    add_text(&sample, "[1, 2]", "3", 3);
    add_text(&sample,
             "{\"window_ms\": -5, \"figures\": {\"requests\": -1, \"here\": \"x\", \"parent\": 7},"
             " \"answers\": \"nothing\", \"parents\": 3, \"calls\": \"3 3 3:1\","
             " \"nodes\": [\"4 1 1 1 1 1\", \"3 1 1 1 1\", \"3 1 1 1 1 -1\", \"3 1 1 1 1 1 1\","
             "   \"3 1 1 1 1 99999999999999999999\", \"3\", \"\", 3, null, \"3 5 5 5 5 5\"],"
             " \"links\": [\"3 100 1 1 1 1\", \"3 4294967296 1 1 1 1\", \"3 99 1 1 1 1\"],"
             " \"paths\": [\"1 1 1 1\", \"1 1 1 1 \", \"1 1 1 1 /a b\"],"
             " \"tree\": [\"3 5 1 1 1 1 1\", \"3 50 0 1 1 1 1\", \"3 5 4294967295 1 1 1 1\"]}",
             "3", 3);
    assert_int_equal(sample.window_ms, 0);
    assert_int_equal(sample.figures[CU_SAMPLE_requests], 0);
    assert_int_equal(sample.figures[CU_SAMPLE_parent], 7);
    assert_int_equal(cu_histogram_count(&sample.times[CU_SAMPLE_CALLS]), 1);
    assert_int_equal(cu_histogram_count(&sample.times[CU_SAMPLE_ANSWERS]), 0);
    assert_int_equal(sample.lists[CU_SAMPLE_NODES].count, 1);
    assert_int_equal(sample.lists[CU_SAMPLE_NODES].rows[0].values[0], 5);
    assert_int_equal(sample.lists[CU_SAMPLE_LINKS].count, 1);
    assert_int_equal(sample.lists[CU_SAMPLE_LINKS].rows[0].parent, 99);
    assert_int_equal(sample.lists[CU_SAMPLE_PATHS].count, 1);
    assert_string_equal(sample.lists[CU_SAMPLE_PATHS].rows[0].path, "/a b");
    assert_int_equal(sample.lists[CU_SAMPLE_BELOW].count, 1); /* under who was asked */
    assert_int_equal(sample.lists[CU_SAMPLE_BELOW].rows[0].parent, 0);
    assert_int_equal(sample.lists[CU_SAMPLE_BELOW].rows[0].level, 1);
    cu_sample_free(&sample);
}

/* More rows than honest ones have do not count, and a node with thousands of children stays small.
 */
static void test_sample_of_too_much(void **state)
{
    struct cu_sample sample = {0};
    json_t *json = json_object(), *rows = json_array();
    struct cu_idset set;

    (void)state;
    assert_int_equal(cu_idset_init(&set, 10), 0);
    assert_int_equal(cu_idset_add_text(&set, "0-9"), 0);
    for (int i = 0; i < 5000; i++) {
        char text[64];

        snprintf(text, sizeof(text), "%d 1 1 1 /p%d", i, i);
        json_array_append_new(rows, json_string(text));
    }
    json_object_set_new(json, "paths", rows);
    cu_sample_add(&sample, json, &set, 1, 0);
    assert_int_equal(sample.lists[CU_SAMPLE_PATHS].count, CU_SAMPLE_PATHS_MAX);
    for (int child = 0; child < 1000; child++) {
        for (int i = 0; i < 24; i++) {
            char text[64];

            snprintf(text, sizeof(text), "%d 1 1 1 /p%d.%d", i, child, i);
            json_array_set_new(rows, (size_t)i, json_string(text));
        }
        cu_sample_add(&sample, json, &set, 1, 0);
        assert_true(sample.lists[CU_SAMPLE_PATHS].room <= 16 * CU_SAMPLE_PATHS_MAX);
    }
    cu_sample_free(&sample);
    cu_idset_free(&set);
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sample_of_many),
        cmocka_unit_test(test_sample_longest_text),
        cmocka_unit_test(test_sample_of_a_liar),
        cmocka_unit_test(test_sample_of_too_much),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
