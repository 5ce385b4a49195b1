/* SPDX-License-Identifier: BSD-3-Clause */
/* The process that puts a recipe into this node's kernel (copperd/warm.h). It is not a thread of
 * the daemon: a thread that waits for an answer of its own process would keep that process from
 * ending, and so from being replaced. It has no descriptor of the daemon's, ends with it, and is
 * killed when the daemon stops. Loop thread, but for cu_warmer_fork. */
#ifndef CU_COPPERD_WARMER_H
#define CU_COPPERD_WARMER_H

#include "copperd/warm.h"

#include <stddef.h>
#include <uv.h>

struct cu_warmer;

struct cu_warmer_events {
    void *context;
    /* The process has ended, and the warmer is freed. result NULL: it was not through. */
    void (*ended)(void *context, const struct cu_warm_result *result);
};

/* Starts the process, which waits. In a process of one thread. strip: called in the new one, to
 * wipe secrets. NULL: it cannot be started. */
struct cu_warmer *cu_warmer_fork(void (*strip)(void *context), void *context);
/* From now on its end is told. Does not keep the loop alive. 0; -errno: it is killed and freed. */
__attribute__((warn_unused_result)) int cu_warmer_watch(struct cu_warmer *warmer, uv_loop_t *loop,
                                                        const struct cu_warmer_events *events);
/* The recipe's bytes, which are copied. -EFBIG: more than CU_RECIPE_BYTES_MAX. */
__attribute__((warn_unused_result)) int cu_warmer_give(struct cu_warmer *warmer, const void *recipe,
                                                       size_t size);
/* Lets it begin, with what it was given; once. config->root is shorter than CU_PATH_MAX. */
void cu_warmer_begin(struct cu_warmer *warmer, const struct cu_warm_config *config);
/* Kills it; does not wait for its end, which is told. NULL does nothing. */
void cu_warmer_end(struct cu_warmer *warmer);

#endif
