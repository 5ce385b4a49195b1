/* SPDX-License-Identifier: BSD-3-Clause */
/* Notifications about names, which wait while storage hangs. The kernel holds a directory's lock
 * while it waits for the answer to a LOOKUP or READDIR in it. A notification about a name there
 * waits for that lock, and until it has it, nobody else gets the lock: one file that hangs would
 * take its directory with it. So these notifications are held until the requests of the directory
 * that came before them are answered. On the loop thread. */
#ifndef CU_FRONT_HOLD_H
#define CU_FRONT_HOLD_H

#include "base/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <uv.h>

struct cu_front;
struct cu_front_request;
struct cu_inode;

struct cu_front_holds {
    struct cu_list dirs; /* struct held_dir (hold.c) */
    uv_timer_t timer;
};

/* One libuv handle, which cu_front_closed frees (front/forget.h). */
void cu_front_holds_init(struct cu_front *front);
/* Drops what is held, and closes the handle. */
void cu_front_holds_close(struct cu_front *front);
/* To be called when the kernel's request has been taken, and when it is answered. */
void cu_front_hold_begin(struct cu_front_request *r);
void cu_front_hold_end(struct cu_front_request *r);
/* The kernel's entry name of dir may be out of date: it is told now or later. 0, or -ENOMEM. */
__attribute__((warn_unused_result)) int
cu_front_tell_name(struct cu_front *front, struct cu_inode *dir, const char *name, size_t name_len);
/* Is something held? When nothing is any more, forgets.wake is sent. */
bool cu_front_holds(const struct cu_front *front);

#endif
