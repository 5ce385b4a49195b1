/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads: the parts of the file that a range touches are wanted all at once, their buffers are
 * referenced, and the kernel copies out of them: no byte is moved in user space. A part that is
 * shorter than the file's version says belongs to another version; it is never filled up with
 * zeros. How large the parts are, and what is asked for ahead: src/ahead/reads.c. The core answers
 * from a larger part that is held already. */
#include "front/read.h"

#include "ahead/ahead.h"
#include "base/hash.h"
#include "base/path.h"
#include "front/holes.h"
#include "front/lookup.h"
#include "front/same.h"
#include "front/state.h"
#include "proto/holes.h"
#include "proto/piece.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define IOV_FEW 8u

/* The content of a hole. It is never written, so it uses no memory. */
static unsigned char zeros[CU_FRONT_TRANSFER_MAX];

void cu_front_read_clear(struct cu_front_request *r)
{
    for (uint32_t i = 0; r->read.parts && i < r->read.count; i++)
        cu_buf_unref(r->read.parts[i].buf);
    if (r->read.parts != r->read.few)
        free(r->read.parts);
    r->read.parts = NULL;
    free(r->read.same);
    r->read.same = NULL;
}

static void answer(struct cu_front *front, struct cu_front_request *r)
{
    struct iovec few[IOV_FEW] = {{0}}, *iov = few;
    size_t skip = (size_t)(r->read.offset - r->read.parts[0].start), left = r->read.size;

    if (r->read.count > IOV_FEW)
        iov = calloc(r->read.count, sizeof(*iov));
    if (!iov) {
        CU_FRONT_COUNT(front, no_memory);
        cu_front_request_fail(front, r, ENOMEM);
        return;
    }
    for (uint32_t i = 0; i < r->read.count; i++) {
        const struct cu_front_part *part = &r->read.parts[i];
        size_t here = part->size - skip;

        iov[i].iov_base = part->hole ? zeros : part->buf->data + skip;
        iov[i].iov_len = here < left ? here : left;
        left -= iov[i].iov_len;
        skip = 0;
    }
    front->counters[CU_COUNT_kernel_bytes] += r->read.size;
    if (r->read.count == 1)
        fuse_reply_buf(r->fuse, iov->iov_base, iov->iov_len);
    else
        fuse_reply_iov(r->fuse, iov, (int)r->read.count);
    if (iov != few)
        free(iov);
    cu_front_request_end(front, r);
}

/* All parts have arrived or failed. */
static void finish(struct cu_front *front, struct cu_front_request *r)
{
    bool late = r->read.epoch != r->inode->file.epoch; /* for the same bytes in a later version */

    if (r->read.error == 0 && !late) {
        answer(front, r);
        return;
    }
    if ((late || r->read.error == ESTALE) && cu_front_same_begin(front, r))
        return;
    if (late)
        r->read.error = ESTALE;
    if (r->read.error == ESTALE)
        cu_front_mark_stale(front, r->inode);
    cu_front_request_fail(front, r, r->read.error);
}

void cu_front_read_done(struct cu_front *front, struct cu_front_request *r, uint32_t sub,
                        const struct cu_value *value)
{
    int error = value->error;

    /* Removed or replaced on storage: the same to a process that has the file open. */
    if (error == ENOENT || error == ENOTDIR)
        error = ESTALE;
    if (!error &&
        (sub >= r->read.count || !value->bytes || value->bytes->size != r->read.parts[sub].size))
        error = ESTALE;
    if (!error && !r->read.parts[sub].buf) {
        struct cu_front_part *part = &r->read.parts[sub];

        part->buf = cu_buf_ref(value->bytes);
        if (r->read.epoch == r->inode->file.epoch)
            cu_seen_note(&r->inode->file.seen, part->start / front->config.chunk_bytes, part->piece,
                         value->hash);
        cu_ahead_bytes(front->ahead, r->inode, &r->inode->attr, part->buf);
    }
    if (error && r->read.error != ESTALE)
        r->read.error = error;
    if (r->waiting == 0)
        finish(front, r);
}

/* Cuts the read into the parts that read-ahead wants. 0 or -ENOMEM. */
static int cut(struct cu_front *front, struct cu_front_request *r, const struct cu_ahead_read *read)
{
    uint32_t chunk_bytes = front->config.chunk_bytes, count = 0, i = 0;

    for (uint64_t at = read->from; at < read->to; at += cu_ahead_part(read, at))
        count++;
    r->read.count = count;
    r->read.parts = r->read.few;
    if (count > CU_FRONT_READ_PARTS)
        r->read.parts = malloc(count * sizeof(*r->read.parts));
    if (!r->read.parts)
        return -ENOMEM;
    for (uint64_t at = read->from; at < read->to; i++) {
        uint32_t bytes = cu_ahead_part(read, at);
        uint64_t left = r->inode->attr.size - at;

        r->read.parts[i] = (struct cu_front_part){
            .start = at,
            .size = left < bytes ? (uint32_t)left : bytes,
            .piece = (uint16_t)cu_piece_at(chunk_bytes, (uint32_t)(at % chunk_bytes), bytes),
        };
        at += bytes;
    }
    return 0;
}

/* Notes the zeros handed out for a hole: a later version may have data there. */
static void note_zeros(struct cu_front *front, struct cu_inode *inode,
                       const struct cu_front_part *part)
{
    if (!inode->file.seen.lost)
        cu_seen_note(&inode->file.seen, part->start / front->config.chunk_bytes, part->piece,
                     cu_hash_bytes(zeros, part->size));
}

/* Parts that lie in a hole need not be asked for. */
static void find_holes(struct cu_front *front, struct cu_front_request *r,
                       const struct cu_request *what)
{
    struct cu_buf *holes = cu_front_holes(front, r->inode, what->path, what->path_len);

    for (uint32_t i = 0; holes && i < r->read.count; i++) {
        struct cu_front_part *part = &r->read.parts[i];

        part->hole = part->size <= sizeof(zeros) &&
                     cu_holes_cover(holes, part->start, part->start + part->size);
        if (part->hole)
            note_zeros(front, r->inode, part);
    }
    cu_buf_unref(holes);
}

/* Asks for all parts. A want that fails at once is answered inside this loop, so the request must
 * not end before all parts were asked for. */
static void want_parts(struct cu_front *front, struct cu_front_request *r)
{
    struct cu_request what = {.kind = CU_KIND_DATA, .version = cu_version_of(&r->inode->attr)};
    uint32_t count = r->read.count;
    char path[CU_TREE_PATH_MAX];
    int len = cu_inode_path(r->inode, path);

    if (len < 0) {
        cu_front_request_fail(front, r, -len);
        return;
    }
    what.path = path;
    what.path_len = (size_t)len;
    find_holes(front, r, &what);
    r->waiting++;
    for (uint32_t i = 0; i < count; i++) {
        if (r->read.parts[i].hole)
            continue;
        what.chunk = r->read.parts[i].start / front->config.chunk_bytes;
        what.piece = r->read.parts[i].piece;
        cu_front_want(front, r, &what, i);
    }
    if (--r->waiting == 0)
        finish(front, r);
}

void cu_front_read_start(struct cu_front *front, struct cu_front_request *r)
{
    r->read.error = 0;
    r->read.epoch = r->inode->file.epoch;
    for (uint32_t i = 0; i < r->read.count; i++) {
        cu_buf_unref(r->read.parts[i].buf);
        r->read.parts[i].buf = NULL;
        r->read.parts[i].hole = false;
    }
    want_parts(front, r);
}

void cu_front_op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
                      struct fuse_file_info *fi)
{
    struct cu_front *front = fuse_req_userdata(req);
    struct cu_inode *inode = cu_inodes_get(&front->inodes, ino);
    uint64_t start = (uint64_t)off, end;
    struct cu_front_request *r;
    struct cu_ahead_read read;

    (void)fi;
    CU_FRONT_COUNT(front, fuse_read);
    if (cu_special_is(ino)) {
        cu_special_read(front, req, ino, size, start);
        return;
    }
    if (!inode || !S_ISREG(inode->attr.mode) || off < 0) {
        cu_front_refuse(req, inode ? EINVAL : ESTALE);
        return;
    }
    if (start >= inode->attr.size || size == 0) {
        fuse_reply_buf(req, NULL, 0);
        return;
    }
    end = size < inode->attr.size - start ? start + size : inode->attr.size;
    r = cu_front_request_new(front, req, inode, CU_FRONT_READ);
    if (!r)
        return;
    r->read.offset = start;
    r->read.size = (size_t)(end - start);
    r->read.tries = 0;
    r->read.same = NULL;
    read = (struct cu_ahead_read){.owner = inode,
                                  .id = ino,
                                  .file = &inode->file.ahead,
                                  .name = inode->name,
                                  .name_len = inode->name_len,
                                  .attr = &inode->attr,
                                  .start = start,
                                  .end = end};
    cu_ahead_read(front->ahead, &read);
    if (cut(front, r, &read) < 0) {
        CU_FRONT_COUNT(front, no_memory);
        cu_front_request_fail(front, r, ENOMEM);
        return;
    }
    cu_front_read_start(front, r);
    cu_ahead_reads_on(front->ahead, &read);
}
