/* SPDX-License-Identifier: BSD-3-Clause */
/* What a recipe brings to a node: counted once, and what of it the kernel uses. */
#include "core_node.h"

static uint64_t counted(const struct node *n, enum cu_counter counter)
{
    return n->core->counters[counter];
}

static void in_advance(struct node *n, struct cu_request request)
{
    request.advance = true;
    assert_int_equal(cu_core_want(n->core, &request, 99, n->now), 0);
    drain(n);
}

static void what_comes_is_counted_and_used_once(void **state)
{
    struct node *n = node_new(0, 1);
    struct cu_value value = attr_value(4, 1);
    struct cu_request request = request_of(CU_KIND_ATTR, "/a");

    (void)state;
    value.content = cu_buf_copy("abcd", 4);
    value.content_hash = cu_hash_bytes("abcd", 4);
    request.flags = CU_WANT_CONTENT;
    in_advance(n, request);
    stored(n, &value);
    assert_int_equal(counted(n, CU_COUNT_recipe_sent), 2); /* and the content */
    assert_int_equal(counted(n, CU_COUNT_recipe_bytes), 4);
    assert_int_equal(counted(n, CU_COUNT_recipe_unused_bytes), 4);
    in_advance(n, request); /* is here already, and that is no use of it */
    assert_int_equal(counted(n, CU_COUNT_recipe_sent), 2);
    assert_int_equal(counted(n, CU_COUNT_recipe_used), 0);
    assert_int_equal(counted(n, CU_COUNT_hit_storage) + counted(n, CU_COUNT_hit_here), 0);
    for (int i = 0; i < 2; i++)
        want(n, CU_KIND_ATTR, "/a", 1);
    assert_int_equal(counted(n, CU_COUNT_recipe_used), 1);
    request = request_of(CU_KIND_DATA, "/a");
    request.version = cu_version_of(&value.attr);
    assert_int_equal(cu_core_want(n->core, &request, 2, n->now), 0);
    drain(n);
    assert_int_equal(counted(n, CU_COUNT_recipe_used), 2);
    assert_int_equal(counted(n, CU_COUNT_recipe_unused_bytes), 0);
    assert_int_equal(n->reads, 1);
    cu_buf_unref(value.content);
    node_free(n);
}

static void a_kernel_that_joins_has_used_it(void **state)
{
    struct node *n = node_new(0, 1);
    struct cu_value value = bytes_value("abcd");
    struct cu_request request = request_of(CU_KIND_DATA, "/f");

    (void)state;
    request.version = value.version = (struct cu_version){.size = 4};
    in_advance(n, request);
    assert_int_equal(cu_core_want(n->core, &request, 1, n->now), 0);
    drain(n);
    stored(n, &value);
    assert_int_equal(counted(n, CU_COUNT_recipe_sent), 1);
    assert_int_equal(counted(n, CU_COUNT_recipe_used), 1);
    assert_int_equal(counted(n, CU_COUNT_recipe_bytes), 4);
    assert_int_equal(counted(n, CU_COUNT_recipe_unused_bytes), 0);
    cu_buf_unref(value.bytes);
    node_free(n);
}

/* Children replay the same recipe; that is no use either. */
static void what_only_children_take_is_unused(void **state)
{
    struct node *n = node_new(0, 3);
    struct cu_value value = attr_value(0, 1);

    (void)state;
    for (uint32_t rank = 1; rank < 3; rank++)
        cu_core_peer_up(n->core, cu_peer_child(rank), n->now);
    in_advance(n, request_of(CU_KIND_ATTR, "/a"));
    child_want(n, 1, CU_KIND_ATTR, "/a", 0, 7);
    stored(n, &value);
    child_want(n, 2, CU_KIND_ATTR, "/a", 0, 8);
    assert_int_equal(counted(n, CU_COUNT_recipe_sent), 1);
    assert_int_equal(counted(n, CU_COUNT_recipe_used), 0);
    node_free(n);
}

static void what_is_dropped_stays_unused(void **state)
{
    struct node *n = node_new(0, 1);
    struct cu_value value = bytes_value("abcd"), failed = {.error = EIO};
    struct cu_request request = request_of(CU_KIND_DATA, "/f");

    (void)state;
    in_advance(n, request_of(CU_KIND_ATTR, "/a"));
    stored(n, &failed);
    assert_int_equal(counted(n, CU_COUNT_recipe_sent), 0);
    request.version = value.version = (struct cu_version){.size = 4};
    in_advance(n, request);
    stored(n, &value);
    cu_core_refresh(n->core, "/", 1, 0, n->now);
    drain(n);
    assert_int_equal(cu_core_want(n->core, &request, 1, n->now), 0);
    drain(n);
    stored(n, &value);
    assert_int_equal(counted(n, CU_COUNT_recipe_used), 0);
    assert_int_equal(counted(n, CU_COUNT_recipe_unused_bytes), 4);
    cu_buf_unref(value.bytes);
    node_free(n);
}

/* A child that is ahead has brought it here before this node's recipe asks for it. */
static void what_a_child_brought_is_counted_when_the_recipe_asks(void **state)
{
    struct node *n = node_new(0, 3);
    struct cu_value value = attr_value(4, 1);
    struct cu_request request = request_of(CU_KIND_ATTR, "/a");

    (void)state;
    cu_core_peer_up(n->core, cu_peer_child(1), n->now);
    value.content = cu_buf_copy("abcd", 4);
    value.content_hash = cu_hash_bytes("abcd", 4);
    request.flags = CU_WANT_CONTENT;
    child_want(n, 1, CU_KIND_ATTR, "/a", CU_WANT_CONTENT, 7);
    stored(n, &value);
    assert_int_equal(counted(n, CU_COUNT_recipe_sent), 0);
    in_advance(n, request);
    assert_int_equal(counted(n, CU_COUNT_recipe_sent), 2);
    assert_int_equal(counted(n, CU_COUNT_recipe_unused_bytes), 4);
    child_want(n, 1, CU_KIND_ATTR, "/b", 0, 8); /* under way */
    in_advance(n, request_of(CU_KIND_ATTR, "/b"));
    stored(n, &value);
    assert_int_equal(counted(n, CU_COUNT_recipe_sent), 4); /* and its content */
    cu_buf_unref(value.content);
    node_free(n);
}

/* What the kernel has asked for before did not come because of a recipe. */
static void what_was_asked_for_before_is_not_counted(void **state)
{
    struct node *n = node_new(0, 1);
    struct cu_value value = attr_value(0, 1);

    (void)state;
    want(n, CU_KIND_ATTR, "/a", 1);
    in_advance(n, request_of(CU_KIND_ATTR, "/a")); /* under way */
    stored(n, &value);
    in_advance(n, request_of(CU_KIND_ATTR, "/a")); /* here */
    assert_int_equal(counted(n, CU_COUNT_recipe_sent), 0);
    assert_int_equal(counted(n, CU_COUNT_recipe_used), 0);
    node_free(n);
}

/* A listing proves absence without being asked for. */
static void a_listing_that_proves_absence_is_used(void **state)
{
    struct node *n = node_new(0, 1);
    struct cu_value value = listing_value(3);

    (void)state;
    in_advance(n, request_of(CU_KIND_DIR, "/d"));
    stored(n, &value);
    assert_int_equal(counted(n, CU_COUNT_recipe_used), 0);
    assert_true(absent(n, "/d/none"));
    assert_int_equal(counted(n, CU_COUNT_recipe_used), 1);
    cu_buf_unref(value.bytes);
    node_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_comes_is_counted_and_used_once),
        cmocka_unit_test(a_kernel_that_joins_has_used_it),
        cmocka_unit_test(what_only_children_take_is_unused),
        cmocka_unit_test(what_is_dropped_stays_unused),
        cmocka_unit_test(what_a_child_brought_is_counted_when_the_recipe_asks),
        cmocka_unit_test(what_was_asked_for_before_is_not_counted),
        cmocka_unit_test(a_listing_that_proves_absence_is_used),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
