/* SPDX-License-Identifier: BSD-3-Clause */
/* The figures that a report is made of: from a file, or from the answers of daemons. */
#include "copper/report_job.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/copper-report-XXXXXX", path[64];

static int setup(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/job.json", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    rmdir(dir);
    return 0;
}

static json_t *read_text(const char *name, const char *bytes, size_t size, struct cu_error *err)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fwrite(bytes, 1, size, file);
    fclose(file);
    return cu_report_job_read(name, err);
}

static void a_file_or_its_directory_is_read(void **state)
{
    static const char good[] = "{\"report\":1,\"counters\":{\"hit_here\":7},\"new member\":[{}]}";
    const char *const names[] = {path, dir};
    struct cu_error err;

    (void)state;
    for (int i = 0; i < 2; i++) {
        json_t *job = read_text(names[i], good, strlen(good), &err);

        assert_non_null(job);
        assert_int_equal(
            json_integer_value(json_object_get(json_object_get(job, "counters"), "hit_here")), 7);
        json_decref(job);
    }
    unlink(path);
    assert_null(cu_report_job_read(dir, &err));
    assert_non_null(strstr(err.text, "/job.json: No such file"));
    assert_null(cu_report_job_read("/dev/null", &err));
}

static void what_is_no_job_is_refused_with_the_reason(void **state)
{
    static const struct {
        const char *text, *reason;
    } bad[] = {
        {"", "is no JSON"},
        {"{\"report\":1,\n\"counters\":{\"a\":1},,}", "line 2"},
        {"[]", "not the figures of a job"},
        {"\"x\"", "is no JSON"},
        {"{\"report\":1}", "not the figures of a job"},
        {"{\"report\":\"1\",\"counters\":{}}", "not the figures of a job"},
        {"{\"report\":1,\"counters\":[]}", "not the figures of a job"},
        {"{\"report\":2,\"counters\":{}}", "format 2"},
        {"{\"report\":-1,\"counters\":{}}", "format -1"},
        {"{\"report\":1,\"report\":1,\"counters\":{}}", "is no JSON"},
        {"{\"report\":1,\"counters\":{\"\xff\":1}}", "is no JSON"},
        {"{\"report\":1,\"counters\":{\"x\":1e999}}", "is no JSON"},
    };
    struct cu_error err;
    char *deep = malloc(100000);

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_null(read_text(path, bad[i].text, strlen(bad[i].text), &err));
        assert_non_null(strstr(err.text, bad[i].reason));
    }
    memset(deep, '[', 100000);
    assert_null(read_text(path, deep, 100000, &err));
    free(deep);
    assert_null(read_text(path, "{\"report\":1,\"counters\":{}}\0x", 29, &err));
}

static json_t *made_of(const char *stats, const char *status)
{
    json_t *a = json_loads(stats, JSON_DECODE_ANY, NULL);
    json_t *b = json_loads(status, JSON_DECODE_ANY, NULL);
    json_t *job = cu_report_job_make(a, b);

    assert_non_null(job);
    json_decref(a);
    json_decref(b);
    return job;
}

static json_t *at(json_t *table, size_t row, const char *name)
{
    json_t *columns = json_object_get(table, "columns"), *column;
    size_t i;

    json_array_foreach (columns, i, column)
        if (strcmp(json_string_value(column), name) == 0)
            return json_array_get(json_array_get(json_object_get(table, "rows"), row), i);
    fail_msg("no column %s", name);
    return NULL;
}

static void a_running_job_has_the_same_form(void **state)
{
    json_t *job = made_of(
        "{\"answered\":2,\"silent\":[\"node3\"],\"sum\":{\"fuse_lookup\":9,\"fuse_forget\":5},"
        "\"bypassed\":{\"bytes\":70,\"largest\":60,\"files\":{\"/a\":70}},\"nodes\":["
        "{\"host\":\"node1\",\"rank\":0,\"counters\":{\"fuse_lookup\":4,\"fuse_forget\":5,"
        "\"fuse_read\":2,\"storage_stat\":3,\"storage_bytes\":99,\"storage_errors\":1,"
        "\"storage_waiting\":8,\"storage_waiting_most\":8,\"hit_storage\":3,\"cpu_user_ms\":4,"
        "\"cpu_system_ms\":5}},{\"host\":\"node2\",\"rank\":1,\"counters\":{}}]}",
        "{\"nodes\":3,\"fanout\":2,\"trees\":[{},{}],\"uptime_ms\":1500,\"job\":\"ab\"}");
    json_t *nodes = json_object_get(job, "nodes"), *parents = at(nodes, 0, "parents");
    struct cu_error err;

    (void)state;
    assert_int_equal(cu_report_job_check(job, &err), 0);
    assert_int_equal(json_integer_value(at(nodes, 0, "requests")), 6);
    assert_int_equal(json_integer_value(at(nodes, 0, "storage_operations")), 3);
    assert_int_equal(json_integer_value(at(nodes, 0, "storage")), 3);
    assert_int_equal(json_integer_value(at(nodes, 0, "storage_bytes")), 99);
    assert_int_equal(json_integer_value(at(nodes, 0, "storage_waiting_most")), 8);
    assert_int_equal(json_integer_value(at(nodes, 0, "cpu_ms")), 9);
    assert_string_equal(json_string_value(at(nodes, 1, "host")), "node2");
    assert_int_equal(json_integer_value(at(nodes, 1, "cpu_ms")), 0);
    assert_int_equal(json_array_size(parents), 2);
    assert_int_equal(json_integer_value(json_array_get(parents, 0)), -1);
    assert_int_equal(json_integer_value(json_array_get(at(nodes, 1, "parents"), 0)), 0);
    assert_int_equal(json_integer_value(json_array_get(at(nodes, 1, "parents"), 1)), -1);
    assert_int_equal(json_array_size(json_object_get(job, "missing")), 1);
    assert_int_equal(
        json_integer_value(json_object_get(json_object_get(job, "past_trees"), "largest")), 60);
    json_decref(job);
}

/* Daemons may be of a damaged node, or of somebody else. */
static void answers_may_be_anything(void **state)
{
    static const char *const answers[] = {
        "{}",
        "[1]",
        "7",
        "{\"nodes\":7,\"sum\":[],\"silent\":\"x\",\"latency\":3,\"bypassed\":[]}",
        "{\"nodes\":[1,null,{\"rank\":-5,\"host\":3,\"counters\":[1]},{\"rank\":4000000000}],"
        "\"trees\":{\"a\":1},\"fanout\":-1}",
        "{\"nodes\":1e300,\"fanout\":99999999999,\"trees\":[1,2,3],\"uptime_ms\":\"x\"}",
        "{\"nodes\":1000,\"fanout\":1,\"trees\":[1],\"uptime_ms\":9223372036854775807}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
        for (size_t k = 0; k < sizeof(answers) / sizeof(answers[0]); k++)
            json_decref(made_of(answers[i], answers[k]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_or_its_directory_is_read),
        cmocka_unit_test(what_is_no_job_is_refused_with_the_reason),
        cmocka_unit_test(a_running_job_has_the_same_form),
        cmocka_unit_test(answers_may_be_anything),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
