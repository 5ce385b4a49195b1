/* SPDX-License-Identifier: BSD-3-Clause */
/* End of a loop turn. A check handle runs after the turn's I/O callbacks, a prepare handle before
 * the loop sleeps: whichever comes first does the work. The idle handle only keeps the loop from
 * sleeping when a prepare handle of another module has armed this one after its own prepare handle
 * was called.
 *
 * Invariant: the three handles are active exactly while `armed`. */
#include "loop/deferred.h"

static void run_once(struct cu_deferred *deferred)
{
    if (!deferred->armed)
        return;
    deferred->armed = false;
    uv_prepare_stop(&deferred->prepare);
    uv_check_stop(&deferred->check);
    uv_idle_stop(&deferred->idle);
    deferred->run(deferred->context);
}

static void on_prepare(uv_prepare_t *handle)
{
    run_once(handle->data);
}

static void on_check(uv_check_t *handle)
{
    run_once(handle->data);
}

static void on_idle(uv_idle_t *handle)
{
    (void)handle;
}

void cu_deferred_init(struct cu_deferred *deferred, uv_loop_t *loop, void *context,
                      void (*run)(void *context))
{
    /* These three cannot fail: they only link the handle into the loop. */
    (void)uv_prepare_init(loop, &deferred->prepare);
    (void)uv_check_init(loop, &deferred->check);
    (void)uv_idle_init(loop, &deferred->idle);
    deferred->prepare.data = deferred;
    deferred->check.data = deferred;
    deferred->idle.data = deferred;
    deferred->armed = false;
    deferred->open = 3;
    deferred->context = context;
    deferred->run = run;
    deferred->closed = NULL;
}

void cu_deferred_arm(struct cu_deferred *deferred)
{
    if (deferred->armed || deferred->closed)
        return;
    deferred->armed = true;
    uv_prepare_start(&deferred->prepare, on_prepare);
    uv_check_start(&deferred->check, on_check);
    uv_idle_start(&deferred->idle, on_idle);
}

static void on_closed(uv_handle_t *handle)
{
    struct cu_deferred *deferred = handle->data;

    if (--deferred->open == 0)
        deferred->closed(deferred->context);
}

void cu_deferred_close(struct cu_deferred *deferred, void (*closed)(void *context))
{
    deferred->armed = false;
    deferred->closed = closed;
    uv_close((uv_handle_t *)&deferred->prepare, on_closed);
    uv_close((uv_handle_t *)&deferred->check, on_closed);
    uv_close((uv_handle_t *)&deferred->idle, on_closed);
}
