/* SPDX-License-Identifier: BSD-3-Clause */
/* Asks for the list of a file's holes when zeros were read from a file with fewer blocks than
 * bytes. Many such files have no holes (compressed ones), so no reader waits for the list. */
#include "ahead/internal.h"

#include "base/path.h"

#include <string.h>

#define BLOCK_BYTES 512u /* of st_blocks, whatever the file system */

bool cu_ahead_may_have_holes(const struct cu_ahead *a, const struct cu_attr *attr)
{
    return attr->blocks < attr->size / BLOCK_BYTES &&
           attr->size - attr->blocks * BLOCK_BYTES >= a->config.chunk_bytes;
}

static bool is_zero(const struct cu_buf *bytes)
{
    return bytes->size > 0 && bytes->data[0] == 0 &&
           memcmp(bytes->data, bytes->data + 1, bytes->size - 1) == 0;
}

void cu_ahead_bytes(struct cu_ahead *a, const void *owner, const struct cu_attr *attr,
                    const struct cu_buf *bytes)
{
    struct cu_ahead_want want = {.kind = CU_KIND_HOLES, .version = cu_version_of(attr)};
    char path[CU_TREE_PATH_MAX];
    int len;

    if (!cu_ahead_may_have_holes(a, attr) || !is_zero(bytes))
        return;
    len = a->config.ports.file_path(a->config.ports.context, owner, path);
    if (len < 0)
        return;
    want.path = path;
    want.path_len = (size_t)len;
    cu_ahead_emit(a, &want);
}
