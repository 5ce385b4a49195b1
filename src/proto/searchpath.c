/* SPDX-License-Identifier: BSD-3-Clause */
/* ld.so takes semicolons, too; Python and shells do not. A directory whose name has one is rarer
 * than such a value. */
#include "proto/searchpath.h"

#include "base/path.h"

#include <string.h>

const char *const cu_searchpath_variables[CU_SEARCHPATH_VARIABLES] = {
    "PYTHONPATH",
    "LD_LIBRARY_PATH",
    "PATH",
};

const char *cu_searchpath_next(const char **at, size_t *len)
{
    const char *entry = *at;

    if (!entry || *entry == '\0')
        return NULL;
    *len = strcspn(entry, ":;");
    *at = entry[*len] == '\0' ? NULL : entry + *len + 1;
    return entry;
}

size_t cu_searchpath_in_view(const char *entry, size_t len, const char *mount, bool original,
                             char *out)
{
    char text[CU_PATH_MAX], path[CU_PATH_MAX];
    size_t mount_len = strlen(mount);
    int whole;

    if (len == 0 || len >= sizeof(text) || entry[0] != '/')
        return 0;
    memcpy(text, entry, len);
    text[len] = '\0';
    whole = cu_path_normalise(text, path);
    if (whole <= 0)
        return 0;
    if (mount_len > 1 && cu_path_within(path, (size_t)whole, mount, mount_len)) {
        if ((size_t)whole == mount_len) {
            memcpy(out, "/", 2);
            return 1;
        }
        memcpy(out, path + mount_len, (size_t)whole - mount_len + 1);
        return (size_t)whole - mount_len;
    }
    if (!original)
        return 0;
    memcpy(out, path, (size_t)whole + 1);
    return (size_t)whole;
}
