/* SPDX-License-Identifier: BSD-3-Clause */
/* Figures of many nodes: what is large is done aside (cu_commands_config.aside), the rest here and
 * now. */
#ifndef CU_CONTROL_BULK_H
#define CU_CONTROL_BULK_H

#include "control/task.h"

#define CU_BULK_BYTES 65536u /* of text that is read aside */
#define CU_BULK_NODES 64u    /* whose figures are written, and let go, aside */

/* False: text is not large; cu_gather_read is not called. Takes a reference. */
bool cu_bulk_read(struct cu_commands *commands, uint32_t rank, uint64_t id, struct cu_buf *text);
/* Sends result (taken; NULL: out of memory), whose "nodes" are a list of lists here, as the answer.
 */
void cu_bulk_reply(struct cu_commands *commands, const struct cu_commands_origin *origin,
                   json_t *result);
/* Drops the reference, which is the only one if it is of a list of nodes. NULL does nothing. */
void cu_bulk_free(struct cu_commands *commands, json_t *json);
/* The connection has gone: no answer goes there. */
void cu_bulk_gone(struct cu_commands *commands, const void *owner);
/* What is under way is nobody's any more. */
void cu_bulk_close(struct cu_commands *commands);

#endif
