/* SPDX-License-Identifier: BSD-3-Clause */
/* The core's effects become calls. An effect may itself lead to an input (a send that fails is a
 * lost peer), so draining is not re-entered: the outer loop sees the new effects. */
#include "copperd/state.h"

#include "host/log.h"

#include <errno.h>
#include <string.h>

/* With the 3 s after which a parent's silence is its end, below the 5 s that a reader may wait. */
#define CONNECT_TIMEOUT_MS 1900u
#define TRIM_EVICTIONS     8192u /* a few MiB of small objects */
#define NS_PER_MS          1000000u

void cu_daemon_lose(struct cu_daemon *daemon, uint32_t rank, bool child, int error)
{
    struct cu_link *link = cu_links_any(&daemon->links, rank, child);
    uint64_t now_ns = uv_hrtime();

    if (link != NULL) {
        cu_links_clear(&daemon->links, rank, child);
        cu_daemon_gone(daemon, link);
        cu_link_close(link);
    }
    cu_commands_peer_down(daemon->commands, rank, child, now_ns);
    cu_core_peer_down(daemon->core, rank, child, error, now_ns);
}

static void apply_send(struct cu_daemon *daemon, struct cu_effect *effect)
{
    uint32_t rank = effect->send.rank;
    bool child = effect->send.child;
    struct cu_link *link = cu_links_get(&daemon->links, rank, child);
    int rc = -ENOTCONN;

    if (link != NULL)
        rc = cu_link_send(link, &effect->send.msg);
    if (rc == 0 && child)
        cu_core_child_queued(daemon->core, rank, cu_link_queued(link), uv_hrtime());
    if (rc == 0)
        return;
    cu_log_warn("%s: %s not sent: %s", daemon->config.job->hosts.names[rank],
                cu_msg_type_name(effect->send.msg.type), strerror(-rc));
    if (rc == -ENOTCONN)
        cu_daemon_lose(daemon, rank, child, -rc);
    else
        cu_core_unsent(daemon->core, rank, child, &effect->send.msg, -rc, uv_hrtime());
}

static void apply_read(struct cu_daemon *daemon, const struct cu_effect *effect)
{
    const struct cu_value value = {.error = ENOMEM};

    if (cu_storage_submit(daemon->storage, effect->read.id, &effect->read.request) < 0)
        cu_core_storage_done(daemon->core, effect->read.id, &value, uv_hrtime());
}

static void apply_connect(struct cu_daemon *daemon, uint32_t rank)
{
    const struct cu_job *job = daemon->config.job;
    struct cu_link *link = cu_transport_connect(daemon->transport, rank, job->hosts.names[rank],
                                                job->port, CONNECT_TIMEOUT_MS);

    if (link != NULL) {
        cu_link_hush(link, cu_links_failure(&daemon->links, rank));
        cu_links_set(&daemon->links, rank, false, link, false);
    } else {
        cu_core_peer_down(daemon->core, rank, false, ENOMEM, uv_hrtime());
    }
}

static void apply_disconnect(struct cu_daemon *daemon, uint32_t rank, bool child)
{
    struct cu_link *link = cu_links_any(&daemon->links, rank, child);

    if (link == NULL)
        return;
    cu_links_clear(&daemon->links, rank, child);
    cu_daemon_gone(daemon, link);
    cu_link_close(link);
    cu_commands_peer_down(daemon->commands, rank, child, uv_hrtime());
}

static void apply(struct cu_daemon *daemon, struct cu_effect *effect)
{
    switch (effect->type) {
    case CU_EFFECT_REPLY:
        if (daemon->front != NULL)
            cu_front_reply(daemon->front, effect->reply.cookie, effect->reply.where,
                           &effect->reply.value);
        break;
    case CU_EFFECT_SEND:
        apply_send(daemon, effect);
        break;
    case CU_EFFECT_READ:
        apply_read(daemon, effect);
        break;
    case CU_EFFECT_CONNECT:
        apply_connect(daemon, effect->connect.rank);
        break;
    case CU_EFFECT_DISCONNECT:
        apply_disconnect(daemon, effect->disconnect.rank, effect->disconnect.child);
        break;
    case CU_EFFECT_FORGET:
        if (daemon->front != NULL)
            cu_front_forget(daemon->front, effect->forget.path, effect->forget.path_len,
                            effect->forget.pages);
        break;
    case CU_EFFECT_READY:
        break; /* cu_commands_poll looks */
    }
}

static void tick(struct cu_daemon *daemon)
{
    daemon->timer_at_ns = UINT64_MAX;
    cu_core_tick(daemon->core, uv_hrtime());
    cu_commands_tick(daemon->commands, uv_hrtime());
    cu_daemon_drain(daemon);
}

static void on_timer(uv_timer_t *timer)
{
    tick(timer->data);
}

static void on_idle(uv_idle_t *idle)
{
    uv_idle_stop(idle);
    tick(idle->data);
}

/* A timer that is armed for too early costs one empty tick; so it is moved only when it is too
 * late.
 *
 * What is due at once comes in the loop's next turn. A timer would not do: libuv calls one that is
 * due as often as it is started anew, before it looks at anything else. */
static void arm_timer(struct cu_daemon *daemon)
{
    uint64_t at_ns = cu_core_deadline(daemon->core);
    uint64_t commands_ns = cu_commands_deadline(daemon->commands);
    uint64_t now_ns;

    if (commands_ns < at_ns)
        at_ns = commands_ns;
    if (at_ns >= daemon->timer_at_ns)
        return;
    now_ns = uv_hrtime();
    daemon->timer_at_ns = at_ns;
    if (at_ns <= now_ns) {
        uv_timer_stop(&daemon->timer);
        uv_idle_start(&daemon->idle, on_idle);
        return;
    }
    uv_update_time(&daemon->loop);
    uv_timer_start(&daemon->timer, on_timer, (at_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS, 0);
}

/* Small objects that were evicted leave holes in the heap, which malloc keeps. */
static void trim_heap(struct cu_daemon *daemon)
{
    uint64_t evictions = cu_core_counters(daemon->core)[CU_COUNT_evictions];

    if (evictions - daemon->trimmed_at < TRIM_EVICTIONS)
        return;
    daemon->trimmed_at = evictions;
    cu_trim_ask(&daemon->trim);
}

void cu_daemon_drain(struct cu_daemon *daemon)
{
    struct cu_effect effect;

    if (daemon->draining)
        return;
    daemon->draining = true;
    do {
        while (cu_core_next_effect(daemon->core, &effect)) {
            apply(daemon, &effect);
            cu_effect_clear(&effect);
        }
    } while (cu_commands_poll(daemon->commands, uv_hrtime()));
    daemon->draining = false;
    trim_heap(daemon);
    arm_timer(daemon);
}
