/* Reads: the chunks that a range touches are wanted all at once, their buffers are referenced, and
 * the kernel copies out of them: no byte is moved in user space. A chunk that is not as long as the
 * file's version says is another version's, never zeros. Who reads on where the last read ended
 * gets chunks read ahead, so that the tree is full of them; who jumps about does not. */
#include "io/front_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define AHEAD_BYTES_MAX (16u * 1024 * 1024)
#define SLACK_BYTES     (UINT64_C(1) << 20) /* the kernel's own read-ahead comes in out of order */
#define IOV_FEW         8u

void cu_front_read_clear(struct cu_front_request *r)
{
    for (uint32_t i = 0; r->read.bufs && i < r->read.count; i++)
        cu_buf_unref(r->read.bufs[i]);
    if (r->read.bufs != r->read.few)
        free(r->read.bufs);
    r->read.bufs = NULL;
}

static void answer(struct cu_front *front, struct cu_front_request *r)
{
    uint32_t chunk_bytes = front->config.chunk_bytes;
    struct iovec few[IOV_FEW], *iov = few;
    size_t skip = (size_t)(r->read.offset % chunk_bytes), left = r->read.size;

    if (r->read.count > IOV_FEW)
        iov = calloc(r->read.count, sizeof(*iov));
    if (!iov) {
        CU_FRONT_COUNT(front, no_memory);
        cu_front_request_fail(front, r, ENOMEM);
        return;
    }
    for (uint32_t i = 0; i < r->read.count; i++) {
        size_t here = r->read.bufs[i]->size - skip;

        iov[i].iov_base = r->read.bufs[i]->data + skip;
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

static size_t chunk_size(const struct cu_front *front, const struct cu_inode *inode, uint64_t chunk)
{
    uint64_t start = chunk * front->config.chunk_bytes;
    uint64_t left = inode->attr.size - start;

    return left < front->config.chunk_bytes ? (size_t)left : front->config.chunk_bytes;
}

/* All that was wanted is here, or has failed. */
static void finish(struct cu_front *front, struct cu_front_request *r)
{
    if (r->read.error == 0) {
        answer(front, r);
        return;
    }
    if (r->read.error == ESTALE)
        cu_front_mark_stale(front, r->inode);
    cu_front_request_fail(front, r, r->read.error);
}

void cu_front_read_done(struct cu_front *front, struct cu_front_request *r, uint32_t sub,
                        const struct cu_value *value)
{
    int error = value->error;

    /* Gone or replaced on storage: to who has it open that is one and the same. */
    if (error == ENOENT || error == ENOTDIR)
        error = ESTALE;
    if (!error && (sub >= r->read.count || !value->bytes ||
                   value->bytes->size != chunk_size(front, r->inode, r->read.first + sub)))
        error = ESTALE;
    if (!error && !r->read.bufs[sub])
        r->read.bufs[sub] = cu_buf_ref(value->bytes);
    if (error && r->read.error != ESTALE)
        r->read.error = error;
    if (r->waiting == 0)
        finish(front, r);
}

/* Asks for [from, from + count) of the file ahead of anybody. */
static void read_ahead(struct cu_front *front, struct cu_inode *inode, uint64_t from)
{
    uint32_t chunk_bytes = front->config.chunk_bytes;
    uint64_t chunks = (inode->attr.size + chunk_bytes - 1) / chunk_bytes;
    uint64_t end = from + inode->file.window, now_ns = uv_hrtime();
    struct cu_request what = {.kind = CU_KIND_DATA, .version = cu_version_of(&inode->attr)};
    char path[CU_PATH_MAX];
    int len = cu_inode_path(inode, path);

    if (len < 0)
        return;
    what.path = path;
    what.path_len = (size_t)len;
    if (end > chunks)
        end = chunks;
    if (inode->file.ahead < from)
        inode->file.ahead = from;
    for (; inode->file.ahead < end; inode->file.ahead++) {
        what.chunk = inode->file.ahead;
        cu_core_prefetch(front->config.core, &what, now_ns);
    }
}

/* Is this read part of a sequential one? Then its window grows, and what it covers is asked for. */
static void follow(struct cu_front *front, struct cu_inode *inode, uint64_t off, uint64_t end)
{
    uint32_t chunk_bytes = front->config.chunk_bytes;
    uint32_t window_max = AHEAD_BYTES_MAX / chunk_bytes;
    uint64_t next = inode->file.next;
    uint64_t last = (end - 1) / chunk_bytes;

    if (window_max == 0)
        window_max = 1;
    if (next == 0 || off > next + SLACK_BYTES || end + SLACK_BYTES < next) {
        /* the first read, or a jump */
        inode->file.next = end;
        inode->file.window = 0;
        inode->file.ahead = 0;
        return;
    }
    if (end <= next)
        return; /* again, or an earlier part that came late */
    inode->file.next = end;
    /* The window is filled up when half of it is used: one batch goes up in few messages. */
    if (inode->file.window && inode->file.ahead > last + 1 + inode->file.window / 2)
        return;
    inode->file.window = inode->file.window ? inode->file.window * 2 : 2;
    if (inode->file.window > window_max)
        inode->file.window = window_max;
    read_ahead(front, inode, last + 1);
}

/* Wants all chunks. One that cannot even be asked for is answered at once, so the request is kept
 * from its end until all were. */
static void want_chunks(struct cu_front *front, struct cu_front_request *r)
{
    struct cu_request what = {.kind = CU_KIND_DATA, .version = cu_version_of(&r->inode->attr)};
    uint64_t first = r->read.first;
    uint32_t count = r->read.count;
    char path[CU_PATH_MAX];
    int len = cu_inode_path(r->inode, path);

    if (len < 0) {
        cu_front_request_fail(front, r, -len);
        return;
    }
    what.path = path;
    what.path_len = (size_t)len;
    r->waiting++;
    for (uint32_t i = 0; i < count; i++) {
        what.chunk = first + i;
        cu_front_want(front, r, &what, i);
    }
    if (--r->waiting == 0)
        finish(front, r);
}

void cu_front_op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
                      struct fuse_file_info *fi)
{
    struct cu_front *front = fuse_req_userdata(req);
    struct cu_inode *inode = cu_inodes_get(&front->inodes, ino);
    uint64_t start = (uint64_t)off, end;
    struct cu_front_request *r;

    (void)fi;
    CU_FRONT_COUNT(front, fuse_read);
    if (!inode || !S_ISREG(inode->attr.mode) || off < 0) {
        fuse_reply_err(req, inode ? EINVAL : ESTALE);
        return;
    }
    if (start >= inode->attr.size || size == 0) {
        fuse_reply_buf(req, NULL, 0);
        return;
    }
    if (!inode->read_before)
        cu_predict_read(&front->predict, inode->name, inode->name_len);
    inode->read_before = true;
    end = size < inode->attr.size - start ? start + size : inode->attr.size;
    r = cu_front_request_new(front, req, inode, CU_FRONT_READ);
    if (!r)
        return;
    r->read.offset = start;
    r->read.size = (size_t)(end - start);
    r->read.first = start / front->config.chunk_bytes;
    r->read.count = (uint32_t)((end - 1) / front->config.chunk_bytes - r->read.first + 1);
    r->read.error = 0;
    for (uint32_t i = 0; i < CU_FRONT_READ_BUFS; i++)
        r->read.few[i] = NULL;
    r->read.bufs = r->read.few;
    if (r->read.count > CU_FRONT_READ_BUFS)
        r->read.bufs = calloc(r->read.count, sizeof(struct cu_buf *));
    if (!r->read.bufs) {
        CU_FRONT_COUNT(front, no_memory);
        cu_front_request_fail(front, r, ENOMEM);
        return;
    }
    want_chunks(front, r);
    if (!front->closing)
        follow(front, inode, start, end);
}
