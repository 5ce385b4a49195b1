/* SPDX-License-Identifier: BSD-3-Clause */
/* Deferred work at the end of a loop turn: work that the callbacks of one turn collect (messages to
 * send, operations to start) is done once, after all of them and before the loop sleeps. Loop
 * thread only. */
#ifndef CU_LOOP_DEFERRED_H
#define CU_LOOP_DEFERRED_H

#include <stdbool.h>
#include <uv.h>

struct cu_deferred {
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t idle;
    bool armed;
    int open; /* handles libuv still holds */
    void *context;
    void (*run)(void *context);
    void (*closed)(void *context);
};

/* Cannot fail. From here on the memory of deferred belongs to the loop until cu_deferred_close has
 * closed.
 */
void cu_deferred_init(struct cu_deferred *deferred, uv_loop_t *loop, void *context,
                      void (*run)(void *context));
/* run will be called once, at the end of this turn. Keeps the loop alive until then. */
void cu_deferred_arm(struct cu_deferred *deferred);
/* No run after this; closed is called, in a later turn, when the memory may go. */
void cu_deferred_close(struct cu_deferred *deferred, void (*closed)(void *context));

#endif
