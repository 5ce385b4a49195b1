/* SPDX-License-Identifier: BSD-3-Clause */
/* Rates are per second of the interval; what is now stays as it is. A daemon that was started again
 * counts from zero, and so does a sum that lacks a node: what has fallen did not happen in this
 * interval. */
#include "copper/watch.h"

#include "control/latencies.h"
#include "copper/cli.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define HEADING_EVERY 20u /* lines */

struct cu_watch {
    bool json;
    uint64_t lines;
    uint64_t at_ns;
    json_t *counters;            /* reference; NULL: none so far */
    struct cu_histogram answers; /* to the kernel, so far */
};

/* Of one interval. */
struct change {
    double seconds;
    double requests, here, elsewhere, storage, storage_bytes, kernel_bytes; /* a second */
    uint64_t p50_us, p99_us, waiting;
};

struct cu_watch *cu_watch_create(bool json)
{
    struct cu_watch *watch = calloc(1, sizeof(*watch));

    if (watch)
        watch->json = json;
    return watch;
}

void cu_watch_destroy(struct cu_watch *watch)
{
    if (!watch)
        return;
    json_decref(watch->counters);
    free(watch);
}

static uint64_t risen(uint64_t from, uint64_t to)
{
    return to > from ? to - from : 0;
}

/* How much all counters whose names begin so have risen. */
static double rise(const struct cu_watch *watch, const json_t *counters, const char *prefix,
                   const char *but)
{
    uint64_t sum = 0;
    const char *name;
    json_t *value;

    json_object_foreach ((json_t *)counters, name, value) {
        if (strncmp(name, prefix, strlen(prefix)) == 0 && !strstr(but, name))
            sum += risen(cu_cli_number(watch->counters, name), cu_cli_number(counters, name));
    }
    return (double)sum;
}

static void total_of(const json_t *latency, struct cu_histogram *sum)
{
    struct cu_latency *all = calloc(1, sizeof(*all));

    *sum = (struct cu_histogram){0};
    if (all)
        cu_latencies_add(all, latency);
    for (uint32_t row = 0; all && row < CU_LATENCY_STORAGE; row++)
        cu_histogram_merge(sum, &all->rows[row].us);
    free(all);
}

static struct change change_of(const struct cu_watch *watch, const json_t *counters,
                               const struct cu_histogram *answers, uint64_t now_ns)
{
    struct cu_histogram between = {.max = answers->max};
    struct change c = {.seconds = (double)(now_ns - watch->at_ns) / 1e9};

    for (uint32_t i = 0; i < CU_HISTOGRAM_BUCKETS; i++)
        between.buckets[i] = risen(watch->answers.buckets[i], answers->buckets[i]);
    c.p50_us = cu_histogram_at(&between, 500);
    c.p99_us = cu_histogram_at(&between, 990);
    c.requests = rise(watch, counters, "fuse_", "fuse_forget") / c.seconds;
    c.here = (rise(watch, counters, "hit_here", "") + rise(watch, counters, "hit_negative", "")) /
             c.seconds;
    c.elsewhere =
        (rise(watch, counters, "hit_flight", "") + rise(watch, counters, "hit_parent", "")) /
        c.seconds;
    c.storage = rise(watch, counters, "storage_",
                     "storage_bytes storage_errors storage_waiting storage_waiting_most") /
                c.seconds;
    c.storage_bytes = rise(watch, counters, "storage_bytes", "") / c.seconds;
    c.kernel_bytes = rise(watch, counters, "kernel_bytes", "") / c.seconds;
    c.waiting = cu_cli_number(counters, "requests_waiting");
    return c;
}

static void print_json(const struct change *c)
{
    json_t *object = json_pack(
        "{s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:I}", "seconds", c->seconds, "requests",
        c->requests, "here", c->here, "elsewhere", c->elsewhere, "storage", c->storage,
        "storage_bytes", c->storage_bytes, "kernel_bytes", c->kernel_bytes, "p50_us",
        (json_int_t)c->p50_us, "p99_us", (json_int_t)c->p99_us, "waiting", (json_int_t)c->waiting);

    if (object && json_dumpf(object, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6)) == 0)
        putchar('\n');
    json_decref(object);
}

static void print_heading(void)
{
    printf("%-8s %10s %10s %10s %10s %12s %12s %8s %8s %8s\n", "a second", "requests", "here",
           "elsewhere", "storage", "from storage", "to kernel", "p50 us", "p99 us", "waiting");
}

static void print_line(const struct change *c)
{
    char storage[32], kernel[32], at[16] = "";
    time_t now = time(NULL);
    struct tm local;

    if (localtime_r(&now, &local))
        strftime(at, sizeof(at), "%H:%M:%S", &local);
    printf("%-8s %10.0f %10.0f %10.0f %10.0f %12s %12s %8" PRIu64 " %8" PRIu64 " %8" PRIu64 "\n",
           at, c->requests, c->here, c->elsewhere, c->storage,
           cu_cli_size((uint64_t)c->storage_bytes, storage),
           cu_cli_size((uint64_t)c->kernel_bytes, kernel), c->p50_us, c->p99_us, c->waiting);
}

bool cu_watch_take(struct cu_watch *watch, const json_t *counters, const json_t *latency,
                   uint64_t now_ns)
{
    struct cu_histogram answers;
    struct change change;

    total_of(latency, &answers);
    if (!watch->json && watch->lines % HEADING_EVERY == 0 && (watch->lines > 0 || !watch->counters))
        print_heading();
    if (watch->counters && now_ns > watch->at_ns) {
        change = change_of(watch, counters, &answers, now_ns);
        if (watch->json)
            print_json(&change);
        else
            print_line(&change);
        watch->lines++;
    }
    json_decref(watch->counters);
    watch->counters = json_incref((json_t *)counters);
    watch->answers = answers;
    watch->at_ns = now_ns;
    return fflush(stdout) == 0;
}
