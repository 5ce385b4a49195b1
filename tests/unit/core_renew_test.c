/* SPDX-License-Identifier: BSD-3-Clause */
/* Listings that have expired are renewed together: which, in which messages, and what happens when
 * the parent dies, lies, or says that one has changed. */
#include "core_renew.h"
#include "fail_alloc.h"

/* The parent answers the last WANT with a listing. */
static void give(struct node *leaf, bool partial)
{
    struct cu_value v = listing_value(3);

    v.partial = partial;
    answer(leaf, 0, CU_KIND_DIR, leaf->want_id, &v);
    cu_value_clear(&v);
}

/* A leaf that has used all directories once, each at another time. */
static struct node *used_leaf(void)
{
    struct node *leaf = leaf_new();

    for (unsigned i = 0; i < DIRS; i++) {
        use(leaf, dirs[i]);
        assert_int_equal(leaf->wants, i + 1);
        give(leaf, false);
        leaf->now += 10 * MS_NS;
    }
    return leaf;
}

static void later(struct node *node, uint64_t ns)
{
    node->now += ns;
    cu_core_peer_up(node->core, cu_peer_parent(0), node->now); /* heard of */
    drain(node);
}

static uint64_t counter(const struct node *node, enum cu_counter which)
{
    return cu_core_counters(node->core)[which];
}

static void all_that_were_used_together_go_in_one_message(void **state)
{
    struct node *leaf = used_leaf();
    unsigned replies = leaf->replies;

    (void)state;
    later(leaf, 10 * TTL);
    use(leaf, dirs[2]);
    assert_int_equal(leaf->checks, 1);
    assert_int_equal(leaf->wants, DIRS);
    assert_int_equal(questions(leaf, dirs[2]), DIRS); /* what is waited for comes first */
    assert_int_equal(leaf->replies, replies);
    confirm(leaf, 0, -1, 0);
    assert_int_equal(leaf->replies, replies + 1);
    for (unsigned i = 0; i < DIRS; i++)
        use(leaf, dirs[i]);
    assert_int_equal(leaf->replies, replies + 1 + DIRS);
    assert_int_equal(leaf->checks, 1);
    assert_int_equal(leaf->wants, DIRS);
    assert_int_equal(counter(leaf, CU_COUNT_renewed), DIRS - 1);
    assert_int_equal(counter(leaf, CU_COUNT_renewed_used), DIRS - 1);
    assert_int_equal(counter(leaf, CU_COUNT_checked), DIRS);
    assert_int_equal(cu_core_ahead(leaf->core).requests, 0);
    node_free(leaf);
}

static uint64_t id_of(const struct node *leaf, const char *path)
{
    static struct cu_check_reader reader;
    struct cu_check_question q;

    cu_check_reader_init(&reader, leaf->list);
    while (cu_check_next(&reader, &q) == 1)
        if (q.path_len == strlen(path) && memcmp(q.path, path, q.path_len) == 0)
            return q.id;
    fail();
    return 0;
}

static void nobody_waits_for_what_is_renewed_ahead_until_somebody_does(void **state)
{
    struct node *leaf = used_leaf();
    unsigned replies = leaf->replies;

    (void)state;
    later(leaf, 10 * TTL);
    use(leaf, dirs[2]);
    assert_int_equal(leaf->check_now, 1);
    use(leaf, dirs[4]);
    assert_int_equal(leaf->wants, DIRS + 1);
    assert_int_equal(leaf->want.flags, CU_WANT_NOW);
    assert_true(leaf->want_id == id_of(leaf, dirs[4]));
    use(leaf, dirs[4]); /* the parent knows */
    assert_int_equal(leaf->wants, DIRS + 1);
    confirm(leaf, 0, -1, 0);
    assert_int_equal(leaf->replies, replies + 3);
    assert_int_equal(leaf->disconnects, 0);
    assert_int_equal(leaf->checks, 1);
    node_free(leaf);
}

/* Its version was right, but says nothing of what a refresh is for. */
static void a_refresh_forgets_what_a_request_under_way_was_to_confirm(void **state)
{
    struct node *leaf = used_leaf();

    (void)state;
    later(leaf, 10 * TTL);
    use(leaf, dirs[4]);
    assert_int_equal(leaf->checks, 1);
    cu_core_refresh(leaf->core, "/opt/x", 6, 1, leaf->now);
    drain(leaf);
    assert_int_equal(leaf->wants, DIRS + 2); /* /opt is compared, as it contains the name */
    assert_true(cu_version_is_none(&leaf->want.version));
    assert_int_equal(leaf->want.generation, 1);
    node_free(leaf);
}

/* What is held meanwhile, and what has come meanwhile, take no more than the budget together. */
static void listings_that_are_asked_about_count_as_memory(void **state)
{
    struct node *leaf = leaf_new();
    struct cu_value listing = listing_value(5000), attr = attr_value(1, 1);
    uint64_t budget = leaf->core->config.cache_bytes;
    char path[16];

    (void)state;
    for (unsigned i = 0; i < DIRS; i++) {
        use(leaf, dirs[i]);
        answer(leaf, 0, CU_KIND_DIR, leaf->want_id, &listing);
    }
    assert_true(counter(leaf, CU_COUNT_cached_bytes) > budget / 3);
    assert_int_equal(counter(leaf, CU_COUNT_evictions), 0);
    later(leaf, 10 * TTL);
    use(leaf, dirs[0]);
    assert_int_equal(leaf->checks, 1);
    for (unsigned i = 0; i < 6000; i++) {
        snprintf(path, sizeof path, "/f%u", i);
        want(leaf, CU_KIND_ATTR, path, 1);
        answer(leaf, 0, CU_KIND_ATTR, leaf->want_id, &attr);
    }
    assert_true(leaf->core->held_bytes > budget / 3);
    assert_true(counter(leaf, CU_COUNT_cached_bytes) + leaf->core->held_bytes <= budget);
    confirm(leaf, 0, -1, 0);
    assert_int_equal(leaf->core->held_bytes, 0);
    assert_true(counter(leaf, CU_COUNT_cached_bytes) <= budget);
    cu_value_clear(&listing);
    node_free(leaf);
}

static void names_are_answered_from_renewed_listings_for_as_long_as_they_are_valid(void **state)
{
    struct node *leaf = used_leaf();

    (void)state;
    later(leaf, 10 * TTL);
    assert_false(absent(leaf, "/lib/c/nobody"));
    use(leaf, dirs[0]);
    confirm(leaf, 500, -1, 0); /* storage was asked half a second ago */
    assert_true(absent(leaf, "/lib/c/nobody"));
    leaf->now += TTL - 500 * MS_NS - 1;
    assert_true(absent(leaf, "/lib/c/nobody"));
    leaf->now += 1;
    assert_false(absent(leaf, "/lib/c/nobody"));
    node_free(leaf);
}

static void what_was_used_at_another_time_is_left_alone(void **state)
{
    struct node *leaf = used_leaf();

    (void)state;
    later(leaf, 10 * TTL);
    use(leaf, "/elsewhere");
    give(leaf, false);
    later(leaf, 10 * TTL);
    use(leaf, "/elsewhere"); /* used alone: a WANT, whose answer may be a new listing */
    assert_int_equal(leaf->checks, 0);
    assert_int_equal(leaf->wants, DIRS + 2);
    give(leaf, false);
    node_free(leaf);
}

/* At most one renewal for each use is in vain. */
static void what_is_not_used_is_not_renewed_again(void **state)
{
    struct node *leaf = used_leaf();

    (void)state;
    later(leaf, 10 * TTL);
    use(leaf, dirs[0]);
    confirm(leaf, 0, -1, 0);
    later(leaf, 10 * TTL);
    use(leaf, dirs[0]); /* alone now */
    assert_int_equal(leaf->checks, 1);
    give(leaf, false);
    later(leaf, 10 * TTL);
    assert_int_equal(counter(leaf, CU_COUNT_renewed_used), 0);
    use(leaf, dirs[1]); /* it was renewed in vain: so is one more, on trial */
    assert_int_equal(counter(leaf, CU_COUNT_renewed_used), 0);
    assert_int_equal(leaf->checks, 2);
    assert_int_equal(questions(leaf, dirs[1]), 2);
    confirm(leaf, 0, -1, 0);
    use(leaf, dirs[2]); /* that was right */
    use(leaf, dirs[3]);
    assert_int_equal(leaf->checks, 3);
    assert_int_equal(questions(leaf, dirs[3]), 3);
    confirm(leaf, 0, -1, 0);
    later(leaf, 10 * TTL);
    use(leaf, dirs[0]);
    give(leaf, false);
    use(leaf, dirs[1]); /* all three were used; the others were not, and are renewed no more */
    assert_int_equal(questions(leaf, dirs[1]), 3);
    node_free(leaf);
}

static void a_changed_listing_is_asked_for_when_it_is_needed(void **state)
{
    struct node *leaf = used_leaf();
    unsigned replies = leaf->replies;
    struct cu_value v = listing_value(4);

    (void)state;
    later(leaf, 10 * TTL);
    use(leaf, dirs[0]);
    confirm(leaf, 0, 3, CU_CHECK_ASK); /* nobody waits for it */
    assert_int_equal(leaf->wants, DIRS);
    assert_int_equal(leaf->replies, replies + 1);
    later(leaf, 10 * TTL);
    for (unsigned i = 1; i < DIRS; i++)
        use(leaf, dirs[i]);
    /* One of these is not held any more: its WANT names no version. */
    assert_int_equal(leaf->wants, DIRS + 1 + 2); /* and two are waited for now */
    assert_int_equal(leaf->want.flags, CU_WANT_NOW);
    confirm(leaf, 0, 0, CU_CHECK_ASK); /* this one is waited for */
    assert_int_equal(leaf->wants, DIRS + 2 + 2);
    assert_int_equal(leaf->want.version.size, 9);
    v.version.size = 10;
    answer(leaf, 0, CU_KIND_DIR, leaf->want_id, &v);
    assert_int_equal(leaf->value.version.size, 10);
    cu_value_clear(&v);
    node_free(leaf);
}

static void a_partial_listing_is_not_renewed_ahead(void **state)
{
    struct node *leaf = leaf_new();

    (void)state;
    use(leaf, dirs[0]);
    give(leaf, false);
    use(leaf, dirs[1]);
    give(leaf, true);
    later(leaf, 10 * TTL);
    use(leaf, dirs[0]);
    assert_int_equal(leaf->checks, 0);
    give(leaf, false);
    node_free(leaf);
}

static void when_the_parent_dies_the_next_one_is_asked(void **state)
{
    struct node *leaf = node_new(2, 3);
    struct cu_value v = listing_value(3);
    unsigned replies;

    (void)state;
    cu_core_peer_up(leaf->core, cu_peer_parent(1), leaf->now);
    drain(leaf);
    for (unsigned i = 0; i < DIRS; i++) {
        use(leaf, dirs[i]);
        answer(leaf, 1, CU_KIND_DIR, leaf->want_id, &v);
    }
    replies = leaf->replies;
    leaf->now += 10 * TTL;
    use(leaf, dirs[0]);
    assert_int_equal(leaf->checks, 1);
    cu_core_peer_down(leaf->core, cu_peer_parent(1), 0, leaf->now);
    cu_core_peer_up(leaf->core, cu_peer_parent(0), leaf->now);
    drain(leaf);
    assert_int_equal(leaf->checks, 2);
    assert_int_equal(questions(leaf, dirs[0]), DIRS);
    confirm(leaf, 0, -1, 0);
    assert_int_equal(leaf->replies, replies + 1);
    cu_value_clear(&v);
    node_free(leaf);
}

static void without_a_parent_storage_is_asked_for_each(void **state)
{
    struct node *root = node_new(0, 1);
    struct cu_value v = listing_value(3);

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        use(root, dirs[i]);
        stored(root, &v);
    }
    root->now += 10 * TTL;
    use(root, dirs[0]);
    assert_int_equal(root->reads, 6);
    assert_int_equal(root->checks, 0);
    cu_value_clear(&v);
    node_free(root);
}

static void a_lie_costs_the_parent_its_place(void **state)
{
    struct node *leaf = leaf_new();
    struct cu_msg msg = {.type = CU_MSG_CHECKED};

    (void)state;
    use(leaf, dirs[0]);
    msg.check.list = cu_buf_new(CU_CHECK_ANSWER);
    msg.check.list->size = CU_CHECK_ANSWER;
    cu_check_put_answer(msg.check.list->data, (struct cu_check_answer){leaf->want_id ^ 1, 0});
    cu_core_message(leaf->core, cu_peer_parent(0), &msg, leaf->now);
    drain(leaf); /* nothing is known of that one */
    assert_int_equal(leaf->disconnects, 0);
    cu_check_put_answer(msg.check.list->data, (struct cu_check_answer){leaf->want_id, 0});
    cu_core_message(leaf->core, cu_peer_parent(0), &msg, leaf->now);
    drain(leaf);
    assert_int_equal(leaf->disconnects, 1);
    assert_int_equal(counter(leaf, CU_COUNT_wrong_answers), 1);
    cu_buf_unref(msg.check.list);
    node_free(leaf);
}

static void a_check_that_does_not_leave_becomes_wants(void **state)
{
    struct node *leaf = used_leaf();
    struct cu_msg msg = {.type = CU_MSG_CHECK};

    (void)state;
    later(leaf, 10 * TTL);
    use(leaf, dirs[0]);
    msg.check.list = leaf->list;
    cu_core_unsent(leaf->core, cu_peer_parent(0), &msg, ENOBUFS, leaf->now);
    drain(leaf);
    assert_int_equal(leaf->wants, DIRS + 1); /* of the one that is waited for */
    give(leaf, false);
    assert_int_equal(leaf->error, 0);
    node_free(leaf);
}

/* Uses a directory, and gives what is asked for. */
static void use_answered(struct node *leaf, const char *path)
{
    unsigned replies = leaf->replies, wants = leaf->wants, checks = leaf->checks;

    use(leaf, path);
    if (leaf->wants > wants)
        give(leaf, false);
    if (leaf->checks > checks)
        confirm(leaf, 0, -1, 0);
    assert_int_equal(leaf->replies, replies + 1);
}

/* Whichever allocation fails: no flight is left that nobody was asked for. */
static void without_memory_no_listing_waits_for_ever(void **state)
{
    struct cu_request request = {.kind = CU_KIND_DIR, .path = dirs[0], .path_len = 4};
    bool hit = true;

    (void)state;
    for (long at = 0; hit; at++) {
        struct node *leaf = used_leaf();
        unsigned replies = leaf->replies, wants = leaf->wants;
        int rc;

        assert_true(at < 1000);
        later(leaf, 10 * TTL);
        fail_alloc_at(at);
        rc = cu_core_want(leaf->core, &request, 1, leaf->now);
        drain(leaf);
        hit = fail_alloc_hit();
        if (leaf->wants > wants)
            give(leaf, false);
        if (leaf->checks > 0)
            confirm(leaf, 0, -1, 0);
        assert_int_equal(leaf->replies, replies + (rc == 0));
        for (unsigned i = 0; i < DIRS; i++)
            use_answered(leaf, dirs[i]);
        node_free(leaf);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_were_used_together_go_in_one_message),
        cmocka_unit_test(nobody_waits_for_what_is_renewed_ahead_until_somebody_does),
        cmocka_unit_test(a_refresh_forgets_what_a_request_under_way_was_to_confirm),
        cmocka_unit_test(listings_that_are_asked_about_count_as_memory),
        cmocka_unit_test(names_are_answered_from_renewed_listings_for_as_long_as_they_are_valid),
        cmocka_unit_test(what_was_used_at_another_time_is_left_alone),
        cmocka_unit_test(what_is_not_used_is_not_renewed_again),
        cmocka_unit_test(a_changed_listing_is_asked_for_when_it_is_needed),
        cmocka_unit_test(a_partial_listing_is_not_renewed_ahead),
        cmocka_unit_test(when_the_parent_dies_the_next_one_is_asked),
        cmocka_unit_test(without_a_parent_storage_is_asked_for_each),
        cmocka_unit_test(a_lie_costs_the_parent_its_place),
        cmocka_unit_test(a_check_that_does_not_leave_becomes_wants),
        cmocka_unit_test(without_memory_no_listing_waits_for_ever),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
