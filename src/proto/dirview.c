/* SPDX-License-Identifier: BSD-3-Clause */
/* See dirview.h. Index and order point into the view, so it is never moved. */
#include "proto/dirview.h"

#include <errno.h>
#include <stdlib.h>

int cu_dirview_make(struct cu_buf *bytes, struct cu_dirview **view)
{
    struct cu_dirview *v = calloc(1, sizeof(*v));
    int rc;

    *view = NULL;
    if (!v)
        return -ENOMEM;
    v->refs = 1;
    v->bytes = cu_buf_ref(bytes);
    rc = cu_dir_index_build(&v->index, bytes);
    if (rc == 0)
        rc = cu_order_build(&v->order, &v->index);
    if (rc == 0)
        *view = v;
    else
        cu_dirview_unref(v);
    return rc;
}

struct cu_dirview *cu_dirview_ref(struct cu_dirview *view)
{
    if (view)
        __atomic_add_fetch(&view->refs, 1, __ATOMIC_RELAXED);
    return view;
}

void cu_dirview_unref(struct cu_dirview *view)
{
    if (!view || __atomic_sub_fetch(&view->refs, 1, __ATOMIC_ACQ_REL) != 0)
        return;
    cu_order_free(&view->order);
    cu_dir_index_free(&view->index);
    cu_buf_unref(view->bytes);
    free(view);
}

size_t cu_dirview_size(const struct cu_dirview *view)
{
    return sizeof(*view) + 2 * view->index.count * sizeof(uint32_t);
}

bool cu_dirview_is_large(const struct cu_buf *bytes)
{
    return bytes && bytes->size >= CU_DIRVIEW_LARGE;
}
