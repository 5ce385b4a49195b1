/* SPDX-License-Identifier: BSD-3-Clause */
/* What a root reads from storage before anybody asks (core.h: cu_core_read_on), counted: what of it
 * was then asked for, by this node's kernel or by a child. The bytes that nobody asks for stay
 * counted when the object leaves the cache. */
#ifndef CU_CORE_READON_H
#define CU_CORE_READON_H

struct cu_core;
struct object;

/* The object holds what was read on. */
void cu_read_on_filled(struct cu_core *core, struct object *object);
/* Somebody has asked for it. Does nothing for other objects, and the second time. */
void cu_read_on_used(struct cu_core *core, struct object *object);

#endif
