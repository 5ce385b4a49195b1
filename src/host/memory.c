/* SPDX-License-Identifier: BSD-3-Clause */
/* The batch system often gives a job less memory than the node has, as a limit of a control group
 * that may stand anywhere above ours: so the limits of all groups up to the root are read, and the
 * lowest one applies.
 * */
#include "host/memory.h"

#include "base/parse.h"
#include "base/path.h"
#include "host/readfile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

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
        if (group == controllers + 1)
            limit = group_limit(root, "/sys/fs/cgroup", group + 1, "memory.max");
        else if (has_word(controllers + 1, (size_t)(group - controllers - 1), "memory"))
            limit = group_limit(root, "/sys/fs/cgroup/memory", group + 1, "memory.limit_in_bytes");
        if (limit < least)
            least = limit;
    }
    return least;
}

uint64_t cu_memory_limit(const char *root)
{
    uint64_t total = mem_total(root);
    uint64_t limit = cgroup_limit(root);

    if (total == 0)
        return limit == UINT64_MAX ? 0 : limit;
    return limit < total ? limit : total;
}

uint64_t cu_memory_default_cache(const char *root)
{
    uint64_t quarter = cu_memory_limit(root) / 4;

    if (quarter > CU_MEMORY_CACHE_MAX)
        return CU_MEMORY_CACHE_MAX;
    return quarter < CU_MEMORY_CACHE_MIN ? CU_MEMORY_CACHE_MIN : quarter;
}
