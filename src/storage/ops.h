/* SPDX-License-Identifier: BSD-3-Clause */
/* The blocking part of storage: runs one operation, from request to value, on a worker thread. */
#ifndef CU_STORAGE_OPS_H
#define CU_STORAGE_OPS_H

#include "base/path.h"
#include "proto/object.h"
#include "storage/fdcache.h"
#include "storage/served.h"
#include "storage/stamps.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#define CU_STORAGE_HIDDEN_MAX 8u
/* File systems stamp changes with a clock that moves in ticks (1 to 10 ms): two changes within this
 * time may carry the same stamp. */
#define CU_STORAGE_TICK_NS 20000000
/* Of file systems whose stamps are whole seconds (Lustre), or even ones (FAT). */
#define CU_STORAGE_COARSE_NS INT64_C(2000000000)

/* What all operations share; constant while workers run. */
struct cu_storage_env {
    uint32_t chunk_bytes;
    uint32_t inline_bytes;
    size_t listing_bytes_max;
    char *root;                          /* owned; "" when none */
    char *hidden[CU_STORAGE_HIDDEN_MAX]; /* owned */
    size_t hidden_count;
    const struct cu_serve *serve;                         /* borrowed */
    void (*prepare)(void *context, struct cu_buf *bytes); /* NULL: nothing to be done */
    void *prepare_context;
    size_t prepare_bytes;
    struct cu_fdcache *files; /* owned */
    struct cu_served *served; /* owned */
    struct cu_stamps stamps;
    int no_atime_refused; /* atomic: the user may not ask for O_NOATIME */
};

/* System calls made, as the counters of the same names. */
struct cu_storage_counts {
    uint32_t stat, readdir, readlink, open, read, xattr, statfs, revalidate, errors;
    uint32_t holes;
    uint32_t names_left_out, listings_cut, xattrs_over;
    uint64_t bytes;
};

struct cu_storage_job {
    enum cu_kind kind;
    uint8_t flags;
    uint64_t chunk;
    uint16_t piece;
    struct cu_version version;
    bool own;              /* not to be prepared */
    struct cu_value value; /* result */
    struct cu_storage_counts counts;
    const char *path; /* NUL-terminated, normal form, without the root */
    size_t path_len;
    struct cu_served_place place; /* while it runs: where the path is on disk */
    bool drifts;                  /* while it runs: ctimes there say nothing (stamps.h) */
};

/* Where a system call finds a path. */
struct cu_storage_reached {
    char path[CU_PATH_MAX]; /* of a longer one: relative to dir, as /proc/self/fd/N/... */
    int dir;                /* -1: none is open */
};

/* Makes path (NUL-terminated, normal form) usable in system calls; one that is too long for a
 * system call is opened in steps. 0 or a negative errno. cu_storage_leave must be called in both
 * cases. */
__attribute__((warn_unused_result)) int cu_storage_reach(const char *path, size_t len,
                                                         struct cu_storage_reached *reached);
void cu_storage_leave(struct cu_storage_reached *reached);

/* Runs job; its value and counts are set. May block for as long as storage does. */
void cu_storage_run(struct cu_storage_env *env, struct cu_storage_job *job);

/* Pieces of it, shared by ops.c and file.c. on_disk is where a system call
 * finds the path, valid during this job only. Results are 0 or a negative errno. */
struct cu_attr cu_storage_attr_of(const struct stat *st);
/* The version that st shows. */
struct cu_version cu_storage_version_of(const struct stat *st);
/* What lstat or fstat said of the job's path, with what may be believed of it. */
void cu_storage_believe(const struct cu_storage_job *job, struct stat *st);
/* How long after the last change that st shows another one may carry the same stamp. */
int64_t cu_storage_tick_ns(const struct stat *st);
/* Time since the last change that st shows, against this node's clock; negative: in the future. */
int64_t cu_storage_age_ns(const struct stat *st);
/* value.attr has size 0 on a file system that may not know sizes: sets the size to the number of
 * bytes that can be read. -EOVERFLOW: more than 16 MiB. */
int cu_storage_measure(struct cu_storage_env *env, struct cu_storage_job *job, const char *on_disk);
int cu_storage_read_inline(struct cu_storage_env *env, struct cu_storage_job *job,
                           const char *on_disk);
int cu_storage_read_xattrs(struct cu_storage_job *job, const char *on_disk);
int cu_storage_find_holes(struct cu_storage_env *env, struct cu_storage_job *job,
                          const char *on_disk);
/* cu_storage_at_once; path need not end with NUL. */
bool cu_storage_read_at_once(struct cu_storage_env *env, struct cu_storage_job *job);
int cu_storage_read_chunk(struct cu_storage_env *env, struct cu_storage_job *job,
                          const char *on_disk);

#endif
