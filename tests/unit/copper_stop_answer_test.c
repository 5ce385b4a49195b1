/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers of daemons that may have been taken over, against the job's own host list. */
#include "copper/stop_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* The hosts that are left, with commas, after an answer to a job on a, b and c. */
static char left[64];
static struct cu_error err;

static int take(const char *answer)
{
    static char *names[] = {(char *)"a", (char *)"b", (char *)"c"};
    const struct cu_hosts known = {.names = names, .count = 3};
    json_t *result = json_loads(answer, 0, NULL);
    struct cu_hosts rest = {0};
    int rc;

    assert_non_null(result);
    err.text[0] = '\0';
    rc = cu_stop_answer_silent(&known, 0, result, &rest, &err);
    left[0] = '\0';
    for (size_t i = 0; i < rest.count; i++)
        snprintf(left + strlen(left), sizeof(left) - strlen(left), "%s%s", i > 0 ? "," : "",
                 rest.names[i]);
    cu_parse_hosts_free(&rest);
    json_decref(result);
    return rc;
}

static void silent_hosts_are_done_one_by_one(void **state)
{
    (void)state;
    assert_int_equal(take("{\"stopped\":3,\"silent\":[],\"silent_count\":0}"), 0);
    assert_string_equal(left, "");
    assert_int_equal(take("{\"stopped\":2,\"silent\":[\"b\"],\"silent_count\":1}"), 0);
    assert_string_equal(left, "b");
    /* too many to be named */
    assert_int_equal(take("{\"stopped\":1,\"silent\":[\"b\"],\"silent_count\":2}"), 0);
    assert_string_equal(left, "a,b,c");
}

static void a_host_that_is_not_of_the_job_is_not_contacted(void **state)
{
    static const char *const forged[] = {
        "{\"stopped\":2,\"silent\":[\"evil\"],\"silent_count\":1}",
        "{\"stopped\":1,\"silent\":[\"b\",\"evil\"],\"silent_count\":2}",
        "{\"stopped\":2,\"silent\":[\"-oProxyCommand=x\"],\"silent_count\":1}",
        "{\"stopped\":2,\"silent\":[\"\"],\"silent_count\":1}",
        "{\"stopped\":2,\"silent\":[7],\"silent_count\":1}",
        "{\"stopped\":1,\"silent\":[\"b\",\"b\"],\"silent_count\":2}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++) {
        assert_int_equal(take(forged[i]), -EBADMSG);
        assert_string_equal(left, "a,b,c");
        assert_non_null(strstr(err.text, "an answer names "));
    }
}

static void numbers_that_do_not_make_up_the_job(void **state)
{
    static const char *const forged[] = {
        "{\"stopped\":2,\"silent\":[],\"silent_count\":0}",
        "{\"stopped\":4,\"silent\":[],\"silent_count\":0}",
        "{\"stopped\":3,\"silent\":[\"a\"],\"silent_count\":1}",
        "{\"stopped\":-1,\"silent\":[\"a\"],\"silent_count\":1}",
        "{}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++) {
        assert_int_equal(take(forged[i]), -EBADMSG);
        assert_string_equal(left, "a,b,c");
        assert_non_null(strstr(err.text, "an answer tells of "));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silent_hosts_are_done_one_by_one),
        cmocka_unit_test(a_host_that_is_not_of_the_job_is_not_contacted),
        cmocka_unit_test(numbers_that_do_not_make_up_the_job),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
