/* SPDX-License-Identifier: BSD-3-Clause */
#include "host/logplace.h"

#include <stdio.h>
#include <string.h>

/* That place, else a free one, else the oldest. */
static struct cu_log_place *find(struct cu_log_places *p, const void *place)
{
    struct cu_log_place *oldest = &p->of[0];

    for (uint32_t i = 0; i < CU_LOG_PLACES; i++) {
        if (p->of[i].place == place)
            return &p->of[i];
        if (oldest->place && (!p->of[i].place || p->of[i].limit.since_ns < oldest->limit.since_ns))
            oldest = &p->of[i];
    }
    return oldest;
}

bool cu_log_places_take(struct cu_log_places *p, const void *place, enum cu_log_level level,
                        const char *text, uint64_t now_ns, struct cu_log_told *other)
{
    static struct cu_log_place gone;
    struct cu_log_place *line = find(p, place);
    unsigned left_out;

    *other = (struct cu_log_told){0};
    if (line->place != place) {
        if (line->place && line->limit.left_out > 0) {
            gone = *line;
            *other = (struct cu_log_told){gone.level, gone.limit.left_out, gone.text};
        }
        line->place = place;
        line->limit = (struct cu_log_limit){.most = CU_LOG_PLACE_LINES};
    }
    if (cu_log_limit_take(&line->limit, now_ns, &left_out))
        return true; /* what was left out has been told: cu_log_places_due comes first */
    line->level = level;
    (void)snprintf(line->text, sizeof(line->text), "%s", text);
    return false;
}

bool cu_log_places_due(struct cu_log_places *p, uint64_t now_ns, struct cu_log_told *told)
{
    for (uint32_t i = 0; i < CU_LOG_PLACES; i++) {
        struct cu_log_place *line = &p->of[i];

        if (!line->place || line->limit.left_out == 0 ||
            (now_ns != UINT64_MAX && now_ns - line->limit.since_ns < CU_LOG_REPEAT_NS))
            continue;
        *told = (struct cu_log_told){line->level, line->limit.left_out, line->text};
        line->place = NULL;
        return true;
    }
    return false;
}
