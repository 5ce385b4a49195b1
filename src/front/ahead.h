/* SPDX-License-Identifier: BSD-3-Clause */
/* Passes events of the front to the read-ahead library (ahead/ahead.h). On the loop thread. */
#ifndef CU_FRONT_AHEAD_H
#define CU_FRONT_AHEAD_H

struct cu_ahead_want;
struct cu_front;
struct cu_inode;
struct cu_request;

/* 0 or -ENOMEM. */
__attribute__((warn_unused_result)) int cu_front_ahead_init(struct cu_front *front);
/* inode was looked up and found. */
void cu_front_ahead_found(struct cu_front *front, struct cu_inode *inode);
/* A want of the library as a request of the core; borrows from want. */
struct cu_request cu_front_ahead_request(const struct cu_ahead_want *want);

#endif
