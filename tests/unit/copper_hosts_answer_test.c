/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers of daemons that may have been taken over, against the job's own host list. */
#include "copper/hosts_answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

static struct cu_error err;

static int check(const char *answer)
{
    static char *names[] = {(char *)"a", (char *)"b", (char *)"c"};
    const struct cu_hosts known = {.names = names, .count = 3};
    json_t *result = json_loads(answer, 0, NULL);
    int rc;

    assert_non_null(result);
    rc = cu_hosts_answer_check(&known, result, &err);
    json_decref(result);
    return rc;
}

static void what_a_job_says_of_itself_is_believed(void **state)
{
    static const char *const answers[] = {
        "{\"answered\":3,\"silent_count\":0,\"silent\":[],\"nodes\":["
        "{\"host\":\"b\",\"rank\":1},{\"host\":\"a\",\"rank\":0},{\"host\":\"c\",\"rank\":2}]}",
        "{\"answered\":1,\"silent_count\":2,\"silent\":[\"a\",\"c\"]}",
        "{\"host\":\"c\",\"rank\":2,\"nodes\":3,\"ready\":1,\"missing\":[\"b\",\"a\"],"
        "\"missing_count\":2,\"trees\":[{\"parent\":null,\"children\":[\"a\",\"b\"]},"
        "{\"parent\":\"a\",\"children\":[\"b\"]}]}",
        "{\"nodes\":1,\"failed\":1,\"silent\":[\"a\"],\"silent_count\":1,\"left_out\":[\"c\"],"
        "\"left_out_count\":1}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
        assert_int_equal(check(answers[i]), 0);
}

static void forged_nodes_are_told_and_not_shown(void **state)
{
    static const char *const forged[] = {
        "{\"nodes\":[{\"host\":\"evil\",\"rank\":1}]}",
        "{\"nodes\":[{\"host\":\"b\",\"rank\":2}]}", /* another's rank */
        "{\"nodes\":[{\"host\":\"b\",\"rank\":3}]}",
        "{\"nodes\":[{\"host\":\"b\",\"rank\":-1}]}",
        "{\"nodes\":[{\"host\":\"b\",\"rank\":\"1\"}]}",
        "{\"nodes\":[{\"host\":\"b\",\"rank\":1.0}]}",
        "{\"nodes\":[{\"rank\":1}]}",
        "{\"nodes\":[{\"host\":\"b\"}]}",
        "{\"nodes\":[1]}",
        "{\"nodes\":[{\"host\":\"b\",\"rank\":1},{\"host\":\"b\",\"rank\":1}]}",
        "{\"silent\":[\"evil\"],\"silent_count\":1}",
        "{\"silent\":[\"b\",\"b\"],\"silent_count\":2}",
        "{\"silent\":[7],\"silent_count\":1}",
        "{\"missing\":[\"a\",\"evil\"]}",
        "{\"host\":\"evil\",\"rank\":0}",
        "{\"host\":\"a\",\"rank\":1}",
        "{\"answered\":4}",
        "{\"nodes\":9408}",
        "{\"silent_count\":4}",
        /* of a refresh: all nodes that did not answer are told */
        "{\"nodes\":2,\"failed\":0,\"silent\":[],\"silent_count\":0}",
        "{\"nodes\":3,\"failed\":0,\"silent\":[\"a\"],\"silent_count\":1}",
        "{\"nodes\":3,\"failed\":4,\"silent\":[],\"silent_count\":0}",
        "{\"nodes\":2,\"silent\":[],\"silent_count\":0,\"left_out\":[\"evil\"],"
        "\"left_out_count\":1}",
        "{\"trees\":[{\"parent\":\"evil\"}]}",
        "{\"trees\":[{\"parent\":null,\"children\":[\"a\"]},{\"children\":[\"b\",\"evil\"]}]}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++)
        assert_int_equal(check(forged[i]), -EBADMSG);
    assert_int_equal(check("{\"missing\":[\"c\",\"c\"]}"), -EBADMSG);
    assert_string_equal(err.text, "an answer names c twice");
    assert_int_equal(check("{\"silent\":[\"a\",\"evil\"]}"), -EBADMSG);
    assert_string_equal(err.text, "an answer names a host that is not of the job: evil");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_job_says_of_itself_is_believed),
        cmocka_unit_test(forged_nodes_are_told_and_not_shown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
