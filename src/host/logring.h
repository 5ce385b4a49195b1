/* SPDX-License-Identifier: BSD-3-Clause */
/* The newest lines of a log, in bounded memory that this process shares with those which it forks:
 * so the lines of a daemon that was killed are still there for the next one. All functions may be
 * called from any of these processes, at any time. One that is killed in the middle of an addition
 * costs the lines before it; their numbers tell. */
#ifndef CU_HOST_LOGRING_H
#define CU_HOST_LOGRING_H

#include <stddef.h>
#include <stdint.h>

#define CU_LOGRING_BYTES (1u << 20) /* of a node; touched as far as lines fill it */

struct cu_logring;

/* Room for so many bytes. NULL: out of memory. */
struct cu_logring *cu_logring_create(size_t size);
/* Of this process. NULL does nothing. */
void cu_logring_destroy(struct cu_logring *ring);
/* A line, of a time in us since 1970; the oldest lines make room. Lines are numbered from 1 on, and
 * get times that do not descend. NULL does nothing. */
void cu_logring_add(struct cu_logring *ring, uint64_t us, const char *line, size_t len);

/* Borrowed during the call; must not log. */
typedef void cu_logring_fn(void *context, uint64_t us, uint32_t number, const char *line,
                           size_t len);
/* Each line that is kept, oldest first. NULL: none. */
void cu_logring_each(struct cu_logring *ring, cu_logring_fn *fn, void *context);

#endif
