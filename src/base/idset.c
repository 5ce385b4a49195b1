/* SPDX-License-Identifier: BSD-3-Clause */
/* A subtree is a contiguous block of ranks unless nodes died, so ranges keep 10,000 ranks short.
 * The numbers in the brackets of host names are parsed elsewhere (base/hosts.c): their leading
 * zeros are part of the names. */
#include "base/idset.h"

#include "base/grow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define RANGE_MAX   23u /* ",4294967295-4294967295" and its end */
#define RANGE_FIRST 64u

int cu_idset_init(struct cu_idset *set, uint32_t limit)
{
    *set = (struct cu_idset){.limit = limit};
    set->bits = calloc((size_t)limit / 8 + 1, 1);
    return set->bits ? 0 : -ENOMEM;
}

void cu_idset_free(struct cu_idset *set)
{
    free(set->bits);
    *set = (struct cu_idset){0};
}

bool cu_idset_has(const struct cu_idset *set, uint32_t id)
{
    return id < set->limit && (set->bits[id / 8] >> (id % 8) & 1) != 0;
}

bool cu_idset_add(struct cu_idset *set, uint32_t id)
{
    if (id >= set->limit || cu_idset_has(set, id))
        return false;
    set->bits[id / 8] = (uint8_t)(set->bits[id / 8] | 1u << (id % 8));
    set->count++;
    return true;
}

void cu_idset_remove(struct cu_idset *set, uint32_t id)
{
    if (!cu_idset_has(set, id))
        return;
    set->bits[id / 8] = (uint8_t)(set->bits[id / 8] & ~(1u << (id % 8)));
    set->count--;
}

bool cu_idset_meet(const struct cu_idset *a, const struct cu_idset *b)
{
    for (uint32_t i = 0; i <= a->limit / 8; i++)
        if ((a->bits[i] & b->bits[i]) != 0)
            return true;
    return false;
}

uint32_t cu_idset_next(const struct cu_idset *set, uint32_t from)
{
    while (from < set->limit && !cu_idset_has(set, from))
        from += from % 8 == 0 && set->bits[from / 8] == 0 ? 8 : 1;
    return from < set->limit ? from : set->limit;
}

void cu_idset_add_all(struct cu_idset *set, const struct cu_idset *more)
{
    for (uint32_t id = cu_idset_next(more, 0); id < more->limit; id = cu_idset_next(more, id + 1))
        cu_idset_add(set, id);
}

/* Digits at *at into *value; moves it behind them. */
static int take_id(const char **at, uint32_t limit, uint32_t *value)
{
    uint64_t sum = 0;
    const char *start = *at;

    for (; **at >= '0' && **at <= '9'; (*at)++)
        if (sum < limit)
            sum = sum * 10 + (uint64_t)(**at - '0');
    *value = (uint32_t)sum;
    if (*at == start)
        return -EINVAL;
    return sum < limit ? 0 : -ERANGE;
}

/* "N" or "N-M" at *at; moves it behind. */
static int take_range(const char **at, uint32_t limit, uint32_t *first, uint32_t *last)
{
    int rc = take_id(at, limit, first), rc_last = 0;

    *last = *first;
    if (rc != -EINVAL && **at == '-') {
        (*at)++;
        rc_last = take_id(at, limit, last);
    }
    if (rc == -EINVAL || rc_last == -EINVAL)
        return -EINVAL;
    if (rc != 0 || rc_last != 0)
        return -ERANGE;
    return *last < *first ? -EINVAL : 0;
}

int cu_idset_add_text(struct cu_idset *set, const char *text)
{
    const char *at = text;

    while (*at != '\0') {
        uint32_t first, last;
        int rc = take_range(&at, set->limit, &first, &last);

        if (rc != 0)
            return rc;
        for (uint32_t id = first; id <= last; id++)
            cu_idset_add(set, id);
        if (*at == '\0')
            break;
        if (*at++ != ',' || *at == '\0')
            return -EINVAL;
    }
    return 0;
}

char *cu_idset_text(const struct cu_idset *set)
{
    char *text = NULL, *larger;
    size_t size = 0, used = 0;
    uint32_t first = cu_idset_next(set, 0), last;

    do {
        larger = cu_grow(text, &size, used + RANGE_MAX, RANGE_FIRST, 1);
        if (!larger) {
            free(text);
            return NULL;
        }
        text = larger;
        text[used] = '\0';
        if (first == set->limit)
            break;
        for (last = first; cu_idset_has(set, last + 1);)
            last++;
        used += (size_t)snprintf(text + used, RANGE_MAX, last > first ? "%s%u-%u" : "%s%u",
                                 used > 0 ? "," : "", first, last);
        first = cu_idset_next(set, last + 1);
    } while (first < set->limit);
    return text;
}
