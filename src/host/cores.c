/* SPDX-License-Identifier: BSD-3-Clause */
/* The default, 48-51, are cores that applications on 52-core sockets leave free. On other nodes it
 * is no binding at all: a wrong guess would put the daemon onto the application's cores. */
#include "host/cores.h"

#include "base/parse.h"
#include "host/readfile.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

static const unsigned cores_default[] = {48, 49, 50, 51};

static bool contains(const unsigned *cores, size_t count, unsigned core)
{
    for (size_t i = 0; i < count; i++) {
        if (cores[i] == core)
            return true;
    }
    return false;
}

int cu_cores_choose(const struct cu_cores *wish, const char *root, struct cu_cores *chosen,
                    struct cu_error *reason)
{
    static unsigned online[CU_CORES_MAX];
    char text[4096];
    int count = -ENOENT;

    *chosen = *wish;
    if (!wish->given) {
        chosen->cores = cores_default;
        chosen->count = sizeof(cores_default) / sizeof(cores_default[0]);
    }
    if (cu_readfile_small(root, "/sys/devices/system/cpu/online", text, sizeof(text)) > 0)
        count = cu_parse_cores(text, online, CU_CORES_MAX);
    if (count < 0 && !wish->given)
        return cu_error_set(reason, 0, "no core binding: the list of cores cannot be read");
    if (count < 0)
        return 1; /* sched_setaffinity will tell */
    for (size_t i = 0; i < chosen->count; i++) {
        if (contains(online, (size_t)count, chosen->cores[i]))
            continue;
        if (!wish->given)
            return cu_error_set(reason, 0, "no core binding: this node has no core %u (cores %s)",
                                chosen->cores[i], text);
        return cu_error_set(reason, -EINVAL, "-b: core %u does not exist here; allowed is %s",
                            chosen->cores[i], text);
    }
    return 1;
}

int cu_cores_bind(const struct cu_cores *chosen)
{
    union {
        cpu_set_t set;
        unsigned char bytes[CU_CORES_MAX / 8];
    } mask;

    memset(&mask, 0, sizeof(mask));
    for (size_t i = 0; i < chosen->count; i++) {
        if (chosen->cores[i] >= CU_CORES_MAX)
            return -ERANGE;
        CPU_SET_S(chosen->cores[i], sizeof(mask), &mask.set);
    }
    return sched_setaffinity(0, sizeof(mask), &mask.set) < 0 ? -errno : 0;
}

void cu_cores_text(const struct cu_cores *cores, char *text, size_t size)
{
    size_t at = 0;

    text[0] = '\0';
    for (size_t i = 0; i < cores->count && at < size;) {
        size_t end = i;
        int n;

        while (end + 1 < cores->count && cores->cores[end + 1] == cores->cores[end] + 1)
            end++;
        n = snprintf(text + at, size - at, end > i ? "%s%u-%u" : "%s%u", i > 0 ? "," : "",
                     cores->cores[i], cores->cores[end]);
        at += n > 0 ? (size_t)n : 0;
        i = end + 1;
    }
}
