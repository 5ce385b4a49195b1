/* SPDX-License-Identifier: BSD-3-Clause */
/* What a child may say of others: all that can be true, whichever nodes are dead, and little
 * else. */
#include "core_node.h"

#include "core/claims.h"

#define MOST 200u

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

static void set(uint8_t *bits, uint32_t rank)
{
    bits[rank / 8] |= (uint8_t)(1u << rank % 8);
}

/* Nodes as they stand when some are dead, or cannot reach each other: each below the best candidate
 * that it reaches. */
struct world {
    struct cu_tree tree;
    uint32_t cut; /* a pair in so many cannot reach each other; 0: all can */
    bool alive[MOST];
    uint32_t parent[MOST];
    uint8_t below[MOST][MOST / 8];
};

static bool reaches(const struct world *w, uint32_t a, uint32_t b)
{
    uint32_t seed = a * MOST + b;

    return w->alive[b] && (w->cut == 0 || next(&seed) % w->cut != 0);
}

static void make_world(struct world *w, uint32_t *seed, uint32_t cut)
{
    uint32_t count = 1 + next(seed) % MOST, trees = 1 + next(seed) % 3, dead = next(seed) % 5;

    memset(w, 0, sizeof *w);
    w->cut = cut;
    w->tree = cu_tree_make(count, 1 + next(seed) % 5, next(seed) % trees, trees);
    for (uint32_t rank = 0; rank < count; rank++) /* the lowest places are dead more often */
        w->alive[rank] = next(seed) % (cu_tree_place(&w->tree, rank) < 12 ? 5 : 10) >= dead;
    for (uint32_t place = count; place-- > 0;) {
        uint32_t rank = cu_tree_rank(&w->tree, place), candidates[CU_CLAIMS_PLACES], i = 0;
        uint32_t n = cu_tree_candidates(&w->tree, rank, candidates, CU_CLAIMS_PLACES);

        set(w->below[rank], rank);
        while (i < n && !reaches(w, rank, candidates[i]))
            i++;
        w->parent[rank] = i < n ? candidates[i] : rank;
        if (!w->alive[rank] || w->parent[rank] == rank)
            continue;
        for (size_t k = 0; k < MOST / 8; k++)
            w->below[w->parent[rank]][k] |= w->below[rank][k];
    }
}

/* Counts the children with others than their own below them. */
static uint32_t check_world(const struct world *w)
{
    uint32_t wide = 0;

    for (uint32_t child = 0; child < w->tree.node_count; child++) {
        uint8_t bits[MOST / 8];

        if (!w->alive[child] || w->parent[child] == child)
            continue;
        memcpy(bits, w->below[child], sizeof bits);
        wide += !cu_claims_own(&w->tree, child, bits);
        assert_int_equal(cu_claims_cut(&w->tree, child, bits), 0);
        for (uint32_t other = 0; w->cut == 0 && other < w->tree.node_count; other++)
            if (other != child && w->alive[other] && w->parent[other] == w->parent[child])
                assert_int_equal(cu_claims_cut_of(&w->tree, child, other, bits), 0);
        assert_memory_equal(bits, w->below[child], sizeof bits);
    }
    return wide;
}

static void what_can_be_true_is_believed(void **state)
{
    static struct world w;
    uint32_t seed = 1, wide = 0;

    (void)state;
    for (uint32_t round = 0; round < 300; round++) {
        make_world(&w, &seed, round % 3 * 4);
        wide += check_world(&w);
    }
    assert_true(wide > 0); /* orphans were among them */
}

/* Where all live, each speaks for its subtree and nothing else. */
static void what_cannot_be_true_is_not(void **state)
{
    const struct cu_tree tree = cu_tree_make(MOST, 3, 1, 2);

    (void)state;
    for (uint32_t child = 0; child < MOST; child++) {
        uint32_t parent = cu_tree_parent(&tree, child), siblings[3], count, left = 0;
        uint8_t bits[MOST / 8];

        if (parent == child)
            continue;
        memset(bits, 0xff, sizeof bits);
        (void)cu_claims_cut(&tree, child, bits);
        count = cu_tree_children(&tree, parent, siblings, 3);
        for (uint32_t i = 0; i < count; i++)
            if (siblings[i] != child)
                (void)cu_claims_cut_of(&tree, child, siblings[i], bits);
        for (size_t i = 0; i < sizeof bits; i++)
            left += (uint32_t)__builtin_popcount(bits[i]);
        if (cu_tree_place(&tree, child) >= CU_CLAIMS_PLACES || parent == cu_tree_rank(&tree, 0)) {
            assert_true(cu_claims_own(&tree, child, bits));
            assert_int_equal(left, cu_tree_subtree_size(&tree, child));
        }
    }
}

static void ready_from(struct node *n, uint32_t rank, uint8_t bits)
{
    const struct cu_msg ready = {.type = CU_MSG_READY,
                                 .ready = {.first = 0, .count = 8, .bits = &bits}};

    cu_core_message(n->core, cu_peer_child(rank), &ready, n->now);
    drain(n);
}

static void join(struct node *n, uint32_t rank)
{
    const struct cu_msg msg = {.type = CU_MSG_JOIN, .join = {.trees = 1}};

    cu_core_peer_up(n->core, cu_peer_child(rank), n->now);
    cu_core_message(n->core, cu_peer_child(rank), &msg, n->now);
    drain(n);
}

/* Of eight nodes, fan-out 2: below 0 are 1 (with 2 to 4) and 5 (with 6 and 7). */
static void nobody_makes_others_ready(void **state)
{
    struct node *n = node_of_shape(0, 8, 1, 2);
    const uint8_t *bits;

    (void)state;
    join(n, 1);
    join(n, 5);
    ready_from(n, 1, 0xff);
    assert_int_equal(cu_core_ready(n->core, &bits), 4);
    assert_int_equal(bits[0], 0x1e);
    ready_from(n, 5, 0xe0);
    assert_int_equal(cu_core_ready(n->core, &bits), 7);
    node_free(n);
}

/* 5 is dead, its children are below 1; it comes back, and speaks for them again. */
static void orphans_are_ready_where_they_are(void **state)
{
    struct node *n = node_of_shape(0, 8, 1, 2);
    const uint8_t *bits;

    (void)state;
    join(n, 1);
    ready_from(n, 1, 0xde);
    assert_int_equal(cu_core_ready(n->core, &bits), 6);
    join(n, 5);
    assert_int_equal(cu_core_ready(n->core, &bits), 4);
    ready_from(n, 5, 0xe0);
    assert_int_equal(cu_core_ready(n->core, &bits), 7);
    cu_core_peer_down(n->core, cu_peer_child(5), 0, n->now);
    drain(n);
    assert_int_equal(cu_core_ready(n->core, &bits), 6);
    node_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_can_be_true_is_believed),
        cmocka_unit_test(what_cannot_be_true_is_not),
        cmocka_unit_test(nobody_makes_others_ready),
        cmocka_unit_test(orphans_are_ready_where_they_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
