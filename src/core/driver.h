/* SPDX-License-Identifier: BSD-3-Clause */
/* The loop around a core, the same for the daemon, the simulator and tests: after each input the
 * core's effects are carried out until there are none, then a timer is armed for what is due next.
 * Ports carry effects out; this file decides what follows when one fails. As pure as the core: time
 * comes in through a port. One thread at a time. */
#ifndef CU_CORE_DRIVER_H
#define CU_CORE_DRIVER_H

#include "core/core.h"
#include "core/peer.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A port may call any input of the core, and cu_driver_run. All but now_ns may be NULL: then that
 * is not done, and counts as done. What is passed is borrowed for the call. */
struct cu_driver_ports {
    uint64_t (*now_ns)(void *context);
    void (*reply)(void *context, uint64_t cookie, enum cu_core_where where,
                  const struct cu_value *value);
    /* May move what msg owns out of it (and zeroes it there). *queued, 0 before: the bytes that
     * wait on the connection now, and the network has not taken. 0; -ENOTCONN: there is no such
     * connection, or it is about to end; any other error: this message alone cannot be sent. */
    int (*send)(void *context, struct cu_peer peer, struct cu_msg *msg, uint64_t *queued);
    /* Begins a storage operation, for cu_core_storage_done. 0 or -errno. direct: as in struct
     * cu_effect. */
    int (*read)(void *context, uint64_t id, const struct cu_request *request, bool direct);
    /* Begins to open a connection; cu_core_peer_up or _down follows. 0 or -errno. */
    int (*connect)(void *context, uint32_t rank);
    /* Closes the connection, if there is one. */
    void (*disconnect)(void *context, struct cu_peer peer);
    void (*forget)(void *context, const char *path, size_t path_len, bool pages);
    void (*ready)(void *context);
    /* Arms the timer: cu_driver_fire is to be called at that time or a little later, immediately
     * when it is overdue. Replaces the time that was armed before, which is always later. */
    void (*arm)(void *context, uint64_t at_ns);
    /* Other work on this loop. poll: called when no effect is left; returns true when it did
     * something that may have created effects. deadline: when tick must be called next; UINT64_MAX:
     * no need. */
    bool (*poll)(void *context);
    uint64_t (*deadline)(void *context);
    void (*tick)(void *context);
};

struct cu_driver {
    struct cu_core *core;
    const struct cu_driver_ports *ports;
    void *context;
    uint64_t armed_ns; /* UINT64_MAX: not armed */
    bool running;
};

/* core, ports and context are borrowed. */
void cu_driver_init(struct cu_driver *driver, struct cu_core *core,
                    const struct cu_driver_ports *ports, void *context);
/* To be called after every input. May be called from inside a port: then it does nothing, and the
 * call under way carries out the new effects. */
void cu_driver_run(struct cu_driver *driver);
/* The timer has fired: ticks what is due, and runs. */
void cu_driver_fire(struct cu_driver *driver);
/* Closes the connection to the peer, and tells the core. error: positive errno, or 0. To be
 * followed by cu_driver_run. */
void cu_driver_lose(struct cu_driver *driver, struct cu_peer peer, int error);

#endif
