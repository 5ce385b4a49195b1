/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a path of a watched process leads: to Copper, to shared storage past it, or elsewhere. As
 * seen in the process's mount namespace. On one thread. */
#ifndef CU_COPPER_LEAKS_LOOK_H
#define CU_COPPER_LEAKS_LOOK_H

#include "base/path.h"
#include "host/watch.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cu_leaks_look;

enum cu_leaks_where {
    CU_LEAKS_ELSEWHERE, /* this node's own, or not known */
    CU_LEAKS_COPPER,
    CU_LEAKS_SHARED, /* past Copper */
};

struct cu_leaks_found {
    enum cu_leaks_where where; /* of the file; when there is none, of the directory it is not in */
    bool there;
    bool file;               /* a regular one */
    uint64_t size;           /* of it */
    char path[CU_PATH_MAX];  /* without links; of that directory where there is no file */
    char point[CU_PATH_MAX]; /* SHARED: the mount point above it, or the directory of --over */
    char link[CU_PATH_MAX];  /* SHARED: the link that led there from elsewhere; "": none */
};

/* types: see host/netfs.h; borrowed. over: further directories that count as shared, with commas,
 * `count` lists. NULL: out of memory. */
struct cu_leaks_look *cu_leaks_look_create(const char *types, const char *const *over,
                                           size_t count);
void cu_leaks_look_destroy(struct cu_leaks_look *look); /* NULL does nothing */
/* path: absolute. */
void cu_leaks_find(struct cu_leaks_look *look, const struct cu_watch_space *space, const char *path,
                   bool follows, struct cu_leaks_found *found);
/* Opens it to read, if it is a regular file. The descriptor or -errno. */
__attribute__((warn_unused_result)) int cu_leaks_open(const struct cu_watch_space *space,
                                                      const char *path);

#endif
