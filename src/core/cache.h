/* SPDX-License-Identifier: BSD-3-Clause */
/* The objects of a node: a hash table of all, and a list of the FILLED ones, least recently used
 * first, which is kept within the cache's budget. */
#ifndef CU_CORE_CACHE_H
#define CU_CORE_CACHE_H

#include "core/object.h"

struct cu_core;

/* 0 or -ENOMEM; cu_cache_free either way. */
int cu_cache_init(struct cu_core *core);
void cu_cache_free(struct cu_core *core);
/* Borrowed until the next call that may drop objects; NULL: there is none. */
struct object *cu_cache_find(struct cu_core *core, const struct cu_request *request);
/* Finds or makes an ABSENT one; NULL when out of memory. */
struct object *cu_cache_get(struct cu_core *core, const struct cu_request *request);
/* FILLED, and somebody has asked for it just now. */
void cu_cache_touch(struct cu_core *core, struct object *object);
/* It will not be used as it is: what was read ahead, and nobody has asked for, counts as wasted. */
void cu_cache_wasted(struct cu_core *core, struct object *object);
/* FILLED now: accounts for it and puts it on the list of what may be evicted. */
void cu_cache_keep(struct cu_core *core, struct object *object);
/* Not FILLED any more, or its size changes: takes it off the list. */
void cu_cache_unkeep(struct cu_core *core, struct object *object);
/* Frees an ABSENT object. */
void cu_cache_remove(struct cu_core *core, struct object *object);
/* Evicts until the budget is kept; `but` (NULL: none) stays. */
void cu_cache_evict(struct cu_core *core, const struct object *but);

#endif
