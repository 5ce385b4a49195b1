/* SPDX-License-Identifier: BSD-3-Clause */
/* An absolute link leads out of the mount, so the path behind the prefix is one without links. */
#include "copper/prefix.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int as_it_is(const char *path, char out[CU_PATH_MAX])
{
    snprintf(out, CU_PATH_MAX, "%s", path);
    return 0;
}

int cu_prefix_add(const struct cu_origin *origin, const char *mount, const char *path,
                  char out[CU_PATH_MAX])
{
    char real[CU_PATH_MAX];
    struct stat st;

    if (path[0] != '/' || cu_origin_is_seen(origin, path) ||
        cu_origin_resolve(origin, path, real) < 0 || cu_origin_is_seen(origin, real) ||
        !cu_origin_is_shared(origin, real) || cu_origin_stat_seen(origin, real, &st) < 0 ||
        snprintf(out, CU_PATH_MAX, "%s%s", mount, real) >= CU_PATH_MAX)
        return as_it_is(path, out);
    return 1;
}

int cu_prefix_remove(const char *mount, const char *path, char out[CU_PATH_MAX])
{
    size_t len = strlen(mount);

    if (!cu_path_within(path, strlen(path), mount, len))
        return as_it_is(path, out);
    snprintf(out, CU_PATH_MAX, "%s", path[len] == '\0' ? "/" : path + len);
    return 1;
}

int cu_prefix_list(const struct cu_origin *origin, const char *mount, bool remove,
                   const char *value, char **list)
{
    char entry[CU_PATH_MAX], changed[CU_PATH_MAX];
    bool any = false;
    size_t size;
    FILE *out;

    *list = NULL;
    out = open_memstream(list, &size);
    if (!out)
        return -ENOMEM;
    for (;;) {
        size_t len = strcspn(value, ":");

        if (len < sizeof(entry)) {
            memcpy(entry, value, len);
            entry[len] = '\0';
            if ((remove ? cu_prefix_remove(mount, entry, changed)
                        : cu_prefix_add(origin, mount, entry, changed)) == 1)
                any = true;
            fputs(changed, out);
        } else {
            fprintf(out, "%.*s", (int)len, value);
        }
        value += len;
        if (*value == '\0')
            break;
        fputc(*value++, out);
    }
    if (fclose(out) != 0) {
        free(*list);
        *list = NULL;
        return -ENOMEM;
    }
    if (!any) {
        free(*list);
        *list = NULL;
    }
    return 0;
}
