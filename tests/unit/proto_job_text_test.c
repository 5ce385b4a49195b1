/* SPDX-License-Identifier: BSD-3-Clause */
/* The job's text: what the launcher writes comes back, what a stranger makes up does not get in. */
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

#define ID  "000102030405060708090a0b0c0d0e0f"
#define KEY "f0f1f2f3f4f5f6f7f8f9fafbfcfdfefff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"

static const char minimal[] =
    "exit 93\ncopper-job 3\nid " ID "\nkey " KEY "\nmount /m\nlog_dir /l\nhosts 2\nn2\nn1\n";

static void make_job(struct cu_job *job)
{
    static const char *const settings[][2] = {{"mount", "/tmp/alice/with blank"},
                                              {"log_type", "stdout"},
                                              {"trees", "3"},
                                              {"cores", "0-1023"},
                                              {"port", "7777"},
                                              {"fanout", "4"},
                                              {"cache_bytes", "1G"},
                                              {"encrypt", "yes"},
                                              {"profile", "yes"}};
    struct cu_error err;

    assert_int_equal(cu_job_init(job, "/tmp/alice/copper", "/tmp/copper-1000"), 0);
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
        assert_int_equal(cu_job_set(job, settings[i][0], settings[i][1], NULL, &err), 0);
    memset(job->id, 0xa5, sizeof(job->id));
    for (unsigned i = 0; i < sizeof(job->key); i++)
        job->key[i] = (uint8_t)(i * 7);
    assert_int_equal(cu_parse_hosts("n[1-12]", 7, &job->hosts, &err), 0);
}

static void text_and_back(void **state)
{
    struct cu_job job, back;
    struct cu_error err;
    char *text, *again;

    (void)state;
    make_job(&job);
    text = cu_job_encode(&job);
    assert_non_null(text);
    setenv("COPPER_MOUNT", "not/a/path", 1); /* of the launch host, not of the job */
    assert_int_equal(cu_job_decode(text, strlen(text), &back, &err), 0);
    unsetenv("COPPER_MOUNT");
    again = cu_job_encode(&back);
    assert_string_equal(text, again);
    assert_memory_equal(job.id, back.id, sizeof(job.id));
    assert_memory_equal(job.key, back.key, sizeof(job.key));
    assert_string_equal(back.mount_dir, "/tmp/alice/with blank");
    assert_true(back.cores_given && back.core_count == 1024 && back.cores[1023] == 1023);
    assert_int_equal(back.hosts.count, 12);
    assert_string_equal(back.hosts.names[11], "n12");
    free(text);
    free(again);
    cu_job_free(&job);
    cu_job_free(&back);
}

static int decode(const char *text, struct cu_error *err)
{
    struct cu_job job;
    int rc = cu_job_decode(text, strlen(text), &job, err);

    if (rc == 0)
        cu_job_free(&job);
    else
        assert_true(job.hosts.names == NULL && job.mount_dir == NULL && job.network == NULL);
    return rc;
}

static void minimal_text_has_defaults_and_keeps_the_order(void **state)
{
    struct cu_job job;

    (void)state;
    assert_int_equal(cu_job_decode(minimal, strlen(minimal), &job, NULL), 0);
    assert_int_equal(job.ready_timeout_s, 20);
    assert_int_equal(job.key[0], 0xf0);
    assert_int_equal(job.id[15], 0x0f);
    assert_string_equal(job.hosts.names[0], "n2");
    cu_job_free(&job);
}

#define HEAD "exit 93\ncopper-job 3\nid " ID "\nkey " KEY "\nmount /m\nlog_dir /l\n"

static void refuses_texts(void **state)
{
    static const char *const cases[][2] = {
        {"", "line 1: the text ends too early"},
        {"exit 93", "line 1: is cut off"},
        {"exit 93\n", "line 2: the text ends too early"},
        {"exit 93\ncopper-job 3", "line 2: is cut off"},
        {"exit 93\ncopper-job 2\n", "line 2: is not \"copper-job 3\""},
        {"copper-job 2\n", "line 1: is not \"exit 93\": not a job of this version"},
        {"copper-job 3\nid " ID "\n", "line 1: is not \"exit 93\""},
        {"exit 93 \ncopper-job 3\n", "line 1: is not \"exit 93\""},
        {"exit 9\ncopper-job 3\n", "line 1: is not \"exit 93\""},
        {"\nexit 93\ncopper-job 3\n", "line 1: is not \"exit 93\""},
        {"exit 93\ncopper-job 3\n", "line 3: the text ends too early"},
        {HEAD "hosts 1\nn1", "line 8: is cut off"},
        {HEAD "hosts 2\nn1\n", "line 9: the text ends too early"},
        {HEAD "hosts 2\nlonger\n", "line 9: the text ends too early"},
        {HEAD "hosts 1\nn1\nn2\n", "line 8: there is text behind the last host"},
        {HEAD "hosts 1\nn1\n\n", "line 8: there is text behind the last host"},
        {HEAD "hosts 0\n", "line 7: hosts: allowed is 1 to 100000"},
        {HEAD "hosts 100001\n", "line 7: hosts: allowed"},
        {HEAD "hosts -1\nn1\n", "line 7: hosts: allowed"},
        {HEAD "hosts 1\n-n\n", "line 8: is no list of hosts"},
        {HEAD "hosts 1\nn1 \n", "line 8: is no list of hosts"},
        {HEAD "hosts 1\nn[1-2]\n", "line 8: is no list of hosts, or of too many"},
        {HEAD "hosts 1\nn[1-\n", "line 8: is no list of hosts"},
        {HEAD "hosts 3\nn[1-2]\n", "line 9: the text ends too early"},
        {HEAD "hosts 3\nn[1-2]\nn2\n", "host n2 is there twice"},
        {HEAD "hosts 3\nn1\nn2\nn1\n", "host n1 is there twice"},
        {HEAD "mount /x\nhosts 1\nn1\n", "line 7: mount: is there twice"},
        {HEAD "id " ID "\nhosts 1\nn1\n", "line 7: id or key is there twice"},
        {HEAD "key " KEY "\nhosts 1\nn1\n", "line 7: id or key is there twice"},
        {HEAD "colour red\nhosts 1\nn1\n", "line 7: unknown name \"colour\""},
        {HEAD "\nhosts 1\nn1\n", "line 7: is not \"name value\""},
        {HEAD "trees\nhosts 1\nn1\n", "line 7: is not \"name value\""},
        {HEAD " trees 1\nhosts 1\nn1\n", "line 7: is not \"name value\""},
        {HEAD "trees 65\nhosts 1\nn1\n", "line 7: trees: \"65\" is not a number of trees"},
        {HEAD "trees  1\nhosts 1\nn1\n", "line 7: trees: \" 1\" is not"},
        {HEAD "trees 1\r\nhosts 1\nn1\n", "line 7: trees: \"1\\x0d\" is not"},
        {"exit 93\ncopper-job 3\nkey " KEY "\nmount /m\nlog_dir /l\nhosts 1\nn\n",
         "log_dir is missing"},
        {"exit 93\ncopper-job 3\nid " ID "\nmount /m\nlog_dir /l\nhosts 1\nn\n",
         "log_dir is missing"},
        {"exit 93\ncopper-job 3\nid " ID "\nkey " KEY "\nlog_dir /l\nhosts 1\nn\n",
         "log_dir is missing"},
        {"exit 93\ncopper-job 3\nid " ID "\nkey " KEY "\nmount /m\nhosts 1\nn\n",
         "log_dir is missing"},
        {"exit 93\ncopper-job 3\nid 00\n", "line 3: id or key has the wrong length"},
        {"exit 93\ncopper-job 3\nkey " ID "\n", "line 3: id or key has the wrong length"},
        {"exit 93\ncopper-job 3\nid 000102030405060708090a0b0c0d0e0F\n",
         "line 3: id or key is not of hex"},
        {"exit 93\ncopper-job 3\nid 000102030405060708090a0b0c0d0e g\n",
         "line 3: id or key is not of hex"},
    };
    struct cu_error err;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(decode(cases[i][0], &err), -EINVAL);
        if (strstr(err.text, cases[i][1]) == NULL)
            fail_msg("case %zu: %s", i, err.text);
    }
}

static void refuses_too_long_and_nul(void **state)
{
    struct cu_job job;
    struct cu_error err;
    char *text = malloc(CU_JOB_TEXT_MAX + 1);
    size_t head = strlen(HEAD);
    char with_nul[sizeof(minimal)];

    (void)state;
    assert_non_null(text);
    memset(text, 'a', CU_JOB_TEXT_MAX + 1);
    memcpy(text, HEAD, head);
    assert_int_equal(cu_job_decode(text, CU_JOB_TEXT_MAX + 1, &job, &err), -EINVAL);
    assert_non_null(strstr(err.text, "has 16777217 bytes; allowed are 16777216"));
    text[head + 6] = ' '; /* a value of nearly 16 MiB */
    text[CU_JOB_TEXT_MAX - 1] = '\n';
    assert_int_equal(cu_job_decode(text, CU_JOB_TEXT_MAX, &job, &err), -EINVAL);
    assert_non_null(strstr(err.text, "line 7: value is too long"));
    free(text);
    memcpy(with_nul, minimal, sizeof(minimal));
    with_nul[strlen(minimal) - 2] = '\0';
    assert_int_equal(cu_job_decode(with_nul, strlen(minimal), &job, &err), -EINVAL);
    assert_int_equal(cu_job_decode(minimal, sizeof(minimal), &job, &err), -EINVAL);
    assert_int_equal(cu_job_decode(NULL, 0, &job, &err), -EINVAL);
}

/* A shell ends at the first line, with a status that tells why, before it has seen anything else:
 * no word behind it on that line (zsh -i and tcsh would not end there). */
static void shells_end_at_the_first_line(void **state)
{
    static const struct {
        const char *text;
        bool begins;
    } cases[] = {{"exit 93\ncopper-job 3\n", true},
                 {"exit 93\ncopper-job 17", true},
                 {"exit 93\n", false},
                 {"copper-job 3\nid 00\n", false}, /* a start-up file has read the first line */
                 {"", false}};
    struct cu_job job;
    char *text;

    (void)state;
    make_job(&job);
    text = cu_job_encode(&job);
    assert_non_null(text);
    assert_memory_equal(text, CU_JOB_SHELL_LINE, strlen(CU_JOB_SHELL_LINE));
    assert_int_equal(strcspn(text, "\n"), strlen("exit 93"));
    assert_int_equal(strtol(text + strlen("exit "), NULL, 10), CU_JOB_SHELL_STATUS);
    assert_true(cu_job_begins(text, strlen(text)));
    free(text);
    cu_job_free(&job);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(cu_job_begins(cases[i].text, strlen(cases[i].text)), cases[i].begins);
}

/* Each text in memory of its own length, so that the sanitizer sees a read past the end. What is
 * taken in spite of the damage must be a job that encodes and decodes. */
static void survives_damage(void **state)
{
    static const char bytes[] = {'\0', '\n', ' ', '0', '9', 'z', '/', '-', '[', '\x80', '\xff'};
    size_t size = strlen(minimal);
    struct cu_error err;
    struct cu_job job;

    (void)state;
    for (size_t cut = 0; cut < size; cut++) {
        char *text = malloc(cut > 0 ? cut : 1);

        memcpy(text, minimal, cut);
        assert_int_equal(cu_job_decode(text, cut, &job, &err), -EINVAL);
        free(text);
    }
    for (size_t i = 0; i < size * sizeof(bytes); i++) {
        char *text = malloc(size);

        memcpy(text, minimal, size);
        text[i / sizeof(bytes)] = bytes[i % sizeof(bytes)];
        if (cu_job_decode(text, size, &job, &err) == 0) {
            char *again = cu_job_encode(&job);

            cu_job_free(&job);
            assert_int_equal(decode(again, &err), 0);
            free(again);
        }
        free(text);
    }
}

/* A key in the wrong place, with one byte wrong, cut or joined to its neighbours. */
static void messages_never_show_the_key(void **state)
{
    static const char *const texts[] = {"exit 93\ncopper-job 3\nkey " KEY "0\n",
                                        "exit 93\ncopper-job 3\nkey\n" KEY " x\n",
                                        "exit 93\ncopper-job 3\nkey x" KEY "\n",
                                        "exit 93\ncopper-job 3\nkey" KEY " x\n",
                                        "exit 93\ncopper-job 3\nkey " KEY "\nkey " KEY "\n",
                                        KEY "\n",
                                        "exit 93\ncopper-job 3\nf0f1f2f3f4f5 x\n"};
    struct cu_error err;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(decode(texts[i], &err), -EINVAL);
        assert_null(strstr(err.text, "f0f1f2"));
        assert_null(strstr(err.text, "fdfeff"));
    }
}

static int encode_and_decode(const struct cu_job *job)
{
    struct cu_error err;
    struct cu_job back;
    char *text = cu_job_encode(job);
    int rc;

    if (text == NULL)
        return -ENOMEM;
    rc = cu_job_decode(text, strlen(text), &back, &err);
    free(text);
    if (rc == 0)
        cu_job_free(&back);
    return rc;
}

static void every_allocation_may_fail(void **state)
{
    struct cu_job job;
    int rc;
    long n = 0;

    (void)state;
    make_job(&job);
    for (; fail_alloc_at(n), rc = encode_and_decode(&job), fail_alloc_hit(); n++)
        assert_int_equal(rc, -ENOMEM);
    assert_true(rc == 0 && n > 12);
    cu_job_free(&job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_and_back),
        cmocka_unit_test(minimal_text_has_defaults_and_keeps_the_order),
        cmocka_unit_test(refuses_texts),
        cmocka_unit_test(refuses_too_long_and_nul),
        cmocka_unit_test(shells_end_at_the_first_line),
        cmocka_unit_test(survives_damage),
        cmocka_unit_test(messages_never_show_the_key),
        cmocka_unit_test(every_allocation_may_fail),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
