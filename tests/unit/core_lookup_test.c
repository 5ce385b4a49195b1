/* SPDX-License-Identifier: BSD-3-Clause */
/* A lookup is one call: the directory's listing answers it, or an object is asked for. */
#include "core_node.h"

#include "proto/dirview.h"

#include <limits.h>

static void hold_listing(struct node *n, uint32_t count, bool partial)
{
    struct cu_value v = listing_value(count);

    v.partial = partial;
    want(n, CU_KIND_DIR, "/d", 1);
    stored(n, &v);
    cu_value_clear(&v);
}

static int look_up(struct node *n, const char *path, bool list_first, uint32_t *age_ms)
{
    struct cu_core_lookup lookup = {.attr = request_of(CU_KIND_ATTR, path),
                                    .list_first = list_first};
    int rc;

    lookup.dir_len = cu_path_parent_len(path, lookup.attr.path_len);
    rc = cu_core_lookup(n->core, &lookup, 7, n->now, age_ms);
    drain(n);
    return rc;
}

static void listing_proves_absence_with_its_age(void **state)
{
    struct node *n = node_new(0, 1);
    unsigned replies, reads;
    uint32_t age_ms = 0;

    (void)state;
    hold_listing(n, 3, false);
    replies = n->replies;
    reads = n->reads;
    n->now += TTL / 4;
    assert_int_equal(look_up(n, "/d/y", true, &age_ms), CU_LOOKED_ABSENT);
    assert_int_equal(age_ms, 500);
    assert_int_equal(look_up(n, "/d/y", true, NULL), CU_LOOKED_ABSENT);
    assert_int_equal(n->replies, replies);
    assert_int_equal(n->reads, reads);
    assert_int_equal(look_up(n, "/d/n1", true, NULL), CU_LOOKED_ATTR);
    assert_int_equal(n->reads, reads + 1);
    assert_int_equal(n->read.kind, CU_KIND_ATTR);
    assert_string_equal(n->path, "/d/n1");
    node_free(n);
}

static void without_a_listing_the_caller_chooses(void **state)
{
    struct node *n = node_new(0, 1);
    struct cu_value enoent = {.error = ENOENT};

    (void)state;
    assert_int_equal(look_up(n, "/d/y", true, NULL), CU_LOOKED_LISTING);
    assert_int_equal(n->read.kind, CU_KIND_DIR);
    assert_string_equal(n->path, "/d");
    stored(n, &enoent);
    assert_int_equal(n->replies, 1);
    assert_int_equal(n->cookie, 7);
    assert_int_equal(look_up(n, "/e/y", false, NULL), CU_LOOKED_ATTR);
    assert_int_equal(n->read.kind, CU_KIND_ATTR);
    assert_string_equal(n->path, "/e/y");
    assert_int_equal(look_up(n, "/y", true, NULL), CU_LOOKED_LISTING);
    assert_string_equal(n->path, "/");
    node_free(n);
}

static void unproven_names_are_asked_for(void **state)
{
    struct node *n = node_new(0, 1);
    char path[4 + NAME_MAX + 1] = "/d/";

    (void)state;
    hold_listing(n, 3, false);
    assert_int_equal(look_up(n, "/d/.snapshot", true, NULL), CU_LOOKED_ATTR);
    memset(path + 3, 'y', NAME_MAX);
    assert_int_equal(look_up(n, path, true, NULL), CU_LOOKED_ABSENT);
    path[3 + NAME_MAX] = 'y'; /* storage has an errno of its own for a name this long */
    assert_int_equal(look_up(n, path, true, NULL), CU_LOOKED_ATTR);
    assert_false(absent(n, path));
    n->now += TTL;
    assert_int_equal(look_up(n, "/d/n0", true, NULL), CU_LOOKED_LISTING);
    node_free(n);
    n = node_new(0, 1);
    hold_listing(n, 3, true);
    assert_int_equal(look_up(n, "/d/y", true, NULL), CU_LOOKED_ATTR);
    node_free(n);
}

static void large_listing_is_made_ready_first(void **state)
{
    struct node *n = node_new(0, 1);
    struct cu_request dir = request_of(CU_KIND_DIR, "/d");
    const struct cu_value *value;
    struct cu_dirview *view;
    unsigned reads;

    (void)state;
    hold_listing(n, 8000, false);
    reads = n->reads;
    assert_int_equal(look_up(n, "/d/y", true, NULL), -EAGAIN);
    assert_false(absent(n, "/d/y"));
    assert_int_equal(n->reads, reads);
    value = cu_core_peek(n->core, &dir, n->now);
    assert_non_null(value);
    assert_int_equal(cu_dirview_make(value->bytes, &view), 0);
    cu_core_viewed(n->core, "/d", 2, view, n->now);
    cu_dirview_unref(view);
    assert_int_equal(look_up(n, "/d/y", true, NULL), CU_LOOKED_ABSENT);
    assert_true(absent(n, "/d/y"));
    node_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listing_proves_absence_with_its_age),
        cmocka_unit_test(without_a_listing_the_caller_chooses),
        cmocka_unit_test(unproven_names_are_asked_for),
        cmocka_unit_test(large_listing_is_made_ready_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
