/* SPDX-License-Identifier: BSD-3-Clause */
/* Listings that have expired are renewed together: which, in which messages, and what happens when
 * the parent dies, lies, or says that one has changed. */
#include "core_node.h"

#include "proto/check.h"

#define DIRS 6u

static const char *const dirs[DIRS] = {"/lib", "/lib/a", "/lib/b", "/lib/c", "/opt", "/opt/x"};

/* The parent answers the last WANT with a listing. */
static void give(struct node *leaf, bool partial)
{
    struct cu_value v = listing_value(3);

    v.partial = partial;
    answer(leaf, 0, CU_KIND_DIR, leaf->want_id, &v);
    cu_value_clear(&v);
}

static void use(struct node *leaf, const char *path)
{
    want(leaf, CU_KIND_DIR, path, 1);
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

/* Sends CHECKED with the answers to the last CHECK: age_ms, but `odd` for the question of that
 * number (-1: none). */
static void confirm(struct node *leaf, uint32_t age_ms, int odd, uint32_t odd_age_ms)
{
    static struct cu_check_reader reader;
    struct cu_msg msg = {.type = CU_MSG_CHECKED};
    struct cu_check_question q;
    struct cu_buf *list = cu_buf_new(DIRS * CU_CHECK_ANSWER);

    list->size = 0;
    cu_check_reader_init(&reader, leaf->list);
    for (int i = 0; cu_check_next(&reader, &q) == 1; i++) {
        cu_check_put_answer(list->data + list->size,
                            (struct cu_check_answer){q.id, i == odd ? odd_age_ms : age_ms});
        list->size += CU_CHECK_ANSWER;
    }
    msg.check.list = list;
    cu_core_message(leaf->core, cu_peer_parent(0), &msg, leaf->now);
    drain(leaf);
    cu_buf_unref(list);
}

static unsigned questions(const struct node *leaf, const char *first)
{
    static struct cu_check_reader reader;
    struct cu_check_question q;
    unsigned count = 0;

    cu_check_reader_init(&reader, leaf->list);
    while (cu_check_next(&reader, &q) == 1) {
        if (count++ == 0) {
            assert_int_equal(q.path_len, strlen(first));
            assert_memory_equal(q.path, first, q.path_len);
        }
        assert_true(q.version.size == 9);
    }
    return count;
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
    use(leaf, dirs[4]); /* waits */
    confirm(leaf, 0, -1, 0);
    assert_int_equal(leaf->replies, replies + 2);
    for (unsigned i = 0; i < DIRS; i++)
        use(leaf, dirs[i]);
    assert_int_equal(leaf->replies, replies + 2 + DIRS);
    assert_int_equal(leaf->checks, 1);
    assert_int_equal(leaf->wants, DIRS);
    assert_int_equal(counter(leaf, CU_COUNT_renewed), DIRS - 1);
    assert_int_equal(counter(leaf, CU_COUNT_renewed_used), DIRS - 1);
    assert_int_equal(counter(leaf, CU_COUNT_checked), DIRS);
    assert_int_equal(cu_core_ahead(leaf->core).requests, 0);
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
    assert_int_equal(leaf->wants, DIRS + 1);
    assert_true(cu_version_is_none(&leaf->want.version));
    give(leaf, false);
    confirm(leaf, 0, 0, CU_CHECK_ASK); /* this one is waited for */
    assert_int_equal(leaf->wants, DIRS + 2);
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

/* --- the parent's side ------------------------------------------------------------------------ */

static void child_check(struct node *node, uint32_t rank, uint64_t size, uint64_t id)
{
    static struct cu_check_writer writer;
    struct cu_msg msg = {.type = CU_MSG_CHECK};

    writer = (struct cu_check_writer){0};
    for (unsigned i = 0; i < DIRS; i++)
        assert_int_equal(cu_check_add(&writer,
                                      &(struct cu_check_question){
                                          .id = id + i,
                                          .version = {.size = size},
                                          .path = dirs[i],
                                          .path_len = (uint16_t)strlen(dirs[i]),
                                      }),
                         0);
    msg.check.list = writer.list;
    cu_core_message(node->core, cu_peer_child(rank), &msg, node->now);
    drain(node);
    cu_buf_unref(writer.list);
}

static unsigned confirmed(const struct node *node, uint32_t *asks)
{
    unsigned count = 0;

    *asks = 0;
    for (uint32_t i = 0; i < cu_check_answers(node->list); i++) {
        if (cu_check_get_answer(node->list, i).age_ms == CU_CHECK_ASK)
            ++*asks;
        else
            count++;
    }
    return count;
}

static struct node *root_with_children(void)
{
    struct node *root = node_of_shape(0, 3, 1, 2);

    cu_core_peer_up(root->core, cu_peer_child(1), root->now);
    cu_core_peer_up(root->core, cu_peer_child(2), root->now);
    drain(root);
    return root;
}

static void give_all(struct node *root, const struct cu_value *value, unsigned from, unsigned count)
{
    for (unsigned i = from; i < from + count; i++)
        cu_core_storage_done(root->core, 1ull << 32 | i, value, root->now);
    drain(root);
}

static void a_root_reads_in_parallel_and_answers_once(void **state)
{
    struct node *root = root_with_children();
    struct cu_value v = listing_value(3);
    uint32_t asks;

    (void)state;
    child_check(root, 1, 9, 100);
    assert_int_equal(root->reads, 4); /* its lane */
    child_check(root, 2, 8, 200);     /* another version; waits for the same */
    give_all(root, &v, 0, 4);
    assert_int_equal(root->checked, 0);
    assert_int_equal(root->reads, DIRS);
    give_all(root, &v, 4, 2);
    assert_int_equal(root->checked, 2);
    assert_int_equal(confirmed(root, &asks), 0); /* the last: to child 2 */
    assert_int_equal(asks, DIRS);
    child_check(root, 1, 9, 300); /* all is known */
    assert_int_equal(root->checked, 3);
    assert_int_equal(confirmed(root, &asks), DIRS);
    assert_int_equal(asks, 0);
    assert_int_equal(root->reads, DIRS);
    cu_value_clear(&v);
    node_free(root);
}

static void what_hangs_does_not_keep_the_rest(void **state)
{
    struct node *root = root_with_children();
    struct cu_value v = listing_value(3);
    uint32_t asks;

    (void)state;
    child_check(root, 1, 9, 100);
    give_all(root, &v, 1, 1); /* and the first hangs */
    assert_int_equal(root->checked, 0);
    assert_true(cu_core_deadline(root->core) <= root->now + 30 * MS_NS);
    root->now += 30 * MS_NS;
    cu_core_tick(root->core, root->now);
    drain(root);
    assert_int_equal(root->checked, 1);
    assert_int_equal(confirmed(root, &asks), 1);
    give_all(root, &v, 0, 1);
    give_all(root, &v, 2, 4);
    assert_int_equal(root->checked, 2);
    assert_int_equal(confirmed(root, &asks), DIRS - 1);
    cu_value_clear(&v);
    node_free(root);
}

static void late_answers(struct node *root, uint64_t ns)
{
    struct cu_value v = listing_value(3);

    child_check(root, 1, 9, 100);
    give_all(root, &v, 1, 1); /* and the first hangs */
    root->now += ns;
    cu_core_tick(root->core, root->now);
    drain(root);
    assert_int_equal(root->checked, 1);
    assert_int_equal(cu_check_answers(root->list), 1);
    cu_value_clear(&v);
}

static void an_answer_grows_older_while_it_waits_for_others(void **state)
{
    struct node *root = root_with_children();

    (void)state;
    late_answers(root, 30 * MS_NS);
    assert_int_equal(cu_check_get_answer(root->list, 0).age_ms, 30);
    node_free(root);
}

static void an_answer_that_expires_while_it_waits_confirms_nothing(void **state)
{
    struct node *root = root_with_children();

    (void)state;
    late_answers(root, TTL);
    assert_int_equal(cu_check_get_answer(root->list, 0).age_ms, CU_CHECK_ASK);
    node_free(root);
}

static void a_child_that_goes_is_forgotten(void **state)
{
    struct node *root = root_with_children();
    struct cu_value v = listing_value(3);

    (void)state;
    child_check(root, 1, 9, 100);
    give_all(root, &v, 0, 2);
    cu_core_peer_down(root->core, cu_peer_child(1), 0, root->now);
    give_all(root, &v, 2, 2);
    root->now += S_NS;
    cu_core_tick(root->core, root->now);
    drain(root);
    assert_int_equal(root->checked, 0);
    cu_core_peer_up(root->core, cu_peer_child(1), root->now);
    child_check(root, 1, 9, 300);
    give_all(root, &v, 4, 2);
    assert_int_equal(root->checked, 1);
    cu_value_clear(&v);
    node_free(root);
}

/* An interior node: what it does not hold, it asks for as a listing. What it holds it asks about
 * once, for all its children and for itself. */
static void an_interior_node_merges(void **state)
{
    struct node *node = node_of_shape(1, 7, 1, 2);
    struct cu_value v = listing_value(3);
    uint32_t asks;

    (void)state;
    cu_core_peer_up(node->core, cu_peer_parent(0), node->now);
    cu_core_peer_up(node->core, cu_peer_child(2), node->now);
    cu_core_peer_up(node->core, cu_peer_child(3), node->now);
    drain(node);
    for (unsigned i = 0; i < DIRS; i++) {
        use(node, dirs[i]);
        answer(node, 0, CU_KIND_DIR, node->want_id, &v);
    }
    node->now += 10 * TTL;
    child_check(node, 2, 9, 100);
    assert_int_equal(node->checks, 1);
    assert_int_equal(questions(node, dirs[0]), DIRS);
    child_check(node, 3, 9, 200);
    use(node, dirs[3]);
    assert_int_equal(node->checks, 1);
    assert_int_equal(node->wants, DIRS);
    confirm(node, 100, -1, 0);
    assert_int_equal(node->checked, 2);
    assert_int_equal(confirmed(node, &asks), DIRS);
    assert_int_equal(cu_check_get_answer(node->list, 0).age_ms, 100);
    cu_value_clear(&v);
    node_free(node);
}

static void questions_of_a_child_are_bounded(void **state)
{
    struct node *root = root_with_children();
    uint32_t asks;

    (void)state;
    for (unsigned i = 0; i < 2 * CU_CHECK_MAX / DIRS; i++)
        child_check(root, 1, 9, 1000 * i);
    assert_int_equal(root->checked, 0);
    child_check(root, 1, 9, 1);
    root->now += S_NS;
    cu_core_tick(root->core, root->now);
    drain(root);
    assert_int_equal(root->checked, 1);
    assert_int_equal(confirmed(root, &asks), 0);
    assert_true(asks > 0 && asks <= DIRS);
    node_free(root);
}

/* A path of 4,000 bytes that ends with the number; in a CHECK it takes some bytes. */
static void long_path(char *path, unsigned number)
{
    for (unsigned i = 0; i < 4000; i++)
        path[i] = i % 200 == 0 ? '/' : 'a';
    snprintf(path + 3990, 11, "%010u", number);
}

static void long_paths_of_a_child_are_bounded(void **state)
{
    struct node *root = root_with_children();
    static struct cu_check_writer writer;
    struct cu_msg msg = {.type = CU_MSG_CHECK};
    static char path[4001];
    uint32_t asks;

    (void)state;
    writer = (struct cu_check_writer){0};
    for (unsigned i = 0; i < 2000; i++) {
        long_path(path, i);
        assert_int_equal(
            cu_check_add(&writer, &(struct cu_check_question){i, {.size = 9}, path, 4000}), 0);
    }
    msg.check.list = writer.list;
    cu_core_message(root->core, cu_peer_child(1), &msg, root->now);
    root->now += S_NS;
    cu_core_tick(root->core, root->now);
    drain(root);
    assert_int_equal(root->checked, 1);
    assert_int_equal(confirmed(root, &asks), 0);
    assert_int_equal(asks, 2000 - (4u << 20) / 4000);
    cu_core_peer_down(root->core, cu_peer_child(1), 0, root->now);
    cu_core_peer_up(root->core, cu_peer_child(1), root->now);
    cu_core_message(root->core, cu_peer_child(1), &msg, root->now);
    root->now += S_NS;
    cu_core_tick(root->core, root->now);
    drain(root);
    assert_int_equal(root->checked, 2);
    assert_int_equal(confirmed(root, &asks), 0);
    assert_int_equal(asks, 2000 - (4u << 20) / 4000); /* its bytes were given back */
    cu_buf_unref(writer.list);
    node_free(root);
}

static void answers_for_a_full_message_do_not_wait(void **state)
{
    struct node *root = root_with_children();

    (void)state;
    for (unsigned i = 0; i < 3 * CU_CHECK_MAX / DIRS + 1; i++)
        child_check(root, 1, 9, 1000 * i);
    assert_int_equal(root->checked, 2); /* CU_CHECK_MAX, and what there was besides */
    assert_true(cu_check_answers(root->list) <= DIRS);
    node_free(root);
}

static void a_refresh_that_the_child_knows_of_counts(void **state)
{
    struct node *root = root_with_children();
    struct cu_msg msg = {.type = CU_MSG_CHECK, .check = {.generation = 5}};
    static struct cu_check_writer writer;
    struct cu_value v = listing_value(3);

    (void)state;
    use(root, dirs[0]);
    stored(root, &v);
    writer = (struct cu_check_writer){0};
    assert_int_equal(cu_check_add(&writer, &(struct cu_check_question){1, v.version, dirs[0], 4}),
                     0);
    msg.check.list = writer.list;
    cu_core_message(root->core, cu_peer_child(1), &msg, root->now);
    drain(root);
    assert_int_equal(root->reads, 2); /* although it is fresh */
    assert_int_equal(root->checked, 0);
    cu_buf_unref(writer.list);
    cu_value_clear(&v);
    node_free(root);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_were_used_together_go_in_one_message),
        cmocka_unit_test(names_are_answered_from_renewed_listings_for_as_long_as_they_are_valid),
        cmocka_unit_test(what_was_used_at_another_time_is_left_alone),
        cmocka_unit_test(what_is_not_used_is_not_renewed_again),
        cmocka_unit_test(a_changed_listing_is_asked_for_when_it_is_needed),
        cmocka_unit_test(a_partial_listing_is_not_renewed_ahead),
        cmocka_unit_test(when_the_parent_dies_the_next_one_is_asked),
        cmocka_unit_test(without_a_parent_storage_is_asked_for_each),
        cmocka_unit_test(a_lie_costs_the_parent_its_place),
        cmocka_unit_test(a_check_that_does_not_leave_becomes_wants),
        cmocka_unit_test(a_root_reads_in_parallel_and_answers_once),
        cmocka_unit_test(what_hangs_does_not_keep_the_rest),
        cmocka_unit_test(an_answer_grows_older_while_it_waits_for_others),
        cmocka_unit_test(an_answer_that_expires_while_it_waits_confirms_nothing),
        cmocka_unit_test(a_child_that_goes_is_forgotten),
        cmocka_unit_test(an_interior_node_merges),
        cmocka_unit_test(questions_of_a_child_are_bounded),
        cmocka_unit_test(long_paths_of_a_child_are_bounded),
        cmocka_unit_test(answers_for_a_full_message_do_not_wait),
        cmocka_unit_test(a_refresh_that_the_child_knows_of_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
