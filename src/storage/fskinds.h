/* SPDX-License-Identifier: BSD-3-Clause */
/* Properties of a file system that follow from its type and its mount options alone. */
#ifndef CU_STORAGE_FSKINDS_H
#define CU_STORAGE_FSKINDS_H

/* Traits, or-ed together. */
#define CU_FS_COPPER    1u   /* a Copper mount or built on one: never served or accessed */
#define CU_FS_KERNEL    2u   /* shows the state of this node's kernel: never served */
#define CU_FS_PARTIAL   4u   /* names may exist that no listing shows */
#define CU_FS_UNSTAMPED 8u   /* a directory may change without its stamps moving */
#define CU_FS_AUTOMOUNT 16u  /* directories in it may be automounts */
#define CU_FS_SUBDEVS   32u  /* directories in it may be of other devices (subvolumes) */
#define CU_FS_FOLD_FLAG 64u  /* each directory says whether it tells case apart (FS_CASEFOLD_FL) */
#define CU_FS_PROBE     128u /* whether case is told apart can only be tried */
#define CU_FS_SIZELESS  256u /* a file that says size 0 may have content */
/* An inode number may be another file's on another node, or later: the program that serves it, or
 * the kernel, counts files as they are seen. */
#define CU_FS_UNNUMBERED 512u
/* Whether numbers are of that kind can only be tried (devprobe.h). */
#define CU_FS_PROBE_NUMBERS 1024u
/* On a device of this node: fstat(2) and close(2) of a file that was read do not wait. */
#define CU_FS_LOCAL 2048u

#define CU_FS_NOT_SERVED (CU_FS_COPPER | CU_FS_KERNEL)

/* The traits of a mount: type, source and super options as in mountinfo (proc(5)). */
unsigned cu_fskinds_of(const char *type, const char *source, const char *options);

#endif
