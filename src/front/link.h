/* SPDX-License-Identifier: BSD-3-Clause */
/* Targets of symbolic links as the kernel is shown them. Objects, children and read-ahead have
 * them as on storage. On the loop thread. */
#ifndef CU_FRONT_LINK_H
#define CU_FRONT_LINK_H

#include "base/path.h"
#include "core/core.h"

#include <stdbool.h>
#include <stdint.h>

struct cu_buf;
struct cu_front;
struct cu_inode;
struct stat;

/* The target on storage (takes a reference of its own; NULL is ignored), of which the kernel is
 * about to be told. Decides how it is shown, once for the inode. */
void cu_front_link_set(struct cu_front *front, struct cu_inode *inode, struct cu_buf *target);
/* May it be decided now? Else events.knows is told to. */
bool cu_front_links_known(const struct cu_front *front);
/* Must the answer about a link wait until that is known? Then it comes again (cu_front_reply), with
 * a copy of the value. *value: another one, an error, where there is no memory for that. */
bool cu_front_link_waits(struct cu_front *front, uint64_t cookie, enum cu_core_where where,
                         const struct cu_value **value);
/* Drops those that wait. */
void cu_front_links_close(struct cu_front *front);
/* False: a link whose target has to be asked for. */
bool cu_front_link_known(const struct cu_inode *inode);
/* The text that is shown for a link that is known. */
void cu_front_link_text(const struct cu_inode *inode, char text[CU_PATH_MAX]);
/* Of a link that is known: st_size is the length of that text, whatever storage says; the kernel
 * cuts the text there. */
void cu_front_link_stat(const struct cu_inode *inode, struct stat *st);

#endif
