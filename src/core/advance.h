/* SPDX-License-Identifier: BSD-3-Clause */
/* What a recipe brought to this node (struct cu_request: advance), counted: what of it this node's
 * kernel then asked for. What nobody has asked for stays counted when the object leaves the
 * cache. */
#ifndef CU_CORE_ADVANCE_H
#define CU_CORE_ADVANCE_H

struct cu_core;
struct cu_request;
struct flight;
struct object;
struct waiter;

/* The waiter (NULL: none) waits for the flight from now on. */
void cu_advance_asked(struct flight *flight, const struct waiter *waiter);
/* The flight has ended, and the object holds what it was for. */
void cu_advance_ended(struct cu_core *core, struct object *object, const struct flight *flight);
/* The object holds what was asked for in advance. Does nothing when it was counted already, or this
 * node's kernel asked for it before the recipe did. */
void cu_advance_filled(struct cu_core *core, struct object *object);
/* The same for an object that was here when the recipe asked for it, because a child's want brought
 * it, and for the content that belongs to it. */
void cu_advance_here(struct cu_core *core, struct object *object, const struct cu_request *request);
/* This node's kernel has asked for it. Does nothing for other objects, and the second time. */
void cu_advance_used(struct cu_core *core, struct object *object);

#endif
