/* SPDX-License-Identifier: BSD-3-Clause */
/* What counts as read past the trees: bytes of files above the limit, at nodes that have a parent,
 * and nothing else. */
#include "core/state.h"
#include "core_node.h"

#define LIMIT (10ull << 20) /* core_node.h */

static void want_chunk(struct node *n, const char *path, uint64_t size, uint64_t chunk)
{
    struct cu_request r = request_of(CU_KIND_DATA, path);

    r.version.size = size;
    r.chunk = chunk;
    assert_int_equal(cu_core_want(n->core, &r, 1, n->now), 0);
    drain(n);
}

static void store(struct node *n, const char *text)
{
    struct cu_value v = bytes_value(text);

    stored(n, &v);
    cu_value_clear(&v);
}

static uint64_t bytes(const struct node *n)
{
    return cu_core_counters(n->core)[CU_COUNT_bypass_bytes];
}

static void a_large_file_counts_where_there_is_a_parent(void **state)
{
    struct node *n = leaf_new();
    const struct cu_topk_entry *best[4];

    (void)state;
    assert_int_equal(cu_core_bypassed(n->core, best, 4), 0);
    want_chunk(n, "/large", LIMIT + 5, 0);
    assert_int_equal(bytes(n), 0); /* asked for, not read yet */
    store(n, "12345678");
    want_chunk(n, "/large", LIMIT + 5, 1);
    store(n, "12");
    want_chunk(n, "/larger", LIMIT + 7, 0);
    store(n, "123");
    assert_int_equal(bytes(n), 13);
    assert_int_equal(cu_core_counters(n->core)[CU_COUNT_bypass_largest], LIMIT + 7);
    assert_int_equal(cu_core_bypassed(n->core, best, 4), 2);
    assert_string_equal(best[0]->key, "/large");
    assert_int_equal(best[0]->count, 10);
    assert_string_equal(best[1]->key, "/larger");
    want_chunk(n, "/large", LIMIT + 5, 0); /* in memory */
    assert_int_equal(bytes(n), 13);
    node_free(n);
}

/* Three quarters of the cache. */
static void the_largest_that_has_room(void **state)
{
    struct node *n = leaf_new();
    const uint64_t room = 48ull << 20;

    (void)state;
    n->core->config.cache_bytes = 64ull << 20;
    want_chunk(n, "/sparse", room + 1, 0);
    store(n, "1");
    assert_int_equal(cu_core_counters(n->core)[CU_COUNT_bypass_fits], 0);
    assert_int_equal(cu_core_counters(n->core)[CU_COUNT_bypass_largest], room + 1);
    want_chunk(n, "/large", room, 0);
    store(n, "1");
    want_chunk(n, "/less", room - 1, 0);
    store(n, "1");
    assert_int_equal(cu_core_counters(n->core)[CU_COUNT_bypass_fits], room);
    assert_int_equal(cu_core_counters(n->core)[CU_COUNT_bypass_largest], room + 1);
    node_free(n);
}

static void a_file_at_the_limit_goes_through_the_tree(void **state)
{
    struct node *n = leaf_new();

    (void)state;
    want_chunk(n, "/file", LIMIT, 0);
    assert_int_equal(n->reads, 0);
    node_free(n);
}

static void the_root_reads_for_all(void **state)
{
    struct node *n = node_new(0, 2);

    (void)state;
    want_chunk(n, "/large", LIMIT + 5, 0);
    store(n, "12345678");
    assert_int_equal(bytes(n), 0);
    node_free(n);
}

/* The parent is overloaded: this node reads the file, but not because of its size. */
static void a_busy_parent_is_another_reason(void **state)
{
    struct node *n = leaf_new();
    struct cu_value busy = {.error = EBUSY};

    (void)state;
    want_chunk(n, "/file", 100, 0);
    answer(n, 0, CU_KIND_DATA, n->want_id, &busy);
    assert_int_equal(n->reads, 1);
    store(n, "12345678");
    assert_int_equal(bytes(n), 0);
    node_free(n);
}

static void an_error_is_no_byte(void **state)
{
    struct node *n = leaf_new();
    struct cu_value eio = {.error = ESTALE};
    const struct cu_topk_entry *best[4];

    (void)state;
    want_chunk(n, "/large", LIMIT + 5, 0);
    stored(n, &eio);
    assert_int_equal(bytes(n), 0);
    assert_int_equal(cu_core_bypassed(n->core, best, 4), 0);
    node_free(n);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_large_file_counts_where_there_is_a_parent),
        cmocka_unit_test(the_largest_that_has_room),
        cmocka_unit_test(a_file_at_the_limit_goes_through_the_tree),
        cmocka_unit_test(the_root_reads_for_all),
        cmocka_unit_test(a_busy_parent_is_another_reason),
        cmocka_unit_test(an_error_is_no_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
