/* SPDX-License-Identifier: BSD-3-Clause */
/* Files that will be read, predicted by suffix. A file of up to CU_LIBRARY_WHOLE is asked for as a
 * whole, because a loader touches most of a small library. Of a larger file, the first part and the
 * end are asked for: a loader reads the headers, then the parts at the end that it relocates. */
#include "ahead/internal.h"

static void want_chunks(struct cu_ahead *a, struct cu_ahead_want *want, uint64_t from, uint64_t end)
{
    uint32_t chunk_bytes = a->config.chunk_bytes;

    for (want->chunk = from / chunk_bytes; want->chunk * chunk_bytes < end; want->chunk++)
        cu_ahead_emit(a, want);
}

void cu_ahead_library(struct cu_ahead *a, const struct cu_ahead_node *node)
{
    struct cu_ahead_want want = {.kind = CU_KIND_DATA,
                                 .path = node->path,
                                 .path_len = node->path_len,
                                 .version = cu_version_of(node->attr)};
    uint64_t size = node->attr->size;

    if (node->file->read || !cu_predict_content(&a->predict, node->name, node->name_len))
        return;
    if (size <= CU_LIBRARY_WHOLE) {
        want_chunks(a, &want, 0, size);
    } else {
        want_chunks(a, &want, 0, CU_LIBRARY_HEAD);
        want_chunks(a, &want, size - CU_LIBRARY_TAIL, size);
    }
}
