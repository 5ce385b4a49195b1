/* SPDX-License-Identifier: BSD-3-Clause */
/* For tests of the TCP transport: nodes of one job on one loop, that note down what they are told,
 * and raw sockets that talk to them as strangers do. */
#ifndef TCP_NODE_H
#define TCP_NODE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "core/counters.h"
#include "net/transport.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define WATCHDOG_S 300 /* then SIGALRM: what was waited for did not come */

struct node {
    struct cu_transport *transport;
    uint64_t counters[CU_COUNTER_COUNT];
    struct cu_link *link; /* the last one up */
    struct cu_handshake_result who;
    struct cu_peer peer;
    int ups, downs, error; /* error: of the last down */
    uint32_t down_rank;
    uint64_t messages, bytes; /* bytes: of payloads */
    uint64_t next_id;         /* of an ordered sequence of PINGs */
    bool disordered, broken, unsent;
    enum { KEEP, CLOSE_LINK, DESTROY, SEND_BACK, USE_TURN } reaction; /* to a message */
    uint64_t turn;                                                    /* of the last message */
    unsigned in_turn, most_in_turn;                                   /* messages of one turn */
    uint64_t queued; /* on the link, when the last message came */
};

static uv_loop_t loop;
static struct cu_turn *loop_turn; /* of nodes; NULL: none */

static inline void on_up(void *context, struct cu_link *link, struct cu_peer peer,
                         const struct cu_handshake_result *who)
{
    struct node *node = context;

    node->ups++;
    node->link = link;
    node->who = *who;
    node->peer = peer;
    cu_link_set_data(link, node);
}

static inline void on_down(void *context, struct cu_link *link, struct cu_peer peer, int error)
{
    struct node *node = context;

    assert_true(strlen(cu_link_name(link)) > 0);
    node->downs++;
    node->error = error;
    node->down_rank = peer.rank;
    node->link = NULL;
    cu_link_close(link); /* harmless */
}

static inline void on_message(void *context, struct cu_link *link, const struct cu_msg *msg)
{
    struct node *node = context;

    assert_ptr_equal(cu_link_data(link), node);
    node->messages++;
    node->queued = cu_link_queued(link);
    if (msg->type == CU_MSG_PING && msg->id != node->next_id++)
        node->disordered = true;
    if (msg->type == CU_MSG_ANSWER && msg->answer.value.bytes) {
        const struct cu_buf *bytes = msg->answer.value.bytes;

        node->bytes += bytes->size;
        if (cu_hash_bytes(bytes->data, bytes->size) != msg->answer.value.hash)
            node->broken = true;
    }
    if (node->reaction == CLOSE_LINK)
        cu_link_close(link);
    else if (node->reaction == DESTROY)
        cu_transport_destroy(node->transport);
    else if (node->reaction == SEND_BACK && cu_link_send(link, msg))
        node->unsent = true;
    while (node->reaction == USE_TURN && !cu_turn_spent(loop_turn))
        ;
    node->in_turn = node->turn == cu_turn_number(loop_turn) ? node->in_turn + 1 : 1;
    node->turn = cu_turn_number(loop_turn);
    if (node->in_turn > node->most_in_turn)
        node->most_in_turn = node->in_turn;
}

static inline struct cu_transport_config node_config(struct node *node, uint32_t rank)
{
    struct cu_transport_config config = {
        .loop = &loop,
        .turn = loop_turn,
        .bind_address = "127.0.0.1",
        .events = {.context = node, .up = on_up, .message = on_message, .down = on_down},
        .counters = node->counters,
    };

    memset(node, 0, sizeof(*node));
    memset(config.identity.key, 7, sizeof(config.identity.key));
    memset(config.identity.job_id, 8, sizeof(config.identity.job_id));
    config.identity.rank = rank;
    config.identity.role = CU_ROLE_PEER;
    return config;
}

static inline void node_start(struct node *node, const struct cu_transport_config *config)
{
    struct cu_error err = {.text = ""};

    node->transport = cu_transport_create("tcp", config, &err);
    if (!node->transport)
        fail_msg("%s", err.text);
}

/* Runs the loop until the condition holds. */
#define RUN_UNTIL(condition)                                                                       \
    do {                                                                                           \
        while (!(condition))                                                                       \
            uv_run(&loop, UV_RUN_ONCE);                                                            \
    } while (0)

static inline int loop_setup(void **state)
{
    (void)state;
    alarm(WATCHDOG_S);
    signal(SIGPIPE, SIG_IGN);
    return uv_loop_init(&loop);
}

/* Everything must let go of the loop by itself. */
static inline int loop_teardown(void **state)
{
    (void)state;
    uv_run(&loop, UV_RUN_DEFAULT);
    alarm(0);
    return uv_loop_close(&loop);
}

/* Two nodes, ranks 0 and 1, the second connected to the first. */
static inline void pair_start(struct node *a, struct node *b, bool encrypt)
{
    struct cu_transport_config config = node_config(a, 0);

    config.identity.encrypt = encrypt;
    node_start(a, &config);
    config = node_config(b, 1);
    config.identity.encrypt = encrypt;
    node_start(b, &config);
    assert_non_null(cu_transport_connect(b->transport, 0, "127.0.0.1",
                                         cu_transport_port(a->transport), 5000, false));
    RUN_UNTIL(a->ups == 1 && b->ups == 1);
}

static inline void pair_stop(struct node *a, struct node *b)
{
    cu_transport_destroy(a->transport);
    cu_transport_destroy(b->transport);
}

static inline void send_ping(struct cu_link *link, uint64_t id)
{
    struct cu_msg msg = {.type = CU_MSG_PING, .id = id};

    assert_int_equal(cu_link_send(link, &msg), 0);
}

/* A chunk of size bytes, no two alike. */
static inline struct cu_msg chunk_of(size_t size)
{
    struct cu_msg msg = {.type = CU_MSG_ANSWER, .id = size + 1};
    struct cu_buf *buf = cu_buf_new(size);

    assert_non_null(buf);
    for (size_t i = 0; i < size; i++)
        buf->data[i] = (unsigned char)((i * 2654435761u) >> 13);
    msg.answer.kind = CU_KIND_DATA;
    msg.answer.value.bytes = buf;
    msg.answer.value.hash = cu_hash_bytes(buf->data, size);
    msg.answer.value.version = (struct cu_version){.size = size, .mtime = {.sec = 2}};
    return msg;
}

/* A blocking socket that is connected to the node; nothing is said yet. */
static inline int stranger(const struct node *node)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(cu_transport_port(node->transport)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

/* What a socket's other end is, put into the identity of one who dialled it. */
static inline void dialled(struct cu_handshake_config *identity, int fd)
{
    struct sockaddr_in to;
    socklen_t size = sizeof(to);

    assert_int_equal(getpeername(fd, (struct sockaddr *)&to, &size), 0);
    cu_handshake_set_address(identity, (const struct sockaddr *)&to);
}

/* Has the other side closed? Reads away what it may have said before. */
static inline bool hung_up(int fd)
{
    char buffer[256];
    ssize_t n;

    while ((n = recv(fd, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0)
        continue;
    return n == 0 || errno == ECONNRESET;
}

/* Proves the key over a raw socket as rank 9; the node is up with it then. */
static inline int proven_stranger(struct node *node, const struct cu_transport_config *config)
{
    struct cu_handshake_config identity = config->identity;
    uint8_t out[CU_HELLO_BYTES], in[CU_CHALLENGE_BYTES];
    struct cu_handshake handshake;
    size_t out_size;
    int fd = stranger(node), ups = node->ups;

    memset(identity.secret, 3, sizeof(identity.secret));
    memset(identity.instance, 4, sizeof(identity.instance));
    identity.rank = 9;
    dialled(&identity, fd);
    cu_handshake_client_start(&handshake, &identity, out);
    assert_int_equal(send(fd, out, CU_HELLO_BYTES, 0), CU_HELLO_BYTES);
    RUN_UNTIL(recv(fd, in, sizeof(in), MSG_DONTWAIT | MSG_PEEK) == sizeof(in));
    assert_int_equal(recv(fd, in, sizeof(in), 0), sizeof(in));
    assert_int_equal(cu_handshake_feed(&handshake, in, out, &out_size), 1);
    assert_int_equal(send(fd, out, out_size, 0), out_size);
    RUN_UNTIL(node->ups == ups + 1);
    return fd;
}

#endif
