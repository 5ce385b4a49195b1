/* SPDX-License-Identifier: BSD-3-Clause */
/* The entries of a directory: which of them are mount points, and the numbers that they are listed
 * with, which are those that cu_served_number finds for them. Touches no file system but where
 * cu_served_space does. */
#include "base/path.h"
#include "proto/dir.h"
#include "proto/pathno.h"
#include "storage/served.h"

#include <dirent.h>
#include <stdint.h>

uint64_t cu_served_points(const struct cu_served_place *place)
{
    if (!place->mount)
        return 0;
    return cu_fsmap_points(place->map, place->mount, place->path, place->len);
}

struct cu_version cu_served_version(struct cu_version directory, uint64_t points)
{
    directory.size ^= points & INT64_MAX; /* a version's size has no higher bit */
    return directory;
}

/* Length, or -1: too long for anything to be mounted there. */
static int entry_path(const struct cu_served_place *place, const char *name, size_t name_len,
                      char *path)
{
    return place->len < CU_PATH_MAX
               ? cu_path_join(place->path, place->len, name, name_len, path, CU_PATH_MAX)
               : -1;
}

bool cu_served_point(const struct cu_served_place *place, const char *name, size_t name_len,
                     uint64_t *number)
{
    const struct cu_fsmap_mount *mount;
    char path[CU_PATH_MAX];
    int len = entry_path(place, name, name_len, path);

    mount = len > 0 ? cu_fsmap_point(place->map, place->mount, path, (size_t)len) : NULL;
    if (!mount)
        return false;
    *number = mount->traits & CU_FS_NOT_SERVED ? 0 : mount->root_ino;
    return true;
}

uint64_t cu_served_entries(struct cu_served *served, const struct cu_served_place *place,
                           const struct stat *st)
{
    if (place->traits & CU_FS_UNNUMBERED)
        return cu_pathno_dir(place->path, place->len);
    return cu_served_space(served, place, st);
}

uint64_t cu_served_entry(const struct cu_served_place *place, uint64_t entries, const char *name,
                         size_t name_len, uint64_t ino)
{
    if (place->traits & CU_FS_UNNUMBERED)
        return cu_pathno_entry(entries, name, name_len);
    return cu_fsmap_number(entries, ino);
}

bool cu_served_strays(const struct cu_served_place *place, dev_t dev, const char *name,
                      size_t name_len, unsigned char type)
{
    if (!place->mount || (place->traits & CU_FS_UNNUMBERED) ||
        (type != DT_DIR && type != DT_UNKNOWN))
        return false;
    if ((place->traits & CU_FS_SUBDEVS) || dev != place->mount->info.dev)
        return true;
    /* Entry points to snapshots may be of devices of their own in any directory. */
    return (name[0] == '.' || name[0] == '~') && cu_dir_name_hides(name, name_len);
}

uint64_t cu_served_entry_number(const struct cu_served_place *place, const char *name,
                                size_t name_len, const struct stat *st)
{
    uint64_t space = place->mount->space;
    char path[CU_PATH_MAX];
    int len = entry_path(place, name, name_len, path);

    if (len >= 0 && st->st_dev != place->mount->info.dev)
        space = cu_fsmap_subspace(space, path, (size_t)len);
    return cu_fsmap_number(space, st->st_ino);
}
