/* SPDX-License-Identifier: BSD-3-Clause */
/* The counters' order is a promise: programs read them by their place (include/copper/ioctl.h).
 * This list is that promise. A new counter goes to its end, and to that of CU_COUNTERS; no line is
 * changed, moved or taken away. */
#include "core/counters.h"

#include "copper/ioctl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* clang-format off */
static const char *const promised[] = {
    "fuse_lookup",
    "fuse_getattr",
    "fuse_readlink",
    "fuse_open",
    "fuse_read",
    "fuse_opendir",
    "fuse_readdir",
    "fuse_getxattr",
    "fuse_listxattr",
    "fuse_statfs",
    "fuse_access",
    "fuse_ioctl",
    "fuse_forget",
    "fuse_refused",
    "fuse_other",
    "hit_here",
    "hit_flight",
    "hit_parent",
    "hit_storage",
    "hit_negative",
    "child_wants",
    "child_hit_here",
    "child_hit_flight",
    "child_hit_parent",
    "child_hit_storage",
    "asked_parent",
    "asked_again",
    "read_ahead",
    "storage_stat",
    "storage_readdir",
    "storage_readlink",
    "storage_open",
    "storage_read",
    "storage_xattr",
    "storage_statfs",
    "storage_revalidate",
    "storage_bytes",
    "storage_errors",
    "peer_bytes_in",
    "peer_bytes_out",
    "kernel_bytes",
    "cached_bytes",
    "cached_objects",
    "evictions",
    "expired",
    "stale_versions",
    "bad_checksums",
    "ranks_refused",
    "receives_ended",
    "parents_lost",
    "parents_changed",
    "children",
    "handshakes_refused",
    "bad_messages",
    "refused_busy",
    "no_memory",
    "listings_unkept",
    "names_left_out",
    "listings_cut",
    "xattrs_over",
    "paths_over",
    "wrong_answers",
    "unsent",
    "storage_holes",
    "inode_bytes",
    "recovery_bytes",
    "recovery_full",
    "names_asked_back",
    "loop_longest_us",
    "loop_busy_us",
    "bypass_bytes",
    "bypass_largest",
    "recipe_asked",
    "links_rewritten",
    "read_ahead_used",
    "read_ahead_wasted",
    "requests_waiting",
    "requests_waiting_most",
    "storage_waiting",
    "storage_waiting_most",
    "checks",
    "checked",
    "renewed",
    "renewed_used",
    "read_on",
    "read_on_used",
    "read_on_bytes",
    "read_on_unused_bytes",
    "warmed_names",
    "warmed_bytes",
    "spun_us",
    "searchers",
    "bypass_fits",
    "recipe_objects",
    "recipe_done",
    "recipe_sent",
    "recipe_used",
    "recipe_bytes",
    "recipe_unused_bytes",
    "storage_given_up",
    "sockets_aside_bytes",
    "crypt_aside_bytes",
    "asked_now",
};
/* clang-format on */

#define PROMISED (sizeof(promised) / sizeof(promised[0]))

static void names_and_places_are_as_promised(void **state)
{
    (void)state;
    for (size_t i = 0; i < PROMISED; i++) {
        assert_true(i < CU_COUNTER_COUNT);
        assert_string_equal(cu_counter_name((enum cu_counter)i), promised[i]);
    }
    if (CU_COUNTER_COUNT > PROMISED)
        fail_msg("new: append \"%s\" and what follows it to the list above",
                 cu_counter_name((enum cu_counter)PROMISED));
}

static void all_fit_into_what_programs_have(void **state)
{
    (void)state;
    assert_true(CU_COUNTER_COUNT <= COPPER_COUNTERS_MAX);
    /* Compiled into programs: more would be another call. */
    assert_int_equal(COPPER_COUNTERS_MAX, 120);
    assert_int_equal(sizeof(struct copper_counters), 8 + 120 * 8);
}

static void there_is_no_name_beyond_the_last(void **state)
{
    (void)state;
    assert_null(cu_counter_name(CU_COUNTER_COUNT));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_places_are_as_promised),
        cmocka_unit_test(all_fit_into_what_programs_have),
        cmocka_unit_test(there_is_no_name_beyond_the_last),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
