/* SPDX-License-Identifier: BSD-3-Clause */
/* How often which values came, in buckets with fixed bounds: eight for each power of two, so that a
 * bucket is at most an eighth wider than its lowest value. Two histograms are added exactly, bucket
 * by bucket. Nothing is allocated. */
#ifndef CU_BASE_HISTOGRAM_H
#define CU_BASE_HISTOGRAM_H

#include <stddef.h>
#include <stdint.h>

#define CU_HISTOGRAM_BUCKETS 200u /* values up to 2^27 - 1; larger ones are in the last, too */
/* bytes of the longest text, with its NUL: sum, maximum and all buckets */
#define CU_HISTOGRAM_TEXT_MAX (2 * 21 + CU_HISTOGRAM_BUCKETS * 25u + 1)

/* All zero: empty. */
struct cu_histogram {
    uint64_t sum;
    uint64_t max;
    uint64_t buckets[CU_HISTOGRAM_BUCKETS];
};

void cu_histogram_add(struct cu_histogram *h, uint64_t value);
/* Adds all that is in from to h. Sums that would be above INT64_MAX stay there. */
void cu_histogram_merge(struct cu_histogram *h, const struct cu_histogram *from);
uint64_t cu_histogram_count(const struct cu_histogram *h);
/* The lowest and the highest value that are counted in bucket i; that of the last is UINT64_MAX. */
uint64_t cu_histogram_low(uint32_t i);
uint64_t cu_histogram_high(uint32_t i);
/* A value that so many of 1000 values do not exceed: the upper end of its bucket, at most the
 * largest value. 0: h is empty. */
uint64_t cu_histogram_at(const struct cu_histogram *h, uint32_t of_1000);

/* "SUM MAX BUCKET:COUNT ...", in decimal, without empty buckets. The length, at most
 * CU_HISTOGRAM_TEXT_MAX - 1. */
size_t cu_histogram_text(const struct cu_histogram *h, char out[CU_HISTOGRAM_TEXT_MAX]);
/* The other way round: text may be anything. -EINVAL: it is none; *h is then undefined. */
__attribute__((warn_unused_result)) int cu_histogram_parse(const char *text,
                                                           struct cu_histogram *h);

#endif
