/* SPDX-License-Identifier: BSD-3-Clause */
/* The replay of a recipe (proto/recipe.h), begun by cu_front_replay (front.h): the file is read
 * through the tree, then all that it names is asked for. On the loop thread. */
#ifndef CU_FRONT_REPLAY_H
#define CU_FRONT_REPLAY_H

#include <stdint.h>

struct cu_ahead_want;
struct cu_front;
struct cu_value;

#define CU_FRONT_NO_REQUEST (UINT64_C(1) << 63) /* cookie of a want that belongs to no request */

/* Port of the read-ahead library (ahead/ahead.h); context is the front. */
int cu_front_fetch(void *context, const struct cu_ahead_want *want, uint32_t tag);
/* The answer to such a want, or to one of the recipe itself. */
void cu_front_replay_reply(struct cu_front *front, uint64_t cookie, const struct cu_value *value);
/* Nothing is replayed any more. */
void cu_front_replay_close(struct cu_front *front);

#endif
