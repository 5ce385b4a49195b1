/* SPDX-License-Identifier: BSD-3-Clause */
#include "copper/storage_path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int cu_storage_path(const char *mount, const char *given, char out[CU_TREE_PATH_MAX])
{
    char whole[2 * CU_TREE_PATH_MAX], here[CU_TREE_PATH_MAX];
    size_t mount_len = strlen(mount);
    int len;

    if (given[0] == '\0')
        return -ENOENT; /* as the kernel says; it is not the working directory */
    if (given[0] != '/' && !getcwd(here, sizeof(here)))
        return -errno;
    if (snprintf(whole, sizeof(whole), "%s%s%s", given[0] == '/' ? "" : here,
                 given[0] == '/' ? "" : "/", given) >= (int)sizeof(whole))
        return -ENAMETOOLONG;
    len = cu_path_normalise_tree(whole, out);
    if (len < 0)
        return len;
    if (cu_path_within(out, (size_t)len, mount, mount_len)) {
        memmove(out, out + mount_len, (size_t)len - mount_len + 1);
        if (out[0] == '\0')
            memcpy(out, "/", 2);
    }
    return 0;
}
