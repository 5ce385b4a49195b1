/* SPDX-License-Identifier: BSD-3-Clause */
/* The end of a job: how long it ran, and what was saved. */
#include "copper/summary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char text[CU_SUMMARY_MAX];

static size_t of(size_t (*fn)(const json_t *, char *), const char *json)
{
    json_t *answer = json_loads(json, 0, NULL);
    size_t len;

    assert_non_null(answer);
    len = fn(answer, text);
    assert_int_equal(len, strlen(text));
    json_decref(answer);
    return len;
}

static void what_was_saved_is_what_was_not_asked_of_storage(void **state)
{
    (void)state;
    of(cu_summary_saved,
       "{\"stopped\":8,\"up_ms\":723000,\"sum\":{\"hit_here\":1000000,\"hit_negative\":200000,"
       "\"hit_flight\":30000,\"hit_parent\":4000,\"hit_storage\":567,\"storage_stat\":500,"
       "\"storage_read\":67,\"storage_bytes\":1048576,\"storage_errors\":9,\"storage_waiting\":9,"
       "\"kernel_bytes\":11534336}}");
    assert_string_equal(text,
                        "saved 1,234,000 operations on storage and 10.0 MB: programs got "
                        "1,234,567 objects and 11.0 MB, storage was asked for 567 and 1.0 MB");
    of(cu_summary_saved,
       "{\"stopped\":1,\"up_ms\":1500,\"sum\":{\"hit_storage\":103,\"storage_stat\":"
       "105,\"storage_bytes\":7}}");
    assert_string_equal(text, "saved 0 operations on storage and 0 B: programs got 103 objects and "
                              "0 B, storage was asked for 105 and 7 B");
}

static void how_long_it_ran(void **state)
{
    (void)state;
    of(cu_summary_time, "{\"stopped\":2,\"up_ms\":90061000,\"sum\":{\"hit_here\":100}}");
    assert_string_equal(text, " after 25 h 1 min");
    of(cu_summary_time, "{\"stopped\":2,\"up_ms\":723000,\"sum\":{\"hit_here\":100}}");
    assert_string_equal(text, " after 12 min 3 s");
    of(cu_summary_time, "{\"stopped\":2,\"up_ms\":1500,\"sum\":{\"hit_here\":100}}");
    assert_string_equal(text, " after 1.5 s");
}

static void who_asked_for_nothing_is_told_nothing(void **state)
{
    static const char *const answers[] = {
        "{}",
        "{\"stopped\":4}",
        "{\"stopped\":4,\"sum\":[1],\"up_ms\":\"x\"}",
        "{\"stopped\":4,\"sum\":{\"hit_here\":-7,\"storage_stat\":100},\"network_note\":\"slow\"}",
        "{\"stopped\":-1,\"sum\":{\"hit_here\":7000}}",
        "{\"stopped\":4,\"sum\":{\"hit_here\":99},\"network_note\":\"slow\"}"};

    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        assert_int_equal(of(cu_summary_saved, answers[i]), 0);
        assert_int_equal(of(cu_summary_time, answers[i]), 0);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_saved_is_what_was_not_asked_of_storage),
        cmocka_unit_test(how_long_it_ran),
        cmocka_unit_test(who_asked_for_nothing_is_told_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
