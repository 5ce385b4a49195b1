/* SPDX-License-Identifier: BSD-3-Clause */
/* What is read past the tree, and what then is asked of the root that knows the file. */
#include "core_node.h"

static void large_file_is_read_past_the_tree(void **state)
{
    struct node *n = leaf_new();
    struct cu_request data = request_of(CU_KIND_DATA, "/big");

    (void)state;
    data.version.size = 11 << 20;
    assert_int_equal(cu_core_want(n->core, &data, 1, n->now), 0);
    drain(n);
    assert_int_equal(n->wants, 0);
    assert_int_equal(n->reads, 1);
    node_free(n);
}

static void want_chunk(struct node *n, const char *path, uint64_t size, uint64_t chunk)
{
    struct cu_request r = request_of(CU_KIND_DATA, path);

    r.version.size = size;
    r.chunk = chunk;
    assert_int_equal(cu_core_want(n->core, &r, 1, n->now), 0);
    drain(n);
}

/* A whole chunk of a file of that size. */
static struct cu_value chunk_value(uint64_t size)
{
    struct cu_value v = {.version = {.size = size}};

    v.bytes = cu_buf_new(64 << 10);
    assert_non_null(v.bytes);
    memset(v.bytes->data, 'x', v.bytes->size);
    v.hash = cu_hash_bytes(v.bytes->data, v.bytes->size);
    return v;
}

/* /tmp is another one on each node: what is read past the tree and not found is the root's. */
static void what_storage_here_does_not_have_is_asked_for(void **state)
{
    static const int errors[] = {ESTALE, EACCES, EIO, ENOTCONN};
    const uint64_t large = INT64_MAX;
    struct cu_value v = chunk_value(large);

    (void)state;
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        struct cu_value gone = {.error = errors[i]}, stale = {.error = ESTALE};
        struct node *n = leaf_new();

        want_chunk(n, "/tmp/a", large, UINT64_C(1) << 33);
        assert_int_equal(n->reads, 1);
        assert_int_equal(n->wants, 0);
        stored(n, &gone);
        assert_int_equal(n->replies, 0);
        assert_int_equal(n->wants, 1);
        assert_int_equal(n->want.flags, CU_WANT_HOME);
        assert_true(n->want.chunk == UINT64_C(1) << 33);
        answer(n, 0, CU_KIND_DATA, n->want_id, &v);
        assert_int_equal(n->replies, 1);
        assert_int_equal(n->error, 0);
        want_chunk(n, "/tmp/a", large, 2); /* another chunk: once more here, then there */
        stored(n, &gone);
        answer(n, 0, CU_KIND_DATA, n->want_id, &stale);
        assert_int_equal(n->replies, 2);
        assert_int_equal(n->error, ESTALE);
        assert_int_equal(n->reads, 2);
        node_free(n);
    }
    cu_value_clear(&v);
}

static void a_child_that_asks_so_is_not_answered_from_here(void **state)
{
    struct cu_msg msg = {.type = CU_MSG_WANT, .id = 7};
    struct cu_value stale = {.error = ESTALE};
    struct node *n = node_new(1, 3), *root = node_new(0, 3);

    (void)state;
    cu_core_peer_up(n->core, cu_peer_parent(0), n->now);
    cu_core_peer_up(n->core, cu_peer_child(2), n->now);
    drain(n);
    msg.want = (struct cu_msg_want){.kind = CU_KIND_DATA, .flags = CU_WANT_HOME, .path = "/tmp/a"};
    msg.want.path_len = 6;
    msg.want.version.size = 11 << 20;
    cu_core_message(n->core, cu_peer_child(2), &msg, n->now);
    drain(n);
    assert_int_equal(n->reads, 0);
    assert_int_equal(n->wants, 1);
    assert_int_equal(n->want.flags, CU_WANT_HOME);
    cu_core_peer_up(root->core, cu_peer_child(1), root->now);
    drain(root);
    cu_core_message(root->core, cu_peer_child(1), &msg, root->now);
    drain(root);
    assert_int_equal(root->reads, 1);
    stored(root, &stale); /* there is nobody else to ask */
    assert_int_equal(root->answers, 1);
    assert_int_equal(root->error, ESTALE);
    node_free(n);
    node_free(root);
}

/* The root of a chunk's tree has another file than the root of the path's tree, which said what the
 * file is. */
static void the_root_of_another_tree_asks_that_of_the_path(void **state)
{
    struct cu_value v = chunk_value(1 << 20), stale = {.error = ESTALE};
    struct node *n = NULL;
    uint64_t chunk;
    uint8_t home;

    (void)state;
    for (uint32_t rank = 0; rank < 2 && !n; rank++) {
        n = node_of_trees(rank, 2, 2);
        cu_core_peer_up(n->core, cu_peer_parent(1 - rank), n->now);
        drain(n);
        want(n, CU_KIND_ATTR, "/tmp/a", 1);
        if (n->wants == 0) { /* it is the root of the path's tree itself */
            node_free(n);
            n = NULL;
        }
    }
    assert_non_null(n);
    if (!n)
        return; /* for the analyzer, which does not know that the assertion ends the test */
    home = n->want.tree;
    for (chunk = 0; n->reads == 0; chunk++)
        want_chunk(n, "/tmp/a", 1 << 20, chunk);
    stored(n, &stale);
    assert_int_equal(n->want.tree, home);
    assert_int_equal(n->want.flags, CU_WANT_HOME);
    assert_int_equal(n->want.chunk, chunk - 1);
    answer(n, n->core->routes[home].parent, CU_KIND_DATA, n->want_id, &v);
    assert_int_equal(n->error, 0);
    cu_value_clear(&v);
    node_free(n);
}

/* Two roots, each of which wants the same chunk of the other, must not wait for each other. */
static void two_roots_do_not_wait_for_each_other(void **state)
{
    struct cu_msg msg = {.type = CU_MSG_WANT, .id = 7};
    struct cu_value v = bytes_value("hello");
    struct node *n = NULL;
    uint64_t chunk;

    (void)state;
    for (uint32_t rank = 0; rank < 2 && !n; rank++) {
        n = node_of_trees(rank, 2, 2);
        cu_core_peer_up(n->core, cu_peer_parent(1 - rank), n->now);
        cu_core_peer_up(n->core, cu_peer_child(1 - rank), n->now);
        drain(n);
        want(n, CU_KIND_ATTR, "/tmp/a", 1);
        if (n->reads == 0) { /* the other one is the root of the path's tree */
            node_free(n);
            n = NULL;
        }
    }
    assert_non_null(n);
    if (!n)
        return; /* for the analyzer, which does not know that the assertion ends the test */
    for (chunk = 0; n->wants == 0; chunk++)
        want_chunk(n, "/tmp/a", 1 << 20, chunk);
    msg.want = n->want;
    msg.want.flags = CU_WANT_HOME;
    msg.want.tree = 1 - n->want.tree;
    msg.want.path = "/tmp/a";
    n->reads = 0;
    cu_core_message(n->core, cu_peer_child(1 - n->core->config.rank), &msg, n->now);
    drain(n);
    assert_int_equal(n->reads, 1);
    stored(n, &v);
    assert_int_equal(n->answers, 1);
    assert_int_equal(n->error, 0);
    cu_value_clear(&v);
    node_free(n);
}

/* An orphan's reads that wait for their turn go back to the tree when there is a parent again:
 * those along the tree of the path, too, whatever the tree of the chunk. */
static void what_waits_to_be_read_goes_back_to_its_tree(void **state)
{
    struct cu_msg msg = {.type = CU_MSG_WANT, .id = 7};
    struct cu_value v = attr_value(1 << 20, 1);
    struct node *n = NULL;
    uint32_t other = 0;

    (void)state;
    for (uint32_t rank = 0; rank < 2 && !n; rank++) {
        other = 1 - rank;
        n = node_of_trees(rank, 2, 2);
        cu_core_peer_up(n->core, cu_peer_parent(other), n->now);
        cu_core_peer_up(n->core, cu_peer_child(other), n->now);
        drain(n);
        want(n, CU_KIND_ATTR, "/tmp/a", 1);
        if (n->wants == 0) { /* it is the root of the path's tree itself */
            node_free(n);
            n = NULL;
        }
    }
    assert_non_null(n);
    if (!n)
        return; /* for the analyzer, which does not know that the assertion ends the test */
    cu_core_peer_down(n->core, cu_peer_parent(other), 0, n->now);
    drain(n);
    assert_int_equal(n->reads, 1); /* an orphan has one at a time here */
    msg.want = (struct cu_msg_want){.kind = CU_KIND_DATA, .flags = CU_WANT_HOME, .path = "/tmp/a"};
    msg.want.path_len = 6;
    msg.want.version.size = 1 << 20;
    for (uint64_t i = 0; i < 2; i++) { /* one chunk of each tree */
        msg.id = 7 + i;
        msg.want.chunk = i;
        cu_core_message(n->core, cu_peer_child(other), &msg, n->now);
        drain(n);
    }
    assert_int_equal(n->reads, 1);
    n->wants = 0;
    cu_core_peer_up(n->core, cu_peer_parent(other), n->now);
    drain(n);
    assert_int_equal(n->wants, 2);
    stored(n, &v);
    assert_int_equal(n->reads, 1);
    node_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(large_file_is_read_past_the_tree),
        cmocka_unit_test(what_storage_here_does_not_have_is_asked_for),
        cmocka_unit_test(a_child_that_asks_so_is_not_answered_from_here),
        cmocka_unit_test(the_root_of_another_tree_asks_that_of_the_path),
        cmocka_unit_test(two_roots_do_not_wait_for_each_other),
        cmocka_unit_test(what_waits_to_be_read_goes_back_to_its_tree),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
