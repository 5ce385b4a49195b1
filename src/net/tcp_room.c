/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory bound for payloads that are being received. The buffer of a payload is allocated in one
 * piece when its head has arrived, so its whole length counts from then on. There are two classes
 * of links: those that the other end opened, and those that this end opened. When the sum of a
 * class exceeds its bound, the link with the largest unfinished payload is closed, because payloads
 * of correct peers are small or complete soon. A link that sends too slowly, and so holds its
 * memory for long, is closed, too.
 *
 * Invariants: `room` is the sum of `receiving` over the links of the class; `receiving` is not 0
 * exactly while the link's frame has a payload under way; the timer runs while any is. */
#include "net/tcp.h"

#include <assert.h>
#include <errno.h>

#define TICK_MS      1000u
#define TICK_BYTES   65536u /* less in a tick is slow */
#define SLOW_TICKS   10u    /* in a row, by this daemon's own ticks */
#define CLIENTS_MAX  64u
#define CHILDREN_MAX (UINT64_C(64) << 20) /* two results at their bound */
#define PARENTS_MAX  (2 * (uint64_t)CU_MSG_BULK_MAX)

static uint64_t *room_of(struct cu_tcp_link *link)
{
    return &link->tcp->room[link->accepted];
}

static uint64_t room_max(const struct cu_tcp_link *link)
{
    if (link->tcp->config.receive_max_bytes)
        return link->tcp->config.receive_max_bytes;
    return link->accepted ? CHILDREN_MAX : PARENTS_MAX;
}

static void on_tick(uv_timer_t *timer)
{
    struct cu_tcp *tcp = timer->data;

    cu_list_for_each (it, &tcp->links) {
        struct cu_tcp_link *link = CU_LIST_ENTRY(it, struct cu_tcp_link, in_links);
        bool slow = link->receiving > 0 && link->tick_bytes < TICK_BYTES &&
                    !cu_tcp_seal_paused(link) && !cu_tcp_bulk_receives(link); /* then this end is */

        link->slow_ticks = slow ? link->slow_ticks + 1 : 0;
        link->tick_bytes = 0;
        if (link->slow_ticks == SLOW_TICKS)
            cu_tcp_doom(link, -ETIMEDOUT);
    }
}

void cu_tcp_room_open(struct cu_tcp *tcp)
{
    (void)uv_timer_init(tcp->config.loop, &tcp->tick);
    tcp->tick.data = tcp;
}

void cu_tcp_room_give(struct cu_tcp_link *link)
{
    struct cu_tcp *tcp = link->tcp;

    if (link->receiving == 0)
        return;
    assert(*room_of(link) >= link->receiving);
    *room_of(link) -= link->receiving;
    link->receiving = 0;
    link->slow_ticks = 0;
    if (tcp->room[0] + tcp->room[1] == 0)
        uv_timer_stop(&tcp->tick);
}

static struct cu_tcp_link *largest(const struct cu_tcp_link *than)
{
    struct cu_tcp_link *found = NULL;

    cu_list_for_each (it, &than->tcp->links) {
        struct cu_tcp_link *link = CU_LIST_ENTRY(it, struct cu_tcp_link, in_links);

        if (link->accepted == than->accepted && (!found || link->receiving > found->receiving))
            found = link;
    }
    return found;
}

/* Stops reading and frees what was received. */
static void end_receiving(struct cu_tcp_link *link)
{
    cu_tcp_count(link->tcp, CU_COUNT_receives_ended, 1);
    uv_read_stop((uv_stream_t *)&link->socket);
    if (!cu_tcp_bulk_receives(link)) /* else with the link's memory */
        cu_frame_clear(&link->frame);
    cu_tcp_room_give(link);
    cu_tcp_doom(link, -ENOBUFS);
}

int cu_tcp_room_take(void *context, const struct cu_msg_head *head)
{
    struct cu_tcp_link *link = context;
    const struct cu_transport_events *events = &link->tcp->config.events;
    uint64_t tick_ms = link->tcp->config.receive_tick_ms;

    if (events->expects && !events->expects(events->context, &link->base, head))
        return -EBADMSG;
    while (*room_of(link) + head->bulk_len > room_max(link)) {
        struct cu_tcp_link *other = largest(link);

        if (!other || other->receiving < head->bulk_len) {
            cu_tcp_count(link->tcp, CU_COUNT_receives_ended, 1);
            return -ENOBUFS;
        }
        end_receiving(other);
    }
    if (tick_ms == 0)
        tick_ms = TICK_MS;
    if (link->tcp->room[0] + link->tcp->room[1] == 0)
        uv_timer_start(&link->tcp->tick, on_tick, tick_ms, tick_ms);
    assert(link->receiving == 0);
    link->receiving = head->bulk_len;
    link->tick_bytes = 0;
    *room_of(link) += link->receiving;
    return 0;
}

/* Each link of a client has buffers of its own, so their number is bounded: the oldest that waits
 * for no answer is closed, else the oldest. */
void cu_tcp_room_for_client(struct cu_tcp_link *link)
{
    struct cu_tcp_link *oldest = NULL;

    if (++link->tcp->clients <= CLIENTS_MAX)
        return;
    cu_list_for_each (it, &link->tcp->links) {
        struct cu_tcp_link *other = CU_LIST_ENTRY(it, struct cu_tcp_link, in_links);

        if (!other->client || other == link || other->doom)
            continue;
        if (!oldest || (oldest->owed > 0 && other->owed == 0))
            oldest = other;
        if (oldest->owed == 0)
            break;
    }
    if (oldest)
        cu_tcp_doom(oldest, -ENOBUFS);
}
