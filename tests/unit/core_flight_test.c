/* SPDX-License-Identifier: BSD-3-Clause */
/* The life of objects on one node: who waits is answered, what is kept, for how long, and how much.
 */
#include "core_node.h"

static void many_wants_are_one_read(void **state)
{
    struct node *n = node_new(0, 2);
    struct cu_value v = attr_value(5, 1);

    (void)state;
    cu_core_peer_up(n->core, cu_peer_child(1), n->now);
    want(n, CU_KIND_ATTR, "/a", 1);
    want(n, CU_KIND_ATTR, "/a", 2);
    child_want(n, 1, CU_KIND_ATTR, "/a", 0, 77);
    assert_int_equal(n->reads, 1);
    assert_int_equal(n->replies, 0);
    stored(n, &v);
    assert_int_equal(n->replies, 2);
    assert_int_equal(n->answers, 1);
    want(n, CU_KIND_ATTR, "/a", 3);
    assert_int_equal(n->reads, 1);
    assert_int_equal(n->replies, 3);
    assert_int_equal(n->value.attr.size, 5);
    stored(n, &v); /* a repeated result changes nothing */
    assert_int_equal(n->replies, 3);
    node_free(n);
}

static void passing_error_reaches_all_and_is_not_kept(void **state)
{
    struct node *n = node_new(0, 1);
    struct cu_value eio = {.error = EIO};

    (void)state;
    want(n, CU_KIND_ATTR, "/a", 1);
    want(n, CU_KIND_ATTR, "/a", 2);
    stored(n, &eio);
    assert_int_equal(n->replies, 2);
    assert_int_equal(n->error, EIO);
    want(n, CU_KIND_ATTR, "/a", 3);
    assert_int_equal(n->reads, 2);
    node_free(n);
}

static void negative_answer_lives_for_its_time(void **state)
{
    struct node *n = node_new(0, 1);
    struct cu_value enoent = {.error = ENOENT};

    (void)state;
    want(n, CU_KIND_ATTR, "/no", 1);
    stored(n, &enoent);
    n->now += TTL - 1;
    want(n, CU_KIND_ATTR, "/no", 2);
    assert_int_equal(n->reads, 1);
    assert_int_equal(n->error, ENOENT);
    assert_int_equal(n->value.age_ms, 1999);
    n->now += 1;
    want(n, CU_KIND_ATTR, "/no", 3);
    assert_int_equal(n->reads, 2);
    node_free(n);
}

static void expired_listing_is_asked_for_by_its_version(void **state)
{
    struct node *n = node_new(0, 1);
    struct cu_value v = listing_value(1), same = {.unchanged = true};

    (void)state;
    want(n, CU_KIND_DIR, "/d", 1);
    stored(n, &v);
    assert_false(absent(n, "/d/n0"));
    assert_true(absent(n, "/d/y"));
    n->now += TTL;
    assert_false(absent(n, "/d/y"));
    want(n, CU_KIND_DIR, "/d", 2);
    assert_int_equal(n->reads, 2);
    assert_int_equal(n->read.version.size, 9);
    same.version = v.version;
    stored(n, &same);
    assert_int_equal(n->replies, 2);
    assert_int_equal(n->value.bytes->size, v.bytes->size);
    assert_true(absent(n, "/d/y"));
    cu_value_clear(&v);
    node_free(n);
}

/* Where names exist that no listing shows, one that is not in it must be asked for. */
static void a_partial_listing_proves_nothing(void **state)
{
    struct node *n = node_new(0, 1);
    struct cu_value v = listing_value(1), same = {.unchanged = true};

    (void)state;
    want(n, CU_KIND_DIR, "/d", 1);
    stored(n, &v);
    /* the doors to snapshots are hidden wherever they are */
    assert_false(absent(n, "/d/.snapshot"));
    assert_true(absent(n, "/d/y"));
    /* found out later, of the same listing */
    n->now += TTL;
    want(n, CU_KIND_DIR, "/d", 2);
    same.version = v.version;
    same.partial = true;
    stored(n, &same);
    assert_true(n->value.partial);
    assert_false(absent(n, "/d/n0"));
    assert_false(absent(n, "/d/y"));
    cu_value_clear(&v);
    node_free(n);
}

static void content_travels_with_the_attr(void **state)
{
    struct node *n = node_new(0, 2);
    struct cu_value v = attr_value(5, 1);
    struct cu_request data = request_of(CU_KIND_DATA, "/a");

    (void)state;
    cu_core_peer_up(n->core, cu_peer_child(1), n->now);
    child_want(n, 1, CU_KIND_ATTR, "/a", CU_WANT_CONTENT, 5);
    assert_int_equal(n->read.flags, CU_WANT_CONTENT);
    v.content = cu_buf_copy("hello", 5);
    v.content_hash = cu_hash_bytes("hello", 5);
    stored(n, &v);
    assert_int_equal(n->answers, 1);
    assert_non_null(n->value.content);
    data.version = cu_version_of(&v.attr);
    assert_non_null(cu_core_peek(n->core, &data, n->now));
    cu_value_clear(&v);
    node_free(n);
}

static void content_that_is_missing_is_read_for_the_child(void **state)
{
    struct node *n = node_new(0, 2);
    struct cu_value v = attr_value(5, 1), d = bytes_value("hello");

    (void)state;
    cu_core_peer_up(n->core, cu_peer_child(1), n->now);
    want(n, CU_KIND_ATTR, "/a", 1);
    stored(n, &v);
    child_want(n, 1, CU_KIND_ATTR, "/a", CU_WANT_CONTENT, 5);
    assert_int_equal(n->answers, 0);
    assert_int_equal(n->read.kind, CU_KIND_DATA);
    stored(n, &d);
    assert_int_equal(n->answers, 1);
    assert_int_equal(n->value.attr.size, 5);
    assert_memory_equal(n->value.content->data, "hello", 5);
    cu_value_clear(&d);
    node_free(n);
}

static void unreadable_content_sends_the_attr_alone(void **state)
{
    struct node *n = node_new(0, 2);
    struct cu_value v = attr_value(5, 1), e = {.error = EACCES};

    (void)state;
    cu_core_peer_up(n->core, cu_peer_child(1), n->now);
    want(n, CU_KIND_ATTR, "/a", 1);
    stored(n, &v);
    child_want(n, 1, CU_KIND_ATTR, "/a", CU_WANT_CONTENT, 5);
    stored(n, &e);
    assert_int_equal(n->answers, 1);
    assert_int_equal(n->error, 0);
    assert_int_equal(n->value.attr.size, 5);
    assert_null(n->value.content);
    node_free(n);
}

static void stale_data_drops_the_attr(void **state)
{
    struct node *n = node_new(0, 1);
    struct cu_value v = attr_value(5, 1), e = {.error = ESTALE};
    struct cu_request data = request_of(CU_KIND_DATA, "/a");

    (void)state;
    want(n, CU_KIND_ATTR, "/a", 1);
    stored(n, &v);
    data.version = cu_version_of(&v.attr);
    assert_int_equal(cu_core_want(n->core, &data, 2, n->now), 0);
    drain(n);
    stored(n, &e);
    assert_int_equal(n->error, ESTALE);
    want(n, CU_KIND_ATTR, "/a", 3);
    assert_int_equal(n->reads, 3);
    node_free(n);
}

static void attr_known_to_be_wrong_is_read_again(void **state)
{
    struct node *n = node_new(0, 1);
    struct cu_value v = attr_value(5, 1), fresh = attr_value(6, 2);
    struct cu_request r = request_of(CU_KIND_ATTR, "/a");

    (void)state;
    want(n, CU_KIND_ATTR, "/a", 1);
    stored(n, &v);
    r.version = cu_version_of(&v.attr);
    assert_int_equal(cu_core_want(n->core, &r, 2, n->now), 0);
    drain(n);
    assert_int_equal(n->reads, 2);
    stored(n, &fresh);
    assert_int_equal(n->value.attr.size, 6);
    assert_int_equal(cu_core_want(n->core, &r, 3, n->now), 0);
    drain(n);
    assert_int_equal(n->reads, 2);
    assert_int_equal(n->value.attr.size, 6);
    node_free(n);
}

static void calls_that_hang_do_not_hold_their_slots(void **state)
{
    struct node *n = node_new(0, 1);
    char path[16] = "/f00";

    (void)state;
    for (unsigned i = 0; i < 80; i++) {
        path[2] = (char)('a' + i / 10);
        path[3] = (char)('0' + i % 10);
        want(n, CU_KIND_ATTR, path, 1);
    }
    assert_int_equal(n->reads, 4);
    n->now += 4 * S_NS;
    cu_core_tick(n->core, n->now);
    drain(n);
    assert_int_equal(n->reads, 4);
    n->now += S_NS;
    assert_true(cu_core_deadline(n->core) <= n->now);
    cu_core_tick(n->core, n->now);
    drain(n);
    assert_int_equal(n->reads, 8);
    for (unsigned i = 0; i < 20; i++) {
        n->now += 5 * S_NS;
        cu_core_tick(n->core, n->now);
        drain(n);
    }
    assert_int_equal(n->reads, 4 + 32); /* a bound there is */
    node_free(n);
}

static void refresh_forgets_and_reads_again(void **state)
{
    struct node *n = node_new(0, 1);
    struct cu_value v = attr_value(5, 1), fresh = attr_value(6, 2);

    (void)state;
    want(n, CU_KIND_ATTR, "/a/b", 1);
    stored(n, &v);
    want(n, CU_KIND_ATTR, "/a/c", 2);
    cu_core_refresh(n->core, "/a", 2, 1, n->now); /* one is FILLED, one is READING */
    drain(n);
    assert_int_equal(n->forgets, 1);
    stored(n, &v);
    assert_int_equal(n->replies, 1); /* read before the refresh: does not count */
    stored(n, &fresh);
    assert_int_equal(n->replies, 2);
    assert_int_equal(n->value.attr.size, 6);
    want(n, CU_KIND_ATTR, "/a/b", 3);
    assert_int_equal(n->reads, 4);
    node_free(n);
}

static void cache_stays_within_its_budget(void **state)
{
    struct node *n = node_new(0, 1);
    char text[20001];
    struct cu_value v;
    uint64_t max;

    (void)state;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = 0;
    v = bytes_value(text);
    for (uint32_t i = 0; i < 200; i++) {
        struct cu_request data = request_of(CU_KIND_DATA, "/f");

        data.version.size = 5u << 20;
        data.chunk = i;
        assert_int_equal(cu_core_want(n->core, &data, i, n->now), 0);
        drain(n);
        if (i == 100) /* names take more than all of it */
            cu_core_outside(n->core, 2 << 20);
        stored(n, &v);
        max = i < 100 ? 1u << 20 : 1u << 19;
        assert_true(cu_core_counters(n->core)[CU_COUNT_cached_bytes] <= max);
    }
    assert_int_equal(n->replies, 200);
    assert_true(cu_core_counters(n->core)[CU_COUNT_evictions] > 100);
    cu_value_clear(&v);
    node_free(n);
}

static void storage_slots_bound_the_reads(void **state)
{
    struct node *n = node_new(0, 1);
    struct cu_value v = attr_value(5, 1);
    char path[16] = "/f0";

    (void)state;
    for (char c = 'a'; c < 'a' + 10; c++) {
        path[2] = c;
        want(n, CU_KIND_ATTR, path, 1);
    }
    assert_int_equal(n->reads, 4);
    stored(n, &v);
    assert_int_equal(n->reads, 5);
    node_free(n);
}

static uint64_t ahead(const struct node *n, enum cu_counter counter)
{
    return n->core->counters[counter];
}

static void read_ahead(struct node *n, const char *path)
{
    struct cu_request request = request_of(CU_KIND_ATTR, path);

    cu_core_prefetch(n->core, &request, n->now);
    drain(n);
}

/* What was read ahead is used once, or has gone unused once, or is there still. */
static void what_is_read_ahead_is_used_or_not(void **state)
{
    struct cu_value value = attr_value(1, 1);
    struct node *n = node_new(0, 1);

    (void)state;
    read_ahead(n, "/a");
    stored(n, &value);
    assert_int_equal(ahead(n, CU_COUNT_read_ahead_used), 0);
    want(n, CU_KIND_ATTR, "/a", 1);
    want(n, CU_KIND_ATTR, "/a", 2);
    assert_int_equal(ahead(n, CU_COUNT_read_ahead_used), 1);
    read_ahead(n, "/b"); /* joined while it is on its way */
    want(n, CU_KIND_ATTR, "/b", 3);
    want(n, CU_KIND_ATTR, "/b", 4);
    stored(n, &value);
    want(n, CU_KIND_ATTR, "/b", 5);
    assert_int_equal(ahead(n, CU_COUNT_read_ahead_used), 2);
    read_ahead(n, "/c");
    stored(n, &value);
    read_ahead(n, "/c");            /* is no use */
    want(n, CU_KIND_ATTR, "/d", 6); /* nor is this read ahead */
    stored(n, &value);
    assert_int_equal(ahead(n, CU_COUNT_read_ahead), 3);
    assert_int_equal(ahead(n, CU_COUNT_read_ahead_wasted), 0);
    cu_core_refresh(n->core, "/", 1, 1, n->now);
    drain(n);
    for (const char *path = "/a"; path; path = path[1] == 'a'   ? "/c"
                                               : path[1] == 'c' ? "/d"
                                                                : NULL) {
        want(n, CU_KIND_ATTR, path, 7);
        stored(n, &value);
    }
    assert_int_equal(ahead(n, CU_COUNT_read_ahead_used), 2);
    assert_int_equal(ahead(n, CU_COUNT_read_ahead_wasted), 1);
    node_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_read_ahead_is_used_or_not),
        cmocka_unit_test(many_wants_are_one_read),
        cmocka_unit_test(passing_error_reaches_all_and_is_not_kept),
        cmocka_unit_test(negative_answer_lives_for_its_time),
        cmocka_unit_test(expired_listing_is_asked_for_by_its_version),
        cmocka_unit_test(a_partial_listing_proves_nothing),
        cmocka_unit_test(content_travels_with_the_attr),
        cmocka_unit_test(content_that_is_missing_is_read_for_the_child),
        cmocka_unit_test(unreadable_content_sends_the_attr_alone),
        cmocka_unit_test(stale_data_drops_the_attr),
        cmocka_unit_test(attr_known_to_be_wrong_is_read_again),
        cmocka_unit_test(calls_that_hang_do_not_hold_their_slots),
        cmocka_unit_test(refresh_forgets_and_reads_again),
        cmocka_unit_test(cache_stays_within_its_budget),
        cmocka_unit_test(storage_slots_bound_the_reads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
