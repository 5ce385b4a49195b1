/* SPDX-License-Identifier: BSD-3-Clause */
/* Detects sequential readers: a table of the file positions at which recent reads ended. A file may
 * be read at several positions at once. The table has a fixed size: the least recently used
 * position is replaced first, and a position that no read has continued is replaced before one that
 * was continued, so that random reads of one file do not evict the streams of others. One
 * thread. */
#ifndef CU_AHEAD_STREAMS_H
#define CU_AHEAD_STREAMS_H

#include <stdint.h>

#define CU_STREAMS_MAX   128u
#define CU_STREAMS_JUMPS 8u /* of one file: positions that no read has continued */
#define CU_STREAMS_FEW   2u /* this many of them do not yet mean random reads */
struct cu_stream {
    uint64_t node;   /* 0: unused */
    uint64_t next;   /* where the last read ended */
    uint64_t ahead;  /* first chunk not yet read ahead */
    uint64_t used;   /* time of the last use, as a count of reads */
    uint32_t window; /* chunks to read ahead; 0: no read has continued it yet */
    uint32_t run;    /* reads that continued it, or from which more were expected at once */
};

struct cu_streams {
    uint64_t reads;
    struct cu_stream at[CU_STREAMS_MAX];
};

/* The stream that a read of [from, end) continues; NULL: the read is a jump. A read continues a
 * stream when the gap to where the last one ended is not larger than itself: the kernel's own
 * read-ahead comes in large parts, perhaps out of order. */
struct cu_stream *cu_streams_find(struct cu_streams *streams, uint64_t node, uint64_t from,
                                  uint64_t end);
/* A new stream whose last read ended at end. Its run is 1 when there were no random reads of the
 * file so far: the next read that continues it counts as sequential. */
struct cu_stream *cu_streams_new(struct cu_streams *streams, uint64_t node, uint64_t end);

#endif
