/* SPDX-License-Identifier: BSD-3-Clause */
/* The job's options: defaults, bounds, words for what is wrong, and who has which rank. */
#include "fail_alloc.h"
#include "proto/job.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void defaults(void **state)
{
    struct cu_job job;

    (void)state;
    assert_int_equal(cu_job_init(&job, "/tmp/alice/copper", "/tmp/copper-1000"), 0);
    assert_string_equal(job.mount_dir, "/tmp/alice/copper");
    assert_string_equal(job.log_dir, "/tmp/copper-1000/logs");
    assert_int_equal(job.log_level, 6);
    assert_true(job.log_to_file && !job.log_to_stdout);
    assert_int_equal(job.trees, 1);
    assert_int_equal(job.max_cacheable_bytes, 10 << 20);
    assert_int_equal(job.ready_timeout_s, 20);
    assert_false(job.cores_given);
    assert_int_equal(job.enoent_ttl_ms, 2000);
    assert_string_equal(job.network, "tcp");
    assert_int_equal(job.cache_bytes, 0);
    assert_int_equal(job.fanout, 0);
    assert_int_equal(job.port, 0);
    assert_false(job.encrypt || job.profile || job.full_paths);
    assert_int_equal(job.snapshot_s, 0);
    assert_int_equal(job.hosts.count, 0);
    cu_job_free(&job);
    cu_job_free(&job); /* zeroed: harmless */
}

static void places_are_given(void **state)
{
    struct cu_job job;

    (void)state;
    assert_int_equal(cu_job_init(&job, "/mnt//c", "/run/me"), 0);
    assert_string_equal(job.mount_dir, "/mnt/c");
    assert_string_equal(job.log_dir, "/run/me/logs");
    cu_job_free(&job);
    assert_int_equal(cu_job_init(&job, "c", "/run/me"), -EINVAL);
    assert_int_equal(cu_job_init(&job, "/", "/run/me"), -EINVAL);
    assert_int_equal(cu_job_init(&job, "/mnt/c", "c"), -EINVAL);
    assert_null(job.mount_dir);
}

/* What the text of a job that had this option set says about it; NULL when it was refused. */
static const char *set_and_encode(const char *name, const char *value, struct cu_error *err)
{
    static char line[16384];
    struct cu_job job;
    char key[64], *text, *at, *before;
    int rc;

    assert_int_equal(cu_job_init(&job, "/tmp/alice/copper", "/tmp/copper-1000"), 0);
    before = cu_job_encode(&job);
    rc = cu_job_set(&job, name, value, "-x", err);
    text = cu_job_encode(&job);
    assert_non_null(before);
    assert_non_null(text);
    if (rc != 0) {
        assert_int_equal(rc, -EINVAL);
        assert_string_equal(text, before);
    }
    snprintf(key, sizeof(key), "\n%s ", name);
    at = strstr(text, key);
    if (rc == 0) {
        assert_non_null(at);
        at += strlen(key);
        snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\n"), at);
    }
    free(before);
    free(text);
    cu_job_free(&job);
    return rc == 0 ? line : NULL;
}

static void accepts_values(void **state)
{
    static const char *const cases[][3] = {
        {"mount", "/tmp//a/./b c/", "/tmp/a/b c"},
        {"log_dir", "/", "/"},
        {"log_dir", "/var/\xc3\xa4", "/var/\xc3\xa4"},
        {"log_level", "1", "1"},
        {"log_level", "6", "6"},
        {"log_type", "file", "file"},
        {"log_type", "stdout", "stdout"},
        {"log_type", "file_and_stdout", "file_and_stdout"},
        {"log_type", "stdout_and_file", "file_and_stdout"},
        {"log_type", "none", "none"},
        {"log_collect", "yes", "yes"},
        {"trees", "1", "1"},
        {"trees", "64", "64"},
        {"max_cacheable_bytes", "0", "0"},
        {"max_cacheable_bytes", "10MB", "10485760"},
        {"max_cacheable_bytes", "9223372036854775807", "9223372036854775807"},
        {"ready_timeout_s", "86400", "86400"},
        {"cores", "48-51", "48,49,50,51"},
        {"cores", "4095,0", "0,4095"},
        {"enoent_ttl_ms", "0", "0"},
        {"enoent_ttl_ms", "86400000", "86400000"},
        {"network", "tcp", "tcp"},
        {"network", "tcp:hsn0", "tcp:hsn0"},
        {"address", "%h-hsn0", "%h-hsn0"},
        {"address", "10.1.0.0/16", "10.1.0.0/16"},
        {"listings", "fuse.s3fs:untrusted,/home:partial", "fuse.s3fs:untrusted,/home:partial"},
        {"serve", "/lus,/home/a b", "/lus,/home/a b"},
        {"symlinks", "rewrite", "rewrite"},
        {"symlinks", "keep", "keep"},
        {"spin", "0", "0"},
        {"spin", "1000", "1000"},
        {"cache_bytes", "2g", "2147483648"},
        {"fanout", "1024", "1024"},
        {"port", "1024", "1024"},
        {"port", "65535", "65535"},
        {"encrypt", "yes", "yes"},
        {"profile", "no", "no"},
        {"full_paths", "yes", "yes"},
        {"top_paths", "10000", "10000"},
        {"snapshot_s", "60", "60"},
    };
    struct cu_error err;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(set_and_encode(cases[i][0], cases[i][1], &err), cases[i][2]);
}

static void refuses_values(void **state)
{
    static const char *const cases[][2] = {{"mount", ""},
                                           {"mount", "a/b"},
                                           {"mount", "/"},
                                           {"mount", "/.."},
                                           {"mount", "/a\nkey b"},
                                           {"mount", "/a\x7f"},
                                           {"log_dir", "logs"},
                                           {"log_dir", ""},
                                           {"log_dir", "/a\tb"},
                                           {"log_level", "0"},
                                           {"log_level", "7"},
                                           {"log_level", "-1"},
                                           {"log_level", "debug"},
                                           {"log_type", ""},
                                           {"log_type", "File"},
                                           {"log_type", "syslog"},
                                           {"log_type", "file,stdout"},
                                           {"trees", "0"},
                                           {"trees", "65"},
                                           {"trees", "4294967297"},
                                           {"trees", "1 "},
                                           {"max_cacheable_bytes", "10XB"},
                                           {"max_cacheable_bytes", "-1"},
                                           {"max_cacheable_bytes", ""},
                                           {"max_cacheable_bytes", "9223372036854775808"},
                                           {"ready_timeout_s", "0"},
                                           {"ready_timeout_s", "86401"},
                                           {"ready_timeout_s", "1.5"},
                                           {"cores", ""},
                                           {"cores", "51-48"},
                                           {"cores", "48-"},
                                           {"cores", "48;49"},
                                           {"cores", "4096"},
                                           {"cores", "0-1024"},
                                           {"cores", "a"},
                                           {"enoent_ttl_ms", "86400001"},
                                           {"enoent_ttl_ms", "1s"},
                                           {"symlinks", ""},
                                           {"symlinks", "yes"},
                                           {"spin", "1001"},
                                           {"serve", ""},
                                           {"serve", "lus"},
                                           {"serve", "/lus,"},
                                           {"listings", ""},
                                           {"address", "hsn0"},
                                           {"address", "10.1.0.0/99"},
                                           {"listings", "nfs4"},
                                           {"listings", "nfs4:sometimes"},
                                           {"network", "udp"},
                                           {"network", "tcp:"},
                                           {"network", "tcp:a/b"},
                                           {"network", "tcp:0123456789abcdef"},
                                           {"network", "tcp:a b"},
                                           {"network", ""},
                                           {"cache_bytes", "0"},
                                           {"cache_bytes", "10XB"},
                                           {"fanout", "0"},
                                           {"fanout", "1025"},
                                           {"port", "0"},
                                           {"port", "1023"},
                                           {"port", "65536"},
                                           {"encrypt", "1"},
                                           {"encrypt", ""},
                                           {"profile", "true"},
                                           {"full_paths", "YES"},
                                           {"top_paths", "10001"},
                                           {"snapshot_s", "86401"},
                                           {"id", "00"},
                                           {"key", "00"},
                                           {"hosts", "1"},
                                           {"nonsense", "1"},
                                           {"", "1"}};
    struct cu_error err;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        err.text[0] = '\0';
        assert_null(set_and_encode(cases[i][0], cases[i][1], &err));
        assert_memory_equal(err.text, "-x: ", 4);
    }
}

static const char *message(const char *name, const char *value, const char *label)
{
    static struct cu_error err;
    struct cu_job job;

    assert_int_equal(cu_job_init(&job, "/tmp/alice/copper", "/tmp/copper-1000"), 0);
    assert_int_equal(cu_job_set(&job, name, value, label, &err), -EINVAL);
    cu_job_free(&job);
    return err.text;
}

static void tells_option_value_and_what_is_allowed(void **state)
{
    char value[4000];

    (void)state;
    assert_string_equal(message("max_cacheable_bytes", "10XB", "-M"),
                        "-M: \"10XB\" is not a size; allowed are bytes or a number with K, M, G, "
                        "KB, MB or GB");
    assert_string_equal(message("fanout", "0", "-k"),
                        "-k: \"0\" is not a fan-out; allowed is 1 to 1024");
    assert_string_equal(message("trees", "65", "-T"),
                        "-T: \"65\" is not a number of trees; allowed is 1 to 64");
    assert_string_equal(message("log_type", "a\nb", NULL),
                        "log_type: \"a\\x0ab\" is not a log type; allowed is file, stdout or "
                        "file_and_stdout");
    memset(value, '9', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    assert_non_null(
        strstr(message("port", value, "-p"), "999...\" is not a port; allowed is 1024 to 65535"));
}

static void every_allocation_may_fail(void **state)
{
    struct cu_error err;
    struct cu_job job;
    long n = 0;
    int rc;

    (void)state;
    for (; fail_alloc_at(n), rc = cu_job_init(&job, "/tmp/alice/copper", "/tmp/copper-1000"),
                             fail_alloc_hit();
         n++) {
        assert_int_equal(rc, -ENOMEM);
        assert_null(job.network);
    }
    assert_true(rc == 0 && n >= 3);
    fail_alloc_at(0);
    rc = cu_job_set(&job, "mount", "/other", "-v", &err);
    assert_true(fail_alloc_hit());
    assert_int_equal(rc, -ENOMEM);
    assert_string_not_equal(job.mount_dir, "/other");
    cu_job_free(&job);
}

static int64_t rank_in(const char *hosts, const char *name)
{
    struct cu_job job;
    int64_t rank;

    memset(&job, 0, sizeof(job));
    assert_int_equal(cu_parse_hosts(hosts, strlen(hosts), &job.hosts, NULL), 0);
    rank = cu_job_rank_of(&job, name);
    cu_job_free(&job);
    return rank;
}

static void ranks_by_name(void **state)
{
    (void)state;
    assert_int_equal(rank_in("node1 node2 node3", "node2"), 1);
    assert_int_equal(rank_in("node1 node2 node3", "node3.site.org"), 2);
    assert_int_equal(rank_in("node1.a.org node2.a.org", "node2"), 1);
    assert_int_equal(rank_in("node1 node2", "node"), -ENOENT);
    assert_int_equal(rank_in("NODE1 Node2", "node2"), 1);
    assert_int_equal(rank_in("node1 node2", "NODE2.Site.org"), 1);
    assert_int_equal(rank_in("NODE1.a NODE1.b", "node1.b"), 1);
    assert_int_equal(rank_in("node0 node1 NODE1", "Node1"), 1);
    assert_int_equal(rank_in("node10 node11", "node1"), -ENOENT);
    assert_int_equal(rank_in("node1.a node1.b", "node1"), -ENOTUNIQ);
    assert_int_equal(rank_in("node1.a node1.b node1.c", "node1.d"), -ENOTUNIQ);
    assert_int_equal(rank_in("node1.a node1.b", "node1.b"), 1);
    assert_int_equal(rank_in("node1 node1.b", "node1"), 0);
    assert_int_equal(rank_in("10.0.0.1 10.0.0.2", "10.0.0.2"), 1);
    assert_int_equal(rank_in("10.0.0.1", "10.0.0.2"), -ENOENT);
    assert_int_equal(rank_in("", "node1"), -ENOENT);
}

static void test_recipe_names(void **state)
{
    char text[CU_JOB_RECIPE_MAX + 2], learn[] = "auto", recipe[] = "/r/x.recipe";
    struct cu_job job = {.learn = NULL};

    (void)state;
    assert_true(cu_job_is_recipe_name("run-python3.11-train.py-0"));
    assert_false(cu_job_is_recipe_name(""));
    assert_false(cu_job_is_recipe_name(".x"));
    assert_false(cu_job_is_recipe_name("a/b"));
    memset(text, 'a', sizeof(text));
    text[CU_JOB_RECIPE_MAX + 1] = '\0';
    assert_false(cu_job_is_recipe_name(text));
    text[CU_JOB_RECIPE_MAX] = '\0';
    assert_true(cu_job_is_recipe_name(text));
    assert_false(cu_job_learns_by_command(&job));
    job.learn = learn;
    assert_true(cu_job_learns_by_command(&job));
    job.recipe = recipe;
    assert_false(cu_job_learns_by_command(&job));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recipe_names),
        cmocka_unit_test(defaults),
        cmocka_unit_test(places_are_given),
        cmocka_unit_test(accepts_values),
        cmocka_unit_test(refuses_values),
        cmocka_unit_test(tells_option_value_and_what_is_allowed),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(ranks_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
