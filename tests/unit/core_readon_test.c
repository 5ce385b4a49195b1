/* SPDX-License-Identifier: BSD-3-Clause */
/* What a root reads on: only as a root, once, after what somebody waits for, and counted. */
#include "core_node.h"

static uint64_t counted(const struct node *n, enum cu_counter counter)
{
    return n->core->counters[counter];
}

static bool read_on(struct node *n, enum cu_kind kind, const char *path, uint8_t flags)
{
    struct cu_request request = request_of(kind, path);
    bool begins;

    request.flags = flags;
    begins = cu_core_read_on(n->core, &request, n->now);
    drain(n);
    return begins;
}

static void it_is_read_once_and_counted(void **state)
{
    struct node *n = node_new(0, 1);
    struct cu_value value = attr_value(4, 1);
    struct cu_core_read_on load;
    struct cu_request request;

    (void)state;
    value.content = cu_buf_copy("abcd", 4);
    value.content_hash = cu_hash_bytes("abcd", 4);
    assert_true(read_on(n, CU_KIND_ATTR, "/a", CU_WANT_CONTENT));
    assert_false(read_on(n, CU_KIND_ATTR, "/a", 0));
    assert_int_equal(n->reads, 1);
    assert_true(cu_core_reads(n->core, n->read_id, &request));
    assert_memory_equal(request.path, "/a", 2);
    assert_int_equal(request.flags, CU_WANT_CONTENT);
    assert_int_equal(cu_core_reading_on(n->core).requests, 1);
    stored(n, &value);
    assert_false(cu_core_reads(n->core, n->read_id, &request));
    assert_false(read_on(n, CU_KIND_ATTR, "/a", 0));
    load = cu_core_reading_on(n->core);
    assert_int_equal(load.requests, 0);
    assert_true(load.unused_bytes >= 4 && load.used_bytes == 0);
    assert_int_equal(counted(n, CU_COUNT_read_on), 2); /* and the content */
    assert_int_equal(counted(n, CU_COUNT_read_on_used), 0);
    want(n, CU_KIND_ATTR, "/a", 1);
    assert_int_equal(n->replies, 1);
    assert_int_equal(counted(n, CU_COUNT_read_on_used), 1);
    request = request_of(CU_KIND_DATA, "/a");
    request.version = cu_version_of(&value.attr);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(cu_core_want(n->core, &request, 2, n->now), 0);
        drain(n);
    }
    assert_int_equal(counted(n, CU_COUNT_read_on_used), 2);
    load = cu_core_reading_on(n->core);
    assert_true(load.unused_bytes == 0 && load.used_bytes >= 4);
    assert_int_equal(n->reads, 1);
    assert_int_equal(counted(n, CU_COUNT_read_ahead), 0);
    cu_buf_unref(value.content);
    node_free(n);
}

static void one_that_joins_has_used_it(void **state)
{
    struct node *n = node_new(0, 1);
    struct cu_value value = bytes_value("abcd");
    struct cu_request request = request_of(CU_KIND_DATA, "/f");

    (void)state;
    request.version = value.version = (struct cu_version){.size = 4};
    assert_true(cu_core_read_on(n->core, &request, n->now));
    assert_int_equal(cu_core_want(n->core, &request, 1, n->now), 0);
    drain(n);
    assert_int_equal(n->reads, 1);
    stored(n, &value);
    assert_int_equal(n->replies, 1);
    assert_int_equal(counted(n, CU_COUNT_read_on_used), 1);
    assert_int_equal(counted(n, CU_COUNT_read_on_unused_bytes), 0);
    cu_buf_unref(value.bytes);
    node_free(n);
}

static void what_fails_or_is_dropped_stays_unused(void **state)
{
    struct node *n = node_new(0, 1);
    struct cu_value value = bytes_value("abcd"), failed = {.error = EIO};
    struct cu_request request = request_of(CU_KIND_DATA, "/f");

    (void)state;
    assert_true(read_on(n, CU_KIND_ATTR, "/a", 0));
    stored(n, &failed);
    assert_int_equal(cu_core_reading_on(n->core).requests, 0);
    request.version = value.version = (struct cu_version){.size = 4};
    assert_true(cu_core_read_on(n->core, &request, n->now));
    drain(n);
    stored(n, &value);
    cu_core_refresh(n->core, "/", 1, 0, n->now);
    drain(n);
    assert_int_equal(cu_core_want(n->core, &request, 1, n->now), 0);
    drain(n);
    stored(n, &value);
    assert_int_equal(counted(n, CU_COUNT_read_on_used), 0);
    assert_true(counted(n, CU_COUNT_read_on_unused_bytes) >= 4);
    cu_buf_unref(value.bytes);
    node_free(n);
}

static void only_a_root_reads_on(void **state)
{
    struct node *leaf = leaf_new();
    struct node *n = node_new(0, 1);
    struct cu_request large = request_of(CU_KIND_DATA, "/large");

    (void)state;
    assert_false(read_on(leaf, CU_KIND_ATTR, "/a", 0));
    assert_int_equal(leaf->reads + leaf->wants, 0);
    want(leaf, CU_KIND_ATTR, "/a", 1); /* what was refused left nothing */
    assert_int_equal(leaf->wants, 1);
    large.version.size = 11 << 20; /* above -M */
    assert_false(cu_core_read_on(n->core, &large, n->now));
    drain(n);
    assert_int_equal(n->reads, 0);
    assert_int_equal(counted(n, CU_COUNT_read_on), 0);
    node_free(leaf);
    node_free(n);
}

/* Four operations at a time: reading on leaves one to others. */
static void what_somebody_waits_for_comes_first(void **state)
{
    struct node *n = node_new(0, 1);
    struct cu_value value = attr_value(4, 1);
    char path[] = "/r0";

    (void)state;
    for (; path[2] < '9'; path[2]++)
        assert_true(read_on(n, CU_KIND_ATTR, path, 0));
    assert_int_equal(n->reads, 3);
    want(n, CU_KIND_ATTR, "/now", 1);
    assert_int_equal(n->reads, 4);
    assert_string_equal(n->path, "/now");
    want(n, CU_KIND_ATTR, "/r7", 2); /* overtakes those before it */
    want(n, CU_KIND_ATTR, "/then", 3);
    assert_int_equal(n->reads, 4);
    stored(n, &value);
    assert_string_equal(n->path, "/r7");
    stored(n, &value);
    assert_string_equal(n->path, "/then");
    stored(n, &value);
    assert_int_equal(n->reads, 6); /* three are under way, which is what reading on may have */
    node_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_read_once_and_counted),
        cmocka_unit_test(one_that_joins_has_used_it),
        cmocka_unit_test(what_fails_or_is_dropped_stays_unused),
        cmocka_unit_test(only_a_root_reads_on),
        cmocka_unit_test(what_somebody_waits_for_comes_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
