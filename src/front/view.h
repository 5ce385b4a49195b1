/* SPDX-License-Identifier: BSD-3-Clause */
/* Views of listings (proto/dirview.h), made once and shared with the core. On the loop thread. */
#ifndef CU_FRONT_VIEW_H
#define CU_FRONT_VIEW_H

#include <stddef.h>

struct cu_dirview;
struct cu_front;
struct cu_front_request;
struct cu_value;

/* The listing of the directory at path in value, ready for use: a new reference in *view. 0,
 * -ENOMEM, -EIO (not a listing), or -EAGAIN: it is large, and being made ready. Then r (may be
 * NULL) will be given value once more, with the view or with an error. */
__attribute__((warn_unused_result)) int cu_front_view(struct cu_front *front, const char *path,
                                                      size_t path_len, const struct cu_value *value,
                                                      struct cu_front_request *r,
                                                      struct cu_dirview **view);
/* Detaches the views that are being built; they free themselves. */
void cu_front_views_close(struct cu_front *front);

#endif
