/* SPDX-License-Identifier: BSD-3-Clause */
/* Accepts a connection that cannot be served, and closes it. libuv stops accepting until the
 * connection that it has announced is accepted; a listener that does not accept one because memory
 * is out would get no further connections. This module allocates no memory: each listener embeds
 * the handle. Loop thread. */
#ifndef CU_LOOP_REFUSAL_H
#define CU_LOOP_REFUSAL_H

#include <stdbool.h>
#include <uv.h>

struct cu_refusal {
    union {
        uv_tcp_t tcp;
        uv_pipe_t pipe;
    } taken;
    uv_stream_t *listener; /* while busy; borrowed */
    bool busy;             /* libuv still holds `taken` */
    bool again;            /* another one waits */
    void *context;
    void (*gone)(void *context); /* `taken` is free */
};

/* Takes the connection that the listener (TCP or pipe) was told of, and closes it: now, or as soon
 * as the one before is gone. False: nothing was begun, gone is not called for this. The struct, the
 * listener and what gone needs live until gone was called. */
bool cu_refusal_take(struct cu_refusal *refusal, uv_stream_t *listener);

#endif
