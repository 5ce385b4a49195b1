/* SPDX-License-Identifier: BSD-3-Clause */
/* Two links in one process, so that tests of what stands above the transport need no sockets.
 * Messages are encoded by one end and decoded by the other as on a wire, in a later step of the
 * loop.
 *
 * Invariants: events come only from the end of a loop turn, never from inside a call. Of an end
 * that is closed nothing more is told. The pair's memory goes when both ends are closed. */
#include "link_pair.h"

#include "base/list.h"
#include "loop/deferred.h"
#include "net/link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pair_msg {
    struct cu_list in_inbox;
    struct cu_buf *head;
    struct cu_buf *bulk;
};

struct pair_end {
    struct cu_link base;
    struct pair *pair;
    struct pair_end *other;
    struct cu_transport_events events;
    uint32_t rank; /* own */
    bool opener;   /* the end that "connected" */
    bool up;       /* told */
    bool closed;
    struct cu_list inbox; /* struct pair_msg, not yet delivered */
    uint64_t inbox_bytes;
};

struct pair {
    struct cu_deferred turn;
    struct pair_end ends[2];
};

static struct pair_end *end_of(const struct cu_link *link)
{
    return (struct pair_end *)link;
}

static void msg_free(struct pair_msg *m)
{
    cu_buf_unref(m->head);
    cu_buf_unref(m->bulk);
    free(m);
}

static void inbox_clear(struct cu_list *inbox)
{
    struct cu_list *entry;

    while ((entry = cu_list_pop_front(inbox)))
        msg_free(CU_LIST_ENTRY(entry, struct pair_msg, in_inbox));
}

static int pair_send(struct cu_link *link, const struct cu_msg *msg)
{
    struct pair_end *end = end_of(link);
    struct pair_msg *m;
    int r;

    if (!end->up || end->closed || end->other->closed)
        return -ENOTCONN;
    m = malloc(sizeof(*m));
    if (!m)
        return -ENOMEM;
    r = cu_msg_encode(msg, &m->head, &m->bulk);
    if (r) {
        free(m);
        return r;
    }
    cu_list_init(&m->in_inbox);
    cu_list_push_back(&end->other->inbox, &m->in_inbox);
    end->other->inbox_bytes += m->head->size + (m->bulk ? m->bulk->size : 0);
    cu_deferred_arm(&end->pair->turn);
    return 0;
}

static uint64_t pair_queued(const struct cu_link *link)
{
    return end_of(link)->other->inbox_bytes;
}

static void on_closed(void *context)
{
    free(context);
}

static void shut(struct pair_end *end)
{
    if (end->closed)
        return;
    end->closed = true;
    inbox_clear(&end->inbox);
    end->inbox_bytes = 0;
    if (end->other->closed)
        cu_deferred_close(&end->pair->turn, on_closed);
    else
        cu_deferred_arm(&end->pair->turn);
}

static void pair_close(struct cu_link *link)
{
    shut(end_of(link));
}

static const struct cu_link_ops pair_ops = {
    .send = pair_send,
    .queued = pair_queued,
    .close = pair_close,
};

static struct cu_peer peer_of(const struct pair_end *end)
{
    return end->opener ? cu_peer_parent(end->other->rank) : cu_peer_child(end->other->rank);
}

static void end_down(struct pair_end *end, int error)
{
    if (end->closed)
        return;
    shut(end);
    end->events.down(end->events.context, &end->base, peer_of(end), error);
}

static void deliver(struct pair_end *end, const struct pair_msg *m)
{
    struct cu_msg_head head;
    struct cu_msg msg;
    int r = cu_msg_decode_head(m->head->data, &head);

    if (r == 0 && (m->head->size != CU_MSG_HEAD + head.meta_len ||
                   (m->bulk ? m->bulk->size : 0) != head.bulk_len))
        r = -EBADMSG;
    if (r == 0)
        r = cu_msg_decode(&head, m->head->data + CU_MSG_HEAD, m->bulk, &msg);
    if (r) {
        end_down(end, -r);
        return;
    }
    end->base.heard_ns = uv_hrtime();
    end->events.message(end->events.context, &end->base, &msg);
    cu_msg_clear(&msg);
}

static void serve(struct pair_end *end)
{
    struct cu_list now;
    struct cu_list *entry;

    if (!end->closed && !end->up) {
        struct cu_handshake_result who = {.peer_rank = end->other->rank, .role = CU_ROLE_PEER};

        end->up = true;
        end->base.heard_ns = uv_hrtime();
        end->events.up(end->events.context, &end->base, peer_of(end), &who);
    }
    cu_list_init(&now);
    cu_list_splice_back(&now, &end->inbox);
    end->inbox_bytes = 0;
    while (!end->closed && (entry = cu_list_pop_front(&now))) {
        struct pair_msg *m = CU_LIST_ENTRY(entry, struct pair_msg, in_inbox);

        deliver(end, m);
        msg_free(m);
    }
    inbox_clear(&now);
    if (end->other->closed && cu_list_empty(&end->inbox))
        end_down(end, 0);
}

static void on_turn(void *context)
{
    struct pair *pair = context;

    serve(&pair->ends[0]);
    serve(&pair->ends[1]);
    /* The first end may have closed after it was served, or been sent to by the second. */
    if (!pair->ends[0].closed && pair->ends[1].closed)
        cu_deferred_arm(&pair->turn);
}

static void end_init(struct pair *pair, int i, const struct cu_transport_events *events,
                     uint32_t rank)
{
    struct pair_end *end = &pair->ends[i];

    end->base.ops = &pair_ops;
    end->base.heard_ns = uv_hrtime();
    end->pair = pair;
    end->other = &pair->ends[1 - i];
    end->events = *events;
    end->rank = rank;
    end->opener = i == 0;
    cu_list_init(&end->inbox);
}

int link_pair(uv_loop_t *loop, const struct cu_transport_events *a_events, uint32_t a_rank,
              const struct cu_transport_events *b_events, uint32_t b_rank, struct cu_link **a,
              struct cu_link **b)
{
    struct pair *pair = calloc(1, sizeof(*pair));

    if (!pair)
        return -ENOMEM;
    end_init(pair, 0, a_events, a_rank);
    end_init(pair, 1, b_events, b_rank);
    snprintf(pair->ends[0].base.name, CU_LINK_NAME_MAX, "rank %u in this process", b_rank);
    snprintf(pair->ends[1].base.name, CU_LINK_NAME_MAX, "rank %u in this process", a_rank);
    cu_deferred_init(&pair->turn, loop, pair, on_turn);
    cu_deferred_arm(&pair->turn);
    *a = &pair->ends[0].base;
    *b = &pair->ends[1].base;
    return 0;
}
