/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/sampler.h"

#include "base/text.h"
#include "base/topk.h"
#include "host/process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NS_PER_MS UINT64_C(1000000)
#define SHARE_MAX (1u << 10)

enum detail {
    BYTES,
    MISSING,
    STORAGE,
};

/* All that has happened so far. */
struct totals {
    uint64_t at_ns;
    uint64_t figures[CU_SAMPLE_FIGURE_COUNT]; /* counts, not rates */
    struct cu_histogram times[CU_SAMPLE_TIMES];
};

struct cu_sampler {
    struct totals before, now; /* what a sample is the difference of */
    struct cu_topk *paths;     /* since `now`; NULL: not counted */
    uint32_t left;             /* requests that still count */
    uint32_t share;            /* one of so many is counted, for all of them; a power of 2 */
    uint32_t counted;          /* with this share */
    uint32_t random;           /* state of xorshift, not 0 */
    struct cu_sample hot;      /* its list of paths alone: from `before` to `now` */
};

/* Counters that make up a figure; the last is CU_COUNTER_COUNT. */
static const enum cu_counter parts[CU_SAMPLE_FIGURE_COUNT][16] = {
#define PARTS(...)                                                                                 \
    {                                                                                              \
        __VA_ARGS__, CU_COUNTER_COUNT                                                              \
    }
    [CU_SAMPLE_requests] = PARTS(
        CU_COUNT_fuse_lookup, CU_COUNT_fuse_getattr, CU_COUNT_fuse_readlink, CU_COUNT_fuse_open,
        CU_COUNT_fuse_read, CU_COUNT_fuse_opendir, CU_COUNT_fuse_readdir, CU_COUNT_fuse_getxattr,
        CU_COUNT_fuse_listxattr, CU_COUNT_fuse_statfs, CU_COUNT_fuse_access, CU_COUNT_fuse_ioctl,
        CU_COUNT_fuse_refused, CU_COUNT_fuse_other),
    [CU_SAMPLE_here] = PARTS(CU_COUNT_hit_here, CU_COUNT_hit_negative),
    [CU_SAMPLE_flight] = PARTS(CU_COUNT_hit_flight),
    [CU_SAMPLE_parent] = PARTS(CU_COUNT_hit_parent),
    [CU_SAMPLE_storage] = PARTS(CU_COUNT_hit_storage),
    [CU_SAMPLE_errors] = PARTS(CU_COUNTER_COUNT), /* of the histograms */
    [CU_SAMPLE_storage_operations] =
        PARTS(CU_COUNT_storage_stat, CU_COUNT_storage_readdir, CU_COUNT_storage_readlink,
              CU_COUNT_storage_open, CU_COUNT_storage_read, CU_COUNT_storage_xattr,
              CU_COUNT_storage_statfs, CU_COUNT_storage_revalidate, CU_COUNT_storage_holes),
    [CU_SAMPLE_storage_bytes] = PARTS(CU_COUNT_storage_bytes),
    [CU_SAMPLE_kernel_bytes] = PARTS(CU_COUNT_kernel_bytes),
    [CU_SAMPLE_peer_bytes] = PARTS(CU_COUNT_peer_bytes_in),
    [CU_SAMPLE_read_ahead] = PARTS(CU_COUNT_read_ahead),
    [CU_SAMPLE_cpu_ms] = PARTS(CU_COUNTER_COUNT), /* of the process */
    [CU_SAMPLE_waiting] = PARTS(CU_COUNT_requests_waiting),
    [CU_SAMPLE_storage_waiting] = PARTS(CU_COUNT_storage_waiting),
    [CU_SAMPLE_cached_bytes] = PARTS(CU_COUNT_cached_bytes),
    [CU_SAMPLE_rss_bytes] = PARTS(CU_COUNTER_COUNT), /* of the process */
#undef PARTS
};

struct cu_sampler *cu_sampler_create(uint64_t started_ns)
{
    struct cu_sampler *sampler = calloc(1, sizeof(*sampler));

    if (sampler) {
        sampler->now.at_ns = started_ns;
        sampler->share = 1;
        sampler->random = 2463534242;
    }
    return sampler;
}

void cu_sampler_destroy(struct cu_sampler *sampler)
{
    if (!sampler)
        return;
    cu_topk_destroy(sampler->paths);
    cu_sample_free(&sampler->hot);
    free(sampler);
}

/* Is this request one that is counted? */
static bool is_chosen(struct cu_sampler *sampler)
{
    uint32_t x = sampler->random;

    if (sampler->share == 1)
        return true;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    sampler->random = x;
    return (x & (sampler->share - 1)) == 0;
}

bool cu_sampler_asked(struct cu_sampler *sampler, const struct cu_sampler_asked *asked)
{
    struct cu_topk_entry *entry;
    uint64_t share = sampler->share;

    if (!sampler->paths || sampler->left == 0)
        return false;
    sampler->left--;
    if (!is_chosen(sampler))
        return true;
    entry = cu_topk_add(sampler->paths, asked->path, asked->path_len, share);
    if (entry) {
        entry->details[BYTES] += share * asked->bytes;
        entry->details[MISSING] += share * asked->missing;
        entry->details[STORAGE] += share * asked->from_storage;
    }
    if (++sampler->counted == CU_SAMPLER_COUNTED && sampler->share < SHARE_MAX) {
        sampler->share *= 2;
        sampler->counted = 0;
    }
    return true;
}

static void read_totals(struct cu_core *core, const struct cu_latency *latency, uint64_t now_ns,
                        struct totals *totals)
{
    const uint64_t *counters = cu_core_counters(core);
    uint64_t user_ms, system_ms;

    *totals = (struct totals){.at_ns = now_ns};
    for (int f = 0; f < CU_SAMPLE_FIGURE_COUNT; f++)
        for (int i = 0; parts[f][i] != CU_COUNTER_COUNT; i++)
            totals->figures[f] += counters[parts[f][i]];
    cu_process_cpu_ms(&user_ms, &system_ms);
    totals->figures[CU_SAMPLE_cpu_ms] = user_ms + system_ms;
    totals->figures[CU_SAMPLE_rss_bytes] = cu_process_resident_bytes();
    for (uint32_t row = 0; latency && row < CU_LATENCY_ROWS; row++) {
        const struct cu_histogram *us = &latency->rows[row].us;

        if (row >= CU_LATENCY_STORAGE) { /* pairs: waiting, calls */
            if ((row - CU_LATENCY_STORAGE) % 2 == 1)
                cu_histogram_merge(&totals->times[CU_SAMPLE_CALLS], us);
            continue;
        }
        cu_histogram_merge(&totals->times[CU_SAMPLE_ANSWERS], us);
        if (row % CU_WHERES == CU_WHERE_PARENT)
            cu_histogram_merge(&totals->times[CU_SAMPLE_PARENTS], us);
        totals->figures[CU_SAMPLE_errors] += latency->rows[row].errors;
    }
}

static uint64_t risen(uint64_t from, uint64_t to)
{
    return to > from ? to - from : 0;
}

/* Thousandths a second. */
static uint64_t rate(uint64_t count, uint64_t ns)
{
    __uint128_t wide = (__uint128_t)count * 1000u * 1000000000u / ns;

    return wide > INT64_MAX ? INT64_MAX : (uint64_t)wide;
}

/* What came between; its largest value is known as far as its bucket tells. */
static void between(const struct cu_histogram *from, const struct cu_histogram *to,
                    struct cu_histogram *h)
{
    *h = (struct cu_histogram){.sum = risen(from->sum, to->sum)};
    for (uint32_t i = 0; i < CU_HISTOGRAM_BUCKETS; i++) {
        h->buckets[i] = risen(from->buckets[i], to->buckets[i]);
        if (h->buckets[i] > 0)
            h->max = cu_histogram_high(i) < to->max ? cu_histogram_high(i) : to->max;
    }
}

/* A path's end, when the whole does not fit. Bytes are cut, and what then is no character is
 * escaped. */
static void path_text(const struct cu_topk_entry *entry, char text[CU_SAMPLE_PATH_BYTES + 1])
{
    char whole[CU_TEXT_BYTES(CU_TOPK_KEY_MAX)];
    size_t skip = 0, len;

    for (;;) {
        len = cu_text_name(whole, sizeof(whole), entry->key + skip, entry->key_len - skip);
        if (len + 3 <= CU_SAMPLE_PATH_BYTES)
            break;
        skip += (len + 3 - CU_SAMPLE_PATH_BYTES + 3) / 4; /* a byte is up to four of text */
    }
    if (skip > 0 || entry->key[0] != '/') {
        text = stpcpy(text, "...");
    }
    memcpy(text, whole, len + 1);
}

/* The list of paths becomes that of the sample, and a new one begins. */
static void turn_paths(struct cu_sampler *sampler, uint64_t ns)
{
    const struct cu_topk_entry *best[CU_SAMPLE_PATHS_MAX];
    uint32_t count = 0;

    cu_sample_free(&sampler->hot);
    if (sampler->paths)
        count = cu_topk_best(sampler->paths, best, CU_SAMPLE_PATHS_MAX);
    for (uint32_t i = 0; i < count; i++) {
        char text[CU_SAMPLE_PATH_BYTES + 1];
        struct cu_sample_row row = {
            .path = text,
            .values = {
                [CU_SAMPLE_PATH_REQUESTS] = rate(best[i]->count - best[i]->over, ns),
                [CU_SAMPLE_PATH_BYTES_S] = rate(best[i]->details[BYTES], ns),
                [CU_SAMPLE_PATH_MISSING] = rate(best[i]->details[MISSING], ns),
                [CU_SAMPLE_PATH_STORAGE] = rate(best[i]->details[STORAGE], ns),
            }};

        path_text(best[i], text);
        (void)cu_sample_add_row(&sampler->hot, CU_SAMPLE_PATHS, &row);
    }
    cu_topk_destroy(sampler->paths);
    sampler->paths = cu_topk_create(CU_SAMPLER_PATHS);
    sampler->left = CU_SAMPLER_ASKED_MAX;
    sampler->share = sampler->share > 1 ? sampler->share / 2 : 1;
    sampler->counted = 0;
}

static void add_lists(const struct cu_sampler *sampler, uint32_t rank, uint32_t parent,
                      struct cu_sample *sample)
{
    const struct cu_histogram *answers = &sample->times[CU_SAMPLE_ANSWERS];
    const struct cu_histogram *parents = &sample->times[CU_SAMPLE_PARENTS];
    uint64_t ns = sampler->now.at_ns - sampler->before.at_ns, count = cu_histogram_count(parents);
    const struct cu_sample_row node = {
        .rank = rank,
        .values = {[CU_SAMPLE_NODE_P50] = cu_histogram_at(answers, 500),
                   [CU_SAMPLE_NODE_P99] = cu_histogram_at(answers, 990),
                   [CU_SAMPLE_NODE_REQUESTS] = sample->figures[CU_SAMPLE_requests],
                   [CU_SAMPLE_NODE_STORAGE] = sample->figures[CU_SAMPLE_storage_operations],
                   [CU_SAMPLE_NODE_WAITING] = sample->figures[CU_SAMPLE_waiting]},
    };
    const struct cu_sample_row link = {
        .rank = rank,
        .parent = parent,
        .values = {[CU_SAMPLE_LINK_P10] = cu_histogram_at(parents, 100),
                   [CU_SAMPLE_LINK_P50] = cu_histogram_at(parents, 500),
                   [CU_SAMPLE_LINK_P99] = cu_histogram_at(parents, 990),
                   [CU_SAMPLE_LINK_ANSWERS] = rate(count, ns)},
    };

    (void)cu_sample_add_row(sample, CU_SAMPLE_NODES, &node);
    if (count > 0 && parent != CU_RANK_NONE && parent != rank)
        (void)cu_sample_add_row(sample, CU_SAMPLE_LINKS, &link);
    for (uint32_t i = 0; i < sampler->hot.lists[CU_SAMPLE_PATHS].count; i++)
        (void)cu_sample_add_row(sample, CU_SAMPLE_PATHS,
                                &sampler->hot.lists[CU_SAMPLE_PATHS].rows[i]);
}

void cu_sampler_take(struct cu_sampler *sampler, struct cu_core *core,
                     const struct cu_latency *latency, uint32_t rank, uint64_t now_ns,
                     struct cu_sample *sample)
{
    const struct totals *before = &sampler->before, *now = &sampler->now;
    uint64_t ns;

    if (now_ns > now->at_ns &&
        (before->at_ns == 0 || now_ns - now->at_ns >= CU_SAMPLER_WINDOW_MS * NS_PER_MS)) {
        sampler->before = sampler->now;
        read_totals(core, latency, now_ns, &sampler->now);
        turn_paths(sampler, now_ns - before->at_ns);
    }
    ns = now->at_ns > before->at_ns ? now->at_ns - before->at_ns : 1;
    sample->window_ms = ns / NS_PER_MS;
    for (int f = 0; f < CU_SAMPLE_FIGURE_COUNT; f++)
        sample->figures[f] = f < CU_SAMPLE_NOW
                                 ? rate(risen(before->figures[f], now->figures[f]), ns)
                                 : now->figures[f];
    for (int i = 0; i < CU_SAMPLE_TIMES; i++)
        between(&before->times[i], &now->times[i], &sample->times[i]);
    add_lists(sampler, rank, cu_core_parent(core, 0), sample);
}
