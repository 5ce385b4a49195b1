/* SPDX-License-Identifier: BSD-3-Clause */
/* Invariants: effects are carried out one at a time and in order, for a run inside a run does
 * nothing; each effect is cleared; the timer is armed for no later than the earliest deadline,
 * whenever no run is under way. */
#include "core/driver.h"

#include <assert.h>
#include <errno.h>

void cu_driver_init(struct cu_driver *driver, struct cu_core *core,
                    const struct cu_driver_ports *ports, void *context)
{
    assert(core && ports->now_ns);
    *driver = (struct cu_driver){
        .core = core, .ports = ports, .context = context, .armed_ns = UINT64_MAX};
}

static uint64_t now(const struct cu_driver *driver)
{
    return driver->ports->now_ns(driver->context);
}

void cu_driver_lose(struct cu_driver *driver, struct cu_peer peer, int error)
{
    if (driver->ports->disconnect)
        driver->ports->disconnect(driver->context, peer);
    cu_core_peer_down(driver->core, peer, error, now(driver));
}

/* A lost connection fails all of its requests; a message that cannot be sent fails alone. */
static void carry_send(struct cu_driver *driver, struct cu_peer peer, struct cu_msg *msg)
{
    uint64_t queued = 0;
    int rc = driver->ports->send ? driver->ports->send(driver->context, peer, msg, &queued) : 0;

    if (rc == -ENOTCONN)
        cu_driver_lose(driver, peer, -rc);
    else if (rc < 0)
        cu_core_unsent(driver->core, peer, msg, -rc, now(driver));
    else if (peer.side == CU_CHILD)
        cu_core_child_queued(driver->core, peer.rank, queued, now(driver));
}

static void carry_read(struct cu_driver *driver, uint64_t id, const struct cu_request *request,
                       bool direct)
{
    int rc = driver->ports->read ? driver->ports->read(driver->context, id, request, direct) : 0;

    if (rc < 0)
        cu_core_storage_done(driver->core, id, &(struct cu_value){.error = -rc}, now(driver));
}

static void carry_connect(struct cu_driver *driver, uint32_t rank)
{
    int rc = driver->ports->connect ? driver->ports->connect(driver->context, rank) : 0;

    if (rc < 0)
        cu_core_peer_down(driver->core, cu_peer_parent(rank), -rc, now(driver));
}

static void carry_out(struct cu_driver *driver, struct cu_effect *effect)
{
    const struct cu_driver_ports *ports = driver->ports;

    switch (effect->type) {
    case CU_EFFECT_REPLY:
        if (ports->reply)
            ports->reply(driver->context, effect->reply.cookie, effect->reply.where,
                         &effect->reply.value);
        break;
    case CU_EFFECT_SEND:
        carry_send(driver, effect->send.peer, &effect->send.msg);
        break;
    case CU_EFFECT_READ:
        carry_read(driver, effect->read.id, &effect->read.request, effect->read.direct);
        break;
    case CU_EFFECT_CONNECT:
        carry_connect(driver, effect->connect.rank);
        break;
    case CU_EFFECT_DISCONNECT:
        if (ports->disconnect)
            ports->disconnect(driver->context, effect->disconnect.peer);
        break;
    case CU_EFFECT_FORGET:
        if (ports->forget)
            ports->forget(driver->context, effect->forget.path, effect->forget.path_len,
                          effect->forget.pages);
        break;
    case CU_EFFECT_READY:
        if (ports->ready)
            ports->ready(driver->context);
        break;
    }
}

/* A timer that fires too early costs one empty tick. So it is moved only when it would fire too
 * late. */
static void arm(struct cu_driver *driver)
{
    const struct cu_driver_ports *ports = driver->ports;
    uint64_t at_ns = cu_core_deadline(driver->core), now_ns;

    if (ports->deadline) {
        uint64_t other_ns = ports->deadline(driver->context);

        at_ns = other_ns < at_ns ? other_ns : at_ns;
    }
    if (at_ns >= driver->armed_ns)
        return;
    now_ns = now(driver);
    driver->armed_ns = at_ns > now_ns ? at_ns : now_ns;
    if (ports->arm)
        ports->arm(driver->context, driver->armed_ns);
}

void cu_driver_run(struct cu_driver *driver)
{
    const struct cu_driver_ports *ports = driver->ports;
    struct cu_effect effect;

    if (driver->running)
        return;
    driver->running = true;
    do {
        while (cu_core_next_effect(driver->core, &effect)) {
            carry_out(driver, &effect);
            cu_effect_clear(&effect);
        }
    } while (ports->poll && ports->poll(driver->context));
    driver->running = false;
    arm(driver);
}

void cu_driver_fire(struct cu_driver *driver)
{
    uint64_t now_ns = now(driver);

    driver->armed_ns = UINT64_MAX;
    if (cu_core_deadline(driver->core) <= now_ns)
        cu_core_tick(driver->core, now_ns);
    if (driver->ports->tick)
        driver->ports->tick(driver->context);
    cu_driver_run(driver);
}
