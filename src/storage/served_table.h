/* SPDX-License-Identifier: BSD-3-Clause */
/* The mount table as it was once read: a map of it (fsmap.h) with references. Constant once made;
 * all functions may be called by any thread. */
#ifndef CU_STORAGE_SERVED_TABLE_H
#define CU_STORAGE_SERVED_TABLE_H

#include "storage/fsmap.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct cu_served_system;

struct cu_served_table {
    uint32_t refs; /* atomic */
    struct cu_fsmap *map;
    struct cu_served_system *systems; /* the file systems that are mounted, ascending */
    size_t system_count;
};

/* Reads an open mountinfo file, one thread at a time; main, rules: as of cu_served_create. Takes
 * 4 us for each mount. One reference; NULL: out of memory, or it cannot be read. */
struct cu_served_table *cu_served_table_read(int fd, const char *main, const char *rules);
struct cu_served_table *cu_served_table_ref(struct cu_served_table *table); /* NULL: NULL */
void cu_served_table_drop(struct cu_served_table *table);                   /* NULL: nothing */
/* Tells file systems apart that got one device number after each other. */
uint64_t cu_served_made_of(const struct cu_mountinfo *info);
/* Is a file system mounted that has this device number, and is made of this? */
bool cu_served_table_has(const struct cu_served_table *table, dev_t dev, uint64_t made_of);

#endif
