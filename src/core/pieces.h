/* SPDX-License-Identifier: BSD-3-Clause */
/* Pieces of chunks: a want for a piece is answered from any object that is held or under way and
 * contains its bytes. */
#ifndef CU_CORE_PIECES_H
#define CU_CORE_PIECES_H

#include <stdbool.h>

struct cu_core;
struct cu_request;
struct object;
struct waiter;

/* A larger object that is held or under way and contains all of the piece; NULL: none. */
struct object *cu_pieces_around(struct cu_core *core, const struct cu_request *request);
/* Does the waiter want a part of what the object has? */
bool cu_pieces_part(const struct object *object, const struct waiter *waiter);
/* Fills the waiter's value with its part, a copy. 0, -ENOMEM, -EINVAL: it has no such part. */
int cu_pieces_take(const struct cu_core *core, const struct object *object, struct waiter *waiter);

#endif
