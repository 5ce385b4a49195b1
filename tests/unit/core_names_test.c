/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths are held once; and what an object costs besides, which a node has thousands of. */
#include "core/names.h"

#include "base/hash.h"
#include "core/object.h"
#include "core/state.h"
#include "fail_alloc.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct cu_name *get(struct cu_names *names, const char *path)
{
    return cu_names_get(names, path, strlen(path), cu_hash_bytes(path, strlen(path)));
}

static struct cu_name *find(struct cu_names *names, const char *path)
{
    return cu_names_find(names, path, strlen(path), cu_hash_bytes(path, strlen(path)));
}

static void a_path_is_held_once_until_nobody_has_it(void **state)
{
    struct cu_names *names = cu_names_new();
    struct cu_name *a, *b;

    (void)state;
    assert_non_null(names);
    assert_null(find(names, "/a"));
    a = get(names, "/a");
    assert_string_equal(a->path, "/a");
    assert_int_equal(a->len, 2);
    assert_ptr_equal(get(names, "/a"), a);
    b = get(names, "/ab");
    assert_ptr_not_equal(b, a);
    cu_names_put(names, a);
    assert_ptr_equal(find(names, "/a"), a);
    cu_names_put(names, a);
    assert_null(find(names, "/a"));
    assert_ptr_equal(find(names, "/ab"), b);
    cu_names_put(names, b);
    cu_names_free(names);
}

static void many_are_found_again(void **state)
{
    struct cu_names *names = cu_names_new();
    struct cu_name *held[3000];
    char path[32];

    (void)state;
    for (int i = 0; i < 3000; i++) {
        snprintf(path, sizeof path, "/dir/%d", i);
        held[i] = get(names, path);
    }
    for (int i = 0; i < 3000; i++) {
        snprintf(path, sizeof path, "/dir/%d", i);
        assert_ptr_equal(find(names, path), held[i]);
        cu_names_put(names, held[i]);
        assert_null(find(names, path));
    }
    cu_names_free(names);
}

static void without_memory_there_is_no_name(void **state)
{
    struct cu_names *names = cu_names_new();

    (void)state;
    fail_alloc_at(0);
    assert_null(get(names, "/a"));
    assert_true(fail_alloc_hit());
    assert_null(find(names, "/a"));
    cu_names_free(names);
    for (long n = 0; fail_alloc_at(n), names = cu_names_new(), fail_alloc_hit(); n++)
        assert_null(names);
    cu_names_free(names);
}

static void cores_share_a_pool_of_paths(void **state)
{
    struct cu_core_config config = {.node_count = 1,
                                    .fanout = 1,
                                    .tree_count = 1,
                                    .cache_bytes = 1 << 20,
                                    .max_cacheable_bytes = 1 << 20,
                                    .chunk_bytes = 4096,
                                    .storage_slots = 1,
                                    .orphan_slots = 1,
                                    .names = cu_names_new()};
    struct cu_request r = {.kind = CU_KIND_ATTR, .path = "/a", .path_len = 2};
    struct cu_core *core[2];
    struct cu_error err;

    (void)state;
    for (int i = 0; i < 2; i++) {
        core[i] = cu_core_create(&config, 1, &err);
        assert_non_null(core[i]);
        assert_int_equal(cu_core_want(core[i], &r, 1, 1), 0);
    }
    assert_int_equal(find(config.names, "/a")->refs, 2);
    cu_core_destroy(core[0]);
    assert_int_equal(find(config.names, "/a")->refs, 1);
    cu_core_destroy(core[1]);
    assert_null(find(config.names, "/a"));
    cu_names_free(config.names);
}

static void an_object_is_small(void **state)
{
    (void)state;
    assert_in_range(cu_object_size(CU_KIND_ATTR), 1, 192);
    assert_in_range(cu_object_size(CU_KIND_DATA), 1, 128);
    assert_in_range(cu_object_size(CU_KIND_XATTR), 1, 96);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_is_held_once_until_nobody_has_it),
        cmocka_unit_test(many_are_found_again),
        cmocka_unit_test(without_memory_there_is_no_name),
        cmocka_unit_test(cores_share_a_pool_of_paths),
        cmocka_unit_test(an_object_is_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
