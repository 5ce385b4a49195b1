/* SPDX-License-Identifier: BSD-3-Clause */
/* Is the host of the session alive? That must be true of a host whose daemon was killed, has given
 * up, or is frozen with all of the user's processes: the job may go on there. So the kernel of that
 * host is asked, not the daemon, in two ways, at the port and the addresses of the daemon:
 * - a connection: the kernel accepts or refuses it. Daemons reach each other in this way, so it
 *   passes where a job runs. Once a frozen daemon has too many that wait, there is no answer;
 * - a datagram: where nobody listens (a daemon uses TCP only) the kernel says so, which the next
 *   call on the socket reports. Networks may suppress that.
 * Answers are counted, not time: a node that was frozen itself has heard nothing, and has not asked
 * either. A question that this node's network does not carry has no answer: a node that was cut off
 * must end, too.
 *
 * Only a root asks, and only while it does not have that host's daemon in its tree. */
#include "copperd/lease.h"

#include "host/log.h"
#include "host/session.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST_TRIES 3u /* of a node that is no root, at the address: it may become one */

struct cu_lease {
    struct cu_lease_config config;
    const char *host; /* borrowed, of the job; NULL: the session is on this one */
    uint32_t rank;    /* its */
    uv_poll_t session;
    uv_timer_t timer;
    uv_getaddrinfo_t resolve;
    bool resolving, stopped, has_session, has_timer;
    bool over;      /* and said */
    int session_fd; /* owned */
    bool own_name;  /* the host's own name is being looked up, not the one of the data network */
    unsigned tries; /* to find an address */
    struct cu_addresses found;
    int sockets[2 * CU_ADDRESSES_MAX]; /* of the last question */
    unsigned socket_count;
    bool asked;
    unsigned silent; /* questions of this root since the last answer */
};

struct cu_lease_kept *cu_lease_keep(void)
{
    void *kept = mmap(NULL, sizeof(struct cu_lease_kept), PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return kept == MAP_FAILED ? NULL : kept;
}

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

static void end(struct cu_lease *lease)
{
    lease->over = true;
    lease->config.over(lease->config.context);
}

static void on_session(uv_poll_t *handle, int status, int events)
{
    (void)status;
    (void)events;
    uv_poll_stop(handle);
    cu_log_info("the job's session is over");
    end(handle->data);
}

/* In each tick until it is watched: there may be no descriptor left. */
static void watch_session(struct cu_lease *lease)
{
    int fd;

    if (lease->has_session)
        return;
    fd = cu_session_open(lease->config.job->lease);
    if (fd == -ESRCH) {
        cu_log_info("the job's session is over");
        end(lease);
        return;
    }
    if (fd < 0 || uv_poll_init(lease->config.loop, &lease->session, fd) != 0) {
        if (fd >= 0)
            close(fd);
        if (lease->tries++ == 0)
            cu_log_warn("the job's session cannot be watched yet");
        return;
    }
    lease->session_fd = fd;
    lease->has_session = true;
    (void)uv_poll_start(&lease->session, UV_READABLE, on_session); /* fails while closing only */
}

static bool is_answer(int fd)
{
    struct sockaddr_storage peer;
    socklen_t size = sizeof(peer);
    int type = 0, error = 0;
    socklen_t type_size = sizeof(type), error_size = sizeof(error);
    char byte;

    if (recv(fd, &byte, sizeof(byte), MSG_DONTWAIT) >= 0)
        return true;
    if (errno == ECONNREFUSED || errno == ECONNRESET)
        return true;
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) == 0 && type == SOCK_STREAM &&
           getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_size) == 0 && error == 0 &&
           getpeername(fd, (struct sockaddr *)&peer, &size) == 0; /* it is connected */
}

/* Closes the sockets of the last question. Was it answered? */
static bool take_answer(struct cu_lease *lease)
{
    bool answered = false;

    for (unsigned i = 0; i < lease->socket_count; i++) {
        answered |= is_answer(lease->sockets[i]);
        close(lease->sockets[i]);
    }
    lease->socket_count = 0;
    return answered;
}

static void ask_one(struct cu_lease *lease, const union cu_address *to, int type)
{
    int fd = socket(to->any.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return; /* says nothing about the host */
    lease->asked = true;
    lease->sockets[lease->socket_count++] = fd;
    if (connect(fd, &to->any, cu_address_size(to)) == 0 && type == SOCK_DGRAM)
        (void)send(fd, "", 1, MSG_NOSIGNAL);
}

/* The daemon may die at any moment. */
static void keep(struct cu_lease *lease)
{
    struct cu_addresses *kept = &lease->config.kept->addresses;

    memcpy(kept->of, lease->found.of, sizeof(kept->of));
    __atomic_store_n(&kept->count, lease->found.count, __ATOMIC_RELEASE);
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found);

static void look_up(struct cu_lease *lease, const char *name)
{
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    char port[8];

    snprintf(port, sizeof(port), "%u", lease->config.job->port);
    lease->resolving =
        uv_getaddrinfo(lease->config.loop, &lease->resolve, on_resolved, name, port, &hints) == 0;
}

/* As daemons find each other: first on the data network, then by the host's own name. */
static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    struct cu_lease *lease = request->data;
    unsigned near;

    lease->resolving = false;
    if (status == 0)
        cu_addresses_add_list(&lease->found, found);
    uv_freeaddrinfo(found);
    if (lease->stopped) {
        release(lease);
        return;
    }
    if (!lease->own_name) {
        lease->own_name = cu_network_take(lease->config.network, true, &lease->found, &near);
        if (lease->own_name)
            look_up(lease, lease->host);
    }
    if (!lease->resolving)
        keep(lease);
}

static void find_host(struct cu_lease *lease)
{
    char name[CU_NETNAME_MAX];

    lease->found.count = 0;
    lease->own_name = false;
    if (cu_network_name(lease->config.network, lease->host, name) == 0)
        look_up(lease, name);
}

static void ask(struct cu_lease *lease)
{
    const struct cu_addresses *at = &lease->config.kept->addresses;

    lease->asked = false;
    for (unsigned i = 0; i < at->count && i < CU_ADDRESSES_MAX; i++) {
        ask_one(lease, &at->of[i], SOCK_STREAM);
        ask_one(lease, &at->of[i], SOCK_DGRAM);
    }
}

static void watch_host(struct cu_lease *lease)
{
    bool answered = take_answer(lease), asked = lease->asked;
    bool root = lease->config.is_root(lease->config.context);

    lease->asked = false;
    if (lease->resolving)
        return;
    if (lease->config.kept->addresses.count == 0) {
        if (root || lease->tries++ < FIRST_TRIES)
            find_host(lease);
        return;
    }
    if (!root || lease->config.is_joined(lease->config.context, lease->rank)) {
        lease->silent = 0;
        return;
    }
    if (answered) {
        cu_log_debug("%s, the host of the job's session, answers", lease->host);
        lease->silent = 0;
    } else if (asked) {
        lease->silent++;
    }
    if (lease->silent < CU_LEASE_SILENT) {
        ask(lease);
        return;
    }
    cu_log_error("%s, the host of the job's session, has not answered for %u s: the job is over",
                 lease->host, lease->silent * lease->config.tick_ms / 1000);
    end(lease);
}

static void on_tick(uv_timer_t *timer)
{
    struct cu_lease *lease = timer->data;

    if (lease->over)
        lease->config.over(lease->config.context);
    else if (lease->host)
        watch_host(lease);
    else
        watch_session(lease);
}

/* Is the session to be watched here, or its host from here? */
static bool is_watched(const struct cu_lease_config *config, bool *here, int64_t *rank)
{
    int fd;

    if (!config->job->lease)
        return false;
    fd = cu_session_open(config->job->lease);
    if (fd >= 0)
        close(fd);
    *here = fd != -EXDEV;
    *rank = cu_session_rank(config->job->lease);
    return *here ||
           (*rank >= 0 && *rank != config->rank && *rank < (int64_t)config->job->hosts.count);
}

struct cu_lease *cu_lease_start(const struct cu_lease_config *config)
{
    struct cu_lease *lease;
    uint64_t first_ms = 0;
    int64_t rank;
    bool here;

    if (!is_watched(config, &here, &rank))
        return NULL;
    lease = calloc(1, sizeof(*lease));
    if (!lease) {
        cu_log_warn("the job's session cannot be watched: out of memory");
        return NULL;
    }
    lease->config = *config;
    if (config->tick_ms == 0)
        lease->config.tick_ms = CU_LEASE_TICK_MS;
    lease->session.data = lease->timer.data = lease->resolve.data = lease;
    uv_timer_init(config->loop, &lease->timer);
    lease->has_timer = true;
    if (!here) { /* one after the other: they ask the name service */
        lease->rank = (uint32_t)rank;
        lease->host = config->job->hosts.names[rank];
        first_ms = (uint64_t)lease->config.tick_ms * config->rank / config->job->hosts.count;
    }
    uv_timer_start(&lease->timer, on_tick, first_ms, lease->config.tick_ms);
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
