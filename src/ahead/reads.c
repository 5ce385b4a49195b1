/* SPDX-License-Identifier: BSD-3-Clause */
/* A sequential reader (streams.h) gets whole chunks, and further chunks are asked for in advance,
 * so that the tree is kept busy. A random reader gets pieces of about the size of its reads, and at
 * most twice as many bytes as it asks for. */
#include "ahead/internal.h"

#include "base/path.h"
#include "proto/holes.h"

#define SMALL_FILE     (64u * 1024) /* read as a whole: costs hardly more */
#define PIECE_MAX      (64u * 1024) /* and a fourth of that, and so on down to a page */
#define PIECE_MIN      4096u
#define JUMPS_MAX      8u                  /* small ones, after which a file is jumped about in */
#define JUMPS_SIZE_MIN (UINT64_C(4) << 20) /* random reads in a smaller file do not count */

/* A reader that begins at the file's start is expected to read sequentially. */
static uint32_t part_bytes(const struct cu_ahead *a, const struct cu_ahead_read *read)
{
    uint32_t chunk_bytes = a->config.chunk_bytes, bytes = PIECE_MAX;
    uint64_t size = read->end - read->start;

    if (read->stream || read->start == 0 || read->attr->size <= SMALL_FILE || size >= chunk_bytes)
        return chunk_bytes;
    while (bytes > PIECE_MIN && bytes > size)
        bytes /= 4;
    return bytes < chunk_bytes ? bytes : chunk_bytes;
}

uint32_t cu_ahead_read(struct cu_ahead *a, struct cu_ahead_read *read)
{
    /* A reader that begins with a jump is expected to read parts of such files. */
    if (!read->file->read && read->start == 0) {
        cu_predict_read(&a->predict, read->name, read->name_len);
        read->file->predicts = true;
    }
    read->file->read = true;
    read->stream = cu_streams_find(&a->streams, read->id, read->start, read->end);
    read->part_bytes = part_bytes(a, read);
    return read->part_bytes;
}

/* Asks for chunks of the file from `from` on, as far as the stream's window. */
static void want_ahead(struct cu_ahead *a, const struct cu_ahead_read *read, uint64_t from)
{
    const struct cu_ahead_ports *ports = &a->config.ports;
    struct cu_stream *stream = read->stream;
    uint32_t chunk_bytes = a->config.chunk_bytes;
    uint64_t size = read->attr->size, chunks = (size + chunk_bytes - 1) / chunk_bytes;
    uint64_t end = from + stream->window;
    struct cu_ahead_want want = {.kind = CU_KIND_DATA, .version = cu_version_of(read->attr)};
    char path[CU_TREE_PATH_MAX];
    int len = ports->file_path(ports->context, read->owner, path);
    struct cu_buf *holes = NULL;

    if (len < 0)
        return;
    want.path = path;
    want.path_len = (size_t)len;
    if (end > chunks)
        end = chunks;
    if (stream->ahead < from)
        stream->ahead = from;
    if (cu_ahead_may_have_holes(a, read->attr))
        holes = ports->holes(ports->context, read->owner, path, (size_t)len);
    for (; stream->ahead < end; stream->ahead++) {
        uint64_t start = stream->ahead * chunk_bytes, left = size - start;

        want.chunk = stream->ahead;
        if (!cu_holes_cover(holes, start, start + (left < chunk_bytes ? left : chunk_bytes)))
            cu_ahead_emit(a, &want);
    }
    cu_buf_unref(holes);
}

/* A read has carried the stream on: its window grows, and what it covers is asked for. */
static void follow(struct cu_ahead *a, const struct cu_ahead_read *read)
{
    struct cu_stream *stream = read->stream;
    uint32_t window_max = a->config.stream_bytes / a->config.chunk_bytes;
    uint64_t last = (read->end - 1) / a->config.chunk_bytes;

    if (a->config.stream_bytes == 0)
        return;
    if (window_max == 0)
        window_max = 1;
    if (read->end <= stream->next)
        return; /* again, or an earlier part that came late */
    stream->next = read->end;
    /* Two reads that happen to be adjacent among many random ones do not start read-ahead. */
    if (stream->run++ == 0)
        return;
    /* The window is refilled when half of it is used, so that each batch needs few messages. */
    if (stream->window && stream->ahead > last + 1 + stream->window / 2)
        return;
    stream->window = stream->window ? stream->window * 2 : 2;
    if (stream->window > window_max)
        stream->window = window_max;
    want_ahead(a, read, last + 1);
}

/* A reader that reads the head of a large file and then small parts of it in no order (an index and
 * records) is no evidence that the next file of its kind will be read. */
static void note_jump(struct cu_ahead *a, const struct cu_ahead_read *read)
{
    struct cu_ahead_file *file = read->file;

    if (read->part_bytes >= PIECE_MAX || read->attr->size <= JUMPS_SIZE_MIN ||
        file->jumps >= JUMPS_MAX)
        return;
    if (++file->jumps == JUMPS_MAX && file->predicts)
        cu_predict_unread(&a->predict, read->name, read->name_len);
}

void cu_ahead_reads_on(struct cu_ahead *a, struct cu_ahead_read *read)
{
    if (read->stream) {
        follow(a, read);
        return;
    }
    cu_streams_new(&a->streams, read->id, read->end)->run |=
        read->part_bytes == a->config.chunk_bytes;
    note_jump(a, read);
}
