/* SPDX-License-Identifier: BSD-3-Clause */
#include "front/whence.h"

#include "base/parse.h"
#include "core/look.h"
#include "front/state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "user.copper."

static int put_source(const struct cu_front *front, const struct cu_core_look *look, char *out)
{
    const struct cu_hosts *hosts = front->config.hosts;

    if (look->source == CU_RANK_NONE)
        return snprintf(out, CU_WHENCE_MAX, "none");
    if (look->source == front->config.rank)
        return snprintf(out, CU_WHENCE_MAX, "storage");
    if (hosts && look->source < hosts->count)
        return snprintf(out, CU_WHENCE_MAX, "%s", hosts->names[look->source]);
    return snprintf(out, CU_WHENCE_MAX, "%" PRIu32, look->source);
}

size_t cu_front_whence(const struct cu_front *front, const struct cu_inode *inode, const char *name,
                       char out[CU_WHENCE_MAX])
{
    const struct cu_attr *attr = &inode->attr;
    struct cu_core_look look;
    char path[CU_TREE_PATH_MAX];
    int path_len, len = 0;

    if (strncmp(name, PREFIX, strlen(PREFIX)) != 0)
        return 0;
    name += strlen(PREFIX);
    path_len = cu_inode_path(inode, path);
    if (path_len < 0)
        return 0;
    look = cu_core_look(front->config.core, path, (size_t)path_len, attr);
    if (strcmp(name, "source") == 0)
        len = put_source(front, &look, out);
    else if (strcmp(name, "level") == 0)
        len = snprintf(out, CU_WHENCE_MAX, "%" PRIu32, look.level);
    else if (strcmp(name, "cached") == 0)
        len = snprintf(out, CU_WHENCE_MAX, "%" PRIu64 "%s", look.cached, look.more ? "+" : "");
    else if (strcmp(name, "version") == 0)
        len = snprintf(out, CU_WHENCE_MAX,
                       "%" PRIu64 " %" PRId64 ".%09" PRIu32 " %" PRId64 ".%09" PRIu32, attr->size,
                       attr->mtime.sec, attr->mtime.nsec, attr->ctime.sec, attr->ctime.nsec);
    return len < (int)CU_WHENCE_MAX ? (size_t)len : CU_WHENCE_MAX - 1;
}
