/* SPDX-License-Identifier: BSD-3-Clause */
/* Attribute pairs: what the walk takes to the end, append makes again. */
#include "fuzz.h"

#include "proto/xattr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cu_buf *bytes = cu_buf_copy(data, size), *again = NULL;
    struct cu_xattr pair;
    size_t at = 0;
    int rc;

    FUZZ_CHECK(bytes);
    while ((rc = cu_xattr_next(bytes, &at, &pair)) == 1) {
        FUZZ_CHECK(at <= size);
        FUZZ_CHECK(cu_xattr_append(&again, &pair) == 0);
        FUZZ_CHECK(again->size == at && memcmp(again->data, bytes->data, at) == 0);
    }
    FUZZ_CHECK(rc < 0 || at == size);
    cu_buf_unref(again);
    cu_buf_unref(bytes);
    return 0;
}
