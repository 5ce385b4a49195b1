/* SPDX-License-Identifier: BSD-3-Clause */
/* The control socket, with clients that keep to the protocol and clients that do not. */
#include "control/socket.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "fail_alloc.h"
#include "few_files.h"

#define LINE_MAX_BYTES 100u
#define TURNS_MAX      100000u /* loop turns until a test gives up: the loop waits in none of them */

static struct {
    uv_loop_t loop;
    struct cu_socket *socket;
    char dir[64], path[128];
    bool hold; /* requests are not answered at once */
    struct cu_socket_conn *held;
    unsigned requests, gone;
    char last[LINE_MAX_BYTES + 1];
} t;

static void answer(struct cu_socket_conn *conn, const char *text)
{
    struct cu_buf *json = cu_buf_copy(text, strlen(text));

    assert_non_null(json);
    cu_socket_reply(conn, json);
    cu_buf_unref(json);
}

static void on_request(void *context, struct cu_socket_conn *conn, const char *text, size_t size)
{
    assert_ptr_equal(context, &t);
    assert_true(size <= LINE_MAX_BYTES);
    t.requests++;
    memcpy(t.last, text, size);
    t.last[size] = '\0';
    t.held = conn;
    if (!t.hold)
        answer(conn, t.last);
}

static void on_gone(void *context, struct cu_socket_conn *conn)
{
    assert_ptr_equal(context, &t);
    t.gone++;
    if (t.held == conn)
        t.held = NULL;
}

static int set_up(void **state)
{
    const struct cu_socket_events events = {.context = &t, .request = on_request, .gone = on_gone};
    struct cu_error err = {""};

    (void)state;
    memset(&t, 0, sizeof(t));
    strcpy(t.dir, "/tmp/cu-socket-test-XXXXXX");
    if (mkdtemp(t.dir) == NULL || uv_loop_init(&t.loop) < 0)
        return -1;
    snprintf(t.path, sizeof(t.path), "%s/sock", t.dir);
    t.socket = cu_socket_create(&t.loop, t.path, LINE_MAX_BYTES, &events, &err);
    return t.socket == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    cu_socket_destroy(t.socket);
    uv_run(&t.loop, UV_RUN_DEFAULT);
    if (uv_loop_close(&t.loop) != 0)
        return -1;
    return rmdir(t.dir); /* the socket's file has gone */
}

static int connect_to(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    strcpy(address.sun_path, t.path);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static void put(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Runs the loop until size bytes or the end have come; returns what came. */
static const char *get(int fd, size_t size)
{
    static char text[512];
    size_t at = 0;

    for (unsigned i = 0; i < TURNS_MAX && at < size; i++) {
        ssize_t got = recv(fd, text + at, size - at, MSG_DONTWAIT);

        if (got == 0)
            break;
        if (got > 0)
            at += (size_t)got;
        uv_run(&t.loop, UV_RUN_NOWAIT);
    }
    text[at] = '\0';
    return text;
}

static void run_until(const unsigned *count, unsigned wanted)
{
    for (unsigned i = 0; i < TURNS_MAX && *count < wanted; i++)
        uv_run(&t.loop, UV_RUN_NOWAIT);
    assert_int_equal(*count, wanted);
}

static void test_mode(void **state)
{
    struct stat st;

    (void)state;
    assert_int_equal(stat(t.path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_lines(void **state)
{
    int fd = connect_to();

    (void)state;
    put(fd, "one\ntwo\nthr");
    assert_string_equal(get(fd, 8), "one\ntwo\n");
    put(fd, "ee\n");
    assert_string_equal(get(fd, 6), "three\n");
    put(fd, "\n");
    assert_string_equal(get(fd, 1), "\n");
    close(fd);
    run_until(&t.gone, 1);
    assert_int_equal(t.requests, 4);
}

/* As `printf ... | socat - UNIX:...` does. */
static void test_half_closed(void **state)
{
    int fd = connect_to();

    (void)state;
    put(fd, "one\ntwo\n");
    shutdown(fd, SHUT_WR);
    assert_string_equal(get(fd, 100), "one\ntwo\n");
    run_until(&t.gone, 1);
    close(fd);
}

static void test_one_at_a_time(void **state)
{
    int fd = connect_to(), other = connect_to();

    (void)state;
    t.hold = true;
    put(fd, "one\ntwo\n");
    run_until(&t.requests, 1);
    for (int i = 0; i < 10; i++)
        uv_run(&t.loop, UV_RUN_NOWAIT);
    assert_int_equal(t.requests, 1);
    assert_string_equal(t.last, "one");
    answer(t.held, "1");
    assert_string_equal(get(fd, 2), "1\n");
    run_until(&t.requests, 2);
    assert_string_equal(t.last, "two");
    t.hold = false; /* another connection is not held up */
    put(other, "three\n");
    assert_string_equal(get(other, 6), "three\n");
    close(fd);
    close(other);
}

static void test_longest_line(void **state)
{
    char line[LINE_MAX_BYTES + 3];
    int fd = connect_to();

    (void)state;
    memset(line, 'x', sizeof(line));
    strcpy(line + LINE_MAX_BYTES, "\n");
    put(fd, line);
    assert_string_equal(get(fd, LINE_MAX_BYTES + 1), line);
    line[LINE_MAX_BYTES] = 'x';
    strcpy(line + LINE_MAX_BYTES + 1, "\n");
    put(fd, line);
    assert_string_equal(get(fd, 1), "");
    assert_int_equal(t.requests, 1);
    run_until(&t.gone, 1);
    close(fd);
}

/* The oldest idle ones go; who waits for an answer stays. */
static void test_too_many(void **state)
{
    int fds[CU_SOCKET_CONNECTIONS_MAX + 5];
    const size_t count = sizeof(fds) / sizeof(fds[0]);

    (void)state;
    t.hold = true;
    fds[0] = connect_to();
    put(fds[0], "wait\n");
    run_until(&t.requests, 1);
    for (size_t i = 1; i < count; i++) {
        fds[i] = connect_to();
        uv_run(&t.loop, UV_RUN_NOWAIT);
    }
    run_until(&t.gone, 5);
    answer(t.held, "done");
    assert_string_equal(get(fds[0], 5), "done\n");
    assert_string_equal(get(fds[1], 1), "");
    t.hold = false;
    put(fds[count - 1], "x\n");
    assert_string_equal(get(fds[count - 1], 2), "x\n");
    for (size_t i = 0; i < count; i++)
        close(fds[i]);
}

static void test_unlisten(void **state)
{
    struct stat st;
    int fd = connect_to();

    (void)state;
    t.hold = true;
    put(fd, "stop\n");
    run_until(&t.requests, 1);
    cu_socket_unlisten(t.socket);
    assert_int_equal(stat(t.path, &st), -1);
    answer(t.held, "stopped");
    assert_string_equal(get(fd, 8), "stopped\n");
    assert_int_equal(cu_socket_queued(t.socket), 0);
    close(fd);
}

static void test_reader_that_stopped(void **state)
{
    size_t size = 8u << 20;
    struct cu_buf *json = cu_buf_new(size);
    int fd = connect_to();

    (void)state;
    assert_non_null(json);
    memset(json->data, 'x', size);
    t.hold = true;
    put(fd, "all\n");
    run_until(&t.requests, 1);
    cu_socket_reply(t.held, json);
    cu_buf_unref(json);
    uv_run(&t.loop, UV_RUN_NOWAIT);
    assert_int_equal(cu_socket_queued(t.socket), size + 1);
    close(fd);
    run_until(&t.gone, 1);
    assert_int_equal(cu_socket_queued(t.socket), 0);
}

static void test_name_too_long(void **state)
{
    const struct cu_socket_events events = {.context = &t, .request = on_request, .gone = on_gone};
    struct cu_error err = {""};
    char path[256];

    (void)state;
    memset(path, 'x', sizeof(path) - 1);
    path[0] = '/';
    path[sizeof(path) - 1] = '\0';
    assert_null(cu_socket_create(&t.loop, path, LINE_MAX_BYTES, &events, &err));
    assert_non_null(strstr(err.text, "the name is too long"));
    assert_null(cu_socket_create(&t.loop, "/nowhere/at/all", LINE_MAX_BYTES, &events, &err));
    assert_non_null(strstr(err.text, "/nowhere/at/all"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

static bool has_ended(int fd)
{
    char byte;

    for (unsigned i = 0; i < TURNS_MAX; i++) {
        if (recv(fd, &byte, 1, MSG_DONTWAIT) == 0)
            return true;
        uv_run(&t.loop, UV_RUN_NOWAIT);
    }
    return false;
}

/* A connection for which there is no memory costs that connection, not the socket. */
static void test_no_memory_to_accept(void **state)
{
    int fds[3], fd;

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        fds[i] = connect_to(); /* all wait when the first is taken */
    fail_alloc_every(1);
    for (unsigned i = 0; i < 3; i++) {
        assert_true(has_ended(fds[i]));
        close(fds[i]);
    }
    fail_alloc_every(0);
    assert_true(fail_alloc_hit());
    fd = connect_to();
    put(fd, "still there\n");
    assert_string_equal(get(fd, 12), "still there\n");
    close(fd);
}

static void test_no_descriptor_to_accept(void **state)
{
    int first = connect_to(), second;
    rlim_t before = few_files_begin();

    (void)state;
    assert_true(has_ended(first));
    few_files_end(before);
    close(first);
    second = connect_to();
    put(second, "still there\n");
    assert_string_equal(get(second, 12), "still there\n");
    close(second);
}

/* An answer needs no memory of its own. */
static void test_no_memory_to_reply(void **state)
{
    struct cu_buf *json = cu_buf_copy("{}", 2);
    int fd = connect_to();

    (void)state;
    t.hold = true;
    put(fd, "one\n");
    for (unsigned i = 0; i < TURNS_MAX && t.held == NULL; i++)
        uv_run(&t.loop, UV_RUN_NOWAIT);
    assert_non_null(t.held);
    fail_alloc_every(1);
    cu_socket_reply(t.held, json);
    fail_alloc_every(0);
    fail_alloc_hit();
    assert_string_equal(get(fd, 3), "{}\n");
    cu_buf_unref(json);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_mode),
        TEST(test_lines),
        TEST(test_half_closed),
        TEST(test_one_at_a_time),
        TEST(test_longest_line),
        TEST(test_too_many),
        TEST(test_unlisten),
        TEST(test_reader_that_stopped),
        TEST(test_name_too_long),
        TEST(test_no_memory_to_accept),
        TEST(test_no_memory_to_reply),
        TEST(test_no_descriptor_to_accept),
    };

    signal(SIGPIPE, SIG_IGN); /* as the daemon does */
    return cmocka_run_group_tests(tests, NULL, NULL);
}
