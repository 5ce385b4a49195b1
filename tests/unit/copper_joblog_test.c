/* SPDX-License-Identifier: BSD-3-Clause */
/* A log that is written as its pages come, and says what is not in it. The daemon's answers lie in
 * the socket before it is asked. */
#include "copper/joblog.h"

#include "control/base64.h"
#include "proto/logpage.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static struct cu_client client;
static int other; /* the daemon's end */
static char dir[64], file[128], requests[128];
static char *answers[4]; /* owned: lines that the daemon will say, one a request */
static size_t answer_count;

static int set_up(void **state)
{
    int fds[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    client = (struct cu_client){.channel.fd = fds[0], .name = "node1"};
    other = fds[1];
    strcpy(dir, "/tmp/copper-joblog-test-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(file, sizeof(file), "%s/log", dir);
    snprintf(requests, sizeof(requests), "%s/requests", dir);
    answer_count = 0;
    return 0;
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    cu_client_close(&client);
    close(other);
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command);
}

struct line {
    uint64_t us;
    uint32_t rank, number;
    const char *text;
};

static void say(const char *text)
{
    assert_true(answer_count < sizeof(answers) / sizeof(answers[0]));
    assert_true(asprintf(&answers[answer_count++], "%s\n", text) > 0);
}

static void answer(const struct line *lines, size_t count, uint64_t more, const char *lacking)
{
    struct cu_logpage *page = cu_logpage_new();
    struct cu_buf *bytes;
    json_t *result;
    char *text;

    assert_non_null(page);
    for (size_t i = 0; i < count; i++) {
        const struct cu_logpage_at at = {lines[i].us, lines[i].rank, lines[i].number};

        assert_int_equal(cu_logpage_add(page, &at, lines[i].text, strlen(lines[i].text)), 0);
    }
    page->lines.total += more;
    bytes = cu_logpage_encode(page);
    result = json_pack("{s:b, s:b, s:s, s:s, s:o}", "ok", 1, "collects", 1, "job",
                       "0123456789abcdef0123456789abcdef", "lacking", lacking, "page",
                       cu_base64_json(bytes));
    text = json_dumps(result, JSON_COMPACT);
    assert_non_null(text);
    say(text);
    free(text);
    json_decref(result);
    cu_buf_unref(bytes);
    cu_logpage_free(page);
}

static const char *content(const char *path)
{
    static char text[16384];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n;

    assert_true(fd >= 0);
    n = read(fd, text, sizeof(text) - 1);
    assert_true(n >= 0);
    text[n] = '\0';
    close(fd);
    return text;
}

/* In the child: answers a line each, and notes what it was asked. */
static void be_daemon(void)
{
    int log = open(requests, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    char c = 0;

    for (size_t i = 0; i < answer_count; i++) {
        do {
            if (read(other, &c, 1) != 1 || write(log, &c, 1) != 1)
                _exit(1);
        } while (c != '\n');
        if (write(other, answers[i], strlen(answers[i])) != (ssize_t)strlen(answers[i]))
            _exit(1);
    }
    _exit(0);
}

static void keep(const struct cu_joblog *wish)
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0)
        be_daemon();
    cu_joblog_keep(cu_joblog_take(&client, wish));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0); /* all was asked for */
    for (size_t i = 0; i < answer_count; i++)
        free(answers[i]);
    answer_count = 0;
}

static void test_pages_and_gaps(void **state)
{
    static const struct line first[] = {
        {10, 0, 1, "time=A level=warn node=\"n0\" text=\"a\""},
        {11, 1, 5, "time=B level=warn node=\"n1\" text=\"b\""},
    };
    static const struct line second[] = {
        {12, 0, 2, "time=C level=warn node=\"n0\" text=\"c\""},
        {13, 1, 8, "odd \x1b"},
        {13, 1, 9, "time=D level=warn node=\"n1\" text=\"d\""},
    };

    (void)state;
    answer(first, 2, 3, "");
    answer(second, 3, 0, "");
    keep(&(struct cu_joblog){.asked = true, .file = file});
    assert_string_equal(content(requests), "{\"op\":\"log\",\"all\":true,\"asked\":true,"
                                           "\"after\":\"00000000000000000000000000000000\"}\n"
                                           "{\"op\":\"log\",\"all\":true,\"asked\":true,"
                                           "\"after\":\"000000000000000b0000000100000005\"}\n");
    assert_string_equal(content(file),
                        "time=A level=warn node=\"n0\" text=\"a\"\n"
                        "time=B level=warn node=\"n1\" text=\"lines were not kept here\" lost=4\n"
                        "time=B level=warn node=\"n1\" text=\"b\"\n"
                        "time=C level=warn node=\"n0\" text=\"c\"\n"
                        "odd level=warn text=\"lines were not kept here\" lost=2\n"
                        "odd \\x1b\n"
                        "time=D level=warn node=\"n1\" text=\"d\"\n");
}

static void test_silent_nodes(void **state)
{
    static const struct line lines[] = {{10, 0, 1, "a"}, {11, 0, 2, "b"}, {12, 0, 3, "c"}};
    const char *text;

    (void)state;
    answer(&lines[0], 1, 9, "n[1-2]");
    answer(&lines[1], 1, 9, "n[1-2]");
    answer(&lines[2], 1, 0, "");
    keep(&(struct cu_joblog){.asked = true, .parent = dir});
    snprintf(file, sizeof(file), "%s/copper-01234567/job.log", dir);
    text = content(file);
    assert_non_null(
        strstr(text, " text=\"from here on without the log of n[1-2]: no answer\"\na\nb\ntime="));
    assert_non_null(strstr(text, " text=\"from here on with the log of n[1-2]\"\nc\n"));
}

/* A daemon that goes on promising more, or that tells lines again. */
static void test_what_does_not_end(void **state)
{
    static const struct line lines[] = {{10, 0, 1, "a"}};

    (void)state;
    answer(lines, 1, 7, "");
    answer(NULL, 0, 7, "");
    keep(&(struct cu_joblog){.asked = true, .file = file});
    assert_non_null(strstr(content(file), "the log ends here"));
    assert_non_null(strstr(content(file), " lost=7\n"));
    answer(lines, 1, 7, "");
    answer(lines, 1, 7, "");
    keep(&(struct cu_joblog){.asked = true, .file = file});
    assert_memory_equal(content(file), "a\ntime=", 7);
    assert_non_null(strstr(content(file), " text=\"node1: sends a log that is none\"\n"));
}

static void test_nothing_to_collect(void **state)
{
    (void)state;
    say("{\"ok\":true,\"collects\":false}");
    keep(&(struct cu_joblog){.file = file});
    assert_int_equal(access(file, F_OK), -1);
    say("{\"ok\":false,\"error\":\"this job has no log\"}");
    keep(&(struct cu_joblog){.asked = true, .file = file});
    assert_int_equal(access(file, F_OK), -1);
}

/* What has been gathered is kept. */
static void test_no_room_in_tmp(void **state)
{
    struct rlimit before, small;
    char text[2001];
    struct line lines[] = {{10, 0, 1, text}, {11, 0, 2, text}, {12, 0, 3, text}};

    (void)state;
    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    answer(&lines[0], 1, 2, "");
    answer(&lines[1], 2, 0, "");
    assert_true(signal(SIGXFSZ, SIG_IGN) != SIG_ERR);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 3000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    keep(&(struct cu_joblog){.asked = true, .file = file});
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_memory_equal(content(file), text, sizeof(text) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_pages_and_gaps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_silent_nodes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_does_not_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nothing_to_collect, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_no_room_in_tmp, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
