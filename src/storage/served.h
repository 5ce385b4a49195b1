/* SPDX-License-Identifier: BSD-3-Clause */
/* The file systems below "/" as they are mounted now, for the storage workers: which of them a path
 * lies on, whether it may be accessed, which inode numbers its files are shown with, and whether
 * its listings can be trusted. The mount table is read again when the kernel reports that it has
 * changed; the check costs one poll(2), and reading 4 us for each mount. All functions may be
 * called by any thread; but the loop calls only those that do not read or wait: cu_served_stale,
 * _device, _shows and _each. */
#ifndef CU_STORAGE_SERVED_H
#define CU_STORAGE_SERVED_H

#include "proto/object.h"
#include "storage/fsmap.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct cu_served;
struct cu_served_table;

/* Where a path is. */
struct cu_served_place {
    struct cu_served_table *table;      /* reference; NULL: nothing is known */
    const struct cu_fsmap *map;         /* of the table */
    const struct cu_fsmap_mount *mount; /* in it; NULL: nothing is known */
    const char *path;                   /* borrowed, normal form */
    size_t len;
    unsigned traits; /* CU_FS_* of the mount, with what tests have found out */
};

/* main: normal form; the file system that holds it keeps its inode numbers. rules: see
 * proto/listings.h, or NULL. Both are copied. NULL: out of memory. */
struct cu_served *cu_served_create(const char *main, const char *rules);
void cu_served_destroy(struct cu_served *served); /* NULL does nothing */

/* Have mounts come or gone that the table does not show? Then cu_served_update is to be called on a
 * thread that may wait. */
bool cu_served_stale(struct cu_served *served);
/* Reads the table, or waits for who reads it, until it shows what is mounted now. */
void cu_served_update(struct cu_served *served);
/* The device of the file system that a path lies on, by the table that is there; 0: not known. */
dev_t cu_served_device(struct cu_served *served, const char *path, size_t len);
/* The same: is it on a file system that is served? */
bool cu_served_shows(struct cu_served *served, const char *path, size_t len);
/* Looks path up among what is mounted now (cu_served_update); touches no file system. The caller
 * calls cu_served_leave. Without /proc, or with served NULL, nothing is known: then all is served
 * as of one file system. */
void cu_served_enter(struct cu_served *served, const char *path, size_t len,
                     struct cu_served_place *place);
void cu_served_leave(struct cu_served_place *place);
/* lstat(2) of the place itself, which a system call finds at on_disk, and which triggers an
 * automount there; `place` is the mounted file system's then. 0 or -errno; -ENOENT as well when it
 * turns out to be what is not served. */
__attribute__((warn_unused_result)) int cu_served_stat(struct cu_served *served,
                                                       struct cu_served_place *place,
                                                       const char *on_disk, struct stat *st);
/* The same for what was opened, as fstat(2) shows it: opening triggers an automount, too. */
__attribute__((warn_unused_result)) int
cu_served_settle(struct cu_served *served, struct cu_served_place *place, const struct stat *st);
/* The space of inode numbers that a file at place has, which st is of. May walk up the tree where
 * one mount shows several devices. Not asked of a place whose traits have CU_FS_UNNUMBERED. */
uint64_t cu_served_space(struct cu_served *served, const struct cu_served_place *place,
                         const struct stat *st);
/* The inode number to show. Where storage's numbers are not stable (CU_FS_UNNUMBERED) it is made of
 * the path (pathno.h). */
uint64_t cu_served_number(struct cu_served *served, const struct cu_served_place *place,
                          const struct stat *st);
/* Of a directory at place: cu_fsmap_points. */
uint64_t cu_served_points(const struct cu_served_place *place);
/* Is its entry called name a mount point? Then *number is the inode number to list it with; 0: it
 * is not listed. Touches no file system. */
bool cu_served_point(const struct cu_served_place *place, const char *name, size_t name_len,
                     uint64_t *number);
/* The numbers of the other entries of a directory at place, which st is of: first what they have in
 * common, then that of the entry called name, whose number is ino on storage. */
uint64_t cu_served_entries(struct cu_served *served, const struct cu_served_place *place,
                           const struct stat *st);
uint64_t cu_served_entry(const struct cu_served_place *place, uint64_t entries, const char *name,
                         size_t name_len, uint64_t ino);
/* The version of a listing: its directory's, with what is mounted in it (cu_served_points), which
 * shows in no stamp. Whatever points is, it is a version that travels. */
struct cu_version cu_served_version(struct cu_version directory, uint64_t points);
/* Must an entry of a directory at place, which is on dev, be looked at because it may be a
 * directory of another device without being a mount point: a subvolume, or a snapshot? type: DT_.
 */
bool cu_served_strays(const struct cu_served_place *place, dev_t dev, const char *name,
                      size_t name_len, unsigned char type);
/* The number to list such an entry with, of which st is. */
uint64_t cu_served_entry_number(const struct cu_served_place *place, const char *name,
                                size_t name_len, const struct stat *st);
/* For traits with CU_FS_PROBE: notes the result of the test, whether names of this file system are
 * case-sensitive. Kept until something is mounted or unmounted. */
void cu_served_probed(struct cu_served *served, struct cu_served_place *place, bool folds);
/* For traits with CU_FS_PROBE_NUMBERS: tries it, and sets CU_FS_UNNUMBERED or not, for as long as
 * the file system is mounted. Called before numbers are asked for; may block. */
void cu_served_try_numbers(struct cu_served *served, struct cu_served_place *place);

/* Calls fn for each mount of the table that is there which can be reached, with its traits as they
 * are known. */
void cu_served_each(struct cu_served *served,
                    void (*fn)(void *context, const struct cu_fsmap_mount *mount, unsigned traits),
                    void *context);

#endif
