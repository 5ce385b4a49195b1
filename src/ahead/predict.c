/* SPDX-License-Identifier: BSD-3-Clause */
/* See predict.h. Invariant: reads <= lookups in every slot, and both are halved when lookups reach
 * LOOKUPS_MAX, so that old counts lose weight. Two suffixes in one slot make the prediction worse,
 * never an answer wrong. */
#include "ahead/predict.h"

#include "base/hash.h"

#define SUFFIX_MAX  8u
#define LOOKUPS_MIN 4u
#define LOOKUPS_MAX 1024u

/* "libm.so.6" is a kind of "libm.so". */
static size_t without_number(const char *name, size_t name_len)
{
    size_t at = name_len;

    while (at > 1 && name[at - 1] >= '0' && name[at - 1] <= '9')
        at--;
    return at > 1 && at < name_len && name[at - 1] == '.' ? at - 1 : name_len;
}

/* The part from the last dot on, at most its last SUFFIX_MAX bytes; a leading dot is no suffix. */
static size_t slot_of(const char *name, size_t name_len)
{
    size_t dot, whole;

    do {
        whole = name_len;
        name_len = without_number(name, name_len);
    } while (name_len < whole);
    dot = name_len;
    while (dot > 1 && name[dot - 1] != '.')
        dot--;
    if (dot <= 1)
        return 0;
    if (name_len - dot > SUFFIX_MAX)
        dot = name_len - SUFFIX_MAX;
    return 1 + (size_t)(cu_hash_bytes(name + dot, name_len - dot) % (CU_PREDICT_SLOTS - 1));
}

void cu_predict_lookup(struct cu_predict *p, const char *name, size_t name_len)
{
    size_t i = slot_of(name, name_len);

    if (p->slots[i].lookups >= LOOKUPS_MAX) {
        p->slots[i].lookups /= 2;
        p->slots[i].reads /= 2;
    }
    p->slots[i].lookups++;
}

void cu_predict_read(struct cu_predict *p, const char *name, size_t name_len)
{
    size_t i = slot_of(name, name_len);

    if (p->slots[i].reads < p->slots[i].lookups)
        p->slots[i].reads++;
}

void cu_predict_unread(struct cu_predict *p, const char *name, size_t name_len)
{
    size_t i = slot_of(name, name_len);

    if (p->slots[i].reads > 0)
        p->slots[i].reads--;
}

bool cu_predict_content(const struct cu_predict *p, const char *name, size_t name_len)
{
    size_t i = slot_of(name, name_len);

    return p->slots[i].lookups >= LOOKUPS_MIN && p->slots[i].reads * 4u >= p->slots[i].lookups * 3u;
}
