/* SPDX-License-Identifier: BSD-3-Clause */
/* lstat(2) of a place, at which an automount may wait. */
#include "storage/served.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/sysmacros.h>

static void convert(const struct statx *from, struct stat *st)
{
    *st = (struct stat){
        .st_dev = makedev(from->stx_dev_major, from->stx_dev_minor),
        .st_ino = from->stx_ino,
        .st_mode = from->stx_mode,
        .st_nlink = from->stx_nlink,
        .st_uid = from->stx_uid,
        .st_gid = from->stx_gid,
        .st_rdev = makedev(from->stx_rdev_major, from->stx_rdev_minor),
        .st_size = (off_t)from->stx_size,
        .st_blksize = (blksize_t)from->stx_blksize,
        .st_blocks = (blkcnt_t)from->stx_blocks,
        .st_atim = {from->stx_atime.tv_sec, from->stx_atime.tv_nsec},
        .st_mtim = {from->stx_mtime.tv_sec, from->stx_mtime.tv_nsec},
        .st_ctim = {from->stx_ctime.tv_sec, from->stx_ctime.tv_nsec},
    };
}

/* The stat(2) family leaves an automount at the end of the path alone; statx(2) does not unless
 * told to. What cannot be mounted is shown as the directory that waits for it. */
static int stat_mounting(const char *path, struct stat *st)
{
    struct statx x;

    if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, STATX_BASIC_STATS, &x) == 0) {
        convert(&x, st);
        return 0;
    }
    return errno == ENOENT || lstat(path, st) ? -errno : 0;
}

int cu_served_settle(struct cu_served *served, struct cu_served_place *place, const struct stat *st)
{
    if (!place->mount || st->st_dev == place->mount->info.dev ||
        (place->mount->traits & CU_FS_SUBDEVS))
        return 0;
    /* Another device: a file system was mounted in the meantime. */
    cu_served_leave(place);
    cu_served_enter(served, place->path, place->len, place);
    if (place->traits & CU_FS_NOT_SERVED)
        return -ENOENT;
    cu_served_try_numbers(served, place);
    return 0;
}

int cu_served_stat(struct cu_served *served, struct cu_served_place *place, const char *on_disk,
                   struct stat *st)
{
    int rc;

    assert(!(place->traits & CU_FS_NOT_SERVED));
    if (place->traits & CU_FS_AUTOMOUNT)
        rc = stat_mounting(on_disk, st);
    else
        rc = lstat(on_disk, st) ? -errno : 0;
    return rc ? rc : cu_served_settle(served, place, st);
}
