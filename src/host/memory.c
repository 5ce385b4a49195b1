/* SPDX-License-Identifier: BSD-3-Clause */
/* The batch system often gives a job less memory than the node has, as a limit of a control group
 * that may stand anywhere above ours: so the limits of all groups up to the root are read, and the
 * lowest one applies.
 * */
#include "host/memory.h"

#include "base/parse.h"
#include "base/path.h"
#include "base/text.h"
#include "host/readfile.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

/* What a daemon takes beside its cache: threads, buffers, names, the records for its successor. */
#define REST_MIN ((uint64_t)64 << 20)

static uint64_t mem_total(const char *root)
{
    char text[8192];
    const char *line;

    if (cu_readfile_small(root, "/proc/meminfo", text, sizeof(text)) < 0)
        return 0;
    line = strstr(text, "MemTotal:");
    if (!line)
        return 0;
    return strtoull(line + strlen("MemTotal:"), NULL, 10) * 1024;
}

/* The least limit of `file` in group and all above it, below the hierarchy's mount. UINT64_MAX:
 * none. Inside a container the group's path need not exist in what is mounted: that is no error. */
static uint64_t group_limit(const char *root, const char *mount, const char *group,
                            const char *file)
{
    uint64_t least = UINT64_MAX;
    char path[CU_PATH_MAX], text[64];
    size_t len = strlen(group);

    for (;;) {
        int n = snprintf(path, sizeof(path), "%s%.*s/%s", mount, (int)len, group, file);
        uint64_t value;

        while (len > 0 && group[len - 1] == '/')
            len--;
        if (n > 0 && (size_t)n < sizeof(path) &&
            cu_readfile_small(root, path, text, sizeof(text)) > 0 &&
            cu_parse_u64(text, 0, UINT64_MAX, &value) == 0 && value < least)
            least = value;
        if (len == 0)
            return least;
        while (len > 0 && group[len - 1] != '/')
            len--;
    }
}

/* Is `name` one of the comma-separated words of list[0..len)? */
static int has_word(const char *list, size_t len, const char *name)
{
    size_t name_len = strlen(name);

    for (size_t at = 0; at <= len;) {
        size_t end = at;

        while (end < len && list[end] != ',')
            end++;
        if (end - at == name_len && memcmp(list + at, name, name_len) == 0)
            return 1;
        at = end + 1;
    }
    return 0;
}

/* Lines are "ID:CONTROLLERS:PATH"; version 2's has ID 0 and no controllers. */
static uint64_t cgroup_limit(const char *root)
{
    uint64_t least = UINT64_MAX;
    char text[16384], *save = NULL;

    if (cu_readfile_small(root, "/proc/self/cgroup", text, sizeof(text)) < 0)
        return least;
    for (char *line = strtok_r(text, "\n", &save); line != NULL;
         line = strtok_r(NULL, "\n", &save)) {
        char *controllers = strchr(line, ':');
        char *group = controllers ? strchr(controllers + 1, ':') : NULL;
        uint64_t limit = UINT64_MAX;

        if (!group)
            continue;
        if (group == controllers + 1) {
            uint64_t high = group_limit(root, "/sys/fs/cgroup", group + 1, "memory.high");

            limit = group_limit(root, "/sys/fs/cgroup", group + 1, "memory.max");
            limit = high < limit ? high : limit;
        } else if (has_word(controllers + 1, (size_t)(group - controllers - 1), "memory")) {
            limit = group_limit(root, "/sys/fs/cgroup/memory", group + 1, "memory.limit_in_bytes");
        }
        if (limit < least)
            least = limit;
    }
    return least;
}

uint64_t cu_memory_limit(const char *root, bool *of_group)
{
    uint64_t total = mem_total(root), limit = cgroup_limit(root);
    bool grouped = limit != UINT64_MAX && (total == 0 || limit < total);

    if (of_group)
        *of_group = grouped;
    return grouped ? limit : total;
}

uint64_t cu_memory_default_cache(const char *root)
{
    uint64_t quarter = cu_memory_limit(root, NULL) / 4;

    if (quarter > CU_MEMORY_CACHE_MAX)
        return CU_MEMORY_CACHE_MAX;
    return quarter < CU_MEMORY_CACHE_MIN ? CU_MEMORY_CACHE_MIN : quarter;
}

int cu_memory_cache(uint64_t wish, const char *root, uint64_t *bytes, struct cu_error *note)
{
    bool of_group;
    uint64_t limit = cu_memory_limit(root, &of_group);
    uint64_t rest = limit / 4 > REST_MIN ? limit / 4 : REST_MIN, most = limit - rest;
    const char *whose = of_group ? "its control group" : "this node";
    char limit_text[CU_TEXT_SIZE_MAX], wish_text[CU_TEXT_SIZE_MAX], most_text[CU_TEXT_SIZE_MAX];

    *bytes = wish != 0 ? wish : cu_memory_default_cache(root);
    if (limit == 0)
        return 0;
    cu_text_size(limit, limit_text);
    if (limit < CU_MEMORY_CACHE_MIN + REST_MIN)
        return cu_error_set(note, -ENOMEM, "%s allows %s of memory, and %s are needed", whose,
                            limit_text, cu_text_size(CU_MEMORY_CACHE_MIN + REST_MIN, most_text));
    if (*bytes <= most)
        return 0;
    *bytes = most;
    (void)cu_error_set(note, 0, "the cache has %s, not the %s of -m: %s allows %s",
                       cu_text_size(most, most_text), cu_text_size(wish, wish_text), whose,
                       limit_text);
    return 1;
}
