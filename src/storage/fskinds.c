/* SPDX-License-Identifier: BSD-3-Clause */
/* A type that is not in the table is taken for a file system of a kernel driver that follows POSIX,
 * except for case sensitivity, which is tested. A program in user space (FUSE) may do anything. So
 * of FUSE file systems, only those known to list all names, to stamp all changes, to know sizes,
 * and to have the same inode numbers on all nodes are trusted. */
#include "storage/fskinds.h"

#include "host/mountinfo.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define UNSURE (CU_FS_PARTIAL | CU_FS_UNSTAMPED | CU_FS_SIZELESS | CU_FS_UNNUMBERED)

struct kind {
    const char *type;
    unsigned traits;
};

static const struct kind kinds[] = {
    /* of this node's kernel */
    {"binder", CU_FS_KERNEL},
    {"binfmt_misc", CU_FS_KERNEL},
    {"bpf", CU_FS_KERNEL},
    {"cgroup", CU_FS_KERNEL},
    {"cgroup2", CU_FS_KERNEL},
    {"configfs", CU_FS_KERNEL},
    {"cpuset", CU_FS_KERNEL},
    {"debugfs", CU_FS_KERNEL},
    {"devfs", CU_FS_KERNEL},
    {"devpts", CU_FS_KERNEL},
    {"devtmpfs", CU_FS_KERNEL},
    {"efivarfs", CU_FS_KERNEL},
    {"functionfs", CU_FS_KERNEL},
    {"fusectl", CU_FS_KERNEL},
    {"gadgetfs", CU_FS_KERNEL},
    {"hugetlbfs", CU_FS_KERNEL},
    {"ibmasmfs", CU_FS_KERNEL},
    {"ipathfs", CU_FS_KERNEL},
    {"mqueue", CU_FS_KERNEL},
    {"nfsd", CU_FS_KERNEL},
    {"nsfs", CU_FS_KERNEL},
    {"ocfs2_dlmfs", CU_FS_KERNEL},
    {"openpromfs", CU_FS_KERNEL},
    {"proc", CU_FS_KERNEL},
    {"pstore", CU_FS_KERNEL},
    {"qibfs", CU_FS_KERNEL},
    {"resctrl", CU_FS_KERNEL},
    {"rpc_pipefs", CU_FS_KERNEL},
    {"securityfs", CU_FS_KERNEL},
    {"selinuxfs", CU_FS_KERNEL},
    {"smackfs", CU_FS_KERNEL},
    {"spufs", CU_FS_KERNEL},
    {"sysfs", CU_FS_KERNEL},
    {"tracefs", CU_FS_KERNEL},
    {"usbfs", CU_FS_KERNEL},
    {"xenfs", CU_FS_KERNEL},
    /* that list all, tell case apart, and stamp */
    {"cramfs", 0},
    {"erofs", 0},
    {"ext2", CU_FS_LOCAL},
    {"ext3", CU_FS_LOCAL},
    {"gpfs", 0},
    {"lustre", 0},
    {"ramfs", 0},
    {"rootfs", 0},
    {"romfs", 0},
    {"squashfs", 0},
    {"btrfs", CU_FS_SUBDEVS | CU_FS_LOCAL},
    {"bcachefs", CU_FS_FOLD_FLAG | CU_FS_LOCAL},
    {"ext4", CU_FS_FOLD_FLAG | CU_FS_LOCAL},
    {"f2fs", CU_FS_FOLD_FLAG | CU_FS_LOCAL},
    {"tmpfs", CU_FS_FOLD_FLAG},
    {"xfs", CU_FS_PROBE | CU_FS_LOCAL},
    {"overlay", CU_FS_PROBE | CU_FS_PROBE_NUMBERS},
    {"aufs", CU_FS_PROBE | CU_FS_UNNUMBERED},
    {"nfs", CU_FS_PROBE | CU_FS_AUTOMOUNT},
    {"nfs4", CU_FS_PROBE | CU_FS_AUTOMOUNT},
    /* names are created when they are looked up */
    {"autofs", UNSURE | CU_FS_AUTOMOUNT},
    {"afs", CU_FS_PARTIAL | CU_FS_AUTOMOUNT},
    {"coda", CU_FS_PARTIAL | CU_FS_AUTOMOUNT},
    {"openafs", CU_FS_PARTIAL},
    /* case is not told apart, or names have short forms */
    {"affs", CU_FS_PARTIAL},
    {"apfs", CU_FS_PARTIAL},
    {"exfat", CU_FS_PARTIAL | CU_FS_UNNUMBERED},
    {"hfs", CU_FS_PARTIAL},
    {"hfsplus", CU_FS_PARTIAL},
    {"hpfs", CU_FS_PARTIAL},
    {"msdos", CU_FS_PARTIAL | CU_FS_UNNUMBERED},
    {"ncpfs", CU_FS_PARTIAL | CU_FS_UNNUMBERED},
    {"ntfs", CU_FS_PARTIAL},
    {"ntfs3", CU_FS_PARTIAL},
    {"smbfs", CU_FS_PARTIAL | CU_FS_UNNUMBERED},
    {"umsdos", CU_FS_PARTIAL | CU_FS_UNNUMBERED},
    {"vfat", CU_FS_PARTIAL | CU_FS_UNNUMBERED},
    /* of another machine, whose file system is unknown */
    {"9p", UNSURE},
    {"prl_fs", UNSURE},
    {"vboxsf", UNSURE},
    {"vmhgfs", UNSURE},
    /* in user space, and known */
    {"fuse.copper", CU_FS_COPPER},
    {"fuse.ceph", 0},
    {"fuse.ceph-fuse", 0},
    {"fuse.cvmfs2", CU_FS_UNNUMBERED},
    {"fuse.dfuse", 0},
    {"fuse.erofsfuse", CU_FS_UNNUMBERED},
    {"fuse.fuse-overlayfs", CU_FS_PROBE | CU_FS_UNNUMBERED},
    {"fuse.glusterfs", 0},
    {"fuse.squashfuse", CU_FS_UNNUMBERED},
    {"fuse.squashfuse_ll", 0},
    {"fuse.unionfs-fuse", UNSURE},
};

/* Some servers leave the type at "fuse" and name themselves as the source. */
static unsigned fuse_traits(const char *source)
{
    if (strcmp(source, "copper") == 0)
        return CU_FS_COPPER;
    return strcmp(source, "cvmfs2") == 0 ? CU_FS_UNNUMBERED : UNSURE;
}

unsigned cu_fskinds_of(const char *type, const char *source, const char *options)
{
    size_t len;
    const char *snapdir;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        if (strcmp(kinds[i].type, type) == 0)
            return kinds[i].traits;
    if (strcmp(type, "fuse") == 0)
        return fuse_traits(source);
    if (strncmp(type, "fuse", 4) == 0) /* fuse.NAME, fuseblk, fuseblk.NAME */
        return UNSURE;
    if (strcmp(type, "cifs") == 0 || strcmp(type, "smb3") == 0) /* the server's numbers, or not */
        return CU_FS_PARTIAL | CU_FS_AUTOMOUNT |
               (cu_mountinfo_has(options, "serverino") ? 0 : CU_FS_UNNUMBERED);
    if (strcmp(type, "ceph") == 0) {
        /* .snap is known to be hidden wherever it is (proto/dir.h); another name is not */
        snapdir = cu_mountinfo_value(options, "snapdirname", &len);
        return snapdir && !(len == 5 && strncmp(snapdir, ".snap", 5) == 0) ? CU_FS_PARTIAL : 0;
    }
    return CU_FS_PROBE;
}
