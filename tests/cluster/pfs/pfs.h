/* SPDX-License-Identifier: BSD-3-Clause */
/* pfsemu, an emulated parallel file system: a directory passed through FUSE, with every operation
 * counted by kind and path, and delays, bounded service rates, failures and hangs on demand.
 * tests/cluster/README.md says what each kind counts. All functions may be called by any thread. */
#ifndef CU_TESTS_PFS_H
#define CU_TESTS_PFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum cu_pfs_kind {
    CU_PFS_LOOKUP,
    CU_PFS_MISS,
    CU_PFS_STAT,
    CU_PFS_FSTAT,
    CU_PFS_ACCESS,
    CU_PFS_OPEN,
    CU_PFS_READ,
    CU_PFS_READDIR,
    CU_PFS_READLINK,
    CU_PFS_GETXATTR,
    CU_PFS_LISTXATTR,
    CU_PFS_STATFS,
    CU_PFS_CHANGE,
    CU_PFS_COUNTED,                /* those from here on only fail and hang */
    CU_PFS_LSEEK = CU_PFS_COUNTED, /* SEEK_DATA, SEEK_HOLE */
    CU_PFS_ENTRIES,                /* a part of a listing */
    CU_PFS_KINDS
};

const char *cu_pfs_kind_name(enum cu_pfs_kind kind);
/* CU_PFS_KINDS when there is none of that name. */
enum cu_pfs_kind cu_pfs_kind_of(const char *name);

/* Counters (pfs_count.c). offset and bytes are of reads, 0 otherwise. */
void cu_pfs_count(enum cu_pfs_kind kind, const char *path, uint64_t offset, uint64_t bytes);
void cu_pfs_count_reset(void);
/* One JSON object: {"lookup": 0, ..., "read_bytes": 0}. */
void cu_pfs_count_totals(FILE *out);
/* "kind TAB count TAB offset TAB bytes TAB path" lines of those counted at least min times. */
void cu_pfs_count_paths(FILE *out, uint64_t min);
void cu_pfs_count_set_paths(bool on);

/* Delays and faults (pfs_shape.c). The queues lie in file when it is not NULL, so that several
 * pfsemu, one per node, share one service rate. Negative errno. */
int cu_pfs_shape_init(const char *file);
/* Passes an operation: waits as it must; 0, or the negative errno the operation has to fail with.
 */
int cu_pfs_gate(enum cu_pfs_kind kind, const char *path);
/* Waits until the data queue has served that many bytes. */
void cu_pfs_pace(uint64_t bytes);
/* -EINVAL: there is no such setting. */
int cu_pfs_set(const char *name, uint64_t value);
/* Quirks of real storage systems. Each is a number, 0 when it is off; README.md has the table. */
enum cu_pfs_quirk {
    CU_PFS_QUIRK_AHEAD,         /* storage's clock is ahead by so many seconds (ctime) */
    CU_PFS_QUIRK_BLKSIZE,       /* its value is the st_blksize of files */
    CU_PFS_QUIRK_COARSE,        /* stamps of whole seconds */
    CU_PFS_QUIRK_CTIME_DRIFT,   /* each answer has another ctime: this moment */
    CU_PFS_QUIRK_CUT_ON,        /* on the mount of that number stamps are whole seconds, from 1 */
    CU_PFS_QUIRK_EMPTY_LINKS,   /* links have no target, and size 0 */
    CU_PFS_QUIRK_HIDDEN,        /* ".snap..." and ".zfs" are not listed, and found */
    CU_PFS_QUIRK_INO_DRIFT,     /* inode numbers change each second */
    CU_PFS_QUIRK_INO_EPOCH,     /* inode numbers change with the value: a remount */
    CU_PFS_QUIRK_INO_PER_MOUNT, /* each mount has numbers of its own */
    CU_PFS_QUIRK_LONG_NAMES,    /* a name of 300 bytes in each directory */
    CU_PFS_QUIRK_MANY_NAMES,    /* so many names of 1,000 bytes in directories called "many" */
    CU_PFS_QUIRK_NO_DTYPE,      /* listings say DT_UNKNOWN */
    CU_PFS_QUIRK_NOCASE,        /* names are found whatever their case */
    CU_PFS_QUIRK_NORMAL,        /* U+00E9 in a name finds what is listed with "e" and U+0301 */
    CU_PFS_QUIRK_SHORT_SIZES,   /* files say so many bytes fewer than they have */
    CU_PFS_QUIRK_SIZE0,         /* files say size 0 and have content */
    CU_PFS_QUIRK_STILL_DIRS,    /* the stamps of directories never move */
    CU_PFS_QUIRKS
};

uint64_t cu_pfs_quirk(enum cu_pfs_quirk quirk);
/* "NAME", "NAME=NUMBER"; -EINVAL: there is none of that name, or no number. */
int cu_pfs_quirk_set(const char *word);
/* kind CU_PFS_KINDS: all. error 0: hang. Replaces what was set for the same path and kind. -EINVAL:
 * ENOSYS, which the kernel takes for "there is no such operation" and not for an error. */
int cu_pfs_fault_add(const char *path, enum cu_pfs_kind kind, int error);
/* hang: removes hangs, else failures. path NULL: of all paths. */
void cu_pfs_fault_remove(const char *path, bool hang);
/* Operations that hang now. */
unsigned cu_pfs_hanging(void);

/* The control socket (pfs_control.c): a thread that answers until quit is called. */
int cu_pfs_control_start(const char *path, void (*quit)(void));
/* The client: sends argv, prints the answer, returns an exit status. */
int cu_pfs_control_ask(const char *path, int argc, char **argv);

/* The passed-through directory (pfs_tree.c, pfs_ops.c). */
struct cu_pfs_config {
    double cache_s;   /* how long kernels may keep names, attributes and pages; 0: not at all */
    bool switch_user; /* act with the rights of who asks */
};
extern struct cu_pfs_config cu_pfs_config;

struct fuse_lowlevel_ops;
void cu_pfs_ops_read(struct fuse_lowlevel_ops *ops);
void cu_pfs_ops_write(struct fuse_lowlevel_ops *ops);

#endif
