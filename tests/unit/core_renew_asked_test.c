/* SPDX-License-Identifier: BSD-3-Clause */
/* CHECKs of children: what is confirmed, when the answers go, and what a child may have open. */
#include "core_renew.h"
#include "fail_alloc.h"

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
    assert_int_equal(root->reads, 3); /* of its lane of 4 */
    child_check(root, 2, 8, 200);     /* another version; waits for the same */
    give_all(root, &v, 0, 3);
    assert_int_equal(root->checked, 0);
    assert_int_equal(root->reads, DIRS);
    give_all(root, &v, 3, 3);
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

static void child_now(struct node *root, uint32_t rank, const char *path, uint64_t id)
{
    child_want(root, rank, CU_KIND_DIR, path, CU_WANT_NOW, id);
}

/* One of dead servers and of thousands of directories must not hold up who waits. */
static void what_nobody_waits_for_leaves_room_for_who_does(void **state)
{
    struct node *root = root_with_children();

    (void)state;
    child_check(root, 1, 9, 100); /* they hang */
    assert_int_equal(root->reads, 3);
    child_want(root, 2, CU_KIND_ATTR, "/bin", 0, 7);
    assert_int_equal(root->reads, 4);
    assert_string_equal(root->path, "/bin");
    stored(root, &(struct cu_value){.error = ENOENT});
    assert_int_equal(root->answers, 1);
    child_now(root, 1, dirs[5], 105); /* it overtakes two */
    assert_int_equal(root->reads, 5);
    assert_string_equal(root->path, dirs[5]);
    node_free(root);
}

static void who_waits_for_one_does_not_wait_for_the_rest(void **state)
{
    struct node *root = root_with_children();
    struct cu_value v = listing_value(3);
    uint32_t asks;

    (void)state;
    child_check(root, 1, 9, 100);
    child_now(root, 1, dirs[1], 101);
    give_all(root, &v, 0, 1);
    assert_int_equal(root->checked, 0);
    give_all(root, &v, 1, 1);
    assert_int_equal(root->checked, 1);
    assert_int_equal(confirmed(root, &asks), 2);
    assert_int_equal(root->answers, 0);
    cu_value_clear(&v);
    node_free(root);
}

/* The first of six hangs for a long time: what is asked later is answered at once all the same. */
static void a_question_that_hangs_does_not_delay_later_ones(void **state)
{
    struct node *root = root_with_children();
    struct cu_value v = listing_value(3);
    struct cu_msg msg = {.type = CU_MSG_CHECK};
    static struct cu_check_writer writer;
    uint32_t asks;

    (void)state;
    child_check(root, 1, 9, 100);
    give_all(root, &v, 1, 2);
    give_all(root, &v, 3, 3);
    root->now += 30 * MS_NS;
    cu_core_tick(root->core, root->now);
    drain(root);
    assert_int_equal(root->checked, 1);
    writer = (struct cu_check_writer){0};
    for (unsigned i = 1; i < DIRS; i++)
        assert_int_equal(
            cu_check_add(&writer, &(struct cu_check_question){200 + i, v.version, dirs[i],
                                                              (uint16_t)strlen(dirs[i])}),
            0);
    msg.check.list = writer.list;
    cu_core_message(root->core, cu_peer_child(1), &msg, root->now);
    drain(root);
    assert_int_equal(root->checked, 2);
    assert_int_equal(confirmed(root, &asks), DIRS - 1);
    cu_buf_unref(writer.list);
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
    child_want(node, 3, CU_KIND_DIR, dirs[3], CU_WANT_NOW, 203);
    assert_int_equal(node->checks, 1);
    assert_int_equal(node->wants, DIRS + 1); /* that somebody waits is said once */
    assert_int_equal(node->want.flags, CU_WANT_NOW);
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
    /* CU_CHECK_MAX, what there was besides; and the last, which has nothing to wait for */
    assert_int_equal(root->checked, 3);
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

/* Answers all reads, whichever slots they have; in several turns, as the lane lets them go. */
static void give_each(struct node *root, const struct cu_value *value)
{
    for (uint64_t i = 0; i < 3ull * 4 * 16; i++)
        cu_core_storage_done(root->core, (1 + i / 16 % 4) << 32 | i % 16, value, root->now);
    drain(root);
    for (uint64_t i = 0; i < 3ull * 4 * 16; i++)
        cu_core_storage_done(root->core, (1 + i / 16 % 4) << 32 | i % 16, value, root->now);
    root->now += S_NS / 4; /* when memory was short, later */
    cu_core_tick(root->core, root->now);
    drain(root);
}

/* Whichever allocation fails: every question is answered, or the child loses its connection. */
static void without_memory_no_question_stays_open(void **state)
{
    struct cu_value v = listing_value(3);
    bool hit = true;

    (void)state;
    for (long at = 0; hit; at++) {
        struct node *root = root_with_children();
        struct cu_msg msg = {.type = CU_MSG_CHECK};
        uint32_t asks;

        assert_true(at < 1000);
        msg.check.list = questions_of(9, 100);
        fail_alloc_at(at);
        cu_core_message(root->core, cu_peer_child(1), &msg, root->now);
        drain(root);
        hit = fail_alloc_hit();
        give_each(root, &v);
        assert_true(root->checked + root->disconnects > 0);
        if (root->disconnects > 0)
            cu_core_peer_up(root->core, cu_peer_child(1), root->now);
        root->now += TTL;
        child_check(root, 1, 9, 300);
        give_each(root, &v);
        assert_int_equal(cu_check_answers(root->list), DIRS); /* none of before is waited for */
        assert_int_equal(confirmed(root, &asks), DIRS);
        cu_buf_unref(msg.check.list);
        node_free(root);
    }
    cu_value_clear(&v);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_root_reads_in_parallel_and_answers_once),
        cmocka_unit_test(what_hangs_does_not_keep_the_rest),
        cmocka_unit_test(what_nobody_waits_for_leaves_room_for_who_does),
        cmocka_unit_test(who_waits_for_one_does_not_wait_for_the_rest),
        cmocka_unit_test(a_question_that_hangs_does_not_delay_later_ones),
        cmocka_unit_test(an_answer_grows_older_while_it_waits_for_others),
        cmocka_unit_test(an_answer_that_expires_while_it_waits_confirms_nothing),
        cmocka_unit_test(a_child_that_goes_is_forgotten),
        cmocka_unit_test(an_interior_node_merges),
        cmocka_unit_test(questions_of_a_child_are_bounded),
        cmocka_unit_test(long_paths_of_a_child_are_bounded),
        cmocka_unit_test(answers_for_a_full_message_do_not_wait),
        cmocka_unit_test(a_refresh_that_the_child_knows_of_counts),
        cmocka_unit_test(without_memory_no_question_stays_open),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
