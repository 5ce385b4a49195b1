/* SPDX-License-Identifier: BSD-3-Clause */
/* The figures come from the job's nodes: numbers and names may be anything. */
#include "copper/bypassed.h"

#include "copper/cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FILES_SHOWN 3u
#define MB          (UINT64_C(1) << 20)
#define GB          (UINT64_C(1) << 30)

struct file {
    const char *path;
    uint64_t bytes;
};

/* The heaviest, heaviest first; returns how many. */
static unsigned heaviest(const json_t *files, struct file best[FILES_SHOWN])
{
    unsigned count = 0;
    const char *path;
    json_t *value;

    json_object_foreach ((json_t *)files, path, value) {
        struct file file = {.path = path, .bytes = cu_cli_number(files, path)};

        for (unsigned i = 0; i < FILES_SHOWN; i++) {
            struct file lighter = best[i];

            if (i < count && file.bytes <= lighter.bytes)
                continue;
            best[i] = file;
            if (i >= count)
                break;
            file = lighter;
        }
        if (count < FILES_SHOWN)
            count++;
    }
    return count;
}

/* A value of -M that is not below the size. */
static void enough(uint64_t size, char out[32])
{
    if (size <= 10 * GB)
        snprintf(out, 32, "%" PRIu64 "MB", (size + MB - 1) / MB);
    else
        snprintf(out, 32, "%" PRIu64 "GB", size / GB + (size % GB != 0));
}

void cu_bypassed_print(const json_t *bypassed)
{
    const json_t *files = json_object_get(bypassed, "files");
    uint64_t bytes = cu_cli_number(bypassed, "bytes");
    struct file best[FILES_SHOWN];
    char text[CU_PATH_MAX] = "", size[32], wanted[32];
    unsigned count = heaviest(files, best);
    size_t len = 0;

    if (bytes == 0)
        return;
    for (unsigned i = 0; i < count && len < sizeof(text); i++)
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s %s", i == 0 ? ": " : ", ",
                                best[i].path, cu_cli_size(best[i].bytes, size));
    enough(cu_cli_number(bypassed, "largest"), wanted);
    cu_cli_say(stdout,
               "%s were read by nodes themselves, past the trees, as files above -M%s%s; "
               "-M %s would have avoided this",
               cu_cli_size(bytes, size), text, json_object_size(files) > count ? ", ..." : "",
               wanted);
}
