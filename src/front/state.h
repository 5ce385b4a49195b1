/* SPDX-License-Identifier: BSD-3-Clause */
/* The state of the front, which its modules share; not to be included outside of src/front. The
 * loop thread owns it. */
#ifndef CU_FRONT_STATE_H
#define CU_FRONT_STATE_H

#include "base/list.h"
#include "front/forget.h"
#include "front/front.h"
#include "front/fuse.h"
#include "front/hold.h"
#include "front/inode.h"
#include "front/invalidate.h"
#include "front/names.h"
#include "front/negative.h"
#include "front/request.h"
#include "front/special.h"
#include "front/timing.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

struct cu_ahead;
struct cu_front_replay;

#define CU_FRONT_FOREVER_S  (365.0 * 24 * 3600) /* longer than any job */
#define CU_FRONT_HIDDEN_MAX 8u

struct cu_front {
    struct cu_front_config config;          /* its strings are the front's own */
    size_t hidden_len[CU_FRONT_HIDDEN_MAX]; /* of config.hidden_paths */
    uint64_t *counters;                     /* borrowed: the core's (core/counters.h) */
    struct fuse_session *session;           /* owned */
    int fd;                                 /* of the FUSE device; the session's */
    uv_poll_t poll;                         /* of fd */
    void *buffer;                   /* for the kernel's requests; the recovery area's, or our own */
    void *own_buffer;               /* owned, NULL when there is a recovery area */
    const struct fuse_buf *current; /* the request being taken; NULL: none */
    uint8_t tries;                  /* daemons that ended while they took it up */
    bool initialised;               /* FUSE_INIT is answered */
    bool gone;                      /* the kernel has ended the connection */
    bool closing;                   /* requests are not answered any more */
    bool posix_acl;                 /* the kernel evaluates ACLs */
    bool parallel_lookups;          /* the reply to INIT, which comes next, must say so */
    bool can_expire;                /* the kernel: names may expire (6.2) */
    bool can_prune;                 /* the kernel: idle nodes may be asked back (6.18) */
    bool cannot_remount;            /* atomic; this process may not: known when it was tried */
    int open_handles;               /* that libuv still has */
    struct cu_inodes inodes;
    struct cu_invalidator *invalidator; /* owned */
    struct cu_front_forgets forgets;
    struct cu_front_holds holds;
    struct cu_front_names names;
    struct cu_negatives negatives;
    struct cu_ahead *ahead;         /* owned */
    struct cu_front_replay *replay; /* of a recipe (replay.c); owned, NULL: none */
    struct cu_front_requests requests;
    struct cu_front_timing timing;
    struct cu_specials specials;
    struct cu_list returned; /* struct returned (returned.c): nodes that the kernel forgets */
    size_t returned_now;     /* of these, taken at once in this turn */
    struct cu_list views;    /* struct making (view.c): listings that are being made ready */
    struct cu_list links;    /* struct waiting (link.c): answers about links */
    struct cu_list stale;    /* struct stale_mark, oldest first */
    uint32_t stale_count;
    char *scratch; /* owned: where listings for the kernel are put together */
    size_t scratch_size;
};

/* Counts one event in the counter of that name (core/counters.h). */
#define CU_FRONT_COUNT(front, name) ((front)->counters[CU_COUNT_##name]++)

/* front.c */
/* Mounts, or uses the device "/dev/fd/N", which is set not to block. NULL with err. */
struct fuse_session *cu_front_session(const char *mount_dir, bool allow_other, void *userdata,
                                      struct cu_error *err);

#endif
