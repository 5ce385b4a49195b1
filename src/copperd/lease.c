/* SPDX-License-Identifier: BSD-3-Clause */
/* Is the host of the session alive? That must be true of a host whose daemon was killed, has given
 * up, or is frozen with all of the user's processes: the job may go on there. So the kernel of that
 * host is asked, not the daemon: a datagram to a port where nobody listens (the daemon's, of which
 * it uses TCP only) is answered by "port unreachable", which the next call on the socket reports.
 * Where such answers do not come through, nothing is ever concluded. Answers are counted, not time:
 * a node that was frozen itself has heard nothing, and has not asked either.
 *
 * All daemons ask until there was an answer, a few times at most, so that whichever becomes root
 * later knows that there is one, and the addresses. After that a root asks, once in a tick. */
#include "copperd/lease.h"

#include "host/log.h"
#include "host/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_TRIES 3u

struct cu_lease {
    struct cu_lease_config config;
    const char *host; /* borrowed, of the job */
    uint32_t rank;    /* its */
    uv_poll_t session;
    uv_timer_t timer;
    uv_getaddrinfo_t resolve;
    bool resolving, stopped, has_session, has_timer;
    int session_fd; /* owned */
    struct cu_addresses addresses;
    int sockets[CU_ADDRESSES_MAX]; /* of the last question */
    unsigned socket_count;
    bool heard;      /* there was an answer */
    unsigned tries;  /* before the first one, name lookups included */
    unsigned silent; /* questions of this root since the last answer */
};

static void release(struct cu_lease *lease)
{
    if (!lease->stopped || lease->resolving || lease->has_session || lease->has_timer)
        return;
    free(lease);
}

static void on_session_closed(uv_handle_t *handle)
{
    struct cu_lease *lease = handle->data;

    close(lease->session_fd);
    lease->has_session = false;
    release(lease);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct cu_lease *lease = handle->data;

    lease->has_timer = false;
    release(lease);
}

static void on_session(uv_poll_t *handle, int status, int events)
{
    struct cu_lease *lease = handle->data;

    (void)status;
    (void)events;
    uv_poll_stop(handle);
    cu_log_info("the job's session is over");
    lease->config.over(lease->config.context);
}

static void on_session_gone(uv_timer_t *timer)
{
    struct cu_lease *lease = timer->data;

    cu_log_info("the job's session is over");
    lease->config.over(lease->config.context);
}

/* Closes the sockets of the last question. Was it answered? */
static bool take_answer(struct cu_lease *lease)
{
    bool answered = false;
    char byte;

    for (unsigned i = 0; i < lease->socket_count; i++) {
        ssize_t got = recv(lease->sockets[i], &byte, sizeof(byte), MSG_DONTWAIT);

        answered |= got >= 0 || errno == ECONNREFUSED;
        close(lease->sockets[i]);
    }
    lease->socket_count = 0;
    return answered;
}

static void ask(struct cu_lease *lease)
{
    for (unsigned i = 0; i < lease->addresses.count; i++) {
        const union cu_address *to = &lease->addresses.of[i];
        int fd = socket(to->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0)
            continue;
        if (connect(fd, &to->any, cu_address_size(to)) == 0 && send(fd, "", 1, MSG_NOSIGNAL) == 1)
            lease->sockets[lease->socket_count++] = fd;
        else
            close(fd); /* this node's own network: says nothing about the host */
    }
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct cu_lease *lease = request->data;
    unsigned near;

    lease->resolving = false;
    if (status == 0)
        cu_addresses_add_list(&lease->addresses, found);
    uv_freeaddrinfo(found);
    if (lease->stopped) {
        release(lease);
        return;
    }
    (void)cu_network_take(lease->config.network, true, &lease->addresses, &near);
}

static void watch_host(struct cu_lease *lease)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};
    char name[CU_NETNAME_MAX], port[8];

    snprintf(port, sizeof(port), "%u", lease->config.job->port);
    if (cu_network_name(lease->config.network, lease->host, name) == 0 &&
        uv_getaddrinfo(lease->config.loop, &lease->resolve, on_resolved, name, port, &hints) == 0)
        lease->resolving = true;
}

static void on_tick(uv_timer_t *timer)
{
    struct cu_lease *lease = timer->data;
    bool asked = lease->socket_count > 0, answered = take_answer(lease);

    if (lease->resolving)
        return;
    if (lease->addresses.count == 0) {
        if (lease->tries++ < FIRST_TRIES)
            watch_host(lease);
        else
            uv_timer_stop(timer);
        return;
    }
    if (answered) {
        cu_log_debug("%s, the host of the job's session, answers", lease->host);
        lease->heard = true;
        lease->silent = 0;
    } else if (lease->config.is_joined(lease->config.context, lease->rank)) {
        lease->silent = 0; /* its daemon is in the trees: only the answers are lost */
    } else if (asked && lease->heard) {
        lease->silent++;
    }
    if (lease->silent >= CU_LEASE_SILENT) {
        uv_timer_stop(timer);
        cu_log_error("%s, the host of the job's session, has not answered for %u s: the job is "
                     "over",
                     lease->host, lease->silent * lease->config.tick_ms / 1000);
        lease->config.over(lease->config.context);
        return;
    }
    if (lease->heard && !lease->config.is_root(lease->config.context))
        lease->silent = 0;
    else if (lease->heard || lease->tries++ < FIRST_TRIES)
        ask(lease);
    else
        uv_timer_stop(timer);
}

static void watch_session(struct cu_lease *lease, int fd)
{
    lease->session_fd = fd;
    if (uv_poll_init(lease->config.loop, &lease->session, fd) != 0) {
        cu_log_warn("the job's session cannot be watched");
        close(fd);
        return;
    }
    lease->has_session = true;
    if (uv_poll_start(&lease->session, UV_READABLE, on_session) != 0)
        cu_log_warn("the job's session cannot be watched");
}

struct cu_lease *cu_lease_start(const struct cu_lease_config *config)
{
    const char *text = config->job->lease;
    struct cu_lease *lease;
    int64_t rank;
    int fd;

    if (!text)
        return NULL;
    fd = cu_session_open(text);
    rank = cu_session_rank(text);
    if (fd < 0 && fd != -ESRCH &&
        (rank < 0 || rank == config->rank || rank >= (int64_t)config->job->hosts.count))
        return NULL;
    lease = calloc(1, sizeof(*lease));
    if (!lease) {
        cu_log_warn("the job's session cannot be watched: out of memory");
        if (fd >= 0)
            close(fd);
        return NULL;
    }
    lease->config = *config;
    if (config->tick_ms == 0)
        lease->config.tick_ms = CU_LEASE_TICK_MS;
    lease->session.data = lease->timer.data = lease->resolve.data = lease;
    uv_timer_init(config->loop, &lease->timer);
    lease->has_timer = true;
    if (fd >= 0) {
        watch_session(lease, fd);
    } else if (fd == -ESRCH) {
        uv_timer_start(&lease->timer, on_session_gone, 0, 0);
    } else {
        lease->rank = (uint32_t)rank;
        lease->host = config->job->hosts.names[rank];
        watch_host(lease);
        /* One after the other: the kernel bounds how many answers it gives in a second. */
        uv_timer_start(&lease->timer, on_tick,
                       (uint64_t)lease->config.tick_ms * config->rank / config->job->hosts.count,
                       lease->config.tick_ms);
    }
    return lease;
}

void cu_lease_stop(struct cu_lease *lease)
{
    if (!lease || lease->stopped)
        return;
    lease->stopped = true;
    (void)take_answer(lease);
    if (lease->has_session)
        uv_close((uv_handle_t *)&lease->session, on_session_closed);
    uv_close((uv_handle_t *)&lease->timer, on_timer_closed);
}
