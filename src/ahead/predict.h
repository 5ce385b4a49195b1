/* SPDX-License-Identifier: BSD-3-Clause */
/* Content prediction: will the file that is being looked up be read? Python stats a .py to compare
 * its time and reads the .pyc; ld.so reads every .so that it finds. Counted by name suffix, so that
 * "stat, then read" of a small file costs one trip through the tree where it pays. */
#ifndef CU_AHEAD_PREDICT_H
#define CU_AHEAD_PREDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CU_PREDICT_SLOTS 64u

struct cu_predict {
    struct {
        uint16_t lookups;
        uint16_t reads;
    } slots[CU_PREDICT_SLOTS]; /* by hash of the suffix; all zero to begin with */
};

/* A regular file of this name was looked up for the first time. */
void cu_predict_lookup(struct cu_predict *p, const char *name, size_t name_len);
/* The file was read for the first time. */
void cu_predict_read(struct cu_predict *p, const char *name, size_t name_len);
/* The file was read for the first time, but this must not count as evidence that files of its kind
 * are read. */
void cu_predict_unread(struct cu_predict *p, const char *name, size_t name_len);
/* Are files with this suffix mostly read? False until enough were counted. */
bool cu_predict_content(const struct cu_predict *p, const char *name, size_t name_len);

#endif
