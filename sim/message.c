/* SPDX-License-Identifier: BSD-3-Clause */
/* Messages on their way: what they own, how large they are on the wire, what damages them. Those
 * that are done with are used again. */
#include "sim.h"

#include <stdlib.h>
#include <string.h>

#define FRAME_BYTES 66u /* Ethernet, IP and TCP around a message */

uint64_t cu_sim_message_bulk(const struct cu_sim *sim, const struct cu_msg *msg)
{
    if (msg->type != CU_MSG_ANSWER)
        return 0;
    return cu_sim_world_true_bytes(sim->world, msg->answer.value.bytes) +
           cu_sim_world_true_bytes(sim->world, msg->answer.value.content);
}

uint64_t cu_sim_message_wire_bytes(const struct cu_sim *sim, const struct cu_msg *msg)
{
    uint64_t bytes = CU_MSG_HEAD + FRAME_BYTES;

    switch (msg->type) {
    case CU_MSG_WANT:
        return bytes + 60 + msg->want.path_len;
    case CU_MSG_ANSWER:
        return bytes + (msg->answer.kind == CU_KIND_ATTR ? 160 : 80) +
               cu_sim_message_bulk(sim, msg);
    case CU_MSG_REFRESH:
        return bytes + 8 + msg->refresh.path_len;
    case CU_MSG_CHECK:
    case CU_MSG_CHECKED:
        return bytes + 8 + msg->check.list->size;
    case CU_MSG_READY:
        return bytes + 8 + (msg->ready.count + 7) / 8;
    case CU_MSG_JOIN:
    case CU_MSG_PING:
    case CU_MSG_PONG:
    case CU_MSG_CONTROL:
    case CU_MSG_RESULT:
    case CU_MSG_BYE:
        break;
    }
    return bytes + 8;
}

uint64_t cu_sim_message_cpu(const struct cu_sim *sim, const struct cu_msg *msg)
{
    return cu_sim_message_bulk(sim, msg) * sim->config.machine.bulk_cpu_ps_per_byte / 1000;
}

void cu_sim_message_drop(struct cu_sim *sim, struct cu_sim_message *message)
{
    cu_msg_clear(&message->msg);
    free(message->bits);
    message->next = sim->spare;
    sim->spare = message;
}

/* A path becomes one that sim->names keeps for good. */
void cu_sim_message_own(struct cu_sim *sim, struct cu_sim_message *message)
{
    struct cu_msg *msg = &message->msg;

    message->bits = NULL;
    if (msg->type == CU_MSG_WANT && sim->config.faults) {
        uint32_t file = cu_sim_world_find(sim->world, msg->want.path, msg->want.path_len);

        if (file == CU_SIM_NONE) {
            cu_sim_violation(sim, "a WANT of a path that nobody asked for: %.*s",
                             (int)msg->want.path_len, msg->want.path);
            file = 0;
        }
        msg->want.path = sim->world->files[file].path;
    } else if (msg->type == CU_MSG_REFRESH) {
        msg->refresh.path = "/"; /* no other is refreshed here */
        msg->refresh.path_len = 1;
    } else if (msg->type == CU_MSG_READY) {
        size_t size = (msg->ready.count + 7) / 8;

        message->bits = cu_sim_alloc(size, 1);
        memcpy(message->bits, msg->ready.bits, size);
        msg->ready.bits = message->bits;
    }
}

struct cu_sim_message *cu_sim_message_new(struct cu_sim *sim)
{
    struct cu_sim_message *message = sim->spare;

    if (!message)
        return cu_sim_alloc(1, sizeof *message);
    sim->spare = message->next;
    return message;
}

/* A payload with one bit wrong, as a bad cable or memory makes it. */
void cu_sim_message_spoil(struct cu_sim *sim, struct cu_msg *msg)
{
    struct cu_buf *bytes = msg->answer.value.bytes, *bad;

    if (!bytes || bytes->size == 0)
        return;
    bad = cu_buf_copy(bytes->data, bytes->size);
    if (!bad)
        exit(3);
    bad->data[cu_sim_rng_below(&sim->fault_rng, bad->size)] ^= 1;
    cu_buf_unref(bytes);
    msg->answer.value.bytes = bad;
    sim->result->faults++;
}
