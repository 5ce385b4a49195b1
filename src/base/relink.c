/* SPDX-License-Identifier: BSD-3-Clause */
/* Walks along the target as far as it goes through directories above the link, or through its own:
 * these are known to be directories, so that ".." behind them is exact. What comes then is copied:
 * it may go through other links, which are relinked themselves, and "a/.." is not "." there.
 *
 * Invariant: a target that was relinked climbs from a name by at most one directory. A link to "/"
 * is not relinked, so any other leads below the view's top, and one step up stays inside. */
#include "base/relink.h"

#include "base/path.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define UP "../"

/* The next component, and what is behind it; false at the end. */
static bool next(const char **at, const char *end, const char **name, size_t *len)
{
    while (*at < end && **at == '/')
        ++*at;
    *name = *at;
    while (*at < end && **at != '/')
        ++*at;
    *len = (size_t)(*at - *name);
    return *len > 0;
}

static bool is_dot(const char *name, size_t len)
{
    return len == 1 && name[0] == '.';
}

static bool is_up(const char *name, size_t len)
{
    return len == 2 && name[0] == '.' && name[1] == '.';
}

static size_t depth_of(const char *dir, size_t len)
{
    size_t depth = 0;

    for (size_t i = 0; i < len; i++)
        depth += dir[i] == '/';
    return len == 1 ? 0 : depth;
}

/* Length of the directory above, "" for "/". */
static size_t above(const char *dir, size_t len)
{
    while (len > 0 && dir[len - 1] != '/')
        len--;
    return len > 0 ? len - 1 : 0;
}

/* Is dir[0..at) followed by this name? */
static bool follows(const char *dir, size_t dir_len, size_t at, const char *name, size_t len)
{
    return at + 1 + len <= dir_len && dir[at] == '/' && memcmp(dir + at + 1, name, len) == 0 &&
           (at + 1 + len == dir_len || dir[at + 1 + len] == '/');
}

/* Walks along the target from dir[0..*at) on ("" is 0), and sets where it leaves the directories
 * that are known, and whether ".." was more than there is to climb. */
static const char *leave(const char *dir, size_t dir_len, const char *target, const char *end,
                         size_t *at, bool *over)
{
    const char *rest = target, *name;
    size_t len;

    while (next(&target, end, &name, &len)) {
        if (is_up(name, len)) {
            *over |= *at == 0;
            *at = above(dir, *at);
        } else if (follows(dir, dir_len, *at, name, len)) {
            *at += 1 + len;
        } else if (!is_dot(name, len)) {
            break;
        }
        rest = target;
    }
    while (rest < end && *rest == '/')
        rest++;
    return rest;
}

/* Appends the rest to path[0..at), normalised. -EINVAL: it climbs from a name by more than one. */
static int append(const char *rest, const char *end, char *path, size_t at)
{
    const char *name;
    bool climbed = true; /* the last component was "..", or there is none */
    size_t len;

    while (next(&rest, end, &name, &len)) {
        if (is_dot(name, len))
            continue;
        if (is_up(name, len) && climbed)
            return -EINVAL;
        climbed = is_up(name, len);
        if (climbed) {
            at = above(path, at);
            continue;
        }
        if (at + len + 2 > CU_TREE_PATH_MAX)
            return -ENAMETOOLONG;
        path[at] = '/';
        memcpy(path + at + 1, name, len);
        at += len + 1;
    }
    if (at == 0)
        return -EINVAL; /* "/" */
    path[at] = '\0';
    return 0;
}

static int write_target(size_t ups, const char *rest, size_t rest_len, char *out)
{
    size_t len = ups * strlen(UP) + rest_len;

    if (len > CU_PATH_MAX)
        return -ENAMETOOLONG;
    for (size_t i = 0; i < ups; i++)
        memcpy(out + i * strlen(UP), UP, strlen(UP));
    memcpy(out + ups * strlen(UP), rest, rest_len);
    if (rest_len == 0 && ups > 0)
        len--; /* "../.." */
    if (len == 0)
        out[len++] = '.';
    if (len >= CU_PATH_MAX)
        return -ENAMETOOLONG;
    out[len] = '\0';
    return (int)len;
}

int cu_relink(const char *dir, size_t dir_len, const char *target, size_t len, char *out,
              char *path)
{
    const char *end = target + len, *rest;
    bool absolute = len > 0 && target[0] == '/', over = false;
    size_t at = absolute || dir_len == 1 ? 0 : dir_len;
    int rc;

    rest = leave(dir, dir_len == 1 ? 0 : dir_len, target, end, &at, &over);
    if (!absolute && !over)
        return 0;
    if (at >= CU_TREE_PATH_MAX)
        return -ENAMETOOLONG;
    memcpy(path, dir, at);
    rc = append(rest, end, path, at);
    if (rc < 0)
        return rc == -EINVAL ? 0 : rc;
    return write_target(depth_of(dir, dir_len) - (at > 0 ? depth_of(dir, at) : 0), rest,
                        (size_t)(end - rest), out);
}
