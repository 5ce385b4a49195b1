/* All extended attributes of a path as bytes: pairs in the order of listxattr(2), each
 *   u16 name_len | u32 value_len | name | value
 * At most CU_XATTR_BYTES_MAX together (the kernel's own limits are 64 KiB a list and a value). */
#ifndef CU_PROTO_XATTR_H
#define CU_PROTO_XATTR_H

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CU_XATTR_BYTES_MAX (1u << 20)

struct cu_xattr {
    const char *name; /* borrowed, not NUL-terminated */
    uint16_t name_len;
    const void *value; /* borrowed */
    uint32_t value_len;
};

/* Appends a pair to *bytes (grown as needed; *bytes may be NULL, else the caller is its only
 * holder). 0, -ENOMEM, -E2BIG (value or all together), -EINVAL (name empty, over 255 bytes, with
 * NUL). */
__attribute__((warn_unused_result)) int cu_xattr_append(struct cu_buf **bytes,
                                                        const struct cu_xattr *pair);
/* Walks: *at starts at 0, bytes may be NULL. 1 with pair filled, 0 at the end, -EINVAL when
 * malformed. */
__attribute__((warn_unused_result)) int cu_xattr_next(const struct cu_buf *bytes, size_t *at,
                                                      struct cu_xattr *pair);

#endif
