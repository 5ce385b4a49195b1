/* SPDX-License-Identifier: BSD-3-Clause */
/* The data of a report's figures. */
#include "copper/report_csv.h"

#include "host/readfile.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char top[] = "/tmp/copper-report-XXXXXX", dir[64];
static const char *const names[] = {"counters", "latency", "nodes", "paths", "timeline", "where"};

static int setup(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(top));
    snprintf(dir, sizeof(dir), "%s/figures", top);
    return 0;
}

static int teardown(void **state)
{
    char path[128];

    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s.csv", dir, names[i]);
        unlink(path);
    }
    rmdir(dir);
    rmdir(top);
    return 0;
}

static void write_all(const char *text)
{
    json_t *job = json_loads(text, JSON_DECODE_ANY, NULL);
    struct cu_error err = {0};

    assert_non_null(job);
    assert_int_equal(cu_report_csv(job, dir, &err), 0);
    json_decref(job);
}

static void expect(const char *name, const char *text)
{
    char path[128], *got;
    size_t size;
    int fd;

    snprintf(path, sizeof(path), "%s/%s.csv", dir, name);
    fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    assert_int_equal(cu_readfile_all(fd, 1 << 20, &got, &size), 0);
    close(fd);
    assert_string_equal(got, text);
    free(got);
}

static void figures_are_those_of_the_job(void **state)
{
    (void)state;
    write_all("{\"counters\":{\"hit_here\":5,\"hit_storage\":2},\"latency\":["
              "{\"op\":\"lookup\",\"answer\":\"here\",\"buckets\":[[4,1],[8,1]]},"
              "{\"op\":\"read\",\"answer\":\"here\",\"buckets\":[[0,1],[8,1]]},"
              "{\"op\":\"storage_read\",\"answer\":\"call\",\"buckets\":[[9,9]]}],"
              "\"nodes\":{\"columns\":[\"rank\",\"host\",\"parents\"],\"rows\":[[0,\"a\",[-1,2]],"
              "[1,\"b,\\\"c\\\"\\n\",null]]},\"timeline\":{\"columns\":[\"width_ms\",\"begin_ms\","
              "\"requests\"],\"rows\":[[100,200,7]]},\"paths\":{\"by_bytes\":{\"rows\":[{\"path\":"
              "\"/a\",\"value\":3,\"nodes\":2}]}}}");
    expect("counters", "counter,value\nhit_here,5\nhit_storage,2\n");
    expect("answers", "answer,microseconds,percent\nhere,1,25\nhere,4,50\nhere,8,100\n");
    expect("nodes", "\"rank\",\"host\",\"parents\"\n0,\"a\",-1 2\n1,\"b,\"\"c\"\"\n\",\n");
    expect("start", "series,seconds,a second\nrequests,0.250,70\n");
    expect("where", "bar,part,objects\nobjects,on the node,5\n"
                    "objects,on the node: no such file,0\nobjects,already on the way,0\n"
                    "objects,from the parent,0\nobjects,from storage,2\n");
}

static void a_job_may_have_anything_in_it(void **state)
{
    static const char *const jobs[] = {
        "7",
        "[]",
        "{}",
        "{\"counters\":7,\"latency\":{},\"nodes\":[],\"paths\":[],\"timeline\":9}",
        "{\"latency\":[1,null,{\"answer\":\"here\",\"buckets\":[1,[],[2],[\"x\",\"y\"],[-1,-2],"
        "[[[]]]]},{\"answer\":7,\"buckets\":7}],\"nodes\":{\"columns\":{\"a\":1},\"rows\":[[1]]},"
        "\"timeline\":{\"columns\":[1,\"width_ms\"],\"rows\":[7,[],[1],[1,0],[1,-3],[1,[]]]},"
        "\"paths\":{\"by_bytes\":{\"rows\":[1,null,{\"path\":7}]},\"by_wait\":[]}}",
        "{\"nodes\":{\"columns\":[\"a\"],\"rows\":[[[[[1]]]],[{}],[true],[1e300]]}}",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++)
        write_all(jobs[i]);
}

static void a_place_that_cannot_be_written_is_told(void **state)
{
    json_t *job = json_object();
    struct cu_error err;

    (void)state;
    assert_int_equal(cu_report_csv(job, "/proc/none/x", &err), -ENOENT);
    assert_int_equal(cu_report_csv(job, "/dev/null", &err), -ENOTDIR);
    assert_non_null(strstr(err.text, "/dev/null/answers.csv"));
    json_decref(job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(figures_are_those_of_the_job),
        cmocka_unit_test(a_job_may_have_anything_in_it),
        cmocka_unit_test(a_place_that_cannot_be_written_is_told),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
