/* SPDX-License-Identifier: BSD-3-Clause */
/* The end of a job's lease: by its session, and by the silence of the session's host. The host is
 * this one. For a port where nobody listens its kernel answers questions of both kinds. It does not
 * answer a datagram for a socket that is never read, nor a connection where too many wait. */
#include "copperd/lease.h"

#include "host/session.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char here[] = "127.0.0.1", there[] = "node2";

struct world {
    uv_loop_t loop;
    uv_timer_t clock; /* ends the loop */
    char *names[2];
    char text[CU_SESSION_MAX];
    struct cu_job job;
    struct cu_network network;
    struct cu_lease_config config;
    struct cu_lease *lease;
    uint16_t port;
    struct cu_lease_kept kept;
    int datagram;        /* a socket on the port that is never read; -1: none, it is answered for */
    int listener;        /* the same for connections; it is full */
    int waiting[2];      /* in it */
    unsigned ticks;      /* calls of is_root, one in each tick */
    unsigned over;       /* calls */
    unsigned ticks_max;  /* the loop ends after so many */
    unsigned overs_wait; /* so many are without effect */
    bool joined, root;
    unsigned silent_from, silent_to; /* between these ticks the host is silent */
};

static struct sockaddr_in at_port(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void hush_datagrams(struct world *w)
{
    struct sockaddr_in at = at_port(w->port);

    w->datagram = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(w->datagram, (struct sockaddr *)&at, sizeof(at)), 0);
}

static void hush_connections(struct world *w)
{
    struct sockaddr_in at = at_port(w->port);
    int on = 1;

    w->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(w->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    assert_int_equal(bind(w->listener, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(w->listener, 0), 0);
    w->waiting[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(w->waiting[0], (struct sockaddr *)&at, sizeof(at)), 0);
    w->waiting[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    assert_true(connect(w->waiting[1], (struct sockaddr *)&at, sizeof(at)) < 0);
}

static void speak(struct world *w)
{
    int *const fds[] = {&w->datagram, &w->listener, &w->waiting[0], &w->waiting[1]};

    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
}

static void hush(struct world *w, bool hush)
{
    if (!hush) {
        speak(w);
    } else if (w->datagram < 0) {
        hush_datagrams(w);
        hush_connections(w);
    }
}

static bool is_root(void *context)
{
    struct world *w = context;

    w->ticks++;
    if (w->silent_to > 0)
        hush(w, w->ticks >= w->silent_from && w->ticks < w->silent_to);
    if (w->ticks >= w->ticks_max)
        uv_stop(&w->loop);
    return w->root;
}

static bool is_joined(void *context, uint32_t rank)
{
    const struct world *w = context;

    return w->joined && rank == 0;
}

static void over(void *context)
{
    struct world *w = context;

    w->over++;
    if (w->over > w->overs_wait)
        uv_stop(&w->loop);
}

static void on_clock(uv_timer_t *timer)
{
    uv_stop(timer->loop);
}

/* Of this process's session, as if it were on the host with that rank. */
static void build(struct world *w, const char *boot, long pid, int rank)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof(at);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    memset(w, 0, sizeof(*w));
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    close(fd);
    w->port = ntohs(at.sin_port);
    w->datagram = w->listener = w->waiting[0] = w->waiting[1] = -1;
    w->root = true;
    w->names[0] = here;
    w->names[1] = there;
    cu_network_init(&w->network);
    snprintf(w->text, sizeof(w->text), "session %s pid:[1] %ld 1", boot, pid);
    if (rank >= 0)
        assert_true(cu_session_add_rank(w->text, (uint32_t)rank));
    w->job = (struct cu_job){.lease = w->text, .port = w->port};
    w->job.hosts.names = w->names;
    w->job.hosts.count = 2;
    uv_loop_init(&w->loop);
    uv_timer_init(&w->loop, &w->clock);
    w->config = (struct cu_lease_config){.loop = &w->loop,
                                         .job = &w->job,
                                         .network = &w->network,
                                         .kept = &w->kept,
                                         .rank = 1,
                                         .tick_ms = 2,
                                         .context = w,
                                         .is_root = is_root,
                                         .is_joined = is_joined,
                                         .over = over};
}

static void run(struct world *w, unsigned ticks)
{
    w->ticks_max = ticks;
    w->lease = cu_lease_start(&w->config);
    if (w->lease)
        uv_run(&w->loop, UV_RUN_DEFAULT);
}

static void end(struct world *w)
{
    speak(w);
    cu_lease_stop(w->lease);
    uv_close((uv_handle_t *)&w->clock, NULL);
    uv_run(&w->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&w->loop), 0);
}

/* The limit before. */
static rlim_t limit_files(rlim_t files)
{
    struct rlimit limit;
    rlim_t before;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    before = limit.rlim_cur;
    limit.rlim_cur = files;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return before;
}

static void test_silent(void **state)
{
    struct world w;

    (void)state;
    build(&w, "elsewhere", 1, 0);
    w.silent_from = 5;
    w.silent_to = UINT32_MAX;
    run(&w, 1000);
    assert_int_equal(w.over, 1);
    assert_true(w.ticks >= 5 + CU_LEASE_SILENT - 1);
    end(&w);
}

static void test_alive(void **state)
{
    struct world w;

    (void)state;
    build(&w, "elsewhere", 1, 0);
    run(&w, 100);
    assert_int_equal(w.over, 0);
    assert_int_equal(w.ticks, 100);
    end(&w);
}

/* One answer in between makes all silence before it good. */
static void test_silent_for_a_while(void **state)
{
    struct world w;

    (void)state;
    build(&w, "elsewhere", 1, 0);
    w.silent_from = 3;
    w.silent_to = 3 + CU_LEASE_SILENT - 1;
    run(&w, 60);
    assert_int_equal(w.over, 0);
    end(&w);
}

/* Answers may be lost on the way, or another program has the port; the tree knows better. */
static void test_joined(void **state)
{
    struct world w;

    (void)state;
    build(&w, "elsewhere", 1, 0);
    w.joined = true;
    w.silent_from = 5;
    w.silent_to = UINT32_MAX;
    run(&w, 100);
    assert_int_equal(w.over, 0);
    assert_int_equal(w.ticks, 100);
    end(&w);
}

/* What one of the two questions does not bring to light, the other one does. */
static void test_one_kind_of_answer(void **state)
{
    void (*const hushes[])(struct world * w) = {hush_datagrams, hush_connections};
    struct world w;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        build(&w, "elsewhere", 1, 0);
        hushes[i](&w);
        run(&w, 60);
        assert_int_equal(w.over, 0);
        assert_int_equal(w.ticks, 60);
        end(&w);
    }
}

/* A node with a parent leaves it to the root. */
static void test_not_root(void **state)
{
    struct world w;

    (void)state;
    build(&w, "elsewhere", 1, 0);
    w.root = false;
    w.silent_from = 1;
    w.silent_to = UINT32_MAX;
    run(&w, 100);
    assert_int_equal(w.over, 0);
    end(&w);
}

/* The daemon has begun, or begun again, when the host was dead. The end may not be brought about at
 * once, as nobody may be there to tell the others. */
static void test_never_heard(void **state)
{
    struct world w;

    (void)state;
    build(&w, "elsewhere", 1, 0);
    hush(&w, true);
    w.overs_wait = 3;
    run(&w, 1000);
    assert_int_equal(w.over, 4);
    end(&w);
}

/* So does one that becomes root only then, and has not asked before. */
static void test_root_late(void **state)
{
    struct world w;

    (void)state;
    build(&w, "elsewhere", 1, 0);
    w.root = false;
    run(&w, 50);
    hush(&w, true);
    w.root = true;
    w.ticks_max = 1000;
    uv_run(&w.loop, UV_RUN_DEFAULT);
    assert_int_equal(w.over, 1);
    end(&w);
}

/* The host's name is gone with it, and the daemon that knew its address, too. */
static void test_kept_address(void **state)
{
    struct world w;

    (void)state;
    build(&w, "elsewhere", 1, 0);
    run(&w, 10);
    cu_lease_stop(w.lease);
    uv_run(&w.loop, UV_RUN_DEFAULT);
    w.names[0] = (char[]){"nowhere.invalid"};
    hush(&w, true);
    run(&w, 1000);
    assert_int_equal(w.over, 1);
    end(&w);
}

/* A node whose network has gone is cut off from the job, as by a cable. */
static void test_no_network(void **state)
{
    struct world w;

    (void)state;
    build(&w, "elsewhere", 1, 0);
    w.names[0] = (char[]){"255.255.255.255"}; /* both questions fail here at once */
    run(&w, 1000);
    assert_int_equal(w.over, 1);
    end(&w);
}

/* No descriptor for a question: that says nothing about the host. */
static void test_no_descriptor(void **state)
{
    rlim_t before;
    struct world w;

    (void)state;
    build(&w, "elsewhere", 1, 0);
    run(&w, 10);
    before = limit_files(0);
    w.ticks_max = 60;
    uv_run(&w.loop, UV_RUN_DEFAULT);
    limit_files(before);
    assert_int_equal(w.over, 0);
    assert_int_equal(w.ticks, 60);
    end(&w);
}

/* The host of the session is none of the job; it is this one, and the session is hidden; it has a
 * rank that the job does not have. */
static void test_nothing_to_watch(void **state)
{
    static const int ranks[] = {-1, 1, 2};
    struct world w;

    (void)state;
    for (size_t i = 0; i < sizeof(ranks) / sizeof(ranks[0]); i++) {
        build(&w, "elsewhere", 1, ranks[i]);
        run(&w, 1);
        assert_null(w.lease);
        end(&w);
    }
    build(&w, "elsewhere", 1, 0);
    w.job.lease = NULL;
    assert_null(cu_lease_start(&w.config));
    end(&w);
}

/* A name that leads nowhere: nothing is concluded. */
static void test_no_address(void **state)
{
    struct world w;

    (void)state;
    build(&w, "elsewhere", 1, 0);
    w.names[0] = (char[]){"nowhere.invalid"};
    run(&w, 60);
    assert_int_equal(w.over, 0);
    assert_int_equal(w.ticks, 60);
    end(&w);
}

/* The leader of a session, which is the one of the job. */
static pid_t fork_session(struct world *w)
{
    int ready[2];
    pid_t pid;

    assert_int_equal(pipe(ready), 0);
    pid = fork();
    if (pid == 0) {
        char text[CU_SESSION_MAX];

        setsid();
        cu_session_text(text);
        if (write(ready[1], text, sizeof(text)) != sizeof(text))
            _exit(1);
        pause();
        _exit(0);
    }
    assert_int_equal(read(ready[0], w->text, sizeof(w->text)), sizeof(w->text));
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static void test_session(void **state)
{
    struct world w;
    pid_t pid;

    (void)state;
    build(&w, "elsewhere", 1, 0);
    pid = fork_session(&w);
    uv_timer_start(&w.clock, on_clock, 20, 0);
    run(&w, 1);
    assert_int_equal(w.over, 0);
    kill(pid, SIGKILL);
    uv_run(&w.loop, UV_RUN_DEFAULT);
    assert_int_equal(w.over, 1);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    cu_lease_stop(w.lease);
    w.lease = NULL;
    uv_run(&w.loop, UV_RUN_DEFAULT);
    /* It is over before the watch begins. */
    w.over = 0;
    run(&w, 1);
    assert_int_equal(w.over, 1);
    end(&w);
}

/* When no descriptor is left for the session it is watched later. */
static void test_session_later(void **state)
{
    rlim_t before;
    struct world w;
    pid_t pid;

    (void)state;
    build(&w, "elsewhere", 1, 0);
    pid = fork_session(&w);
    w.overs_wait = 2;
    w.lease = cu_lease_start(&w.config);
    before = limit_files(0);
    uv_timer_start(&w.clock, on_clock, 20, 0);
    uv_run(&w.loop, UV_RUN_DEFAULT);
    assert_int_equal(w.over, 0);
    limit_files(before);
    uv_timer_start(&w.clock, on_clock, 20, 0);
    uv_run(&w.loop, UV_RUN_DEFAULT);
    assert_int_equal(w.over, 0);
    kill(pid, SIGKILL);
    uv_run(&w.loop, UV_RUN_DEFAULT);
    assert_int_equal(w.over, 3);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_silent),
        cmocka_unit_test(test_alive),
        cmocka_unit_test(test_silent_for_a_while),
        cmocka_unit_test(test_joined),
        cmocka_unit_test(test_one_kind_of_answer),
        cmocka_unit_test(test_not_root),
        cmocka_unit_test(test_never_heard),
        cmocka_unit_test(test_root_late),
        cmocka_unit_test(test_kept_address),
        cmocka_unit_test(test_no_network),
        cmocka_unit_test(test_no_descriptor),
        cmocka_unit_test(test_nothing_to_watch),
        cmocka_unit_test(test_no_address),
        cmocka_unit_test(test_session),
        cmocka_unit_test(test_session_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
