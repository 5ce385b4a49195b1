/* SPDX-License-Identifier: BSD-3-Clause */
/* A listing: what the index takes, the builder makes again, and each name is found where it stands.
 */
#include "fuzz.h"

#include "proto/dir.h"

static void check_index(const struct cu_dir_index *index)
{
    struct cu_dir_builder *b = cu_dir_builder_new();
    struct cu_buf *again;

    FUZZ_CHECK(b);
    /* backwards, so that sorting has something to do */
    for (uint32_t i = index->count; i-- > 0;) {
        struct cu_dirent e = cu_dir_index_entry(index, i);

        FUZZ_CHECK(cu_dir_index_find(index, e.name, e.name_len) == i);
        FUZZ_CHECK(cu_dir_builder_add(b, &e) == 0);
    }
    again = cu_dir_builder_finish(b);
    FUZZ_CHECK(again && again->size == index->bytes->size);
    FUZZ_CHECK(memcmp(again->data, index->bytes->data, again->size) == 0);
    cu_buf_unref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cu_buf *bytes = cu_buf_copy(data, size);
    struct cu_dir_index index;

    FUZZ_CHECK(bytes);
    if (cu_dir_index_build(&index, bytes) == 0) {
        (void)cu_dir_index_find(&index, (const char *)bytes->data, size < 255 ? size : 255);
        check_index(&index);
        cu_dir_index_free(&index);
    }
    cu_buf_unref(bytes);
    return 0;
}
