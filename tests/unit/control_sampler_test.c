/* SPDX-License-Identifier: BSD-3-Clause */
/* What a node did since it was last asked. */
#include "commands_node.h"

#include "control/sampler.h"
#include "core/latency.h"

#include <errno.h>

static struct cu_latency latency;
static struct cu_sampler *sampler;

static void begin(void)
{
    (void)other_asker;
    start_child();
    latency = (struct cu_latency){0};
    sampler = cu_sampler_create(node.now_ns);
    assert_non_null(sampler);
}

static void take(uint64_t after_ms, struct cu_sample *sample)
{
    *sample = (struct cu_sample){0};
    node.now_ns += after_ms * MS;
    cu_sampler_take(sampler, node.core, &latency, 1, node.now_ns, sample);
}

static bool ask_for(const char *path, uint64_t bytes, bool missing)
{
    const struct cu_sampler_asked asked = {.path = path,
                                           .path_len = strlen(path),
                                           .bytes = bytes,
                                           .missing = missing,
                                           .from_storage = bytes > 0};

    return cu_sampler_asked(sampler, &asked);
}

static void test_sampler_rates(void **state)
{
    uint64_t *counters;
    struct cu_sample sample;

    (void)state;
    begin();
    counters = cu_core_counters(node.core);
    counters[CU_COUNT_fuse_lookup] = 1000;
    take(1000, &sample);
    assert_int_equal(sample.figures[CU_SAMPLE_requests], 1000 * 1000);
    cu_sample_free(&sample);
    counters[CU_COUNT_fuse_lookup] += 300;
    counters[CU_COUNT_fuse_read] += 100;
    counters[CU_COUNT_fuse_forget] += 5000; /* nobody waits for these */
    counters[CU_COUNT_storage_stat] += 20;
    counters[CU_COUNT_requests_waiting] = 3;
    for (int i = 0; i < 90; i++)
        cu_latency_answered(&latency, CU_LATENCY_LOOKUP, CU_WHERE_HERE, 0, 5000);
    for (int i = 0; i < 10; i++)
        cu_latency_answered(&latency, CU_LATENCY_READ, CU_WHERE_PARENT, EIO, 700000);
    cu_latency_stored(&latency, CU_KIND_ATTR, false, 1000, 3000);
    take(2000, &sample);
    assert_int_equal(sample.window_ms, 2000);
    assert_int_equal(sample.figures[CU_SAMPLE_requests], 200 * 1000);
    assert_int_equal(sample.figures[CU_SAMPLE_storage_operations], 10 * 1000);
    assert_int_equal(sample.figures[CU_SAMPLE_errors], 5 * 1000);
    assert_int_equal(sample.figures[CU_SAMPLE_waiting], 3);
    assert_int_equal(cu_histogram_count(&sample.times[CU_SAMPLE_ANSWERS]), 100);
    assert_int_equal(cu_histogram_at(&sample.times[CU_SAMPLE_ANSWERS], 500), 5);
    assert_int_equal(cu_histogram_count(&sample.times[CU_SAMPLE_PARENTS]), 10);
    assert_int_equal(cu_histogram_count(&sample.times[CU_SAMPLE_CALLS]), 1);
    assert_int_equal(sample.lists[CU_SAMPLE_NODES].count, 1);
    assert_int_equal(sample.lists[CU_SAMPLE_NODES].rows[0].values[CU_SAMPLE_NODE_P50], 5);
    assert_int_equal(sample.lists[CU_SAMPLE_LINKS].count, 1);
    assert_int_equal(sample.lists[CU_SAMPLE_LINKS].rows[0].parent, 0);
    assert_int_equal(sample.lists[CU_SAMPLE_LINKS].rows[0].values[CU_SAMPLE_LINK_ANSWERS], 5000);
    cu_sample_free(&sample);
    take(CU_SAMPLER_WINDOW_MS - 1, &sample); /* too soon: the same again */
    assert_int_equal(sample.window_ms, 2000);
    assert_int_equal(sample.figures[CU_SAMPLE_requests], 200 * 1000);
    cu_sample_free(&sample);
    take(1, &sample); /* nothing has come */
    assert_int_equal(sample.window_ms, CU_SAMPLER_WINDOW_MS);
    assert_int_equal(sample.figures[CU_SAMPLE_requests], 0);
    assert_int_equal(sample.lists[CU_SAMPLE_LINKS].count, 0);
    cu_sample_free(&sample);
    cu_sampler_destroy(sampler);
}

static void test_sampler_paths(void **state)
{
    struct cu_sample sample;
    const struct cu_sample_row *rows;
    char longer[400];

    (void)state;
    begin();
    assert_false(ask_for("/a", 0, false)); /* nobody looks */
    take(1000, &sample);
    assert_int_equal(sample.lists[CU_SAMPLE_PATHS].count, 0);
    cu_sample_free(&sample);
    memset(longer, 'x', sizeof(longer));
    longer[0] = '/';
    longer[350] = '\n';
    longer[399] = '\0';
    for (int i = 0; i < 3; i++)
        assert_true(ask_for("/lus/a", 4096, false));
    assert_true(ask_for("/lus/b\033[2J", 0, true));
    assert_true(ask_for("/lus/b\033[2J", 0, true));
    assert_true(ask_for(longer, 0, false));
    take(1000, &sample);
    assert_int_equal(sample.lists[CU_SAMPLE_PATHS].count, 3);
    rows = sample.lists[CU_SAMPLE_PATHS].rows;
    assert_string_equal(rows[0].path, "/lus/a");
    assert_int_equal(rows[0].values[CU_SAMPLE_PATH_REQUESTS], 3000);
    assert_int_equal(rows[0].values[CU_SAMPLE_PATH_BYTES_S], 3 * 4096 * 1000);
    assert_int_equal(rows[0].values[CU_SAMPLE_PATH_STORAGE], 3000);
    assert_string_equal(rows[1].path, "/lus/b\\x1b[2J");
    assert_int_equal(rows[1].values[CU_SAMPLE_PATH_MISSING], 2000);
    assert_true(strlen(rows[2].path) <= CU_SAMPLE_PATH_BYTES);
    assert_true(strlen(rows[2].path) >= CU_SAMPLE_PATH_BYTES - 4);
    assert_memory_equal(rows[2].path, "...x", 4);
    assert_non_null(strstr(rows[2].path, "x\\x0axx"));
    cu_sample_free(&sample);
    cu_sampler_destroy(sampler);
}

/* One who has stopped looking costs no more than so many requests. */
static void test_sampler_ends(void **state)
{
    struct cu_sample sample;

    (void)state;
    begin();
    take(1000, &sample);
    cu_sample_free(&sample);
    for (uint32_t i = 0; i < CU_SAMPLER_ASKED_MAX; i++)
        assert_true(ask_for("/a", 0, false));
    assert_false(ask_for("/a", 0, false));
    take(1000, &sample);
    assert_in_range(sample.lists[CU_SAMPLE_PATHS].rows[0].values[0], 900ull * CU_SAMPLER_ASKED_MAX,
                    1100ull * CU_SAMPLER_ASKED_MAX); /* of a share of them */
    cu_sample_free(&sample);
    assert_true(ask_for("/a", 0, false));
    cu_sampler_destroy(sampler);
}

/* Few requests are all counted; of many a share that is not always the same one of a pattern. */
static void test_sampler_counts_a_share(void **state)
{
    struct cu_sample sample;

    (void)state;
    begin();
    take(1000, &sample);
    cu_sample_free(&sample);
    for (uint32_t i = 0; i < CU_SAMPLER_COUNTED; i++)
        assert_true(ask_for("/a", 3, true));
    take(1000, &sample);
    assert_int_equal(sample.lists[CU_SAMPLE_PATHS].rows[0].values[CU_SAMPLE_PATH_REQUESTS],
                     1000ull * CU_SAMPLER_COUNTED);
    cu_sample_free(&sample);
    for (uint32_t i = 0; i < 80000; i++)
        assert_true(ask_for(i % 2 == 0 ? "/a" : "/b", i % 2 == 0 ? 100 : 0, i % 2 == 0));
    take(1000, &sample);
    assert_int_equal(sample.lists[CU_SAMPLE_PATHS].count, 2);
    for (uint32_t i = 0; i < 2; i++) {
        const struct cu_sample_row *row = &sample.lists[CU_SAMPLE_PATHS].rows[i];
        bool a = strcmp(row->path, "/a") == 0;

        assert_in_range(row->values[CU_SAMPLE_PATH_REQUESTS], 36000000, 44000000);
        assert_int_equal(row->values[CU_SAMPLE_PATH_BYTES_S],
                         a ? 100 * row->values[CU_SAMPLE_PATH_REQUESTS] : 0);
        assert_int_equal(row->values[CU_SAMPLE_PATH_MISSING],
                         a ? row->values[CU_SAMPLE_PATH_REQUESTS] : 0);
    }
    cu_sample_free(&sample);
    cu_sampler_destroy(sampler);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_sampler_rates),
        TEST(test_sampler_paths),
        TEST(test_sampler_ends),
        TEST(test_sampler_counts_a_share),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
