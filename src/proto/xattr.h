/* SPDX-License-Identifier: BSD-3-Clause */
/* All extended attributes of a path as bytes: pairs, each
 *   u16 name_len | u32 value_len | name | value
 * An attribute whose value cannot be had, or is over the bound, has value_len 2^31 + errno and no
 * value: it is listed, and fails alone. When the names cannot be had, a pair without a name says so
 * with its errno; pairs beside it are what is there nevertheless. */
#ifndef CU_PROTO_XATTR_H
#define CU_PROTO_XATTR_H

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CU_XATTR_VALUES_MAX (1u << 20) /* pairs with a value end before this */
/* With room for all names without: the kernel's bounds are 64 KiB for a list, and for a value. */
#define CU_XATTR_BYTES_MAX (CU_XATTR_VALUES_MAX + (256u << 10))

struct cu_xattr {
    const char *name;  /* borrowed, not NUL-terminated */
    uint16_t name_len; /* 0: the names cannot be had; with an error */
    uint16_t error;    /* 1 to 4095: an errno in place of the value */
    const void *value; /* borrowed */
    uint32_t value_len;
};

/* Appends a pair to *bytes (grown as needed; *bytes may be NULL, else the caller is its only
 * holder). 0, -ENOMEM, -E2BIG (value or all together), -EINVAL (name empty without an error, over
 * 255 bytes, with NUL; error over 4095, or with a value). */
__attribute__((warn_unused_result)) int cu_xattr_append(struct cu_buf **bytes,
                                                        const struct cu_xattr *pair);
/* Walks: *at starts at 0, bytes may be NULL. 1 with pair filled, 0 at the end, -EINVAL when
 * malformed. */
__attribute__((warn_unused_result)) int cu_xattr_next(const struct cu_buf *bytes, size_t *at,
                                                      struct cu_xattr *pair);

#endif
