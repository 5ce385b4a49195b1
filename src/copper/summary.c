/* SPDX-License-Identifier: BSD-3-Clause */
/* Without Copper each object that a node's kernel asked for would have been an operation on
 * storage. What the kernel had in its own caches is not counted, with or without. So the figures
 * are lower bounds. */
#include "copper/summary.h"

#include "copper/cli.h"

#include <inttypes.h>
#include <stdio.h>

#define OBJECTS_MIN UINT64_C(100) /* of the job: a try-out */

struct figures {
    uint64_t nodes, objects, operations, storage_bytes, kernel_bytes;
};

static uint64_t add(const json_t *sum, const char *const *names)
{
    uint64_t total = 0;

    for (; *names; names++)
        total += cu_cli_number(sum, *names);
    return total;
}

static struct figures figures_of(const json_t *answer)
{
    static const char *const objects[] = {"hit_here",   "hit_negative", "hit_flight",
                                          "hit_parent", "hit_storage",  NULL};
    static const char *const operations[] = {
        "storage_stat",  "storage_readdir", "storage_readlink",   "storage_open",  "storage_read",
        "storage_xattr", "storage_statfs",  "storage_revalidate", "storage_holes", NULL};
    const json_t *sum = json_object_get(answer, "sum");

    return (struct figures){
        .nodes = cu_cli_number(answer, "stopped"),
        .objects = add(sum, objects),
        .operations = add(sum, operations),
        .storage_bytes = cu_cli_number(sum, "storage_bytes"),
        .kernel_bytes = cu_cli_number(sum, "kernel_bytes"),
    };
}

const char *cu_summary_grouped(uint64_t value, char out[32])
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%" PRIu64, value), at = 0;

    for (int i = 0; i < len; i++) {
        if (i > 0 && (len - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
    return out;
}

static const char *duration(uint64_t ms, char out[48])
{
    uint64_t s = ms / 1000;

    if (s >= 3600)
        snprintf(out, 48, "%" PRIu64 " h %" PRIu64 " min", s / 3600, s / 60 % 60);
    else if (s >= 60)
        snprintf(out, 48, "%" PRIu64 " min %" PRIu64 " s", s / 60, s % 60);
    else
        snprintf(out, 48, "%.1f s", (double)ms / 1000);
    return out;
}

static uint64_t less(uint64_t a, uint64_t b)
{
    return a > b ? a - b : 0;
}

static size_t length(int len)
{
    return len < 0 ? 0 : (size_t)len < CU_SUMMARY_MAX ? (size_t)len : CU_SUMMARY_MAX - 1;
}

static bool is_try_out(const struct figures *f)
{
    return f->objects < OBJECTS_MIN || f->nodes == 0;
}

uint64_t cu_summary_objects(const json_t *answer)
{
    struct figures f = figures_of(answer);

    return is_try_out(&f) ? 0 : f.objects;
}

size_t cu_summary_time(const json_t *answer, char out[CU_SUMMARY_MAX])
{
    struct figures f = figures_of(answer);
    char time[48];

    out[0] = '\0';
    if (is_try_out(&f))
        return 0;
    return length(
        snprintf(out, CU_SUMMARY_MAX, " after %s", duration(cu_cli_number(answer, "up_ms"), time)));
}

size_t cu_summary_saved(const json_t *answer, char out[CU_SUMMARY_MAX])
{
    struct figures f = figures_of(answer);
    char objects[32], operations[32], saved[32], kernel[32], storage[32], bytes[32];

    out[0] = '\0';
    if (is_try_out(&f))
        return 0;
    return length(snprintf(
        out, CU_SUMMARY_MAX,
        "saved %s operations on storage and %s: programs got %s objects and %s, storage "
        "was asked for %s and %s",
        cu_summary_grouped(less(f.objects, f.operations), saved),
        cu_cli_size(less(f.kernel_bytes, f.storage_bytes), bytes),
        cu_summary_grouped(f.objects, objects), cu_cli_size(f.kernel_bytes, kernel),
        cu_summary_grouped(f.operations, operations), cu_cli_size(f.storage_bytes, storage)));
}
