/* SPDX-License-Identifier: BSD-3-Clause */
/* Two links in one process. */
#ifndef CU_TESTS_LINK_PAIR_H
#define CU_TESTS_LINK_PAIR_H

#include "net/transport.h"

/* Two ends on one loop; messages are encoded and decoded as on a wire.
 * `up` is told in the next loop turn, on a as the one that connected. The memory goes when both
 * ends are closed (by cu_link_close or after `down`). 0 or -ENOMEM. */
int link_pair(uv_loop_t *loop, const struct cu_transport_events *a_events, uint32_t a_rank,
              const struct cu_transport_events *b_events, uint32_t b_rank, struct cu_link **a,
              struct cu_link **b);

#endif
