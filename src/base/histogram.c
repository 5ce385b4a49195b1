/* SPDX-License-Identifier: BSD-3-Clause */
/* A bucket is a power of two and the three bits behind the highest. Values below eight have a
 * bucket each. */
#include "base/histogram.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#define BITS  3u
#define STEPS (1u << BITS)

static uint32_t bucket_of(uint64_t value)
{
    uint32_t power, i;

    if (value < STEPS)
        return (uint32_t)value;
    power = 63u - (uint32_t)__builtin_clzll(value);
    i = (power - BITS + 1) * STEPS + (uint32_t)(value >> (power - BITS)) % STEPS;
    return i < CU_HISTOGRAM_BUCKETS ? i : CU_HISTOGRAM_BUCKETS - 1;
}

void cu_histogram_add(struct cu_histogram *h, uint64_t value)
{
    h->buckets[bucket_of(value)]++;
    h->sum += value;
    if (value > h->max)
        h->max = value;
}

static uint64_t sum_of(uint64_t a, uint64_t b)
{
    return a > INT64_MAX || b > INT64_MAX - a ? INT64_MAX : a + b;
}

void cu_histogram_merge(struct cu_histogram *h, const struct cu_histogram *from)
{
    for (uint32_t i = 0; i < CU_HISTOGRAM_BUCKETS; i++)
        h->buckets[i] = sum_of(h->buckets[i], from->buckets[i]);
    h->sum = sum_of(h->sum, from->sum);
    if (from->max > h->max)
        h->max = from->max;
}

uint64_t cu_histogram_count(const struct cu_histogram *h)
{
    uint64_t count = 0;

    for (uint32_t i = 0; i < CU_HISTOGRAM_BUCKETS; i++)
        count = sum_of(count, h->buckets[i]);
    return count;
}

uint64_t cu_histogram_low(uint32_t i)
{
    return i < STEPS ? i : (uint64_t)(STEPS + i % STEPS) << (i / STEPS - 1);
}

uint64_t cu_histogram_high(uint32_t i)
{
    return i + 1 < CU_HISTOGRAM_BUCKETS ? cu_histogram_low(i + 1) - 1 : UINT64_MAX;
}

uint64_t cu_histogram_at(const struct cu_histogram *h, uint32_t of_1000)
{
    uint64_t count = cu_histogram_count(h), so_far = 0;
    /* Rounded up, without overflow. */
    uint64_t wanted = count / 1000 * of_1000 + (count % 1000 * of_1000 + 999) / 1000;

    for (uint32_t i = 0; i < CU_HISTOGRAM_BUCKETS && count > 0; i++) {
        so_far = sum_of(so_far, h->buckets[i]);
        if (h->buckets[i] > 0 && so_far >= wanted)
            return cu_histogram_high(i) < h->max ? cu_histogram_high(i) : h->max;
    }
    return 0;
}

size_t cu_histogram_text(const struct cu_histogram *h, char out[CU_HISTOGRAM_TEXT_MAX])
{
    size_t len =
        (size_t)snprintf(out, CU_HISTOGRAM_TEXT_MAX, "%" PRIu64 " %" PRIu64, h->sum, h->max);

    for (uint32_t i = 0; i < CU_HISTOGRAM_BUCKETS; i++)
        if (h->buckets[i] > 0)
            len += (size_t)snprintf(out + len, CU_HISTOGRAM_TEXT_MAX - len, " %" PRIu32 ":%" PRIu64,
                                    i, h->buckets[i]);
    return len;
}

/* Digits, no more than INT64_MAX, without a zero in front. */
static bool take_number(const char **text, uint64_t *value)
{
    const char *at = *text;

    for (*value = 0; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');

        if (*value > (INT64_MAX - digit) / 10 || (at > *text && **text == '0'))
            return false;
        *value = *value * 10 + digit;
    }
    if (at == *text)
        return false;
    *text = at;
    return true;
}

int cu_histogram_parse(const char *text, struct cu_histogram *h)
{
    uint64_t i, next = 0, count;

    *h = (struct cu_histogram){0};
    if (!take_number(&text, &h->sum) || *text++ != ' ' || !take_number(&text, &h->max))
        return -EINVAL;
    while (*text != '\0') {
        if (*text++ != ' ' || !take_number(&text, &i) || *text++ != ':' ||
            !take_number(&text, &count) || i < next || i >= CU_HISTOGRAM_BUCKETS || count == 0)
            return -EINVAL;
        h->buckets[i] = count;
        next = i + 1;
    }
    return 0;
}
