/* SPDX-License-Identifier: BSD-3-Clause */
/* Few lines repeat at a time, so all are compared. */
#include "host/logrepeat.h"

#include <stdio.h>
#include <string.h>

static bool is_over(const struct cu_log_repeated *line, uint64_t now_ns)
{
    return now_ns == UINT64_MAX || now_ns - line->since_ns >= CU_LOG_REPEAT_NS;
}

/* That line, else a free place, else the oldest. */
static struct cu_log_repeated *find(struct cu_log_repeats *r, enum cu_log_level level,
                                    const char *text)
{
    struct cu_log_repeated *oldest = &r->of[0];

    for (uint32_t i = 0; i < CU_LOG_REPEATS; i++) {
        struct cu_log_repeated *line = &r->of[i];

        if (line->since_ns != 0 && line->level == level && strcmp(line->text, text) == 0)
            return line;
        if (line->since_ns < oldest->since_ns)
            oldest = line;
    }
    return oldest;
}

bool cu_log_repeats_take(struct cu_log_repeats *r, enum cu_log_level level, const char *text,
                         uint64_t now_ns, uint64_t *more, struct cu_log_told *other)
{
    static struct cu_log_repeated gone;
    struct cu_log_repeated *line = find(r, level, text);
    bool known = line->since_ns != 0 && line->level == level && strcmp(line->text, text) == 0;

    *other = (struct cu_log_told){0};
    *more = 0;
    if (known && !is_over(line, now_ns)) {
        line->left_out++;
        return false;
    }
    if (known) {
        *more = line->left_out > 0 ? line->left_out + 1 : 0;
    } else {
        if (line->since_ns != 0 && line->left_out > 0) {
            gone = *line;
            *other = (struct cu_log_told){gone.level, gone.left_out, gone.text};
        }
        line->level = level;
        (void)snprintf(line->text, sizeof(line->text), "%s", text);
    }
    line->since_ns = now_ns;
    line->left_out = 0;
    return true;
}

bool cu_log_repeats_due(struct cu_log_repeats *r, uint64_t now_ns, struct cu_log_told *told)
{
    for (uint32_t i = 0; i < CU_LOG_REPEATS; i++) {
        struct cu_log_repeated *line = &r->of[i];

        if (line->since_ns == 0 || !is_over(line, now_ns))
            continue;
        line->since_ns = 0;
        if (line->left_out == 0)
            continue;
        *told = (struct cu_log_told){line->level, line->left_out, line->text};
        return true;
    }
    return false;
}
