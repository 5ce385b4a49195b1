/* SPDX-License-Identifier: BSD-3-Clause */
/* The daemon's side of the socket over which namespaces are handed on. The clients are sockets of
 * this process; the namespace is its own. */
#include "control/spaces.h"

#include "control/inuse.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static struct {
    char dir[32], path[64];
    uv_loop_t loop;
    int store[2];
    struct cu_spaces *spaces;
} t;

static void start(void)
{
    struct cu_error err;

    t.spaces = cu_spaces_create(&t.loop, t.path, t.store, &err);
    assert_non_null(t.spaces);
}

static void stop(void)
{
    cu_spaces_destroy(t.spaces);
    t.spaces = NULL;
    uv_run(&t.loop, UV_RUN_DEFAULT);
}

static int setup(void **state)
{
    (void)state;
    memset(&t, 0, sizeof(t));
    snprintf(t.dir, sizeof(t.dir), "/tmp/copper-spaces.XXXXXX");
    if (!mkdtemp(t.dir) || cu_spaces_store_open(t.store) != 0)
        return -1;
    snprintf(t.path, sizeof(t.path), "%s/view", t.dir);
    uv_loop_init(&t.loop);
    start();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    stop();
    close(t.store[0]);
    close(t.store[1]);
    return uv_loop_close(&t.loop) == 0 && access(t.path, F_OK) != 0 && rmdir(t.dir) == 0 ? 0 : -1;
}

static int connect_to(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    memcpy(address.sun_path, t.path, strlen(t.path) + 1);
    assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static struct cu_spaces_packet packet_of(uint32_t what, uint8_t key, uint8_t base)
{
    struct cu_spaces_packet packet = {.magic = CU_SPACES_MAGIC, .what = what};

    memset(packet.key, key, sizeof(packet.key));
    memset(packet.base, base, sizeof(packet.base));
    return packet;
}

static void say(int fd, uint32_t what, uint8_t key, uint8_t base, int passed)
{
    const struct cu_spaces_packet packet = packet_of(what, key, base);

    assert_int_equal(cu_spaces_send(fd, &packet, passed), 0);
}

/* What comes next: an enum cu_spaces_what, or -errno. *passed: was there a descriptor? */
static int hear(int fd, bool *passed)
{
    struct cu_spaces_packet packet;
    int got = -1, rc;

    while ((rc = cu_spaces_receive(fd, 0, &packet, &got)) == -EAGAIN)
        uv_run(&t.loop, UV_RUN_ONCE);
    if (got >= 0)
        close(got);
    if (passed)
        *passed = got >= 0;
    return rc < 0 ? rc : (int)packet.what;
}

static int ask(uint8_t key, uint8_t base, bool *passed, int *fd)
{
    *fd = connect_to();
    say(*fd, CU_SPACES_ASK, key, base, -1);
    return hear(*fd, passed);
}

static void make(uint8_t key, uint8_t base)
{
    int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC), fd;

    assert_int_equal(ask(key, base, NULL, &fd), CU_SPACES_MAKE);
    say(fd, CU_SPACES_MADE, key, base, own);
    assert_int_equal(hear(fd, NULL), CU_SPACES_KEPT);
    assert_int_equal(hear(fd, NULL), -ECONNRESET);
    close(fd);
    close(own);
}

static unsigned open_descriptors(void)
{
    unsigned count = 0;

    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void test_mode(void **state)
{
    struct stat st;

    (void)state;
    assert_int_equal(stat(t.path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
}

static void test_made_once(void **state)
{
    bool passed;
    int fd;

    (void)state;
    assert_int_equal(ask(1, 1, &passed, &fd), CU_SPACES_MAKE);
    assert_false(passed);
    close(fd); /* it has died: the next one makes it */
    make(1, 1);
    assert_int_equal(ask(1, 1, &passed, &fd), CU_SPACES_HERE);
    assert_true(passed);
    close(fd);
    assert_int_equal(ask(2, 1, &passed, &fd), CU_SPACES_MAKE); /* in the same user namespace */
    assert_true(passed);
    close(fd);
    assert_int_equal(ask(2, 2, &passed, &fd), CU_SPACES_MAKE);
    assert_false(passed);
    close(fd);
}

static void test_others_wait(void **state)
{
    int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC), maker, waiting[100];
    bool passed;

    (void)state;
    assert_int_equal(ask(1, 1, NULL, &maker), CU_SPACES_MAKE);
    for (size_t i = 0; i < 100; i++) {
        waiting[i] = connect_to();
        say(waiting[i], CU_SPACES_ASK, 1, 1, -1);
    }
    say(maker, CU_SPACES_MADE, 1, 1, own);
    for (size_t i = 0; i < 100; i++) {
        assert_int_equal(hear(waiting[i], &passed), CU_SPACES_HERE);
        assert_true(passed);
        close(waiting[i]);
    }
    close(maker);
    close(own);
}

static void test_garbage(void **state)
{
    static const char text[] = "{\"op\":\"status\"}\n";
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC), two[2], fd;
    struct cu_spaces_packet packet = packet_of(CU_SPACES_ASK, 1, 1);
    struct iovec part = {.iov_base = &packet, .iov_len = sizeof(packet)};
    union {
        struct cmsghdr align;
        char bytes[CMSG_SPACE(2 * sizeof(int))];
    } control = {.bytes = {0}};
    struct msghdr msg = {.msg_iov = &part,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
    unsigned before = open_descriptors();

    (void)state;
    fd = connect_to();
    assert_int_equal(send(fd, text, sizeof(text), 0), sizeof(text));
    assert_int_equal(hear(fd, NULL), -ECONNRESET);
    close(fd);
    fd = connect_to();
    say(fd, CU_SPACES_MADE, 1, 1, null); /* nobody asked for it */
    assert_int_equal(hear(fd, NULL), -ECONNRESET);
    close(fd);
    fd = connect_to();
    two[0] = two[1] = null;
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(sizeof(two));
    memcpy(CMSG_DATA(head), two, sizeof(two));
    assert_int_equal(sendmsg(fd, &msg, 0), sizeof(packet));
    assert_int_equal(hear(fd, NULL), -ECONNRESET);
    close(fd);
    assert_int_equal(ask(1, 1, NULL, &fd), CU_SPACES_MAKE);
    say(fd, CU_SPACES_MADE, 1, 1, null); /* it is no namespace */
    assert_int_equal(hear(fd, NULL), -ECONNRESET);
    close(fd);
    assert_int_equal(open_descriptors(), before);
    make(1, 1);
    close(null);
}

/* A daemon that died leaves them to the next one. */
static void test_taken_over(void **state)
{
    bool passed;
    int fd;

    (void)state;
    make(1, 1);
    make(2, 1);
    for (int round = 0; round < 2; round++) {
        stop();
        start();
        for (uint8_t key = 1; key <= 2; key++) {
            assert_int_equal(ask(key, 1, &passed, &fd), CU_SPACES_HERE);
            assert_true(passed);
            close(fd);
        }
    }
}

static void test_bounded(void **state)
{
    unsigned before = 0;
    int fd;

    (void)state;
    for (unsigned i = 0; i < 2 * CU_SPACES_MAX + 5; i++) {
        make((uint8_t)(i + 1), 1);
        if (i == CU_SPACES_MAX)
            before = open_descriptors();
    }
    assert_int_equal(open_descriptors(), before);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(ask((uint8_t)(CU_SPACES_MAX + 5), 1, NULL, &fd), CU_SPACES_MAKE);
        close(fd);
        assert_int_equal(ask((uint8_t)(CU_SPACES_MAX + 6), 1, NULL, &fd), CU_SPACES_HERE);
        close(fd);
        stop();
        start();
    }
}

static void on_over(uv_timer_t *timer)
{
    *(bool *)timer->data = true;
}

static void on_turn(uv_prepare_t *turn)
{
    ++*(unsigned *)turn->data;
}

static void on_nothing(uv_handle_t *handle)
{
    (void)handle;
}

/* Who cannot be accepted for want of descriptors waits; the loop does not spin meanwhile. */
static void test_no_descriptor(void **state)
{
    struct rlimit limit, none;
    unsigned turns = 0;
    uv_prepare_t turn;
    uv_timer_t timer;
    bool over = false;
    int fd;

    (void)state;
    fd = connect_to();
    say(fd, CU_SPACES_ASK, 1, 0, -1);
    uv_timer_init(&t.loop, &timer);
    uv_prepare_init(&t.loop, &turn);
    timer.data = &over;
    turn.data = &turns;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = limit;
    none.rlim_cur = 0;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    uv_prepare_start(&turn, on_turn);
    uv_timer_start(&timer, on_over, 500, 0);
    while (!over)
        uv_run(&t.loop, UV_RUN_ONCE);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_true(turns < 100);
    uv_close((uv_handle_t *)&timer, on_nothing);
    uv_close((uv_handle_t *)&turn, on_nothing);
    assert_int_equal(hear(fd, NULL), CU_SPACES_MAKE);
    close(fd);
}

static void test_users(void **state)
{
    long pids[2] = {0, 0};
    unsigned count;
    bool there = false;

    (void)state;
    assert_int_equal(cu_spaces_users(t.spaces, pids, 2), 0);
    make(1, 1); /* the namespace of this process, and of others */
    count = cu_spaces_users(t.spaces, NULL, 0);
    assert_true(count >= 1);
    long *all = calloc(count + 64, sizeof(*all));

    assert_non_null(all);
    count = cu_spaces_users(t.spaces, all, count + 64);
    for (unsigned i = 0; i < count; i++)
        there = there || all[i] == getpid();
    free(all);
    assert_true(there);
}

static pthread_t looked_on;

unsigned __real_cu_spaces_users(const struct cu_spaces *spaces, long *pids, unsigned max);
unsigned __wrap_cu_spaces_users(const struct cu_spaces *spaces, long *pids, unsigned max);

unsigned __wrap_cu_spaces_users(const struct cu_spaces *spaces, long *pids, unsigned max)
{
    looked_on = pthread_self();
    return __real_cu_spaces_users(spaces, pids, max);
}

static void on_looked(void *context, json_t *in_use)
{
    *(json_t **)context = in_use;
    uv_stop(&t.loop);
}

/* The stop's look: the descriptors are there until it is over, and no other comes meanwhile. */
static void test_a_look_is_beside_the_loop(void **state)
{
    json_t *in_use = NULL;
    struct cu_inuse_look look = {.host = "node2", .context = &in_use, .done = on_looked};
    struct cu_crew *crew = cu_crew_create(&t.loop, 1);

    (void)state;
    assert_non_null(crew);
    make(1, 1);
    cu_spaces_unlisten(t.spaces);
    looked_on = pthread_self();
    look.spaces = t.spaces;
    cu_inuse_look(crew, &look);
    uv_run(&t.loop, UV_RUN_DEFAULT);
    assert_false(pthread_equal(looked_on, pthread_self()));
    assert_true(json_integer_value(json_object_get(in_use, "processes")) >= 1);
    assert_memory_equal(json_string_value(json_object_get(in_use, "first")), "node2: ", 7);
    json_decref(in_use);
    cu_spaces_give_up(t.spaces);
    assert_int_equal(__real_cu_spaces_users(t.spaces, NULL, 0), 0);
    cu_crew_close(crew);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_mode, setup, teardown),
        cmocka_unit_test_setup_teardown(test_made_once, setup, teardown),
        cmocka_unit_test_setup_teardown(test_others_wait, setup, teardown),
        cmocka_unit_test_setup_teardown(test_garbage, setup, teardown),
        cmocka_unit_test_setup_teardown(test_taken_over, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_no_descriptor, setup, teardown),
        cmocka_unit_test_setup_teardown(test_users, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_look_is_beside_the_loop, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
