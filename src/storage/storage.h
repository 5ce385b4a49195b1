/* SPDX-License-Identifier: BSD-3-Clause */
/* Storage: the calls that may block, on threads of their own (loop/crew.h), so that names are still
 * resolved when storage hangs. Each operation becomes a cu_value with checksums, or its errno.
 *
 * What is read is checked against the version that was asked for (when only the ctime of a file
 * that is being read has moved, front/same.c decides whether it has changed): a file is opened once
 * per node (a small cache of descriptors), its version is checked then and after each chunk; ESTALE
 * when the file is not (any longer) of that version or has gone; a short read inside the file's
 * size is ESTALE, too, never zeros. Never follows a symbolic link in the last component; opens so
 * that a fifo cannot hang it (openfile.h).
 *
 * File systems stamp changes with a clock that moves in ticks of up to 10 ms. A file that was
 * changed less than 20 ms ago is therefore opened only after that time: any later change then shows
 * in its stamp. Where stamps are whole seconds this takes 2 s, for a file that is not read at once
 * (over inline_bytes). A listing of such a directory gets a version that no later state can equal,
 * so that the next check lists it again. What remains: where the node's clock is ahead of storage's
 * by more than that, or behind by more than 10 s, two states of a file with the same size within
 * one tick cannot be told apart; a write(2) that pauses for more than 20 ms between setting the
 * stamp and writing the bytes can be seen half done; and stores through a writer's shared mapping
 * show in the stamp only when the kernel writes the page back.
 *
 * Counters: storage_stat lstat(2) of a path; storage_readlink readlink(2); storage_open files
 * opened; storage_read pread(2) and storage_bytes what they yielded; storage_readdir complete
 * listings; storage_revalidate lstat(2) of a directory that found the version held still right;
 * storage_xattr and storage_statfs operations; storage_holes
 * lists of holes; storage_errors failed operations, but for ENOENT,
 * ENOTDIR, ESTALE and EOPNOTSUPP, which are answers. Calls on an open descriptor (fstat, close)
 * are not counted. */
#ifndef CU_STORAGE_STORAGE_H
#define CU_STORAGE_STORAGE_H

#include "base/error.h"
#include "core/core.h"
#include "loop/turn.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct cu_latency;
struct cu_serve;
struct cu_storage;
struct cu_served;

struct cu_storage_config {
    /* Called on a worker with a value's bytes, of prepare_bytes and more, before done gets them.
     * NULL: not */
    void (*prepare)(void *context, struct cu_buf *bytes);
    size_t prepare_bytes;
    /* The mount table has been read, as cu_storage_knows wanted it. NULL: nobody waits for that. */
    void (*updated)(void *context);
    uv_loop_t *loop;
    struct cu_turn *turn; /* borrowed; NULL: no limit */
    unsigned workers_max; /* calls at a time; 0: 3 */
    uint32_t chunk_bytes;
    uint32_t inline_bytes;
    uint32_t open_files_max;      /* descriptors kept; 0: 64 */
    size_t listing_bytes_max;     /* bound of a listing; a longer one has its first names only, with
                                     `cut` set; 0: CU_DIR_BYTES_MAX */
    const char *hidden_paths[8];  /* borrowed; served as ENOENT at and below, absent from listings;
                                     NULL ends the list */
    const struct cu_serve *serve; /* borrowed while workers run (proto/serve.h); NULL: all */
    const char *listings;         /* borrowed; rules of proto/listings.h, or NULL */
    const char *root;             /* borrowed; prefix put before every path (tests); NULL: none */
    struct cu_latency *latency;   /* borrowed: operations are timed there; NULL: they are not.
                                     Written on the loop thread only */
    uint64_t *counters;           /* enum cu_counter, storage_*; written on the loop thread only */
};

/* done: on the loop thread, never from inside submit. value is cleared by the storage after it. */
typedef void (*cu_storage_done_fn)(void *context, uint64_t id, const struct cu_value *value);

struct cu_storage *cu_storage_create(const struct cu_storage_config *config, void *context,
                                     cu_storage_done_fn done, struct cu_error *err);
/* Submits the operation of a CU_EFFECT_READ. The path is copied. 0 (done will be called), or
 * -ENOMEM (it will not).
 *   ATTR    lstat, and readlink for a link. A file that says size 0 on a file system that may not
 *           know sizes (fskinds.h) is read: its size is what there is, EOVERFLOW over 16 MiB. With
 * CU_WANT_CONTENT and a regular file of 1..inline_bytes: its content, too; if that fails, the attr
 * alone. DIR     complete listing with the directory's version, taken before and after. Changed
 * during it: again, at most 3 times in all; then the last listing with age_ms UINT32_MAX.
 *           request.version not zero: if the directory still has it, `unchanged` and no listing.
 *   DATA    chunk `request.chunk`, or a piece of it, of request.version; EINVAL past its end.
 *   HOLES   where request.version has no data. What storage cannot tell is data.
 *   XATTR   all attributes that this user may read.
 *   STATFS  of the file system that holds the path itself, link or not.
 * EINVAL for a path that is not in normal form. own: no other node gets it: it is not prepared. */
__attribute__((warn_unused_result)) int cu_storage_submit(struct cu_storage *storage, uint64_t id,
                                                          const struct cu_request *request,
                                                          bool own);
/* A DATA request that needs no wait: a part of at most 64 KiB, of a file that is open here, on a
 * local file system (CU_FS_LOCAL), and in the page cache. True: *value is its answer, which the
 * caller clears. False: nothing was done, it is to be submitted. */
__attribute__((warn_unused_result)) bool cu_storage_at_once(struct cu_storage *storage,
                                                            const struct cu_request *request,
                                                            struct cu_value *value);
/* Operations under way, and the age and path of the oldest (for `copper doctor`). */
uint32_t cu_storage_pending(const struct cu_storage *storage, uint64_t now_ns, uint64_t *oldest_ns,
                            const char **oldest_path);
/* Does not wait; done is not called any more. The memory is freed when the operations under way
 * have returned and the loop has run until then; operations that hang keep it. NULL
 * does nothing. */
void cu_storage_destroy(struct cu_storage *storage);
/* Is the thread with this id running an operation? */
bool cu_storage_is_worker(const struct cu_storage *storage, uint32_t tid);
/* The file system that a path lies on, by the mount table that is there alone; 0 when that is not
 * known. When mounts have come or gone since it was read, a worker is told to read it. */
uint64_t cu_storage_space(struct cu_storage *storage, const char *path, size_t path_len);
/* Is the mount table that is there of what is mounted now? If not, a worker is told to read it, and
 * then config.updated is called. */
bool cu_storage_knows(struct cu_storage *storage);
/* The file systems that it reads; borrowed. */
struct cu_served *cu_storage_served(const struct cu_storage *storage);

#endif
