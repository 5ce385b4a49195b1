/* SPDX-License-Identifier: BSD-3-Clause */
/* Who reads on where the last read ended: the places in files at which reads have ended lately. A
 * file may be read at several of them at once. Of a fixed size, whatever is read: what was used
 * longest ago goes first, and a place at which nobody read on goes before one at which somebody
 * did, so that jumps through one file do not drive out the streams of others. One thread. */
#ifndef CU_AHEAD_STREAMS_H
#define CU_AHEAD_STREAMS_H

#include <stdint.h>

#define CU_STREAMS_MAX   128u
#define CU_STREAMS_JUMPS 8u /* of one file: places at which nobody has read on */
#define CU_STREAMS_FEW   2u /* that many of them are no sign of jumps */
struct cu_stream {
    uint64_t node;   /* 0: unused */
    uint64_t next;   /* where the last read ended */
    uint64_t ahead;  /* first chunk not yet read ahead */
    uint64_t used;   /* when, as a count of reads */
    uint32_t window; /* chunks to read ahead; 0: nobody has read on yet */
    uint32_t run;    /* reads that carried it on, or said at once that more will follow */
};

struct cu_streams {
    uint64_t reads;
    struct cu_stream at[CU_STREAMS_MAX];
};

/* The stream that a read of [from, end) carries on, or NULL: it is a jump. A read carries on when
 * the gap to where the last one ended is not larger than itself: the kernel's own read-ahead comes
 * in large parts, perhaps out of order. */
struct cu_stream *cu_streams_find(struct cu_streams *streams, uint64_t node, uint64_t from,
                                  uint64_t end);
/* A new one, that has ended at end. Its run is 1 when the file was not jumped about in so far: who
 * carries it on reads on. */
struct cu_stream *cu_streams_new(struct cu_streams *streams, uint64_t node, uint64_t end);

#endif
