/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths as text. Everything that becomes a key of an object passes cu_path_normalise (from users
 * and the kernel) or cu_path_is_normal (from the wire), so that one object has one key and no ".."
 * from another node reaches storage. */
#include "base/path.h"

#include <errno.h>
#include <string.h>

static bool is_dots(const char *name, size_t len)
{
    return (len == 1 && name[0] == '.') || (len == 2 && name[0] == '.' && name[1] == '.');
}

static int normalise(const char *path, char *out, size_t size)
{
    size_t len = 0; /* of out; "/" counts as 0 until the end */

    if (path[0] != '/')
        return -EINVAL;
    for (const char *p = path; *p != '\0';) {
        size_t n;

        while (*p == '/')
            p++;
        n = strcspn(p, "/");
        if (n == 2 && p[0] == '.' && p[1] == '.') {
            while (len > 0 && out[--len] != '/')
                ;
        } else if (n > 0 && !is_dots(p, n)) {
            if (n > CU_NAME_MAX || len + 1 + n > size - 1)
                return -ENAMETOOLONG;
            out[len++] = '/';
            memcpy(out + len, p, n);
            len += n;
        }
        p += n;
    }
    if (len == 0)
        out[len++] = '/';
    out[len] = '\0';
    return (int)len;
}

int cu_path_normalise(const char *path, char *out)
{
    return normalise(path, out, CU_PATH_MAX);
}

int cu_path_normalise_tree(const char *path, char *out)
{
    return normalise(path, out, CU_TREE_PATH_MAX);
}

bool cu_path_is_normal(const char *path, size_t len)
{
    size_t at = 0;

    if (len == 0 || len > CU_TREE_PATH_MAX - 1 || path[0] != '/' || memchr(path, '\0', len))
        return false;
    if (len == 1)
        return true;
    while (at < len) {
        const char *name = path + at + 1; /* path[at] is '/' */
        size_t rest = len - at - 1;
        const char *slash = rest > 0 ? memchr(name, '/', rest) : NULL;
        size_t n = slash ? (size_t)(slash - name) : rest;

        if (n == 0 || n > CU_NAME_MAX || is_dots(name, n))
            return false;
        at += 1 + n;
    }
    return true;
}

int cu_path_join(const char *dir, size_t dir_len, const char *name, size_t name_len, char *out,
                 size_t size)
{
    if (dir_len == 1) /* "/" */
        dir_len = 0;
    if (name_len > CU_NAME_MAX || dir_len > size || dir_len + 1 + name_len > size - 1)
        return -ENAMETOOLONG;
    memmove(out, dir, dir_len); /* dir may be out itself */
    out[dir_len] = '/';
    memcpy(out + dir_len + 1, name, name_len);
    out[dir_len + 1 + name_len] = '\0';
    return (int)(dir_len + 1 + name_len);
}

bool cu_path_within(const char *path, size_t path_len, const char *base, size_t base_len)
{
    if (base_len == 1) /* "/" */
        return path_len >= 1 && path[0] == '/';
    return path_len >= base_len && memcmp(path, base, base_len) == 0 &&
           (path_len == base_len || path[base_len] == '/');
}

size_t cu_path_parent_len(const char *path, size_t len)
{
    while (len > 1 && path[len - 1] != '/')
        len--;
    return len > 1 ? len - 1 : 1;
}
