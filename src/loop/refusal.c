/* SPDX-License-Identifier: BSD-3-Clause */
/* One handle a listener. Invariant: libuv keeps one connection that is not taken, and tells of no
 * other until it is; so one is all that may wait here. */
#include "loop/refusal.h"

static uv_stream_t *init(struct cu_refusal *refusal, const uv_stream_t *listener)
{
    /* No socket yet: neither can fail. */
    if (listener->type == UV_TCP)
        (void)uv_tcp_init(listener->loop, &refusal->taken.tcp);
    else
        (void)uv_pipe_init(listener->loop, &refusal->taken.pipe, 0);
    return (uv_stream_t *)&refusal->taken;
}

static void on_closed(uv_handle_t *handle)
{
    struct cu_refusal *refusal = handle->data;
    bool again = refusal->again && !uv_is_closing((uv_handle_t *)refusal->listener);

    refusal->busy = false;
    refusal->again = false;
    if (again)
        (void)cu_refusal_take(refusal, refusal->listener);
    else
        refusal->gone(refusal->context);
}

bool cu_refusal_take(struct cu_refusal *refusal, uv_stream_t *listener)
{
    uv_stream_t *taken;

    if (refusal->busy) {
        refusal->again = true;
        return false;
    }
    taken = init(refusal, listener);
    taken->data = refusal;
    refusal->busy = true;
    refusal->listener = listener;
    (void)uv_accept(listener, taken);
    uv_close((uv_handle_t *)taken, on_closed);
    return true;
}
