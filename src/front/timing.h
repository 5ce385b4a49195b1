/* SPDX-License-Identifier: BSD-3-Clause */
/* How long the kernel waits for answers (core/latency.h). The clock is read once for an answer and
 * once for each batch of requests: the time of the last answer is also when the next request was
 * taken. On the loop thread. */
#ifndef CU_FRONT_TIMING_H
#define CU_FRONT_TIMING_H

#include <stdbool.h>
#include <stdint.h>

struct cu_front;
struct cu_front_request;

struct cu_front_timing {
    uint64_t now_ns; /* of the last look at the clock */
    bool kept;       /* the request being taken has a struct of its own, or gets no answer */
    int error;       /* of the answer to it: positive errno */
};

/* Requests are about to be taken. */
void cu_front_timing_begin(struct cu_front *front);
/* The request being taken is r now. */
void cu_front_timing_keep(struct cu_front *front, struct cu_front_request *r);
/* r was answered. */
void cu_front_timing_end(struct cu_front *front, const struct cu_front_request *r);
/* The request was handled; opcode: of linux/fuse.h. If no struct was made for it, it was answered
 * here at once. */
void cu_front_timing_done(struct cu_front *front, uint32_t opcode);

#endif
