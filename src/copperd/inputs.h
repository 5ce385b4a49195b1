/* SPDX-License-Identifier: BSD-3-Clause */
/* What comes in from peers, over the control socket and from storage, for the core and the control
 * plane. On the loop thread. */
#ifndef CU_COPPERD_INPUTS_H
#define CU_COPPERD_INPUTS_H

#include "control/socket.h"
#include "net/transport.h"
#include "proto/object.h"

struct cu_daemon;

/* context: the struct cu_daemon. */
extern const struct cu_transport_events cu_daemon_transport_events;
extern const struct cu_socket_events cu_daemon_socket_events;
void cu_daemon_storage_done(void *context, uint64_t id, const struct cu_value *value);
/* On a worker: value's bytes, before cu_daemon_storage_done gets them. */
void cu_daemon_storage_prepare(void *context, struct cu_buf *bytes);

/* A connection (link or control socket) has ended: no reply may be sent to it. */
void cu_daemon_gone(struct cu_daemon *daemon, const void *owner);

#endif
