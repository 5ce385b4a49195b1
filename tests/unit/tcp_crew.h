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

#endif
