/* SPDX-License-Identifier: BSD-3-Clause */
/* A directory for a test, which goes with all that is in it. */
#ifndef CU_TEST_SCRATCH_H
#define CU_TEST_SCRATCH_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char base[64];

/* A name in it; good until the eighth call after. */
static inline const char *at(const char *name)
{
    static char path[8][256];
    static unsigned next;
    char *out = path[next++ % 8];

    snprintf(out, sizeof(path[0]), "%s%s", base, name);
    return out;
}

static inline int make_base(void **state)
{
    (void)state;
    strcpy(base, "/tmp/cu-unit-test-XXXXXX");
    return mkdtemp(base) == NULL;
}

static inline int remove_base(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -rf '%s'", base);
    return system(command);
}

static inline bool exists(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

#endif
