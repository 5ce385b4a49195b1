/* SPDX-License-Identifier: BSD-3-Clause */
/* Bulk trees: which objects go over them, when a node joins one, and whom it asks when the parent
 * there does not answer. */
#include "core_node.h"

#include "base/hash.h"

#define LARGE (4u << 20)

/* Of 16 nodes in two groups of 8, so that there are 8 bulk trees after the job's one. */
static struct node *bulk_node(uint32_t rank, uint32_t count, uint32_t trees, uint64_t max)
{
    struct node *n = calloc(1, sizeof *n);
    struct cu_core_config config = small_core(rank, count);
    struct cu_error err;

    assert_non_null(n);
    config.tree_count = trees;
    config.bulk_bytes = LARGE;
    config.bulk_stripe = 4;
    config.max_cacheable_bytes = max;
    n->now = 100 * S_NS;
    n->core = cu_core_create(&config, n->now, &err);
    assert_non_null(n->core);
    cu_driver_init(&n->driver, n->core, &ports, n);
    drain(n);
    return n;
}

static struct cu_request chunk_of(uint64_t size, uint64_t chunk)
{
    struct cu_request r = request_of(CU_KIND_DATA, "/large");

    r.version.size = size;
    r.chunk = chunk;
    return r;
}

static uint32_t tree_of(const struct node *n, uint64_t size, uint64_t chunk)
{
    struct cu_request r = chunk_of(size, chunk);

    return cu_core_tree_of(n->core, &r, cu_hash_bytes(r.path, r.path_len));
}

static void want_chunk(struct node *n, uint64_t chunk)
{
    struct cu_request r = chunk_of(LARGE, chunk);

    assert_int_equal(cu_core_want(n->core, &r, chunk, n->now), 0);
    drain(n);
}

static void pass(struct node *n, uint64_t ns)
{
    n->now += ns;
    cu_core_tick(n->core, n->now);
    drain(n);
}

/* A stripe in which this node is not the tree's root: its first chunk. */
static uint64_t chunk_from_others(const struct node *n)
{
    for (uint64_t chunk = 0;; chunk += 4)
        if (cu_core_parent(n->core, tree_of(n, LARGE, chunk)) != n->core->config.rank)
            return chunk;
}

static void stripes_of_large_files_take_turns(void **state)
{
    struct node *n = bulk_node(15, 16, 3, 10 << 20);
    bool used[8] = {false};

    (void)state;
    assert_int_equal(cu_core_trees(n->core), 3 + 8);
    for (uint64_t chunk = 0; chunk < 64; chunk++) {
        uint32_t tree = tree_of(n, LARGE, chunk);

        assert_true(tree >= 3 && tree < 11);
        assert_int_equal(tree, tree_of(n, LARGE, chunk / 4 * 4));
        used[tree - 3] = true;
        assert_true(tree_of(n, LARGE - 1, chunk) < 3);
    }
    for (size_t t = 0; t < 8; t++)
        assert_true(used[t]);
    node_free(n);
}

static void without_large_files_in_memory_there_are_none(void **state)
{
    struct node *n = bulk_node(1, 16, 3, LARGE - 1), *few = bulk_node(1, 3, 1, 10 << 20);

    (void)state;
    assert_int_equal(cu_core_trees(n->core), 3);
    assert_true(tree_of(n, LARGE, 5) < 3);
    assert_int_equal(cu_core_trees(few->core), 1);
    node_free(n);
    node_free(few);
}

static void the_numbers_of_trees_suffice(void **state)
{
    struct node *n = bulk_node(1, 64, 60, 10 << 20), *all = bulk_node(1, 64, 64, 10 << 20);

    (void)state;
    assert_int_equal(cu_core_trees(n->core), 64);
    assert_int_equal(cu_core_trees(all->core), 64);
    assert_true(tree_of(all, LARGE, 9) < 64);
    node_free(n);
    node_free(all);
}

static void a_bulk_tree_is_joined_when_first_used(void **state)
{
    struct node *n = bulk_node(15, 16, 1, 10 << 20);
    uint64_t chunk = chunk_from_others(n);
    uint32_t tree = tree_of(n, LARGE, chunk);
    uint32_t parent = cu_tree_parent(cu_core_tree(n->core, tree), 15);
    unsigned connects = n->connects;

    (void)state;
    cu_core_peer_up(n->core, cu_peer_parent(14), n->now);
    drain(n);
    cu_core_mounted(n->core, n->now);
    drain(n);
    assert_int_equal(cu_core_ready(n->core, &(const uint8_t *){NULL}), 1);
    assert_int_equal(n->connects, connects);
    assert_int_equal(cu_core_parent(n->core, tree), CU_RANK_NONE);
    want_chunk(n, chunk);
    if (parent != 14) {
        assert_int_equal(n->connects, connects + 1);
        assert_int_equal(n->wants, 0);
        cu_core_peer_up(n->core, cu_peer_parent(parent), n->now);
        drain(n);
    }
    assert_int_equal(cu_core_parent(n->core, tree), parent);
    assert_int_equal(n->wants, 1);
    assert_int_equal(n->want.tree, tree);
    assert_int_equal(n->reads, 0);
    want_chunk(n, chunk + 1);
    assert_int_equal(n->wants, 2);
    node_free(n);
}

/* The job runs: a node that was alive when it began is frozen now. */
static void a_parent_that_does_not_answer_is_not_waited_for(void **state)
{
    struct node *n = bulk_node(15, 16, 1, 10 << 20);
    uint64_t chunk = chunk_from_others(n);
    const struct route *route = &n->core->routes[tree_of(n, LARGE, chunk)];
    unsigned connects;

    (void)state;
    cu_core_peer_up(n->core, cu_peer_parent(14), n->now);
    drain(n);
    assert_true(route->candidate_count > 2);
    connects = n->connects;
    want_chunk(n, chunk);
    assert_int_equal(n->connects, connects + 1);
    assert_true(cu_core_deadline(n->core) <= n->now + S_NS);
    pass(n, S_NS);
    assert_int_equal(n->connects, connects + 2);
    cu_core_peer_up(n->core, cu_peer_parent(route->candidates[1]), n->now);
    drain(n);
    assert_int_equal(n->wants, 1);
    assert_int_equal(route->parent, route->candidates[1]);
    /* It is back: what is asked from now on goes to it. */
    cu_core_peer_up(n->core, cu_peer_parent(route->candidates[0]), n->now);
    drain(n);
    assert_int_equal(route->parent, route->candidates[0]);
    node_free(n);
}

static bool may_ask(const struct route *route, uint32_t rank)
{
    for (uint32_t i = 0; i < route->candidate_count; i++)
        if (route->candidates[i] == rank)
            return true;
    return false;
}

static void who_refuses_may_be_starting_only_at_the_start(void **state)
{
    struct node *n = bulk_node(15, 16, 1, 10 << 20);
    const struct route *route = NULL;
    uint64_t chunk;

    (void)state;
    cu_core_peer_up(n->core, cu_peer_parent(14), n->now);
    drain(n);
    for (chunk = 0; !route || route->parent == 15 || may_ask(route, 14); chunk += 4)
        route = &n->core->routes[tree_of(n, LARGE, chunk)];
    want_chunk(n, chunk - 4);
    cu_core_peer_down(n->core, cu_peer_parent(route->candidates[0]), ECONNREFUSED, n->now);
    drain(n);
    assert_int_equal(route->parent, CU_RANK_NONE);
    assert_int_equal(n->reads, 0);
    pass(n, 5 * S_NS);
    for (uint32_t i = 0; i < route->candidate_count; i++) {
        cu_core_peer_down(n->core, cu_peer_parent(route->candidates[i]), ECONNREFUSED, n->now);
        drain(n);
    }
    assert_int_equal(route->parent, 15); /* nobody is there: storage */
    assert_int_equal(n->reads, 1);
    node_free(n);
}

static void refuse(struct node *n, uint32_t rank)
{
    cu_core_peer_down(n->core, cu_peer_parent(rank), ECONNREFUSED, n->now);
    drain(n);
}

/* A route of a bulk tree that has only this candidate; *chunk goes over it. */
static struct route *route_to(struct node *n, uint32_t rank, uint64_t *chunk)
{
    struct route *route;

    *chunk = chunk_from_others(n);
    route = &n->core->routes[tree_of(n, LARGE, *chunk)];
    route->candidates[0] = rank;
    route->candidate_count = 1;
    return route;
}

/* They were found dead when their daemons started, and nobody has tried them since. */
static void who_was_dead_once_is_tried_again(void **state)
{
    struct node *n = bulk_node(15, 16, 1, 10 << 20);
    uint64_t chunk;

    (void)state;
    pass(n, 30 * S_NS);
    refuse(n, 14);
    refuse(n, 13);
    cu_core_peer_up(n->core, cu_peer_parent(14), n->now);
    drain(n);
    assert_true(cu_neighbors_find(n->core, 13)->dead);
    n->now += 60 * S_NS;
    assert_int_equal(route_to(n, 13, &chunk)->parent, CU_RANK_NONE);
    want_chunk(n, chunk);
    assert_int_equal(n->reads, 0);
    cu_core_peer_up(n->core, cu_peer_parent(13), n->now);
    drain(n);
    assert_int_equal(n->wants, 1);
    node_free(n);
}

/* All parents in the job's tree are dead, and are tried again all the time. */
static void joining_makes_no_orphan_doubt(void **state)
{
    struct node *n = bulk_node(15, 16, 1, 10 << 20);
    uint64_t chunk;

    (void)state;
    pass(n, 30 * S_NS);
    for (uint32_t rank = 14; n->core->routes[0].parent == CU_RANK_NONE; rank--)
        refuse(n, rank);
    assert_int_equal(n->core->routes[0].parent, 15);
    n->now += 3 * S_NS;
    (void)route_to(n, 14, &chunk);
    want_chunk(n, chunk);
    assert_int_equal(n->reads, 1);
    assert_int_equal(n->core->routes[0].parent, 15);
    node_free(n);
}

/* Another node was there first, and is asked meanwhile. That is no fault of a parent. */
static void a_parent_that_starts_late_is_found_soon(void **state)
{
    struct node *n = bulk_node(15, 16, 1, 10 << 20), *later = bulk_node(15, 16, 1, 10 << 20);
    unsigned connects;

    (void)state;
    cu_core_peer_up(n->core, cu_peer_parent(13), n->now);
    drain(n);
    assert_int_equal(cu_core_parent(n->core, 0), 13);
    for (unsigned i = 0; i < 20; i++) {
        connects = n->connects;
        refuse(n, 14);
        pass(n, i == 0 ? 20 * MS_NS : 200 * MS_NS);
        assert_int_equal(n->connects, connects + 1);
        assert_int_equal(cu_core_parent(n->core, 0), 13);
    }
    cu_core_peer_up(n->core, cu_peer_parent(14), n->now);
    drain(n);
    assert_int_equal(cu_core_parent(n->core, 0), 14);
    assert_int_equal(cu_core_counters(n->core)[CU_COUNT_parents_changed], 0);

    cu_core_peer_up(later->core, cu_peer_parent(13), later->now);
    drain(later);
    later->now += 5 * S_NS; /* nobody starts any more */
    refuse(later, 14);
    connects = later->connects;
    pass(later, 499 * MS_NS);
    assert_int_equal(later->connects, connects);
    pass(later, MS_NS);
    assert_int_equal(later->connects, connects + 1);
    cu_core_peer_up(later->core, cu_peer_parent(14), later->now);
    drain(later);
    assert_int_equal(cu_core_counters(later->core)[CU_COUNT_parents_changed], 1);
    node_free(n);
    node_free(later);
}

/* 2 MiB, as they are on a node of a job: with a recipe each chunk has another root. */
static void a_library_is_spread_where_a_recipe_is_replayed(void **state)
{
    const struct cu_core_bulk recipe = cu_core_bulk(true), none = cu_core_bulk(false);
    struct cu_core_config config = small_core(15, 16);
    struct cu_request r = chunk_of(2 << 20, 0);
    struct cu_error err;

    (void)state;
    for (unsigned learns = 0; learns < 2; learns++) {
        uint64_t used = 0;
        struct cu_core *core;

        config.bulk_bytes = learns ? recipe.bytes : none.bytes;
        config.bulk_stripe = learns ? recipe.stripe : none.stripe;
        config.max_cacheable_bytes = 1 << 30;
        core = cu_core_create(&config, 0, &err);
        assert_non_null(core);
        assert_int_equal(cu_core_trees(core), 9);
        for (r.chunk = 0; r.chunk < 8; r.chunk++)
            used |= 1ull << cu_core_tree_of(core, &r, cu_hash_bytes(r.path, r.path_len));
        assert_int_equal(used, learns ? 0x1fe : 1);
        cu_core_destroy(core);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stripes_of_large_files_take_turns),
        cmocka_unit_test(without_large_files_in_memory_there_are_none),
        cmocka_unit_test(the_numbers_of_trees_suffice),
        cmocka_unit_test(a_bulk_tree_is_joined_when_first_used),
        cmocka_unit_test(a_parent_that_does_not_answer_is_not_waited_for),
        cmocka_unit_test(who_refuses_may_be_starting_only_at_the_start),
        cmocka_unit_test(who_was_dead_once_is_tried_again),
        cmocka_unit_test(joining_makes_no_orphan_doubt),
        cmocka_unit_test(a_parent_that_starts_late_is_found_soon),
        cmocka_unit_test(a_library_is_spread_where_a_recipe_is_replayed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
