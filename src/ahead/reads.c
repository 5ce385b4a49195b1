/* SPDX-License-Identifier: BSD-3-Clause */
/* What is fetched for a read, and ahead of it. Who reads a file from its start gets whole chunks,
 * and further chunks are asked for in advance, so that the tree is kept busy. A jump gets pieces of
 * about the size of the read, and at most twice as many bytes as it asks for. Who reads on after a
 * jump gets what he asks for, in pieces, and as much more as the length of his run allows
 * (cu_stream_spare): after some 100 KiB parts become larger, and at last there are whole chunks,
 * and chunks ahead, as for who began at the start. */
#include "ahead/internal.h"

#include "base/path.h"
#include "proto/holes.h"

#define SMALL_FILE     (64u * 1024) /* read as a whole: costs hardly more */
#define PIECE_MAX      (64u * 1024) /* of a jump, and a fourth of that, and so on down to a page */
#define PIECE_MIN      4096u
#define AROUND         (448u * 1024)       /* before and after a page fault in a library */
#define WINDOW_FIRST   2u                  /* chunks */
#define JUMPS_MAX      8u                  /* small ones, after which a file is jumped about in */
#define JUMPS_SIZE_MIN (UINT64_C(4) << 20) /* random reads in a smaller file do not count */

static uint64_t down(uint64_t at, uint32_t unit)
{
    return at - at % unit;
}

static uint64_t up(uint64_t at, uint32_t unit)
{
    return down(at + unit - 1, unit);
}

/* The smallest piece. */
static uint32_t piece_min(const struct cu_ahead *a)
{
    return a->config.chunk_bytes < PIECE_MIN ? a->config.chunk_bytes : PIECE_MIN;
}

/* Parts of one size, at places that are multiples of it, so that other reads at random places find
 * the same ones. */
static void plan_parts(struct cu_ahead_read *read, uint32_t bytes)
{
    read->from = down(read->start, bytes);
    read->to = up(read->end, bytes);
    read->part_max = bytes;
    read->edge = 0;
}

static void plan_jump(const struct cu_ahead *a, struct cu_ahead_read *read)
{
    uint64_t size = read->end - read->start;
    uint32_t bytes = PIECE_MAX;

    while (bytes > PIECE_MIN && bytes > size)
        bytes /= 4;
    plan_parts(read, bytes < a->config.chunk_bytes ? bytes : a->config.chunk_bytes);
}

/* A read that carries a run on, or is in it. The bytes that were fetched for the run are in pieces
 * already: a part that crosses their end would fetch some of them again. */
static void plan_run(const struct cu_ahead *a, struct cu_ahead_read *read)
{
    struct cu_stream *s = read->stream;
    uint32_t chunk_bytes = a->config.chunk_bytes, least = piece_min(a), unit = chunk_bytes;
    uint64_t spare = cu_stream_spare(s, read->start, read->end);
    bool backwards = read->end <= s->next;

    if (cu_stream_grows(s, read->start, read->end) == 0)
        spare = 0;
    while (unit > least && unit > spare)
        unit /= 2;
    read->from = down(read->start, backwards ? unit : least);
    read->to = up(read->end, backwards ? least : unit);
    read->edge = backwards ? s->from : s->to;
    read->part_max = chunk_bytes;
    if (unit == chunk_bytes && !backwards && s->whole == CU_STREAMS_NOWHERE)
        s->whole = up(s->to > read->from ? s->to : read->from, chunk_bytes);
}

/* Is a window of the kernel's missing in a file of a kind that is read as a whole? That is a page
 * fault in a library, as a rule, and there will be more of them. */
static bool is_fault(const struct cu_ahead *a, const struct cu_ahead_read *read)
{
    return read->end - read->start >= CU_AHEAD_WINDOW && read->file->head &&
           cu_predict_content(&a->predict, read->name, read->name_len);
}

static bool is_large(const struct cu_ahead *a, const struct cu_ahead_read *read)
{
    return read->end - read->start >= a->config.chunk_bytes || is_fault(a, read);
}

/* Is the read one of those that get whole chunks? */
static bool takes_chunks(const struct cu_ahead *a, const struct cu_ahead_read *read)
{
    const struct cu_stream *s = read->stream;

    if (read->attr->size <= SMALL_FILE || (read->start == 0 && read->file->head))
        return true;
    if (!s)
        return is_large(a, read);
    return read->start >= s->whole || (is_large(a, read) && s->whole != CU_STREAMS_NOWHERE);
}

uint32_t cu_ahead_part(const struct cu_ahead_read *read, uint64_t at)
{
    uint64_t left = (at < read->edge && read->edge < read->to ? read->edge : read->to) - at;
    uint32_t bytes = read->part_max;

    while (bytes > left || at % bytes != 0)
        bytes /= 2;
    return bytes;
}

/* Leaves the parts that have bytes of the read. */
static void trim(struct cu_ahead_read *read)
{
    uint64_t at = read->from, next = at + cu_ahead_part(read, at);

    for (; next <= read->start; next = at + cu_ahead_part(read, at))
        at = next;
    read->from = at;
    while (next < read->end)
        next += cu_ahead_part(read, next);
    read->to = next;
}

static void plan(const struct cu_ahead *a, struct cu_ahead_read *read)
{
    if (takes_chunks(a, read)) {
        plan_parts(read, a->config.chunk_bytes);
        if (read->stream && read->stream->whole > read->from)
            read->stream->whole = read->from;
    } else if (read->stream)
        plan_run(a, read);
    else
        plan_jump(a, read);
    trim(read);
}

void cu_ahead_read(struct cu_ahead *a, struct cu_ahead_read *read)
{
    struct cu_ahead_file *file = read->file;

    if (!file->read) {
        file->head = read->start == 0;
        /* A reader that begins with a jump is expected to read parts of such files. */
        if (file->head) {
            cu_predict_read(&a->predict, read->name, read->name_len);
            file->predicts = true;
        }
    }
    file->read = true;
    read->stream = cu_streams_find(&a->streams, read->id, read->start, read->end);
    plan(a, read);
}

/* Asks for the chunks [from, end) of the file, as far as there are so many. */
static void want_chunks(struct cu_ahead *a, const struct cu_ahead_read *read, uint64_t from,
                        uint64_t end)
{
    const struct cu_ahead_ports *ports = &a->config.ports;
    uint32_t chunk_bytes = a->config.chunk_bytes;
    uint64_t size = read->attr->size, chunks = (size + chunk_bytes - 1) / chunk_bytes;
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
    if (cu_ahead_may_have_holes(a, read->attr))
        holes = ports->holes(ports->context, read->owner, path, (size_t)len);
    for (want.chunk = from; want.chunk < end; want.chunk++) {
        uint64_t start = want.chunk * chunk_bytes, left = size - start;

        if (!cu_holes_cover(holes, start, start + (left < chunk_bytes ? left : chunk_bytes)))
            cu_ahead_emit(a, &want);
    }
    cu_buf_unref(holes);
}

/* The largest window for a read, in chunks. Two large reads that happen to be adjacent among many
 * random ones do not start read-ahead. */
static uint64_t window_max(const struct cu_ahead *a, const struct cu_stream *s, bool large,
                           uint64_t spare)
{
    uint32_t chunk_bytes = a->config.chunk_bytes;
    uint64_t most = a->config.stream_bytes / chunk_bytes, allowed = spare / chunk_bytes;

    if (most == 0 && a->config.stream_bytes > 0)
        most = 1;
    if (s->head)
        return most;
    if (s->whole == CU_STREAMS_NOWHERE)
        return 0;
    if (large && allowed < WINDOW_FIRST && (s->sure || s->on))
        allowed = WINDOW_FIRST;
    return allowed < most ? allowed : most;
}

/* A read has carried the stream on: its window grows, and what it covers is asked for. */
static void follow(struct cu_ahead *a, const struct cu_ahead_read *read)
{
    struct cu_stream *s = read->stream;
    uint64_t last = (read->end - 1) / a->config.chunk_bytes, end;
    uint64_t most = window_max(a, s, is_large(a, read), cu_stream_spare(s, read->start, read->end));
    bool forwards = read->end > s->next;

    cu_stream_grow(s, read->start, read->end);
    /* The window is refilled when half of it is used, so that each batch needs few messages. */
    if (!forwards || most == 0 || (s->window && s->ahead > last + 1 + s->window / 2))
        return;
    s->window = s->window ? s->window * 2 : WINDOW_FIRST;
    if (s->window > most)
        s->window = (uint32_t)most;
    end = last + 1 + s->window;
    if (s->ahead < last + 1)
        s->ahead = last + 1;
    want_chunks(a, read, s->ahead, end);
    if (s->ahead < end)
        s->ahead = end;
}

/* A reader that reads the head of a large file and then small parts of it in no order (an index and
 * records) is no evidence that the next file of its kind will be read. */
static void note_jump(struct cu_ahead *a, const struct cu_ahead_read *read)
{
    struct cu_ahead_file *file = read->file;

    if (read->part_max >= PIECE_MAX || read->attr->size <= JUMPS_SIZE_MIN ||
        file->jumps >= JUMPS_MAX)
        return;
    if (++file->jumps == JUMPS_MAX && file->predicts)
        cu_predict_unread(&a->predict, read->name, read->name_len);
}

/* The chunks around a page fault, which the kernel's window is too small for. */
static void want_around(struct cu_ahead *a, const struct cu_ahead_read *read)
{
    uint32_t chunk_bytes = a->config.chunk_bytes;
    uint64_t first = (read->start > AROUND ? read->start - AROUND : 0) / chunk_bytes;

    want_chunks(a, read, first, read->from / chunk_bytes);
    want_chunks(a, read, read->to / chunk_bytes, (read->end + AROUND) / chunk_bytes + 1);
}

/* A jump begins a stream. */
static void begin(struct cu_ahead *a, struct cu_ahead_read *read)
{
    struct cu_stream *s = cu_streams_new(&a->streams, read->id, read->start, read->end);

    s->from = read->from;
    s->to = read->to;
    if (read->part_max == a->config.chunk_bytes)
        s->whole = read->from;
    s->head = read->start == 0 && read->file->head;
    if (!s->head && a->config.stream_bytes > 0 && is_fault(a, read))
        want_around(a, read);
    note_jump(a, read);
}

void cu_ahead_reads_on(struct cu_ahead *a, struct cu_ahead_read *read)
{
    struct cu_stream *s = read->stream;

    if (!s) {
        begin(a, read);
        return;
    }
    follow(a, read);
    if (read->from < s->from)
        s->from = read->from;
    if (read->to > s->to)
        s->to = read->to;
}
