/* SPDX-License-Identifier: BSD-3-Clause */
/* Where this node has a path from, and what of it is in its cache: for people. Asks nobody. */
#ifndef CU_CORE_LOOK_H
#define CU_CORE_LOOK_H

#include "core/core.h"

struct cu_core_look {
    uint32_t source; /* rank that is asked for it; this node's own: storage; or CU_RANK_NONE */
    uint32_t level;  /* of this node in the tree of the path; 0: the root */
    uint64_t cached; /* bytes of its content or listing, in this node's cache */
    bool more;       /* cached: there may be more, the file has too many parts to look at */
};

/* attr: of the path. */
struct cu_core_look cu_core_look(struct cu_core *core, const char *path, size_t path_len,
                                 const struct cu_attr *attr);

#endif
