/* SPDX-License-Identifier: BSD-3-Clause */
/* MOUNT/.copper: a directory that is on no storage. It is not listed, so no walk enters it, and
 * only this node's own user sees it. Each lookup of its file `metrics` makes a file of its own,
 * with the figures of that moment: so a reader gets one state, and its size is right, although the
 * kernel opens and caches files without asking. What storage has at /.copper is not shown.
 *
 * Numbers of its nodes have the highest bit set, which others never reach. On the loop thread. */
#ifndef CU_FRONT_SPECIAL_H
#define CU_FRONT_SPECIAL_H

#include "base/list.h"
#include "front/fuse.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cu_front;

#define CU_SPECIAL_PATH "/.copper"
/* Files that are kept; a reader of an older one gets ESTALE. Some of them are such that the kernel
 * looked up on its way and is about to give back. */
#define CU_SPECIAL_FILES_MAX 64u

struct cu_specials {
    struct cu_list files; /* struct special_file, oldest first */
    uint32_t count;
    uint64_t last; /* number given out */
};

void cu_specials_init(struct cu_specials *s);
void cu_specials_free(struct cu_specials *s);
bool cu_special_is(uint64_t nodeid);
/* False: it is not about one of these, and nothing was done. */
bool cu_special_lookup(struct cu_front *front, fuse_req_t fuse, uint64_t parent, const char *name);
/* Answers; nodeid is one of these. */
void cu_special_getattr(struct cu_front *front, fuse_req_t fuse, uint64_t nodeid);
void cu_special_read(struct cu_front *front, fuse_req_t fuse, uint64_t nodeid, size_t size,
                     uint64_t offset);
void cu_special_readdir(fuse_req_t fuse, uint64_t nodeid, size_t size, uint64_t offset, bool plus);
void cu_special_seek(struct cu_front *front, fuse_req_t fuse, uint64_t nodeid, uint64_t offset,
                     int whence);
/* The kernel drops its references; any node. */
void cu_special_forget(struct cu_front *front, uint64_t nodeid);

#endif
