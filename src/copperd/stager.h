/* SPDX-License-Identifier: BSD-3-Clause */
/* Stages of this node (ahead/stage.h), one after the other in the order in which they came. Each is
 * known by the ids of those who asked for it; it ends early when none of them wants it any more.
 * What is staged stays within a share of the cache, all stages together, until it is refreshed. On
 * the loop thread. */
#ifndef CU_COPPERD_STAGER_H
#define CU_COPPERD_STAGER_H

#include "control/staged.h"
#include "core/core.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct cu_stager;
struct cu_value;

#define CU_STAGER_COOKIE (UINT64_C(5) << 61) /* of its wants; no other has both bits */

struct cu_stager_config {
    uv_loop_t *loop;
    struct cu_core *core;         /* borrowed */
    struct cu_core_config limits; /* that it was created with */
    void *context;
    void (*kick)(void *context); /* the core was called */
    uint64_t rate;               /* bytes a second of any stage, at most; 0: no bound */
    const char *mount;           /* directory; borrowed */
};

/* NULL: out of memory. As long as the process. */
struct cu_stager *cu_stager_create(const struct cu_stager_config *config);
/* As cu_commands_hooks.stage says. */
__attribute__((warn_unused_result)) int cu_stager_take(struct cu_stager *stager,
                                                       const struct cu_staged_order *order,
                                                       struct cu_staged *staged);
/* A CU_EFFECT_REPLY with such a cookie. */
void cu_stager_reply(struct cu_stager *stager, uint64_t cookie, const struct cu_value *value);
/* The path and all below it was refreshed: what was staged there has no claim to the cache. */
void cu_stager_refreshed(struct cu_stager *stager, const char *path, size_t path_len);
/* The daemon stops: nothing is asked for any more. NULL does nothing. */
void cu_stager_close(struct cu_stager *stager);

#endif
