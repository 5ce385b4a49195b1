/* SPDX-License-Identifier: BSD-3-Clause */
/* Some file systems in user space show another ctime each time they are asked. There it says
 * nothing about a file, and none of its states would ever be the one that was asked for. Whether a
 * file system does so is tried with the first regular file. Any thread. */
#ifndef CU_STORAGE_STAMPS_H
#define CU_STORAGE_STAMPS_H

#include "storage/fsmap.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define CU_STAMPS_MAX 64u /* file systems whose answer is kept */

struct cu_stamps { /* all zero: nothing is known */
    pthread_mutex_t mutex;
    struct {
        uint64_t key;
        bool drift;
    } known[CU_STAMPS_MAX]; /* guarded by mutex */
    unsigned next;          /* guarded by mutex */
};

/* Do ctimes drift on this file system? Where that is not known, path (NULL: none) is tried if it is
 * a regular file on it: up to three calls of statx(2), which may block, and a wait when the file
 * has just been changed. */
bool cu_stamps_drift(struct cu_stamps *stamps, const struct cu_fsmap_mount *mount,
                     const char *path);

#endif
