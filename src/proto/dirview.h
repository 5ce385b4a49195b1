/* SPDX-License-Identifier: BSD-3-Clause */
/* A view of a listing: its bytes, the index by which names are found, and the order in which they
 * are shown. Building it takes 0.15 us per name, so that of a large listing is built once, on a
 * thread of its own. A view never changes; each user holds a reference. */
#ifndef CU_PROTO_DIRVIEW_H
#define CU_PROTO_DIRVIEW_H

#include "proto/order.h"

/* from this size (bytes) on, the view is built on a thread; below it takes less than 1 ms */
#define CU_DIRVIEW_LARGE 65536u

struct cu_dirview {
    uint32_t refs;        /* atomic */
    struct cu_buf *bytes; /* reference; NULL: empty */
    struct cu_dir_index index;
    struct cu_order order;
};

/* A new reference in *view. 0, -EINVAL (no listing), -ENOMEM. Takes a reference to bytes (NULL:
 * empty). On any thread. */
__attribute__((warn_unused_result)) int cu_dirview_make(struct cu_buf *bytes,
                                                        struct cu_dirview **view);
/* NULL is passed through. On any thread. */
struct cu_dirview *cu_dirview_ref(struct cu_dirview *view);
/* Drops a reference; the last frees. NULL does nothing. On any thread. */
void cu_dirview_unref(struct cu_dirview *view);
/* Memory that it takes beside the listing's own bytes. */
size_t cu_dirview_size(const struct cu_dirview *view);
bool cu_dirview_is_large(const struct cu_buf *bytes);

#endif
