/* SPDX-License-Identifier: BSD-3-Clause */
/* Trees: every node has one parent of a lower place, children and parents agree, all N, k, T. */
#include "core/tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static const uint32_t counts[] = {1, 2, 3, 7, 8, 9, 64, 100, 1000, 10624};
static const uint32_t fanouts[] = {1, 2, 3, 7, 16, 20000};

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static void check_tree(const struct cu_tree *tree)
{
    uint32_t n = tree->node_count, *seen = calloc(n, sizeof *seen), total = 0;
    uint32_t *children = malloc(n * sizeof *children);

    assert_non_null(seen);
    assert_non_null(children);
    for (uint32_t rank = 0; rank < n; rank++) {
        uint32_t count = cu_tree_children(tree, rank, children, n), size = 1;

        assert_true(count <= tree->fanout + (tree->groups ? n / tree->groups : 0));
        assert_int_equal(cu_tree_rank(tree, cu_tree_place(tree, rank)), rank);
        for (uint32_t i = 0; i < count; i++) {
            assert_int_equal(cu_tree_parent(tree, children[i]), rank);
            assert_true(cu_tree_place(tree, children[i]) > cu_tree_place(tree, rank));
            size += cu_tree_subtree_size(tree, children[i]);
            seen[children[i]]++;
            total++;
        }
        assert_int_equal(size, cu_tree_subtree_size(tree, rank));
    }
    assert_int_equal(total, n - 1);
    for (uint32_t rank = 0; rank < n; rank++)
        assert_int_equal(seen[rank], cu_tree_place(tree, rank) == 0 ? 0 : 1);
    free(seen);
    free(children);
}

static void every_tree_is_a_tree(void **state)
{
    (void)state;
    for (size_t c = 0; c < LENGTH(counts); c++) {
        for (size_t f = 0; f < LENGTH(fanouts); f++) {
            for (uint32_t t = 0; t < 3 && t < counts[c]; t++) {
                struct cu_tree tree = cu_tree_make(counts[c], fanouts[f], t, 3);

                if (counts[c] > 1000 && fanouts[f] == 1)
                    continue; /* a chain: quadratic to check */
                check_tree(&tree);
            }
        }
    }
}

static void large_jobs_have_different_roots(void **state)
{
    (void)state;
    for (uint32_t n = 60; n < 700; n++) {
        for (uint32_t trees = 2; trees <= 60; trees += 2) {
            for (uint32_t t = 1; t < trees; t++) {
                struct cu_tree before = cu_tree_make(n, 4, t - 1, trees);
                struct cu_tree tree = cu_tree_make(n, 4, t, trees);

                assert_true(cu_tree_rank(&tree, 0) > cu_tree_rank(&before, 0));
            }
        }
    }
}

static void small_jobs_have_different_roots(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 33; n++)
        for (uint32_t k = 1; k <= 40; k += k < 5 ? 1 : 7)
            for (uint32_t trees = 1; trees <= n; trees++) {
                bool is_root[33] = {false};

                for (uint32_t t = 0; t < trees; t++) {
                    struct cu_tree tree = cu_tree_make(n, k, t, trees);

                    check_tree(&tree);
                    assert_false(is_root[cu_tree_rank(&tree, 0)]);
                    is_root[cu_tree_rank(&tree, 0)] = true;
                }
            }
}

/* The most that a node has in all of these trees. */
static uint32_t most_children(uint32_t n, uint32_t k, uint32_t trees)
{
    uint32_t most = 0;

    for (uint32_t rank = 0; rank < n; rank++) {
        uint32_t children = 0;

        for (uint32_t t = 0; t < trees; t++) {
            struct cu_tree tree = cu_tree_make(n, k, t, trees);

            children += cu_tree_children(&tree, rank, NULL, 0);
        }
        most = children > most ? children : most;
    }
    return most;
}

/* Else several trees are worth no more than one, or less. With a fan-out of 2, and an even number
 * of trees, no node sends more than the mean. */
static void nodes_take_turns_at_forwarding(void **state)
{
    (void)state;
    for (uint32_t n = 32; n <= 10624; n += n < 200 ? 1 : 3477)
        for (uint32_t trees = 2; trees <= 8; trees += 2) {
            assert_true(most_children(n, CU_TREE_FANOUT, trees) <= trees);
            assert_true(most_children(n, CU_TREE_FANOUT, trees - 1) <= trees);
        }
    /* A head of fewer blocks than the fan-out has fewer turns: some nodes are head twice. */
    for (uint32_t k = 3; k <= 9; k++)
        for (uint32_t n = 32; n <= 200; n++)
            assert_true(most_children(n, k, k) <= 2 * k - 2);
}

static void trees_have_different_roots(void **state)
{
    (void)state;
    for (uint32_t t = 0; t < 8; t++) {
        struct cu_tree tree = cu_tree_make(8, 2, t, 8);

        assert_int_equal(cu_tree_rank(&tree, 0), t);
        assert_int_equal(cu_tree_parent(&tree, t), t);
    }
}

static void ancestors_follow_parents(void **state)
{
    (void)state;
    struct cu_tree tree = cu_tree_make(1000, 3, 1, 2);

    for (uint32_t rank = 0; rank < 1000; rank++) {
        uint32_t out[32], count = cu_tree_ancestors(&tree, rank, out, 32), at = rank;

        for (uint32_t i = 0; i < count; i++) {
            at = cu_tree_parent(&tree, at);
            assert_int_equal(out[i], at);
        }
        assert_int_equal(cu_tree_parent(&tree, at), at);
        assert_true(count <= 8);
    }
}

static void candidates_have_lower_places_and_no_repeats(void **state)
{
    (void)state;
    struct cu_tree tree = cu_tree_make(100, 2, 1, 2);

    for (uint32_t rank = 0; rank < 100; rank++) {
        uint32_t out[12], count = cu_tree_candidates(&tree, rank, out, 12);
        uint32_t place = cu_tree_place(&tree, rank);

        assert_int_equal(count, place < 12 ? place : 12);
        for (uint32_t i = 0; i < count; i++) {
            assert_true(cu_tree_place(&tree, out[i]) < place);
            for (uint32_t j = 0; j < i; j++)
                assert_int_not_equal(out[i], out[j]);
        }
        if (place)
            assert_int_equal(out[0], cu_tree_parent(&tree, rank));
    }
}

static void subtrees_are_contiguous(void **state)
{
    (void)state;
    struct cu_tree tree = cu_tree_make(10624, 12, 0, 1);
    uint32_t children[12], count = cu_tree_children(&tree, 0, children, 12);

    for (uint32_t i = 0, next = 1; i < count; i++) {
        assert_int_equal(children[i], next);
        next += cu_tree_subtree_size(&tree, children[i]);
    }
}

static void the_height_is_that_of_the_deepest_node_below(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 130; n += 3)
        for (uint32_t k = 1; k <= 5; k++) {
            struct cu_tree tree = cu_tree_make(n, k, 1, 2);
            uint32_t deepest[130] = {0};

            for (uint32_t rank = 0; rank < n; rank++) {
                uint32_t above[130], count = cu_tree_ancestors(&tree, rank, above, 130);

                for (uint32_t i = 0; i < count; i++)
                    if (deepest[above[i]] < i + 1)
                        deepest[above[i]] = i + 1;
            }
            for (uint32_t rank = 0; rank < n; rank++)
                assert_int_equal(cu_tree_height(&tree, rank), deepest[rank]);
        }
}

static void the_default_makes_thirteen_levels_below_the_root_of_aurora(void **state)
{
    struct cu_tree tree = cu_tree_make(10624, CU_TREE_FANOUT, 0, 1);
    uint32_t most = 0;

    (void)state;
    for (uint32_t rank = 0; rank < 10624; rank++) {
        uint32_t ancestors = cu_tree_ancestors(&tree, rank, NULL, 0);

        most = ancestors > most ? ancestors : most;
    }
    assert_int_equal(most, 13);
}

static void bulk_trees_are_trees(void **state)
{
    (void)state;
    for (uint32_t n = 1; n <= 300; n++) {
        uint32_t trees = cu_tree_bulk_count(n);

        assert_true(trees <= CU_TREE_BULK_MAX);
        assert_true(n < 4 ? trees == 0 : trees >= (n < 8 ? n : 8));
        for (uint32_t t = 0; t < trees; t++) {
            struct cu_tree tree = cu_tree_make_bulk(n, t, trees);

            check_tree(&tree);
        }
    }
    for (uint32_t t = 0; t < 8; t += 7) {
        struct cu_tree tree = cu_tree_make_bulk(10624, t, 8);

        check_tree(&tree);
    }
}

/* So it sends a large file about once: to a parent's share of the others of its group, and of two
 * other heads. */
static void a_node_has_children_in_one_bulk_tree(void **state)
{
    (void)state;
    for (uint32_t n = 4; n <= 10624; n += n < 300 ? 1 : 947) {
        uint32_t trees = cu_tree_bulk_count(n);

        for (uint32_t rank = 0; rank < n; rank++) {
            uint32_t interior = 0, children = 0;

            for (uint32_t t = 0; t < trees; t++) {
                struct cu_tree tree = cu_tree_make_bulk(n, t, trees);
                uint32_t count = cu_tree_children(&tree, rank, NULL, 0);

                interior += count > 0;
                children += count;
            }
            assert_true(interior <= 1);
            assert_true(children <= trees + 2);
        }
    }
}

static void bulk_trees_have_different_roots(void **state)
{
    (void)state;
    for (uint32_t n = 4; n <= 300; n++) {
        uint32_t trees = cu_tree_bulk_count(n), roots[CU_TREE_BULK_MAX];

        for (uint32_t t = 0; t < trees; t++) {
            struct cu_tree tree = cu_tree_make_bulk(n, t, trees);

            roots[t] = cu_tree_rank(&tree, 0);
            for (uint32_t before = 0; before < t; before++)
                assert_int_not_equal(roots[before], roots[t]);
        }
    }
}

static void a_bulk_tree_names_parents_best_first(void **state)
{
    (void)state;
    struct cu_tree tree = cu_tree_make_bulk(203, 3, 8);

    for (uint32_t rank = 0; rank < 203; rank++) {
        uint32_t out[12], count = cu_tree_candidates(&tree, rank, out, 12);
        uint32_t depth = cu_tree_ancestors(&tree, rank, NULL, 0), at = rank;
        uint32_t place = cu_tree_place(&tree, rank);

        assert_int_equal(count, place < 12 ? place : 12);
        for (uint32_t i = 0; i < count; i++)
            assert_true(cu_tree_place(&tree, out[i]) < place);
        for (uint32_t i = 0; i < depth; i++) {
            at = cu_tree_parent(&tree, at);
            assert_int_equal(out[i], at);
        }
        assert_int_equal(cu_tree_place(&tree, at), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tree_is_a_tree),
        cmocka_unit_test(trees_have_different_roots),
        cmocka_unit_test(large_jobs_have_different_roots),
        cmocka_unit_test(small_jobs_have_different_roots),
        cmocka_unit_test(nodes_take_turns_at_forwarding),
        cmocka_unit_test(ancestors_follow_parents),
        cmocka_unit_test(candidates_have_lower_places_and_no_repeats),
        cmocka_unit_test(subtrees_are_contiguous),
        cmocka_unit_test(the_height_is_that_of_the_deepest_node_below),
        cmocka_unit_test(the_default_makes_thirteen_levels_below_the_root_of_aurora),
        cmocka_unit_test(bulk_trees_are_trees),
        cmocka_unit_test(a_node_has_children_in_one_bulk_tree),
        cmocka_unit_test(bulk_trees_have_different_roots),
        cmocka_unit_test(a_bulk_tree_names_parents_best_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
