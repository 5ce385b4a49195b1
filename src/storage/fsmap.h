/* SPDX-License-Identifier: BSD-3-Clause */
/* On which file system a path lies, from the text of a mountinfo file (proc(5)) alone: no path is
 * touched, so a mount that hangs, or that this daemon itself serves, costs nothing to ask about.
 *
 * A map is constant once made; any number of threads may read it. */
#ifndef CU_STORAGE_FSMAP_H
#define CU_STORAGE_FSMAP_H

#include "base/table.h"
#include "host/mountinfo.h"
#include "storage/fskinds.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct cu_fsmap_mount {
    struct cu_table_link link; /* the map's own */
    struct cu_mountinfo
        info;         /* its device as st_dev; of btrfs and overlay, some files show others */
    size_t point_len; /* of info.point, normal form */
    unsigned traits;  /* CU_FS_* */
    bool visible;     /* not covered by another mount */
    /* Space of the inode numbers that its files are shown with (cu_fsmap_number); 0: storage's own
     * numbers, as for all mounts of the main file system. It is computed from the mount point, so
     * it is the same on all nodes; two mounts of one file system have two spaces. */
    uint64_t space;
    uint64_t root_ino; /* number that its root is shown with; the covered directory is not asked */
};

struct cu_fsmap;

struct cu_fsmap_config {
    const char *text; /* borrowed; of a mountinfo file */
    size_t size;
    const char *main;  /* normal form: its file system keeps its inode numbers */
    const char *rules; /* what the site says of listings (proto/listings.h), or NULL */
    /* The file behind a block device, into path (CU_PATH_MAX bytes): 0, or -1 when there is none.
     * NULL: not known. */
    int (*backing)(dev_t dev, char *path);
};

/* NULL: out of memory. Malformed lines are left out. */
struct cu_fsmap *cu_fsmap_create(const struct cu_fsmap_config *config);
void cu_fsmap_destroy(struct cu_fsmap *map); /* NULL does nothing */
/* The mount that a path walk to path (normal form) ends on: the topmost one. If a mount on the way
 * is not served, the first such mount; files below it cannot be reached. NULL: nothing is known. */
const struct cu_fsmap_mount *cu_fsmap_find(const struct cu_fsmap *map, const char *path,
                                           size_t len);
/* A hash of the entries of directory dir (on mount `on`) that are mount points, and of which of
 * them are not served; 0: there are none. When it changes the listing has a new version, even when
 * the directory's stamps have not changed. Equal on nodes with the same mounts there. */
uint64_t cu_fsmap_points(const struct cu_fsmap *map, const struct cu_fsmap_mount *on,
                         const char *dir, size_t len);
/* The topmost mount on path, whose parent directory lies on `on`; NULL: it is no mount point. */
const struct cu_fsmap_mount *cu_fsmap_point(const struct cu_fsmap *map,
                                            const struct cu_fsmap_mount *on, const char *path,
                                            size_t len);
size_t cu_fsmap_count(const struct cu_fsmap *map);
const struct cu_fsmap_mount *cu_fsmap_at(const struct cu_fsmap *map, size_t i);

/* The space of a device that is shown below a mount with this space: of the directory `at`, the
 * topmost one of that device (a subvolume). */
uint64_t cu_fsmap_subspace(uint64_t space, const char *at, size_t len);
/* The number that a file is shown with. Numbers of two files of one space never become equal, those
 * of two spaces with a probability of 2^-31 for each pair of spaces (numbers below 2^32 keep their
 * lower half), and of 2^-64 for each pair of files (others are mixed as a whole). Never 0. */
uint64_t cu_fsmap_number(uint64_t space, uint64_t ino);

#endif
