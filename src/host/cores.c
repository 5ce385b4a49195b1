/* SPDX-License-Identifier: BSD-3-Clause */
/* The default, 48-51, are cores that applications on 52-core sockets leave free. On other nodes the
 * default is no binding: a wrong choice would bind the daemon to the application's cores. */
#include "host/cores.h"

#include "base/idset.h"
#include "host/readfile.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OWN_MIN 2u

static const unsigned cores_default[] = {48, 49, 50, 51};

static bool read_online(const char *root, char *text, size_t size, struct cu_idset *online)
{
    return cu_readfile_small(root, "/sys/devices/system/cpu/online", text, size) > 0 &&
           cu_idset_init(online, CU_CORES_MAX) == 0 && cu_idset_add_text(online, text) == 0;
}

int cu_cores_choose(const struct cu_cores *wish, const char *root, struct cu_cores *chosen,
                    struct cu_error *reason)
{
    struct cu_idset online = {0};
    char text[4096];
    bool known = read_online(root, text, sizeof(text), &online);
    int rc = 1; /* where the list cannot be read, sched_setaffinity will tell */

    *chosen = *wish;
    if (!wish->given) {
        chosen->cores = cores_default;
        chosen->count = sizeof(cores_default) / sizeof(cores_default[0]);
    }
    if (!known && !wish->given)
        rc = cu_error_set(reason, 0, "no core binding: the list of cores cannot be read");
    for (size_t i = 0; known && rc == 1 && i < chosen->count; i++) {
        if (cu_idset_has(&online, chosen->cores[i]))
            continue;
        if (!wish->given)
            rc = cu_error_set(reason, 0, "no core binding: this node has no core %u (cores %s)",
                              chosen->cores[i], text);
        else
            rc = cu_error_set(reason, -EINVAL, "-b: core %u does not exist here; allowed is %s",
                              chosen->cores[i], text);
    }
    cu_idset_free(&online);
    return rc;
}

union mask {
    cpu_set_t set;
    unsigned char bytes[CU_CORES_MAX / 8];
};

/* "0-3,7", new text, or NULL. */
static char *text_of(const union mask *mask)
{
    struct cu_idset set = {0};
    char *text = NULL;

    if (cu_idset_init(&set, CU_CORES_MAX) == 0) {
        for (unsigned i = 0; i < CU_CORES_MAX; i++)
            if (CPU_ISSET_S(i, sizeof(*mask), &mask->set))
                cu_idset_add(&set, i);
        text = cu_idset_text(&set);
    }
    cu_idset_free(&set);
    return text;
}

/* Whoever asks for all cores gets those that the cpuset has. */
static int refuse(const struct cu_cores *chosen, const union mask *before, int rc,
                  struct cu_error *reason)
{
    union mask mask;
    char wished[256], *allowed = NULL;

    memset(&mask, 0xff, sizeof(mask));
    if (sched_setaffinity(0, sizeof(mask), &mask.set) == 0 &&
        sched_getaffinity(0, sizeof(mask), &mask.set) == 0)
        allowed = text_of(&mask);
    (void)sched_setaffinity(0, sizeof(*before), &before->set);
    cu_cores_text(chosen, wished, sizeof(wished));
    (void)cu_error_set(reason, rc, "cores %s are not all given to this process: it has %.200s",
                       wished, allowed ? allowed : "others");
    free(allowed);
    return rc;
}

int cu_cores_bind(const struct cu_cores *chosen, struct cu_error *reason)
{
    union mask mask, before, bound;

    memset(&mask, 0, sizeof(mask));
    memset(&before, 0, sizeof(before));
    memset(&bound, 0, sizeof(bound));
    for (size_t i = 0; i < chosen->count; i++) {
        if (chosen->cores[i] >= CU_CORES_MAX)
            return cu_error_set(reason, -ERANGE, "core %u is not known here", chosen->cores[i]);
        CPU_SET_S(chosen->cores[i], sizeof(mask), &mask.set);
    }
    if (sched_getaffinity(0, sizeof(before), &before.set) < 0)
        return cu_error_set(reason, -errno, "the cores of this process are not known: %s",
                            strerror(errno));
    /* The kernel leaves out the cores that a cpuset does not have, without an error. */
    if (sched_setaffinity(0, sizeof(mask), &mask.set) < 0 ||
        sched_getaffinity(0, sizeof(bound), &bound.set) < 0)
        return refuse(chosen, &before, -errno, reason);
    if (CPU_EQUAL_S(sizeof(mask), &mask.set, &bound.set))
        return 0;
    return refuse(chosen, &before, -EINVAL, reason);
}

bool cu_cores_are_own(const struct cu_cores *bound, const char *root)
{
    struct cu_idset online = {0};
    char text[4096];
    bool own = bound->count >= OWN_MIN && read_online(root, text, sizeof(text), &online) &&
               online.count > bound->count;

    cu_idset_free(&online);
    return own;
}

void cu_cores_text(const struct cu_cores *cores, char *text, size_t size)
{
    struct cu_idset set = {0};
    char *list = NULL;

    if (cu_idset_init(&set, CU_CORES_MAX) == 0) {
        for (size_t i = 0; i < cores->count; i++)
            cu_idset_add(&set, cores->cores[i]);
        list = cu_idset_text(&set);
    }
    snprintf(text, size, "%s", list ? list : "?");
    free(list);
    cu_idset_free(&set);
}
