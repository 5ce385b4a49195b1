/* SPDX-License-Identifier: BSD-3-Clause */
/* Staging: asks for all that is at and below a path, or that a manifest names, so that a node's
 * cache holds it before anybody asks. Each node walks the same tree in the same order; its requests
 * meet those of its children on their way, so each object is read from storage once and sent once
 * over each connection. Pure, as the rest of this room; one thread at a time.
 *
 * Names below a path are not followed when they are links: what a link leads to is staged if it is
 * below a path that is staged, too. Links in a path itself are followed.
 *
 * A manifest is a file with a path on each line, absolute or relative to the manifest's directory;
 * empty lines and those that begin with '#' mean nothing. One that has a NUL has a NUL behind each
 * path, which is taken as it is. What it names several times, or below another path that it names,
 * is staged once.
 *
 * Invariants: requests and bytes under way stay within a window; what is asked for stays within
 * `room`, so that nothing of it displaces another part of it; what waits to be asked for is
 * bounded, too. */
#ifndef CU_AHEAD_STAGE_H
#define CU_AHEAD_STAGE_H

#include "ahead/ahead.h"

struct cu_stage;

struct cu_stage_config {
    void *context;
    /* Asks for an object; cu_stage_answer is called with the tag when the answer is here, not
     * before this returns. 0 or -errno: no answer will come. */
    int (*fetch)(void *context, const struct cu_ahead_want *want, uint32_t tag);
    uint32_t chunk_bytes;
    uint64_t max_cacheable_bytes; /* a larger file is asked for through its tree all the same */
    uint64_t room;                /* bytes of the cache that this stage may use */
    const char *mount; /* borrowed, normal form: a link into it means what is below it; NULL: there
                          is none */
    bool manifest;     /* the path is that of a manifest */
};

struct cu_stage_figures {
    uint64_t objects, objects_done;  /* names and listings: known; here */
    uint64_t bytes, bytes_done;      /* the same of content that is to be staged */
    uint64_t held;                   /* bytes of the cache that are or will be used */
    uint64_t over_files, over_bytes; /* found no room */
    uint64_t asked;                  /* bytes of content that were asked for, or came along */
    uint64_t errors;                 /* paths that could not be staged */
    int error;                       /* positive errno of the first of them */
    const char *error_path;          /* the same; borrowed, ends with a NUL. NULL: none */
    bool walked;                     /* no more names will be found */
    bool over;                       /* nothing is left to do */
};

/* path: normal form. NULL: out of memory. */
struct cu_stage *cu_stage_create(const struct cu_stage_config *config, const char *path,
                                 size_t path_len);
/* Answers that are under way must not be delivered any more. NULL does nothing. */
void cu_stage_destroy(struct cu_stage *stage);
/* Takes up to so many steps, each of which asks for one object, or for none; in *bytes it is given
 * how many bytes of content it may ask for, and what is left of them is returned there. False: it
 * can go on only after an answer, or is over. True: it could take more steps now. */
bool cu_stage_run(struct cu_stage *stage, uint32_t steps, uint64_t *bytes);
/* value: borrowed. */
void cu_stage_answer(struct cu_stage *stage, uint32_t tag, const struct cu_value *value);
struct cu_stage_figures cu_stage_figures(const struct cu_stage *stage);

#endif
