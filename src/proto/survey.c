/* SPDX-License-Identifier: BSD-3-Clause */
#include "proto/survey.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define VERSION      3u
#define BINS_FIRST   600u
#define BINS_EACH    300u
#define BIN_MS       100u
#define OCTAVES_MAX  24u /* 31 years */
#define BINS_MAX     (BINS_FIRST + OCTAVES_MAX * BINS_EACH)
#define EACH_FIRST   120u /* intervals */
#define EACH_LATER   60u
#define EACH_MAX     (EACH_FIRST + OCTAVES_MAX * EACH_LATER)
#define SEARCH_BYTES (CU_SURVEY_SEARCHES * (CU_SURVEY_VALUE_MAX + 256))

uint32_t cu_survey_paths(uint32_t top)
{
    return 2 * top > CU_SURVEY_PATHS_MIN ? 2 * top : CU_SURVEY_PATHS_MIN;
}

static void set_kinds(struct cu_survey *survey)
{
    const uint64_t most = UINT64_C(1) << CU_SURVEY_PATH_max_us | UINT64_C(1) << CU_SURVEY_PATH_rank;

    for (int i = 0; i < CU_SURVEY_LISTS; i++) {
        survey->kinds[i] = (struct cu_keyed_kind){
            .width = CU_SURVEY_PATH_NUMBER_COUNT,
            .maxima = most,
            .key_max = CU_TOPK_KEY_MAX,
            .count_max = cu_survey_paths(survey->limits.top),
        };
        survey->lists[i].kind = &survey->kinds[i];
    }
    survey->kinds[CU_SURVEY_CLASSES].key_max = 1;
    survey->kinds[CU_SURVEY_CLASSES].count_max = CU_SURVEY_CLASS_COUNT;
    survey->kinds[CU_SURVEY_TIMELINE] = (struct cu_keyed_kind){
        .width = CU_SURVEY_TIME_NUMBER_COUNT,
        .key_max = CU_SURVEY_KEY_BYTES,
        .count_max = BINS_MAX,
    };
    survey->kinds[CU_SURVEY_NODES] = (struct cu_keyed_kind){
        .width = CU_SURVEY_NODE_NUMBER_COUNT,
        .key_max = CU_SURVEY_KEY_BYTES,
        .count_max = survey->limits.nodes,
    };
    survey->kinds[CU_SURVEY_PARENTS] = survey->kinds[CU_SURVEY_NODES];
    survey->kinds[CU_SURVEY_PARENTS].width = survey->limits.trees;
    survey->kinds[CU_SURVEY_PAIRS].key_max = CU_SURVEY_PAIR_MAX;
    survey->kinds[CU_SURVEY_SEARCHES_SEEN].key_max = CU_SURVEY_VALUE_MAX;
    survey->kinds[CU_SURVEY_SEARCHES_SEEN].count_max = CU_SURVEY_SEARCHES;
    survey->kinds[CU_SURVEY_DISTINCT].count_max = CU_SURVEY_SAMPLE;
    survey->kinds[CU_SURVEY_INTERVALS] = (struct cu_keyed_kind){
        .width = 1,
        .key_max = CU_SURVEY_INTERVAL_KEY_BYTES,
        .count_max = CU_SURVEY_INTERVALS_MAX,
    };
}

struct cu_survey *cu_survey_new(const struct cu_survey_limits *limits)
{
    struct cu_survey *survey = calloc(1, sizeof(*survey));

    if (!survey)
        return NULL;
    survey->limits = *limits;
    if (survey->limits.trees > CU_TREES_MAX)
        survey->limits.trees = CU_TREES_MAX;
    set_kinds(survey);
    return survey;
}

void cu_survey_free(struct cu_survey *survey)
{
    if (!survey)
        return;
    for (int i = 0; i < CU_SURVEY_LISTS; i++)
        cu_keyed_free(&survey->lists[i]);
    free(survey);
}

void cu_survey_cut(struct cu_survey *survey)
{
    for (int i = CU_SURVEY_BY_REQUESTS; i < CU_SURVEY_SEARCHES_SEEN; i++)
        cu_keyed_cut(&survey->lists[i], survey->kinds[i].count_max, CU_SURVEY_LIST_BYTES);
    cu_keyed_cut(&survey->lists[CU_SURVEY_SEARCHES_SEEN], CU_SURVEY_SEARCHES, SEARCH_BYTES);
    cu_keyed_cut_sample(&survey->lists[CU_SURVEY_DISTINCT], CU_SURVEY_SAMPLE);
    cu_keyed_cut_first(&survey->lists[CU_SURVEY_INTERVALS], CU_SURVEY_INTERVALS_MAX, SIZE_MAX);
}

/* Both lists ascend. */
static bool share_keys(const struct cu_keyed *a, const struct cu_keyed *b)
{
    for (size_t i = 0; i < b->count; i++)
        if (cu_keyed_find(a, b->entries[i].key, b->entries[i].key_len))
            return true;
    return false;
}

int cu_survey_merge(struct cu_survey *survey, struct cu_survey *from)
{
    if (share_keys(&survey->lists[CU_SURVEY_NODES], &from->lists[CU_SURVEY_NODES]))
        return -EINVAL;
    for (int i = 0; i < CU_SURVEY_LISTS; i++) {
        int rc = cu_keyed_merge(&survey->lists[i], &from->lists[i]);

        if (rc != 0)
            return rc;
    }
    cu_survey_cut(survey);
    return 0;
}

struct cu_buf *cu_survey_encode(const struct cu_survey *survey)
{
    struct cu_buf *buf = NULL;

    if (cu_buf_room(&buf, 1, 65536) != 0)
        return NULL;
    buf->data[buf->size++] = VERSION;
    for (int i = 0; i < CU_SURVEY_LISTS; i++) {
        if (cu_keyed_encode(&survey->lists[i], &buf) != 0) {
            cu_buf_unref(buf);
            return NULL;
        }
    }
    return buf;
}

/* Are the keys that are numbers what they say? */
static bool is_sound(const struct cu_survey *survey)
{
    const struct cu_keyed *classes = &survey->lists[CU_SURVEY_CLASSES];
    const struct cu_keyed *intervals = &survey->lists[CU_SURVEY_INTERVALS];

    for (size_t i = 0; i < classes->count; i++)
        if (classes->entries[i].key_len != 1 || classes->entries[i].key[0] >= CU_SURVEY_CLASS_COUNT)
            return false;
    for (size_t i = 0; i < intervals->count; i++)
        if (intervals->entries[i].key_len != CU_SURVEY_INTERVAL_KEY_BYTES ||
            cu_survey_number(intervals->entries[i].key) >= EACH_MAX)
            return false;
    for (int n = CU_SURVEY_TIMELINE; n <= CU_SURVEY_PARENTS; n++) {
        const struct cu_keyed *list = &survey->lists[n];
        uint32_t max = n == CU_SURVEY_TIMELINE ? BINS_MAX : survey->limits.nodes;

        for (size_t i = 0; i < list->count; i++)
            if (list->entries[i].key_len != CU_SURVEY_KEY_BYTES ||
                cu_survey_number(list->entries[i].key) >= max)
                return false;
    }
    return true;
}

int cu_survey_decode(const void *bytes, size_t size, const struct cu_survey_limits *limits,
                     struct cu_survey **survey)
{
    const unsigned char *data = bytes;
    struct cu_survey *s;
    size_t at = 1;
    int rc = 0;

    *survey = NULL;
    if (size == 0)
        return -EBADMSG;
    if (data[0] != VERSION)
        return -ENOTSUP;
    s = cu_survey_new(limits);
    if (!s)
        return -ENOMEM;
    for (int i = 0; i < CU_SURVEY_LISTS && rc == 0; i++)
        rc = cu_keyed_decode(&s->lists[i], &s->kinds[i], data, size, &at);
    if (rc == 0 && (at != size || !is_sound(s)))
        rc = -EBADMSG;
    if (rc != 0) {
        cu_survey_free(s);
        return rc;
    }
    *survey = s;
    return 0;
}

/* --- keys ------------------------------------------------------------------------------------- */

void cu_survey_key(uint32_t number, unsigned char key[CU_SURVEY_KEY_BYTES])
{
    for (unsigned i = 0; i < CU_SURVEY_KEY_BYTES; i++)
        key[i] = (unsigned char)(number >> (8 * (CU_SURVEY_KEY_BYTES - 1 - i)));
}

uint32_t cu_survey_number(const unsigned char *key)
{
    uint32_t number = 0;

    for (unsigned i = 0; i < CU_SURVEY_KEY_BYTES; i++)
        number = number << 8 | key[i];
    return number;
}

/* Bins of the numbers 0, 1, ...: so many of one number each, then so many each of 2, 4, ... */
static uint32_t bin_of(uint64_t n, uint32_t first, uint32_t each)
{
    uint64_t begin = first, width = 2;
    uint32_t bin = first;

    if (n < begin)
        return (uint32_t)n;
    for (uint32_t octave = 0; octave < OCTAVES_MAX; octave++) {
        if (n < 2 * begin)
            return bin + (uint32_t)((n - begin) / width);
        begin *= 2;
        width *= 2;
        bin += each;
    }
    return bin - 1;
}

static void bounds_of(uint32_t bin, uint32_t first, uint32_t each, uint64_t *begin, uint64_t *width)
{
    uint32_t octave = bin < first ? 0 : (bin - first) / each;

    *width = 1;
    *begin = bin;
    if (bin < first)
        return;
    *width = UINT64_C(2) << octave;
    *begin = ((uint64_t)first << octave) + (uint64_t)((bin - first) % each) * *width;
}

uint32_t cu_survey_bin(uint64_t ms)
{
    return bin_of(ms / BIN_MS, BINS_FIRST, BINS_EACH);
}

void cu_survey_bin_bounds(uint32_t bin, uint64_t *begin_ms, uint64_t *width_ms)
{
    bounds_of(bin, BINS_FIRST, BINS_EACH, begin_ms, width_ms);
    *begin_ms *= BIN_MS;
    *width_ms *= BIN_MS;
}

uint32_t cu_survey_interval(uint64_t ms, uint32_t seconds)
{
    return bin_of(ms / (UINT64_C(1000) * seconds), EACH_FIRST, EACH_LATER);
}

void cu_survey_interval_bounds(uint32_t number, uint64_t *begin, uint64_t *width)
{
    bounds_of(number, EACH_FIRST, EACH_LATER, begin, width);
}

void cu_survey_interval_key(uint32_t number, uint8_t counter,
                            unsigned char key[CU_SURVEY_INTERVAL_KEY_BYTES])
{
    cu_survey_key(number, key);
    key[CU_SURVEY_KEY_BYTES] = counter;
}

/* --- classes ---------------------------------------------------------------------------------- */

static bool has(const char *path, size_t len, const char *part)
{
    return memmem(path, len, part, strlen(part));
}

/* "libx.so", "libx.so.1.2" */
static bool is_library(const char *path, size_t len)
{
    const char *slash = memrchr(path, '/', len), *name = slash ? slash + 1 : path;
    size_t left = len - (size_t)(name - path);
    const char *so;

    while ((so = memmem(name, left, ".so", 3))) {
        const char *end = so + 3;

        left -= (size_t)(end - name);
        name = end;
        if (left == 0 || (*end == '.' && left > 1 && end[1] >= '0' && end[1] <= '9'))
            return true;
    }
    return false;
}

/* Below ".../lib/python3.11/" */
static bool is_python(const char *path, size_t len)
{
    const char *at = path;

    while ((at = memmem(at, len - (size_t)(at - path), "/python", 7))) {
        const char *end = path + len;

        for (at += 7; at < end && ((*at >= '0' && *at <= '9') || *at == '.'); at++)
            ;
        if (at < end && *at == '/' && at[-1] != 'n')
            return true;
    }
    return false;
}

enum cu_survey_class cu_survey_class_of(const char *path, size_t len, bool missing)
{
    bool packages = has(path, len, "/site-packages/") || has(path, len, "/dist-packages/");

    if (is_library(path, len))
        return missing ? CU_SURVEY_MISSING_LIBRARIES : CU_SURVEY_NATIVE_LIBRARIES;
    if (missing)
        return packages || is_python(path, len) ||
                       (len > 3 && memcmp(path + len - 3, ".py", 3) == 0)
                   ? CU_SURVEY_MISSING_MODULES
                   : CU_SURVEY_MISSING_OTHERS;
    if (packages)
        return CU_SURVEY_SITE_PACKAGES;
    return is_python(path, len) ? CU_SURVEY_STANDARD_LIBRARY : CU_SURVEY_OTHERS;
}

const char *cu_survey_class_name(enum cu_survey_class class)
{
    static const char *const names[] = {
        "standard_library", "site_packages",  "native_libraries", "missing_libraries",
        "missing_modules",  "missing_others", "others",
    };

    return names[class];
}

const char *cu_survey_path_number_name(unsigned i)
{
#define X(name) #name,
    static const char *const names[] = {CU_SURVEY_PATH_NUMBERS(X)};
#undef X

    return names[i];
}

const char *cu_survey_time_number_name(unsigned i)
{
#define X(name) #name,
    static const char *const names[] = {CU_SURVEY_TIME_NUMBERS(X)};
#undef X

    return names[i];
}

const char *cu_survey_node_number_name(unsigned i)
{
#define X(name) #name,
    static const char *const names[] = {CU_SURVEY_NODE_NUMBERS(X)};
#undef X

    return names[i];
}
