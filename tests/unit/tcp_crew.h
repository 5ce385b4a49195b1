/* SPDX-License-Identifier: BSD-3-Clause */
/* For tests of bulk data on other threads: two nodes with a crew each. A job is held by one before
 * it on the crew's only thread. */
#ifndef TCP_CREW_H
#define TCP_CREW_H

#include "tcp_node.h"

#include "loop/crew.h"
#include "net/tcp.h"

#include <pthread.h>

#define MANY (4u << 20)

struct hold {
    struct cu_crew_job job;
    bool begun, over;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct hold held;
static struct node a, b;
static struct cu_crew *crew_a, *crew_b;
static int drained;                /* of a */
static bool plain;                 /* links are not encrypted */
static uint64_t receive_max_bytes; /* of b; 0: the default */

static inline void on_drained(void *context, struct cu_link *link)
{
    (void)context;
    (void)link;
    drained++;
}

static inline void hold_work(struct cu_crew_job *job)
{
    struct hold *hold = (struct hold *)job;

    pthread_mutex_lock(&lock);
    hold->begun = true;
    pthread_cond_broadcast(&changed);
    while (!hold->over)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static inline void hold_done(struct cu_crew_job *job)
{
    (void)job;
}

/* The crew's thread does nothing until let_go. */
static inline void hold(struct cu_crew *crew)
{
    held = (struct hold){.job = {.work = hold_work, .done = hold_done}};
    cu_crew_run(crew, &held.job);
    pthread_mutex_lock(&lock);
    while (!held.begun)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static inline void let_go(void)
{
    pthread_mutex_lock(&lock);
    held.over = true;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static inline struct cu_tcp_link *tcp_link(const struct node *node)
{
    return cu_tcp_link_of(node->link);
}

/* Both with so many threads each, and a tick of so many ms for slow senders. */
static inline void start_ticking(unsigned threads, uint32_t tick_ms, uint64_t send_queue_max_bytes)
{
    struct cu_transport_config config = node_config(&a, 0);

    drained = 0;
    crew_a = threads > 0 ? cu_crew_create(&loop, threads) : NULL;
    crew_b = threads > 0 ? cu_crew_create(&loop, threads) : NULL;
    config.identity.encrypt = !plain;
    config.crew = crew_a;
    config.events.drained = on_drained;
    config.send_queue_max_bytes = send_queue_max_bytes;
    node_start(&a, &config);
    config = node_config(&b, 1);
    config.identity.encrypt = !plain;
    config.crew = crew_b;
    config.receive_tick_ms = tick_ms;
    config.receive_max_bytes = receive_max_bytes;
    node_start(&b, &config);
    assert_non_null(cu_transport_connect(b.transport, 0, "127.0.0.1",
                                         cu_transport_port(a.transport), 5000, false));
    RUN_UNTIL(a.ups == 1 && b.ups == 1);
}

static inline void start(unsigned threads)
{
    start_ticking(threads, 0, 0);
}

static inline void stop(void)
{
    cu_transport_destroy(a.transport);
    cu_transport_destroy(b.transport);
    cu_crew_close(crew_a);
    cu_crew_close(crew_b);
    uv_run(&loop, UV_RUN_DEFAULT);
}

static inline void send_chunk(struct cu_link *link, size_t size)
{
    struct cu_msg msg = chunk_of(size);

    assert_int_equal(cu_link_send(link, &msg), 0);
    cu_msg_clear(&msg);
}

/* Each of the sizes so many times from b to a and back, a ping before each, some alone and some
 * together; `aside` counts what the threads, of which each node has so many, did of it. */
static inline void exchange(unsigned threads, const size_t *sizes, uint64_t count, uint64_t rounds,
                            enum cu_counter aside)
{
    uint64_t total = 0;

    start(threads);
    a.reaction = SEND_BACK;
    for (uint64_t i = 0; i < rounds * count; i++) {
        total += sizes[i % count];
        send_ping(b.link, i);
        send_chunk(b.link, sizes[i % count]);
        if (i % 3 == 0)
            RUN_UNTIL(b.messages == 2 * (i + 1));
    }
    RUN_UNTIL(b.messages == 2 * rounds * count);
    assert_int_equal(a.bytes, total);
    assert_int_equal(b.bytes, total);
    assert_false(a.broken || b.broken || a.disordered || b.disordered || a.unsent);
    RUN_UNTIL(cu_link_queued(a.link) + cu_link_queued(b.link) == 0);
    assert_int_equal(a.counters[CU_COUNT_peer_bytes_in], b.counters[CU_COUNT_peer_bytes_out]);
    assert_int_equal(b.counters[CU_COUNT_peer_bytes_in], a.counters[CU_COUNT_peer_bytes_out]);
    if (threads == 0)
        assert_int_equal(a.counters[aside] + b.counters[aside], 0);
    else
        assert_true(a.counters[aside] > 0 && b.counters[aside] > 0);
}

/* b's user ends the link, or its transport, when the first of many chunks is there. */
static inline void a_message_ends(unsigned threads)
{
    for (int destroy = 0; destroy < 2; destroy++) {
        start(threads);
        b.reaction = destroy ? DESTROY : CLOSE_LINK;
        for (int i = 0; i < 40; i++) {
            send_chunk(a.link, 150000);
            send_chunk(b.link, 150000);
        }
        RUN_UNTIL(a.downs == 1);
        assert_int_equal(b.messages, 1);
        assert_int_equal(b.downs, 0);
        if (destroy)
            b.transport = NULL;
        stop();
    }
}

#endif
