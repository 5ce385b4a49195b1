/* SPDX-License-Identifier: BSD-3-Clause */
#include "copperd/intervals.h"

#include <stdlib.h>

_Static_assert(CU_COUNTER_COUNT <= CU_SURVEY_COUNTERS, "a key has a byte for it");

struct cu_intervals {
    struct cu_intervals_config config;
    uv_timer_t timer;
    uint64_t zero_ns;                   /* when it was past_ms */
    uint64_t counted[CU_COUNTER_COUNT]; /* so far */
};

static uint64_t since_ms(const struct cu_intervals *s)
{
    return s->config.past_ms + (uv_hrtime() - s->zero_ns) / 1000000;
}

/* What the counters have grown by belongs to the interval of that time. */
static void count_growth(struct cu_intervals *s, uint64_t ms)
{
    uint32_t number = cu_survey_interval(ms, s->config.seconds);

    for (int i = 0; i < CU_COUNTER_COUNT; i++) {
        uint64_t now = s->config.counters[i];
        unsigned char key[CU_SURVEY_INTERVAL_KEY_BYTES];
        struct cu_keyed_entry *entry;

        if (now == s->counted[i] || cu_counter_kind((enum cu_counter)i) != CU_COUNTS)
            continue;
        cu_survey_interval_key(number, (uint8_t)i, key);
        entry = cu_keyed_at(s->config.list, key, sizeof(key));
        if (!entry)
            continue; /* the next one gets it */
        entry->numbers[0] += now - s->counted[i];
        s->counted[i] = now;
    }
}

static void on_timer(uv_timer_t *timer);

/* At the end of the interval that is now. */
static void arm(struct cu_intervals *s)
{
    uint64_t ms = since_ms(s), begin, width, end_ms;

    cu_survey_interval_bounds(cu_survey_interval(ms, s->config.seconds), &begin, &width);
    end_ms = (begin + width) * s->config.seconds * 1000;
    uv_timer_start(&s->timer, on_timer, end_ms > ms ? end_ms - ms : 1, 0);
}

static void on_timer(uv_timer_t *timer)
{
    struct cu_intervals *s = timer->data;
    uint64_t ms = since_ms(s);

    count_growth(s, ms > 0 ? ms - 1 : 0); /* the interval that has just ended */
    arm(s);
}

struct cu_intervals *cu_intervals_create(const struct cu_intervals_config *config)
{
    struct cu_intervals *s = calloc(1, sizeof(*s));

    if (!s || uv_timer_init(config->loop, &s->timer) < 0) {
        free(s);
        return NULL;
    }
    s->config = *config;
    s->zero_ns = uv_hrtime();
    s->timer.data = s;
    uv_unref((uv_handle_t *)&s->timer);
    arm(s);
    return s;
}

void cu_intervals_take(struct cu_intervals *intervals)
{
    if (intervals)
        count_growth(intervals, since_ms(intervals));
}
