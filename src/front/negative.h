/* SPDX-License-Identifier: BSD-3-Clause */
/* Negative entries of the kernel: names that it was told do not exist, kept until the entries
 * expire. A refresh has to invalidate them, and the kernel gives no list. They are stored in a ring
 * of fixed size; for entries that do not fit, only the latest expiry time is kept. One thread. */
#ifndef CU_FRONT_NEGATIVE_H
#define CU_FRONT_NEGATIVE_H

#include <stddef.h>
#include <stdint.h>

#define CU_NEGATIVE_BYTES (1u << 20) /* some 30,000 names; pages are allocated on first use */

struct cu_negatives {
    unsigned char *ring; /* owned, NULL until the first name */
    uint64_t first;      /* where the oldest record begins, counted from the first ever */
    uint64_t end;        /* where the next one will begin */
    uint64_t lost_ns;    /* latest expiry of names that are not in the ring */
};

struct cu_negative {
    uint64_t dir; /* its node */
    uint64_t until_ns;
    const char *name; /* until the next call; not NUL-terminated */
    size_t name_len;
};

/* The kernel was told that name in dir does not exist; its entry expires at until_ns. name_len <=
 * 255. */
void cu_negatives_add(struct cu_negatives *n, uint64_t dir, const char *name, size_t name_len,
                      uint64_t until_ns);
/* The first record at or after *at (0: the oldest), which is moved behind it; 0: no more. Records
 * may be added between calls. */
int cu_negatives_next(const struct cu_negatives *n, uint64_t *at, struct cu_negative *out);
void cu_negatives_free(struct cu_negatives *n);

#endif
