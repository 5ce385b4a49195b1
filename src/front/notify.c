/* SPDX-License-Identifier: BSD-3-Clause */
/* Notifications to the kernel, written to the FUSE device without libfuse: libfuse before 3.13
 * cannot send "the name has expired", and no version so far can ask the kernel to drop idle nodes.
 *
 * A name that has expired (Linux 6.2) is looked up again at its next use, and stays valid when that
 * finds the same node: working directories, running programs, mappings and mounts on it are not
 * affected. The older invalidation removes the name at once, together with mounts below it. So does
 * the epoch notification of Linux 6.16, for every name, which is why it is not used. */
#include "front/notify.h"

#include "front/state.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef STATX_ATTR_MOUNT_ROOT
#define STATX_ATTR_MOUNT_ROOT 0x2000
#endif

/* Newer than the headers of some systems that Copper is built on. */
#define INIT_EXT       (UINT32_C(1) << 30) /* FUSE_INIT_EXT: there are more flags */
#define INIT2_EXPIRE   (UINT32_C(1) << 3)  /* FUSE_HAS_EXPIRE_ONLY is bit 35 of all */
#define ENTRY_EXPIRE   1u                  /* FUSE_EXPIRE_ONLY */
#define NOTIFY_PRUNE   9                   /* FUSE_NOTIFY_PRUNE, Linux 6.18 */
#define PRUNE_SINCE    45u                 /* of protocol 7 */
#define INIT_MINOR_AT  4u
#define INIT_FLAGS_AT  12u
#define INIT_FLAGS2_AT 16u

struct entry_out {
    uint64_t parent;
    uint32_t name_len;
    uint32_t flags; /* Linux before 6.2 ignores it */
};

struct prune_out {
    uint32_t count;
    uint32_t padding;
    uint64_t spare;
};

static uint32_t field(const void *bytes, size_t size, size_t at)
{
    uint32_t value = 0;

    at += sizeof(struct fuse_in_header);
    if (at + sizeof(value) <= size)
        memcpy(&value, (const char *)bytes + at, sizeof(value));
    return value;
}

void cu_front_kernel_offers(struct cu_front *front, const void *init, size_t size)
{
    if (front->config.old_kernel)
        return;
    front->can_expire = (field(init, size, INIT_FLAGS_AT) & INIT_EXT) != 0 &&
                        (field(init, size, INIT_FLAGS2_AT) & INIT2_EXPIRE) != 0;
    front->can_prune = field(init, size, INIT_MINOR_AT) >= PRUNE_SINCE;
}

/* iov[0] is left for the head. */
static int tell(const struct cu_front *front, int code, struct iovec *iov, int count)
{
    struct fuse_out_header head = {.len = sizeof(head), .error = code};
    int rc = 0;

    iov[0] = (struct iovec){.iov_base = &head, .iov_len = sizeof(head)};
    for (int i = 1; i < count; i++)
        head.len += (uint32_t)iov[i].iov_len;
    while (rc == 0 && writev(front->fd, iov, count) < 0)
        if (errno != EINTR)
            rc = -errno;
    iov[0] = (struct iovec){0}; /* the head goes */
    return rc;
}

bool cu_front_can_remount(const struct cu_front *front)
{
    return !__atomic_load_n(&front->cannot_remount, __ATOMIC_RELAXED);
}

/* The mount gets the options that it has (cu_front_session). Before that, the kernel forgets all
 * unused names of the mount: reconfigure_super() begins with shrink_dcache_sb(), as do_remount_sb()
 * did. This sends no request to the daemon. */
static void remount(struct cu_front *front)
{
    char path[64];
    struct statx st;
    int fd = open(front->config.mount_dir, O_PATH | O_DIRECTORY | O_CLOEXEC), rc = -1;

    if (fd < 0)
        return;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, 0, &st) == 0 &&
        (!(st.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) ||
         (st.stx_attributes & STATX_ATTR_MOUNT_ROOT)))
        rc = mount(NULL, path, NULL, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL);
    if (rc < 0)
        __atomic_store_n(&front->cannot_remount, true, __ATOMIC_RELAXED);
    close(fd);
}

int cu_front_notify(void *context, const struct cu_invalidation *what)
{
    struct cu_front *front = context;
    struct fuse_notify_inval_inode_out inode = {.ino = what->node};
    struct entry_out entry = {
        .parent = what->node,
        .name_len = (uint32_t)what->name_len,
        .flags = front->can_expire ? ENTRY_EXPIRE : 0,
    };
    struct prune_out prune = {.count = (uint32_t)what->count};
    struct iovec iov[3];

    switch (what->what) {
    case CU_INVALIDATE_NAME:
        iov[1] = (struct iovec){&entry, sizeof(entry)};
        iov[2] = (struct iovec){(char *)(uintptr_t)what->name, what->name_len + 1};
        return tell(front, FUSE_NOTIFY_INVAL_ENTRY, iov, 3);
    case CU_INVALIDATE_ATTR:
        inode.off = -1; /* no pages */
        iov[1] = (struct iovec){&inode, sizeof(inode)};
        return tell(front, FUSE_NOTIFY_INVAL_INODE, iov, 2);
    case CU_INVALIDATE_PAGES:
        iov[1] = (struct iovec){&inode, sizeof(inode)};
        return tell(front, FUSE_NOTIFY_INVAL_INODE, iov, 2);
    case CU_INVALIDATE_ALL_IDLE:
        remount(front);
        return 0;
    case CU_INVALIDATE_IDLE:
        iov[1] = (struct iovec){&prune, sizeof(prune)};
        iov[2] =
            (struct iovec){(void *)(uintptr_t)what->nodes, what->count * sizeof(what->nodes[0])};
        /* Nothing depends on it; a failure must not be counted as one of a refresh. */
        (void)tell(front, NOTIFY_PRUNE, iov, 3);
        return 0;
    }
    return -EINVAL;
}
