/* SPDX-License-Identifier: BSD-3-Clause */
/* Operations on storage have no event of their own here: at the end of each bin, and when the
 * survey is taken, what the counters have grown by is counted in the bin. So the bins' sum is
 * exact, and a bin's figure is as exact as the timer. */
#include "copperd/surveyor.h"

#include "base/list.h"
#include "copperd/environs.h"
#include "copperd/intervals.h"
#include "copperd/searches.h"
#include "host/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct cu_surveyor {
    struct cu_surveyor_config config;
    uv_timer_t timer;
    uint64_t zero_ns;               /* when the clocks were read */
    uint64_t past_ms;               /* since the launch, then */
    struct cu_survey *counted;      /* classes, time line, sample and intervals */
    struct cu_intervals *intervals; /* NULL: none */
    struct cu_searches *searches;
    struct cu_environs *environs;
    uint64_t sample_max; /* hashes above this are not in the sample any more */
    uint64_t operations, storage_bytes, kernel_bytes; /* counted so far */
};

static uint64_t since_ms(const struct cu_surveyor *s)
{
    return s->past_ms + (uv_hrtime() - s->zero_ns) / 1000000;
}

static struct cu_keyed_entry *bin_at(struct cu_surveyor *s, uint64_t ms)
{
    unsigned char key[CU_SURVEY_KEY_BYTES];

    cu_survey_key(cu_survey_bin(ms), key);
    return cu_keyed_at(&s->counted->lists[CU_SURVEY_TIMELINE], key, sizeof(key));
}

static uint64_t operations_of(const uint64_t *counters)
{
    static const enum cu_counter kinds[] = {
        CU_COUNT_storage_stat,   CU_COUNT_storage_readdir, CU_COUNT_storage_readlink,
        CU_COUNT_storage_open,   CU_COUNT_storage_read,    CU_COUNT_storage_xattr,
        CU_COUNT_storage_statfs, CU_COUNT_storage_holes,   CU_COUNT_storage_revalidate,
    };
    uint64_t sum = 0;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        sum += counters[kinds[i]];
    return sum;
}

/* What the counters have grown by belongs to the bin of that time. */
static void count_growth(struct cu_surveyor *s, uint64_t ms)
{
    const uint64_t *counters = cu_core_counters(s->config.core);
    uint64_t operations = operations_of(counters);
    uint64_t storage_bytes = counters[CU_COUNT_storage_bytes];
    uint64_t kernel_bytes = counters[CU_COUNT_kernel_bytes];
    struct cu_keyed_entry *bin;

    if (operations == s->operations && storage_bytes == s->storage_bytes &&
        kernel_bytes == s->kernel_bytes)
        return;
    bin = bin_at(s, ms);
    if (!bin)
        return; /* the next one gets it */
    bin->numbers[CU_SURVEY_TIME_storage_operations] += operations - s->operations;
    bin->numbers[CU_SURVEY_TIME_storage_bytes] += storage_bytes - s->storage_bytes;
    bin->numbers[CU_SURVEY_TIME_kernel_bytes] += kernel_bytes - s->kernel_bytes;
    s->operations = operations;
    s->storage_bytes = storage_bytes;
    s->kernel_bytes = kernel_bytes;
}

static void on_timer(uv_timer_t *timer);

/* At the end of the bin that is now. */
static void arm(struct cu_surveyor *s)
{
    uint64_t ms = since_ms(s), begin_ms, width_ms;

    cu_survey_bin_bounds(cu_survey_bin(ms), &begin_ms, &width_ms);
    uv_timer_start(&s->timer, on_timer,
                   begin_ms + width_ms > ms ? begin_ms + width_ms - ms : width_ms, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct cu_surveyor *s = timer->data;
    uint64_t ms = since_ms(s);

    count_growth(s, ms > 0 ? ms - 1 : 0); /* the bin that has just ended */
    arm(s);
}

static struct cu_intervals *start_intervals(const struct cu_surveyor *s)
{
    const struct cu_intervals_config config = {
        .loop = s->config.loop,
        .counters = cu_core_counters(s->config.core),
        .list = &s->counted->lists[CU_SURVEY_INTERVALS],
        .seconds = s->config.interval_s,
        .past_ms = s->past_ms,
    };

    return cu_intervals_create(&config);
}

struct cu_surveyor *cu_surveyor_create(const struct cu_surveyor_config *config)
{
    struct cu_surveyor *s = calloc(1, sizeof(*s));
    uv_timeval64_t now;
    uint64_t now_ms;

    if (!s)
        return NULL;
    s->config = *config;
    s->counted = cu_survey_new(&config->limits);
    s->searches = cu_searches_create();
    s->environs =
        cu_environs_create(config->loop, &cu_core_counters(config->core)[CU_COUNT_searchers]);
    if (!s->counted || !s->searches || !s->environs || uv_timer_init(config->loop, &s->timer) < 0) {
        cu_environs_destroy(s->environs);
        cu_searches_destroy(s->searches);
        cu_survey_free(s->counted);
        free(s);
        return NULL;
    }
    uv_gettimeofday(&now);
    now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_usec / 1000;
    s->zero_ns = uv_hrtime();
    if (config->begin_ms != 0 && now_ms > config->begin_ms)
        s->past_ms = now_ms - config->begin_ms;
    if (config->interval_s > 0 && !(s->intervals = start_intervals(s))) {
        cu_environs_destroy(s->environs);
        cu_searches_destroy(s->searches);
        cu_survey_free(s->counted);
        free(s);
        return NULL;
    }
    s->sample_max = UINT64_MAX;
    s->timer.data = s;
    uv_unref((uv_handle_t *)&s->timer);
    arm(s);
    return s;
}

/* --- counting --------------------------------------------------------------------------------- */

static void count_path(uint64_t *numbers, const struct cu_front_asked *asked, bool missing)
{
    static const unsigned char ops[] = {
        [CU_FRONT_ASKED_LOOKUP] = CU_SURVEY_PATH_lookups,
        [CU_FRONT_ASKED_READ] = CU_SURVEY_PATH_reads,
        [CU_FRONT_ASKED_LISTING] = CU_SURVEY_PATH_listings,
        [CU_FRONT_ASKED_OTHER] = CU_SURVEY_PATH_others,
    };
    static const unsigned char wheres[] = {
        [CU_WHERE_HERE] = CU_SURVEY_PATH_here,
        [CU_WHERE_FLIGHT] = CU_SURVEY_PATH_flight,
        [CU_WHERE_PARENT] = CU_SURVEY_PATH_parent,
        [CU_WHERE_STORAGE] = CU_SURVEY_PATH_storage,
    };
    uint64_t us = asked->wait_ns / 1000;

    numbers[CU_SURVEY_PATH_got]++;
    numbers[CU_SURVEY_PATH_nodes] = 1;
    numbers[ops[asked->op]]++;
    numbers[wheres[asked->where]]++;
    numbers[CU_SURVEY_PATH_missing] += missing ? 1 : 0;
    numbers[CU_SURVEY_PATH_bytes] += asked->bytes;
    numbers[CU_SURVEY_PATH_wait_us] += us;
    if (us > numbers[CU_SURVEY_PATH_max_us])
        numbers[CU_SURVEY_PATH_max_us] = us;
}

/* A path that is in the sample at the end was in it from its first request on, since the bound only
 * falls: so its numbers are exact. */
static void count_sample(struct cu_surveyor *s, const struct cu_front_asked *asked, bool missing)
{
    struct cu_keyed *sample = &s->counted->lists[CU_SURVEY_DISTINCT];
    size_t len = asked->path_len < CU_TOPK_KEY_MAX ? asked->path_len : CU_TOPK_KEY_MAX;
    const char *key = asked->path + asked->path_len - len; /* as topk.h does */
    uint64_t hash = cu_keyed_hash(key, len);
    struct cu_keyed_entry *entry = hash <= s->sample_max ? cu_keyed_at(sample, key, len) : NULL;

    if (!entry)
        return;
    count_path(entry->numbers, asked, missing);
    entry->numbers[CU_SURVEY_PATH_rank] = (uint64_t)s->config.rank + 1;
    if (sample->count < 2 * CU_SURVEY_SAMPLE)
        return;
    cu_keyed_cut_sample(sample, CU_SURVEY_SAMPLE);
    s->sample_max = 0;
    for (size_t i = 0; i < sample->count; i++) {
        hash = cu_keyed_hash(sample->entries[i].key, sample->entries[i].key_len);
        if (hash > s->sample_max)
            s->sample_max = hash;
    }
}

void cu_surveyor_asked(struct cu_surveyor *s, const struct cu_front_asked *asked)
{
    static const unsigned char wheres[] = {
        [CU_WHERE_HERE] = CU_SURVEY_TIME_here,
        [CU_WHERE_FLIGHT] = CU_SURVEY_TIME_flight,
        [CU_WHERE_PARENT] = CU_SURVEY_TIME_parent,
        [CU_WHERE_STORAGE] = CU_SURVEY_TIME_storage,
    };
    bool missing = asked->op == CU_FRONT_ASKED_LOOKUP && asked->error == ENOENT;
    unsigned char class = (unsigned char)cu_survey_class_of(asked->path, asked->path_len, missing);
    struct cu_keyed_entry *entry = cu_keyed_at(&s->counted->lists[CU_SURVEY_CLASSES], &class, 1);

    if (entry)
        count_path(entry->numbers, asked, missing);
    entry = bin_at(s, since_ms(s));
    if (entry) {
        entry->numbers[CU_SURVEY_TIME_requests]++;
        entry->numbers[wheres[asked->where]]++;
        entry->numbers[CU_SURVEY_TIME_wait_us] += asked->wait_ns / 1000;
    }
    count_sample(s, asked, missing);
    cu_searches_asked(s->searches, asked);
    cu_environs_asked(s->environs, asked);
}

/* --- taking ----------------------------------------------------------------------------------- */

/* Of all answers to the kernel. */
static void latencies(const struct cu_latency *latency, uint64_t *numbers)
{
    struct cu_histogram all = {0};

    for (uint32_t row = 0; latency && row < CU_LATENCY_STORAGE; row++)
        cu_histogram_merge(&all, &latency->rows[row].us);
    numbers[CU_SURVEY_NODE_p50_us] = cu_histogram_at(&all, 500);
    numbers[CU_SURVEY_NODE_p99_us] = cu_histogram_at(&all, 990);
    numbers[CU_SURVEY_NODE_max_us] = all.max;
}

static int add_node(const struct cu_surveyor *s, struct cu_survey *survey)
{
    const uint64_t *counters = cu_core_counters(s->config.core);
    const struct {
        enum cu_survey_node_number number;
        enum cu_counter counter;
    } same[] = {
#define SAME(name) {CU_SURVEY_NODE_##name, CU_COUNT_##name}
        SAME(child_wants),
        SAME(storage_bytes),
        SAME(peer_bytes_in),
        SAME(peer_bytes_out),
        SAME(kernel_bytes),
        SAME(bypass_bytes),
        SAME(loop_longest_us),
        SAME(parents_changed),
        SAME(parents_lost),
        SAME(asked_again),
        SAME(requests_waiting_most),
        SAME(storage_waiting_most),
        SAME(read_ahead),
        SAME(read_ahead_used),
        SAME(read_ahead_wasted),
        {CU_SURVEY_NODE_here, CU_COUNT_hit_here},
#undef SAME
        {CU_SURVEY_NODE_flight, CU_COUNT_hit_flight},
        {CU_SURVEY_NODE_parent, CU_COUNT_hit_parent},
        {CU_SURVEY_NODE_storage, CU_COUNT_hit_storage},
        {CU_SURVEY_NODE_negative, CU_COUNT_hit_negative},
    };
    unsigned char key[CU_SURVEY_KEY_BYTES];
    struct cu_keyed_entry *node, *parents;
    uint64_t user_ms, system_ms;

    cu_survey_key(s->config.rank, key);
    node = cu_keyed_at(&survey->lists[CU_SURVEY_NODES], key, sizeof(key));
    parents = cu_keyed_at(&survey->lists[CU_SURVEY_PARENTS], key, sizeof(key));
    if (!node || !parents)
        return -ENOMEM;
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
        node->numbers[same[i].number] = counters[same[i].counter];
    for (int i = CU_COUNT_fuse_lookup; i <= CU_COUNT_fuse_other; i++)
        node->numbers[CU_SURVEY_NODE_requests] += i == CU_COUNT_fuse_forget ? 0 : counters[i];
    node->numbers[CU_SURVEY_NODE_storage_operations] = operations_of(counters);
    node->numbers[CU_SURVEY_NODE_restarts] = s->config.restarts;
    node->numbers[CU_SURVEY_NODE_rss_bytes] = cu_process_resident_bytes();
    cu_process_cpu_ms(&user_ms, &system_ms);
    node->numbers[CU_SURVEY_NODE_cpu_ms] = user_ms + system_ms;
    latencies(s->config.latency, node->numbers);
    for (uint32_t tree = 0; tree < s->config.limits.trees; tree++) {
        uint32_t parent = cu_core_parent(s->config.core, tree);

        parents->numbers[tree] = parent == CU_RANK_NONE ? 0 : (uint64_t)parent + 1;
    }
    return 0;
}

static int add_past_trees(const struct cu_surveyor *s, struct cu_survey *survey)
{
    const struct cu_topk_entry *best[CU_SURVEY_PAST_FILES];
    uint32_t count = cu_core_bypassed(s->config.core, best, CU_SURVEY_PAST_FILES);
    struct cu_keyed *list = &survey->lists[CU_SURVEY_PAST_TREES];

    list->total = cu_core_counters(s->config.core)[CU_COUNT_bypass_bytes];
    if (count == CU_SURVEY_PAST_FILES)
        list->error = best[count - 1]->count; /* the core's table may be full */
    for (uint32_t i = 0; i < count; i++) {
        struct cu_keyed_entry *entry = cu_keyed_at(list, best[i]->key, best[i]->key_len);

        if (!entry)
            return -ENOMEM;
        entry->weight = best[i]->count - list->error;
        entry->numbers[CU_SURVEY_PATH_got] = best[i]->count - best[i]->over;
        entry->numbers[CU_SURVEY_PATH_nodes] = 1;
    }
    return 0;
}

/* What a survey is made of. Sorting it takes long, copying does not. */
struct taken {
    struct cu_commands_taken base;
    struct cu_survey_limits limits;
    const char *mount;
    struct cu_buf *counted;     /* reference; encoded */
    struct cu_survey *own;      /* owned; what the core and the process tell */
    struct cu_profile *profile; /* owned copies */
    struct cu_searches *searches;
    struct cu_environs_found *environs;
};

static struct taken *taken_of(struct cu_commands_taken *base)
{
    return CU_LIST_ENTRY(base, struct taken, base);
}

static void taken_free(struct cu_commands_taken *base)
{
    struct taken *taken = taken_of(base);

    cu_buf_unref(taken->counted);
    cu_survey_free(taken->own);
    cu_profile_destroy(taken->profile);
    cu_searches_destroy(taken->searches);
    cu_environs_found_free(taken->environs);
    free(taken);
}

static struct cu_survey *make(struct cu_commands_taken *base)
{
    struct taken *taken = taken_of(base);
    struct cu_survey *survey = NULL;

    if (cu_survey_decode(taken->counted->data, taken->counted->size, &taken->limits, &survey) != 0)
        return NULL;
    if (cu_profile_survey(taken->profile, survey) == 0 &&
        cu_searches_survey(taken->searches, survey) == 0 &&
        cu_environs_survey(taken->environs, taken->searches, taken->mount, survey) == 0 &&
        cu_survey_merge(survey, taken->own) == 0)
        return survey;
    cu_survey_free(survey);
    return NULL;
}

struct cu_commands_taken *cu_surveyor_take(struct cu_surveyor *s)
{
    struct taken *taken = calloc(1, sizeof(*taken));

    if (!taken)
        return NULL;
    count_growth(s, since_ms(s));
    cu_intervals_take(s->intervals);
    cu_keyed_cut_sample(&s->counted->lists[CU_SURVEY_DISTINCT], CU_SURVEY_SAMPLE);
    taken->base = (struct cu_commands_taken){.make = make, .free = taken_free};
    taken->limits = s->counted->limits;
    taken->mount = s->config.mount;
    taken->counted = cu_survey_encode(s->counted);
    taken->own = cu_survey_new(&s->counted->limits);
    taken->profile = cu_profile_copy(s->config.profile);
    taken->searches = cu_searches_copy(s->searches);
    taken->environs = cu_environs_found(s->environs);
    if (taken->counted && taken->own && taken->profile && taken->searches && taken->environs &&
        add_node(s, taken->own) == 0 && add_past_trees(s, taken->own) == 0)
        return &taken->base;
    taken_free(&taken->base);
    return NULL;
}
