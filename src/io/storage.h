/* Storage: the calls that may block, on libuv's worker threads. Each operation becomes a cu_value
 * with checksums, or its errno. What is read is checked against the version that was asked for: open
 * once per file and node (a small cache of descriptors), fstat before and after each chunk, ESTALE
 * when the file is not (any longer) of that version; a short read inside the file's size is ESTALE,
 * too, never zeros. Never follows a symbolic link in the last component; opens with O_NONBLOCK, so
 * that a fifo cannot hang it. */
#ifndef CU_IO_STORAGE_H
#define CU_IO_STORAGE_H

#include "base/error.h"
#include "core/core.h"

#include <stdint.h>
#include <uv.h>

struct cu_storage;

struct cu_storage_config {
    uv_loop_t *loop;
    uint32_t chunk_bytes;
    uint32_t inline_bytes;
    uint32_t open_files_max;   /* descriptors kept; 0: 64 */
    const char *hidden_paths[8]; /* borrowed; served as ENOENT at and below, absent from listings;
                                    NULL ends the list */
    const char *root;          /* borrowed; prefix put before every path (tests); NULL: none */
    uint64_t *counters;        /* enum cu_counter, storage_*; written on the loop thread only */
};

/* done: on the loop thread, never from inside submit. value is cleared by the storage after it. */
typedef void (*cu_storage_done_fn)(void *context, uint64_t id, const struct cu_value *value);

struct cu_storage *cu_storage_create(const struct cu_storage_config *config, void *context,
                                     cu_storage_done_fn done, struct cu_error *err);
/* Submits the operation of a CU_EFFECT_READ. The path is copied. When it cannot even be queued, done
 * is called with ENOMEM in a later loop turn; 0 or -ENOMEM when not even that is possible.
 *   ATTR    lstat, and readlink for a link. With CU_WANT_CONTENT and a regular file of 1..inline_bytes:
 *           its content, too; if that fails, the attr alone.
 *   DIR     complete listing with the directory's version, taken before and after (changed during it:
 *           again, at most 3 times, then ESTALE... the last listing is served with age at the limit).
 *           request.version not zero: if the directory still has it, `unchanged` and no listing.
 *   DATA    chunk `request.chunk` of request.version.
 *   XATTR, STATFS. */
__attribute__((warn_unused_result)) int cu_storage_submit(struct cu_storage *storage, uint64_t id,
                                                          const struct cu_request *request);
/* Operations under way, and the age and path of the oldest (for `copper doctor`). */
uint32_t cu_storage_pending(const struct cu_storage *storage, uint64_t now_ns, uint64_t *oldest_ns,
                            const char **oldest_path);
/* Waits for nobody: operations that hang keep their memory until they return. */
void cu_storage_destroy(struct cu_storage *storage);

#endif
