/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages of peers, and to them: which module each is for. */
#ifndef CU_CORE_MESSAGE_H
#define CU_CORE_MESSAGE_H

#include "core/peer.h"
#include "proto/msg.h"

#include <stdint.h>

struct cu_core;

/* A message from the child, or parent, of that rank. Borrowed. */
void cu_message_from_child(struct cu_core *core, uint32_t rank, const struct cu_msg *msg);
void cu_message_from_parent(struct cu_core *core, uint32_t rank, const struct cu_msg *msg);
/* One to the peer could not be sent; error: positive errno. Only its own request fails; when it was
 * about the connection itself, that is closed. */
void cu_message_unsent(struct cu_core *core, struct cu_peer peer, const struct cu_msg *msg,
                       int error);

#endif
