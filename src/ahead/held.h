/* SPDX-License-Identifier: BSD-3-Clause */
/* Listings held for walks and for readdir, each with its search index. Each belongs to one
 * directory; the least recently used ones are dropped. One thread. */
#ifndef CU_AHEAD_HELD_H
#define CU_AHEAD_HELD_H

#include "base/list.h"
#include "proto/dirview.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cu_ahead_dir;

/* The two orders in which programs go through a directory: ls sorts, find does not. */
enum cu_ahead_order { CU_AHEAD_BY_NAME, CU_AHEAD_AS_SHOWN };
#define CU_AHEAD_ORDERS 2u

/* A process that walks through a listing name by name. */
struct cu_walk {
    uint32_t last;   /* position of the last name, in this order */
    uint32_t run;    /* number of consecutive neighbours */
    uint32_t window; /* names to ask for ahead */
    uint32_t ahead;  /* first position not asked for */
};

struct cu_held {
    struct cu_list link;      /* cu_helds.all, latest last */
    struct cu_ahead_dir *dir; /* the directory it belongs to */
    struct cu_dirview *view;  /* reference */
    bool cut;                 /* as in struct cu_value */
    struct cu_walk attrs[CU_AHEAD_ORDERS];
    struct cu_walk xattrs[CU_AHEAD_ORDERS];
};

struct cu_helds {
    struct cu_list all;
    uint32_t count;
    size_t bytes;
};

void cu_helds_init(struct cu_helds *helds);

#endif
