/* SPDX-License-Identifier: BSD-3-Clause */
/* The budget: one bound, of requests and bytes under way, for all rules. */
#include "ahead_fake.h"

#include "fail_alloc.h"

static struct fake_dir root = {.path = "/"};

/* A directory's next names, a stream's next chunks and a library's all stop at the same bound. */
static void all_rules_share_one_budget(void **state)
{
    struct fake_node library = {.attr = {.mode = S_IFREG, .size = 4 << 20, .blocks = 8192}};
    struct fake_node stream = {.attr = {.mode = S_IFREG, .size = 64 << 20, .blocks = 131072}};

    (void)state;
    fake_learn(&root, ".so");
    fake.load = (struct cu_ahead_load){.bytes = 64u << 20};
    fake_found(&root, "/library.so", &library);
    for (uint64_t at = 0; at < 8; at++)
        (void)fake_read("/stream", 7, &stream, at * FAKE_CHUNK, (at + 1) * FAKE_CHUNK);
    assert_string_equal(fake_asked(), "");
    fake.load.bytes = 0;
    library.file.read = false;
    fake_found(&root, "/library.so", &library);
    assert_int_equal(fake_asked_count(), 16);
}

static void requests_count_as_well_as_bytes(void **state)
{
    struct fake_node library = {.attr = {.mode = S_IFREG, .size = 4 << 20, .blocks = 8192}};

    (void)state;
    fake_learn(&root, ".so");
    fake.load = (struct cu_ahead_load){.requests = 4096};
    fake_found(&root, "/library.so", &library);
    assert_int_equal(fake_asked_count(), 0);
    fake.load.requests = 4095;
    fake.counts_load = true;
    fake_found(&root, "/library.so", &library);
    assert_int_equal(fake_asked_count(), 1);
}

/* What is asked for ahead must still be in the cache when it is wanted. */
static void a_small_cache_makes_a_small_budget(void **state)
{
    struct cu_ahead_config config = fake_config();
    struct fake_node library = {.attr = {.mode = S_IFREG, .size = 4 << 20, .blocks = 8192}};

    (void)state;
    config.cache_bytes = 8u << 20;
    fake_begin(&config);
    fake_learn(&root, ".so");
    fake.counts_load = true;
    fake_found(&root, "/library.so", &library);
    assert_in_range(fake_asked_count(), 6, 8);
}

static void without_memory_there_is_none(void **state)
{
    struct cu_ahead_config config = fake_config();

    (void)state;
    fail_alloc_at(0);
    assert_null(cu_ahead_create(&config));
    assert_true(fail_alloc_hit());
    cu_ahead_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FAKE_TEST(all_rules_share_one_budget),
        FAKE_TEST(requests_count_as_well_as_bytes),
        cmocka_unit_test_teardown(a_small_cache_makes_a_small_budget, fake_teardown),
        cmocka_unit_test(without_memory_there_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
