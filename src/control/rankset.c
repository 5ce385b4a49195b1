/* SPDX-License-Identifier: BSD-3-Clause */
/* A subtree is a contiguous block of ranks unless nodes died, so ranges keep 10,000 ranks short. */
#include "control/rankset.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int cu_rankset_init(struct cu_rankset *set, uint32_t limit)
{
    *set = (struct cu_rankset){.limit = limit};
    set->bits = calloc((size_t)limit / 8 + 1, 1);
    return set->bits != NULL ? 0 : -ENOMEM;
}

void cu_rankset_free(struct cu_rankset *set)
{
    free(set->bits);
    *set = (struct cu_rankset){0};
}

bool cu_rankset_has(const struct cu_rankset *set, uint32_t rank)
{
    return rank < set->limit && (set->bits[rank / 8] >> (rank % 8) & 1) != 0;
}

bool cu_rankset_add(struct cu_rankset *set, uint32_t rank)
{
    if (rank >= set->limit || cu_rankset_has(set, rank))
        return false;
    set->bits[rank / 8] = (uint8_t)(set->bits[rank / 8] | 1u << (rank % 8));
    set->count++;
    return true;
}

void cu_rankset_remove(struct cu_rankset *set, uint32_t rank)
{
    if (!cu_rankset_has(set, rank))
        return;
    set->bits[rank / 8] = (uint8_t)(set->bits[rank / 8] & ~(1u << (rank % 8)));
    set->count--;
}

bool cu_rankset_meet(const struct cu_rankset *a, const struct cu_rankset *b)
{
    for (uint32_t i = 0; i <= a->limit / 8; i++)
        if ((a->bits[i] & b->bits[i]) != 0)
            return true;
    return false;
}

void cu_rankset_add_all(struct cu_rankset *set, const struct cu_rankset *more)
{
    for (uint32_t rank = 0; rank < more->limit; rank++)
        if (cu_rankset_has(more, rank))
            cu_rankset_add(set, rank);
}

/* Digits at *at into *value, below limit. */
static int take_rank(const char **at, uint32_t limit, uint32_t *value)
{
    uint64_t sum = 0;
    const char *start = *at;

    for (; **at >= '0' && **at <= '9'; (*at)++) {
        sum = sum * 10 + (uint64_t)(**at - '0');
        if (sum >= limit)
            return -EINVAL;
    }
    *value = (uint32_t)sum;
    return *at > start ? 0 : -EINVAL;
}

int cu_rankset_add_text(struct cu_rankset *set, const char *text)
{
    const char *at = text;

    while (*at != '\0') {
        uint32_t first, last;

        if (take_rank(&at, set->limit, &first) < 0)
            return -EINVAL;
        last = first;
        if (*at == '-') {
            at++;
            if (take_rank(&at, set->limit, &last) < 0 || last < first)
                return -EINVAL;
        }
        for (uint32_t rank = first; rank <= last; rank++)
            cu_rankset_add(set, rank);
        if (*at == '\0')
            break;
        if (*at++ != ',' || *at == '\0')
            return -EINVAL;
    }
    return 0;
}

char *cu_rankset_text(const struct cu_rankset *set)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    bool first = true;

    if (out == NULL)
        return NULL;
    for (uint32_t rank = 0; rank < set->limit; rank++) {
        uint32_t last = rank;

        if (!cu_rankset_has(set, rank))
            continue;
        while (cu_rankset_has(set, last + 1))
            last++;
        fprintf(out, "%s%u", first ? "" : ",", rank);
        if (last > rank)
            fprintf(out, "-%u", last);
        first = false;
        rank = last;
    }
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
