/* SPDX-License-Identifier: BSD-3-Clause */
/* What a site says of listings, as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/dir.h"
#include "proto/listings.h"

#include <errno.h>
#include <string.h>

static void only_rules_of_the_form_are_taken(void **state)
{
    static const char *const good[] = {"", "nfs4:partial", "/a:trusted,fuse.x:unstamped",
                                       "/with:colon:untrusted", "fuse.x:numbered,/a:unnumbered"};
    static const char *const bad[] = {",",
                                      "nfs4",
                                      "nfs4:",
                                      ":partial",
                                      "nfs4:no",
                                      "/a/:partial",
                                      "a/b:partial",
                                      "nfs4:partial,",
                                      "a b:partial",
                                      "/a:partial,,b:partial",
                                      "/a/../b:partial"};

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        if (cu_listings_check(good[i]) != 0)
            fail_msg("refused: %s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (cu_listings_check(bad[i]) != -EINVAL)
            fail_msg("taken: %s", bad[i]);
}

static enum cu_listings_word find(const char *rules, const char *type, const char *point)
{
    return cu_listings_find(rules, type, point, strlen(point));
}

static void a_path_goes_before_a_type_and_the_longer_one_first(void **state)
{
    static const char rules[] = "/p/q:unstamped,nfs4:partial,/p:trusted";

    (void)state;
    assert_int_equal(find(rules, "nfs4", "/x"), CU_LISTINGS_PARTIAL);
    assert_int_equal(find(rules, "nfs4", "/p"), CU_LISTINGS_TRUSTED);
    assert_int_equal(find(rules, "nfs4", "/p/x"), CU_LISTINGS_TRUSTED);
    assert_int_equal(find(rules, "xfs", "/p/q/r"), CU_LISTINGS_UNSTAMPED);
    assert_int_equal(find(rules, "xfs", "/pq"), CU_LISTINGS_UNSAID);
    assert_int_equal(find(NULL, "xfs", "/p"), CU_LISTINGS_UNSAID);
    assert_int_equal(find("", "xfs", "/p"), CU_LISTINGS_UNSAID);
}

static enum cu_listings_word numbers(const char *rules, const char *type, const char *point)
{
    return cu_listings_find_numbers(rules, type, point, strlen(point));
}

static void what_is_said_of_numbers_is_apart_from_the_rest(void **state)
{
    static const char rules[] = "/p/q:unstamped,fuse.x:numbered,/p:unnumbered,fuse.x:partial";

    (void)state;
    assert_int_equal(numbers(rules, "fuse.x", "/x"), CU_LISTINGS_NUMBERED);
    assert_int_equal(numbers(rules, "fuse.x", "/p/q"), CU_LISTINGS_UNNUMBERED);
    assert_int_equal(numbers(rules, "xfs", "/x"), CU_LISTINGS_UNSAID);
    assert_int_equal(numbers(NULL, "xfs", "/x"), CU_LISTINGS_UNSAID);
    assert_int_equal(find(rules, "fuse.x", "/x"), CU_LISTINGS_PARTIAL);
    assert_int_equal(find(rules, "fuse.x", "/p/q/r"), CU_LISTINGS_UNSTAMPED);
    assert_int_equal(find(rules, "xfs", "/p"), CU_LISTINGS_UNSAID);
}

static void doors_that_storage_hides_are_known(void **state)
{
    (void)state;
    assert_true(cu_dir_name_hides(".snapshot", 9));
    assert_true(cu_dir_name_hides(".zfs", 4));
    assert_true(cu_dir_name_hides(".snap", 5));
    assert_false(cu_dir_name_hides(".snapper", 8));
    assert_false(cu_dir_name_hides("zfs", 3));
    assert_false(cu_dir_name_hides("", 0));
    /* "caf" and an e with an accent, in one piece or two; nor need it be UTF-8 */
    assert_true(cu_dir_name_hides("caf\xc3\xa9", 5));
    assert_true(cu_dir_name_hides("cafe\xcc\x81", 6));
    assert_true(cu_dir_name_hides("\xff", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_rules_of_the_form_are_taken),
        cmocka_unit_test(a_path_goes_before_a_type_and_the_longer_one_first),
        cmocka_unit_test(what_is_said_of_numbers_is_apart_from_the_rest),
        cmocka_unit_test(doors_that_storage_hides_are_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
