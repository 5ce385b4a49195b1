/* SPDX-License-Identifier: BSD-3-Clause */
/* The attribute is exact, but most file systems have none; these are tested with a name in the
 * other case. */
#include "storage/casefold.h"

#include "base/path.h"
#include "proto/dir.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#ifndef FS_CASEFOLD_FL
#define FS_CASEFOLD_FL 0x40000000
#endif
#define NAMES_MAX 64u /* looked at in search of one with letters */

bool cu_casefold_flag(int fd)
{
    int flags = 0;

    return ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 && (flags & FS_CASEFOLD_FL);
}

/* The name with its ASCII letters in the other case; false: it has none. */
static bool flip(const struct cu_dirent *entry, char *out)
{
    bool any = false;

    for (size_t i = 0; i < entry->name_len; i++) {
        char c = entry->name[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

        out[i] = letter ? (char)(c ^ 0x20) : c;
        any = any || letter;
    }
    out[entry->name_len] = '\0';
    return any;
}

int cu_casefold_try(int fd, const struct cu_buf *listing)
{
    struct cu_dir_index index;
    char name[CU_NAME_MAX + 1];
    struct stat st;
    int found = -ENODATA;

    if (cu_dir_index_build(&index, listing) < 0)
        return -ENODATA;
    for (uint32_t i = 0; i < index.count && i < NAMES_MAX; i++) {
        struct cu_dirent entry = cu_dir_index_entry(&index, i);

        if (entry.name_len > CU_NAME_MAX || !flip(&entry, name) ||
            cu_dir_index_find(&index, name, entry.name_len) >= 0)
            continue;
        if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
            found = 1;
        else if (errno == ENOENT)
            found = 0;
        break;
    }
    cu_dir_index_free(&index);
    return found;
}
