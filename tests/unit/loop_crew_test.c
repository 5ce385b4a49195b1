/* SPDX-License-Identifier: BSD-3-Clause */
/* A crew: each job on a thread of its own while others hang, up to the bound; told on the loop; and
 * none lost when no more threads can be had. */
#include "loop/crew.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define JOBS 100u

struct item {
    struct cu_crew_job job;
    pthread_t worked, told;
};

static struct item items[JOBS];
static unsigned told; /* the loop thread's */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned hanging; /* guarded by lock, as the others */
static unsigned hanging_most;
static unsigned let_go;

static void hang(struct cu_crew_job *job)
{
    ((struct item *)job)->worked = pthread_self();
    pthread_mutex_lock(&lock);
    hanging++;
    if (hanging > hanging_most)
        hanging_most = hanging;
    pthread_cond_broadcast(&changed);
    while (let_go == 0)
        pthread_cond_wait(&changed, &lock);
    let_go--;
    hanging--;
    pthread_mutex_unlock(&lock);
}

static void work(struct cu_crew_job *job)
{
    ((struct item *)job)->worked = pthread_self();
}

static void done(struct cu_crew_job *job)
{
    ((struct item *)job)->told = pthread_self();
    told++;
}

static void begin(struct cu_crew *crew, unsigned from, unsigned to,
                  void (*how)(struct cu_crew_job *))
{
    for (unsigned i = from; i < to; i++) {
        items[i] = (struct item){.job = {.work = how, .done = done}};
        cu_crew_run(crew, &items[i].job);
    }
}

static void wait_for_hanging(unsigned count)
{
    pthread_mutex_lock(&lock);
    while (hanging < count)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static void release(unsigned count)
{
    pthread_mutex_lock(&lock);
    let_go += count;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static int reset(void **state)
{
    (void)state;
    told = hanging = hanging_most = let_go = 0;
    return 0;
}

static void a_job_runs_while_others_hang(void **state)
{
    struct cu_crew *crew;
    uv_loop_t loop;

    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    crew = cu_crew_create(&loop, 31);
    assert_non_null(crew);
    begin(crew, 0, 30, hang);
    wait_for_hanging(30);
    begin(crew, 30, JOBS, work);
    while (told < JOBS - 30)
        uv_run(&loop, UV_RUN_ONCE);
    for (unsigned i = 30; i < JOBS; i++) {
        assert_true(pthread_equal(items[i].told, pthread_self()));
        assert_false(pthread_equal(items[i].worked, pthread_self()));
    }
    release(30);
    uv_run(&loop, UV_RUN_DEFAULT); /* is over when all are told */
    assert_int_equal(told, JOBS);
    cu_crew_close(crew);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void no_more_than_the_bound_run(void **state)
{
    struct cu_crew *crew;
    uv_loop_t loop;

    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    crew = cu_crew_create(&loop, 3);
    assert_non_null(crew);
    begin(crew, 0, JOBS, hang);
    wait_for_hanging(3);
    release(JOBS);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(told, JOBS);
    assert_int_equal(hanging_most, 3);
    cu_crew_close(crew);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static void it_tells_when_jobs_wait(void **state)
{
    struct cu_crew *crew;
    uv_loop_t loop;

    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    crew = cu_crew_create(&loop, 2);
    assert_non_null(crew);
    assert_true(cu_crew_idles(crew, 2));
    assert_false(cu_crew_idles(crew, 3));
    begin(crew, 0, 1, hang);
    wait_for_hanging(1);
    assert_true(cu_crew_idles(crew, 1));
    assert_false(cu_crew_idles(crew, 2));
    begin(crew, 1, 2, hang);
    wait_for_hanging(2);
    assert_false(cu_crew_idles(crew, 1));
    assert_false(cu_crew_wanted(crew));
    begin(crew, 2, 3, hang);
    assert_true(cu_crew_wanted(crew));
    begin(crew, 3, 17, hang);
    assert_true(cu_crew_has_room(crew));
    begin(crew, 17, 18, hang);
    assert_false(cu_crew_has_room(crew));
    release(18);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_false(cu_crew_wanted(crew));
    assert_true(cu_crew_has_room(crew));
    assert_true(cu_crew_idles(crew, 2));
    cu_crew_close(crew);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static struct cu_crew *closed;

static void close_it(struct cu_crew_job *job)
{
    (void)job;
    cu_crew_close(closed);
}

static void the_last_job_may_close_it(void **state)
{
    struct cu_crew_job last = {.work = work, .done = close_it};
    uv_loop_t loop;

    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    closed = cu_crew_create(&loop, 2);
    assert_non_null(closed);
    items[0] = (struct item){.job = last};
    cu_crew_run(closed, &items[0].job);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    cu_crew_close(NULL);
}

static unsigned order[JOBS], worked; /* of one thread, until it has ended */

static void note(struct cu_crew_job *job)
{
    order[worked++] = (unsigned)((struct item *)job - items);
}

/* With one thread, and all of them before the end. */
static void what_was_asked_for_is_done_in_order_at_the_end(void **state)
{
    struct cu_crew *crew;
    uv_loop_t loop;

    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    crew = cu_crew_create(&loop, 1);
    assert_non_null(crew);
    assert_int_equal(uv_run(&loop, UV_RUN_DEFAULT), 0); /* does not keep the loop alive */
    begin(crew, 0, JOBS, note);
    cu_crew_close(crew);
    assert_int_equal(told, JOBS);
    assert_int_equal(worked, JOBS);
    for (unsigned i = 0; i < JOBS; i++)
        assert_int_equal(order[i], i);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static unsigned pairs, again_in_turn, again_most;

static void on_turn(uv_prepare_t *handle)
{
    (void)handle;
    again_in_turn = 0;
}

static void again(struct cu_crew_job *job);

/* The other of two jobs: it holds the thread until it is let go, so that the first is finished. */
static void run_pair(struct cu_crew *crew)
{
    struct item *pair = &items[2 * pairs++];

    pair[0] = (struct item){.job = {.work = work, .done = again}};
    pair[1] = (struct item){.job = {.work = hang, .done = done}};
    cu_crew_run(crew, &pair[0].job);
    cu_crew_run(crew, &pair[1].job);
    wait_for_hanging(1);
    release(1);
}

static void again(struct cu_crew_job *job)
{
    (void)job;
    if (++again_in_turn > again_most)
        again_most = again_in_turn;
    if (pairs < JOBS / 2)
        run_pair(closed);
}

/* A thread that is as fast as the loop does not keep it from its other work: the next job is
 * finished before this one is told. */
static void what_is_finished_meanwhile_is_told_in_the_next_turn(void **state)
{
    uv_prepare_t prepare;
    uv_loop_t loop;

    (void)state;
    assert_int_equal(uv_loop_init(&loop), 0);
    uv_prepare_init(&loop, &prepare);
    uv_prepare_start(&prepare, on_turn);
    uv_unref((uv_handle_t *)&prepare);
    closed = cu_crew_create(&loop, 1);
    assert_non_null(closed);
    run_pair(closed);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(told, JOBS / 2);
    assert_int_equal(again_most, 1);
    cu_crew_close(closed);
    uv_close((uv_handle_t *)&prepare, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, reset)
    static const struct CMUnitTest tests[] = {
        TEST(a_job_runs_while_others_hang),
        TEST(no_more_than_the_bound_run),
        TEST(it_tells_when_jobs_wait),
        TEST(the_last_job_may_close_it),
        TEST(what_was_asked_for_is_done_in_order_at_the_end),
        TEST(what_is_finished_meanwhile_is_told_in_the_next_turn),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
