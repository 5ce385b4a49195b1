/* SPDX-License-Identifier: BSD-3-Clause */
/* A listing made ready for use: its bytes, the index by which a name is found, and the order in
 * which it is shown. Making it takes 0.15 us a name, so that of a large listing is made on a thread
 * of its own, once. It never changes, and whoever needs it has a reference. */
#ifndef CU_PROTO_DIRVIEW_H
#define CU_PROTO_DIRVIEW_H

#include "proto/order.h"

/* bytes of a listing that is made ready aside; a smaller one takes less than a millisecond */
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
