/* SPDX-License-Identifier: BSD-3-Clause */
/* Detects sequential readers: a table of the parts of files that recent reads have covered without
 * a jump. A file may be read at several positions at once, forwards or backwards. The table has a
 * fixed size: the least recently used entry is replaced first, and one for which nothing was read
 * ahead is replaced before one for which something was, so that random reads of one file do not
 * evict the streams of others. One thread. */
#ifndef CU_AHEAD_STREAMS_H
#define CU_AHEAD_STREAMS_H

#include <stdbool.h>
#include <stdint.h>

#define CU_STREAMS_MAX     128u
#define CU_STREAMS_JUMPS   16u /* of one file: those for which nothing was read ahead */
#define CU_STREAMS_FEW     2u  /* so many places that no read continued do not mean random reads */
#define CU_STREAMS_NOWHERE UINT64_MAX

struct cu_stream {
    uint64_t node;      /* 0: unused */
    uint64_t low, next; /* the lowest read begins at low, the highest one ended at next */
    uint64_t from, to;  /* the same of what was fetched for them */
    uint64_t whole;     /* from here on whole chunks are fetched, or CU_STREAMS_NOWHERE */
    uint64_t ahead;     /* first chunk not yet read ahead */
    uint64_t used;      /* time of the last use, as a count of reads */
    uint64_t run;       /* bytes that were read, each once */
    uint64_t last;      /* of these, the last read's */
    uint32_t window;    /* chunks to read ahead; 0: nothing was read ahead yet */
    bool head;          /* it began at the start of a file that is read from there */
    bool on;            /* a read has continued it */
    bool sure;          /* it began when there were no random reads of the file */
};

struct cu_streams {
    uint64_t reads;
    struct cu_stream at[CU_STREAMS_MAX];
};

/* The stream that a read of [from, end) continues, at either end; NULL: the read is a jump. A read
 * continues a stream when the gap to it is not larger than the read: the kernel's own read-ahead
 * comes in large parts, perhaps out of order. */
struct cu_stream *cu_streams_find(struct cu_streams *streams, uint64_t node, uint64_t from,
                                  uint64_t end);
/* A new stream of one read of [from, end); nothing was fetched for it. */
struct cu_stream *cu_streams_new(struct cu_streams *streams, uint64_t node, uint64_t from,
                                 uint64_t end);
/* How many bytes of a read of [from, end), which continues the stream, are new to it. */
uint64_t cu_stream_grows(const struct cu_stream *s, uint64_t from, uint64_t end);
/* How many bytes may be fetched beyond the read [from, end), which continues the stream, so that
 * all that was fetched is at most three times what was used. Used is what was read before the
 * stream's last read: the kernel, which reads ahead itself, asks for its next window when a program
 * enters the one before. */
uint64_t cu_stream_spare(const struct cu_stream *s, uint64_t from, uint64_t end);
/* Notes that read. Again, or a part that came late, it changes nothing. */
void cu_stream_grow(struct cu_stream *s, uint64_t from, uint64_t end);

#endif
