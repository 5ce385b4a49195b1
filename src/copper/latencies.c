/* SPDX-License-Identifier: BSD-3-Clause */
#include "copper/latencies.h"

#include "control/latencies.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* The figures of a row. */
struct figures {
    const char *op, *where;
    uint64_t count, errors, mean, p50, p90, p99, max;
};

/* False: nothing was counted in it. */
static bool figures_of(const struct cu_latency *latency, uint32_t row, struct figures *f)
{
    const struct cu_histogram *us = &latency->rows[row].us;

    f->count = cu_histogram_count(us);
    if (f->count == 0)
        return false;
    cu_latency_names(row, &f->op, &f->where);
    f->errors = latency->rows[row].errors;
    f->mean = us->sum / f->count;
    f->p50 = cu_histogram_at(us, 500);
    f->p90 = cu_histogram_at(us, 900);
    f->p99 = cu_histogram_at(us, 990);
    f->max = us->max;
    return true;
}

static struct cu_latency *read_all(const json_t *json)
{
    struct cu_latency *latency = calloc(1, sizeof(*latency));

    if (latency)
        cu_latencies_add(latency, json);
    return latency;
}

void cu_latencies_print(const json_t *json)
{
    struct cu_latency *latency = read_all(json);
    struct figures f;

    printf("%-17s %-8s %10s %8s %9s %9s %9s %9s %9s\n", "Latency (us)", "answer", "count", "errors",
           "mean", "p50", "p90", "p99", "max");
    for (uint32_t row = 0; latency && row < CU_LATENCY_ROWS; row++)
        if (figures_of(latency, row, &f))
            printf("  %-15s %-8s %10" PRIu64 " %8" PRIu64 " %9" PRIu64 " %9" PRIu64 " %9" PRIu64
                   " %9" PRIu64 " %9" PRIu64 "\n",
                   f.op, f.where, f.count, f.errors, f.mean, f.p50, f.p90, f.p99, f.max);
    free(latency);
}

static json_t *buckets_of(const struct cu_histogram *us)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < CU_HISTOGRAM_BUCKETS; i++) {
        bool last = i + 1 == CU_HISTOGRAM_BUCKETS;

        if (us->buckets[i] > 0)
            json_array_append_new(
                list, json_pack("[I,I]", (json_int_t)(last ? us->max : cu_histogram_high(i)),
                                (json_int_t)us->buckets[i]));
    }
    return list;
}

json_t *cu_latencies_expand(const json_t *json)
{
    struct cu_latency *latency = read_all(json);
    json_t *list = json_array();
    struct figures f;

    for (uint32_t row = 0; latency && row < CU_LATENCY_ROWS; row++) {
        if (!figures_of(latency, row, &f))
            continue;
        json_array_append_new(
            list,
            json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:o}", "op", f.op, "answer",
                      f.where, "count", (json_int_t)f.count, "errors", (json_int_t)f.errors,
                      "mean_us", (json_int_t)f.mean, "p50_us", (json_int_t)f.p50, "p90_us",
                      (json_int_t)f.p90, "p99_us", (json_int_t)f.p99, "max_us", (json_int_t)f.max,
                      "buckets", buckets_of(&latency->rows[row].us)));
    }
    free(latency);
    return list;
}
