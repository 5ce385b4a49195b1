/* SPDX-License-Identifier: BSD-3-Clause */
/* Wants of this node's kernel, of children and of read-ahead, which are all the same to an object.
 */
#ifndef CU_CORE_WANTS_H
#define CU_CORE_WANTS_H

struct cu_core;
struct cu_request;
struct waiter;

/* waiter NULL: read ahead. The waiter is owned by the core from here on,
 * and is answered exactly once, maybe before this returns. */
void cu_want(struct cu_core *core, const struct cu_request *request, struct waiter *waiter);
/* Somebody waits from now on for what a child wanted with CU_WANT_LATER, wherever its want has got
 * to. */
void cu_want_now(struct cu_core *core, const struct cu_request *request);

#endif
