/* SPDX-License-Identifier: BSD-3-Clause */
/* Bounds the memory that names take which the kernel holds, by asking it to
 * drop those that nobody uses. On the loop thread. */
#ifndef CU_FRONT_NAMES_H
#define CU_FRONT_NAMES_H

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct cu_front;
struct cu_inode;

/* How far the kernel was asked to drop unused nodes. */
struct cu_front_names {
    struct cu_inode *at; /* reference: the last one of this round; NULL: a round begins */
    uint64_t next_id;    /* of the inode table when the round began */
    uint64_t count;      /* of inodes then */
    bool read_too;       /* files that were read are asked back, too */
    uint64_t rest_ns;    /* not before this */
    bool asked_all;      /* all idle ones were asked back in this round */
    uv_timer_t timer;    /* goes on after a rest */
};

void cu_front_names_init(struct cu_front *front);
/* The number of names that the kernel holds has changed: updates the memory that they use, by which
 * the cache shrinks. */
void cu_front_names_count(struct cu_front *front);
/* The same; when the bound is exceeded, asks the kernel to drop idle ones, if it supports that. */
void cu_front_names_bound(struct cu_front *front);
void cu_front_names_close(struct cu_front *front);

#endif
