/* SPDX-License-Identifier: BSD-3-Clause */
/* The FUSE front: libfuse 3 low-level API on the loop thread. It turns the kernel's requests into
 * cu_request and the core's replies into answers, keeps the inode table, and lets the kernel cache
 * all it can. Read-only: the mount has the flag `ro`, and whatever would change something is
 * answered EROFS. */
#ifndef CU_FRONT_FRONT_H
#define CU_FRONT_FRONT_H

#include "base/error.h"
#include "core/core.h"
#include "front/recovery.h"
#include "loop/turn.h"

#include <stdint.h>
#include <uv.h>

struct cu_front;
struct cu_crew;
struct cu_buf;
struct cu_hosts;
struct cu_latency;
struct cu_serve;

enum cu_front_asked_op {
    CU_FRONT_ASKED_LOOKUP,
    CU_FRONT_ASKED_READ,
    CU_FRONT_ASKED_LISTING,
    CU_FRONT_ASKED_OTHER, /* attributes, link targets, extended attributes, statfs */
};

/* A request of the kernel that is about a path, and its answer. */
struct cu_front_asked {
    enum cu_front_asked_op op;
    enum cu_core_where where; /* where the answer was found; of several objects, the farthest */
    int error;                /* positive errno; ENOENT of a lookup: there is no such name */
    const char *path;         /* borrowed, normal form */
    size_t path_len;
    uint64_t bytes;        /* handed to the kernel by a READ */
    uint64_t offset, size; /* READ: where in the file, and the file's size. LISTING: offset is 0
                              where it begins */
    uint32_t thread;       /* that waited, as this process sees it; 0: it is not seen here */
    uint64_t wait_ns;      /* how long the kernel waited; 0: answers are not timed */
};

struct cu_front_events {
    void *context;
    /* The core was called (it may have effects now): the driver drains them after the batch. */
    void (*kick)(void *context);
    /* The file system was unmounted (by another process); the front answers nothing any more. */
    void (*unmounted)(void *context);
    /* A process has asked to drop this node's caches (ioctl COPPER_IOC_DROP on the mount's
     * root). */
    void (*drop)(void *context);
    /* Is the calling thread one of this daemon's own workers? The answer to such a request could
     * wait for that thread, so it gets ELOOP at once. NULL: there are none. */
    bool (*is_ours)(void *context, uint32_t tid);
    /* Is it known what is mounted now? If not, it will be, and cu_front_known is called then. NULL:
     * always. */
    bool (*knows)(void *context);
    /* Is this path (normal form) on a file system that the view shows, as far as is known? NULL:
     * all are. */
    bool (*shows)(void *context, const char *path, size_t path_len);
    /* A request was answered for which an object was looked for. NULL: requests are not recorded,
     * at no cost. Must call nothing of the front but cu_front_set_asked. */
    void (*asked)(void *context, const struct cu_front_asked *asked);
    /* A listing gives the kernel this name with its attributes: it does not ask for it. Must call
     * nothing of the front. NULL: nobody wants to know. */
    void (*given)(void *context, const char *path, size_t path_len);
    /* The text of MOUNT/.copper/metrics, a new reference; NULL: out of memory. The function NULL:
     * there is no such directory. */
    struct cu_buf *(*metrics)(void *context);
    /* The bytes of the recipe that is going to be replayed; it is whole, and trusted. Borrowed.
     * NULL: nobody needs them. */
    void (*recipe)(void *context, const void *bytes, size_t size);
    /* cu_front_replay is over, one way or the other. NULL: nobody waits for it. */
    void (*replayed)(void *context);
};

struct cu_front_config {
    uv_loop_t *loop;
    struct cu_turn *turn; /* borrowed; NULL: no limit */
    struct cu_core *core;
    const char *mount_dir;        /* borrowed, exists, normal form */
    const char *hidden_paths[8];  /* as in cu_storage_config: ENOENT without asking anybody */
    const struct cu_serve *serve; /* borrowed; the same. NULL: all */
    uint32_t chunk_bytes;
    uint64_t cache_bytes; /* the core's budget: bounds what is asked for ahead */
    uint64_t enoent_ttl_ns;
    bool relink; /* links that lead out of the view are shown so that they stay inside */
    uint64_t name_bytes_max;      /* memory for names that the kernel holds; 0: no bound of it */
    int device_fd;                /* of cu_front_mount, taken; 0: mounts, and unmounts, by itself */
    struct cu_recovery *recovery; /* borrowed, opened; NULL: no daemon will take over */
    bool resumes;                 /* goes on with what an earlier daemon left there */
    bool allow_other;             /* the mount is open to all; the front answers its user only */
    bool old_kernel;              /* uses nothing newer than Linux 5.14: for tests */
    uint32_t rank;                /* this node's, */
    const struct cu_hosts *hosts; /* and all nodes'; borrowed, NULL: not known by name */
    struct cu_latency *latency;   /* borrowed: answers are timed there; NULL: they are not */
    struct cu_crew *aside;        /* borrowed: large listings are made ready there; NULL: here */
    struct cu_front_events events;
};

/* Mounts without serving. Returns the FUSE device, which processes that are forked later may serve
 * (one at a time), or -errno with err. The owner of the device unmounts. allow_other: the kernel
 * lets all users in; fusermount3 may refuse this. */
__attribute__((warn_unused_result)) int cu_front_mount(const char *mount_dir, bool allow_other,
                                                       struct cu_error *err);

/* Mounts (fusermount3 when not root) and starts to serve on the loop. */
struct cu_front *cu_front_create(const struct cu_front_config *config, struct cu_error *err);
/* Takes over the requests that the earlier daemon had not answered; to be called once the core
 * works. 0, -ENOMEM, -EINVAL: there is nothing to take over. */
__attribute__((warn_unused_result)) int cu_front_resume(struct cu_front *front);
/* Asks for all that the recipe (proto/recipe.h) in this file names, once; the file itself is read
 * through the tree. bytes: as cu_ahead_replay has it. Failures go to the log. 0, or -ENOMEM:
 * events.replayed will not be called. */
__attribute__((warn_unused_result)) int cu_front_replay(struct cu_front *front, const char *path,
                                                        uint64_t bytes);
/* It may ask for so many more bytes (cu_ahead_replay_allow). */
void cu_front_replay_allow(struct cu_front *front, uint64_t bytes, uint64_t most);
/* Replaces events.asked; NULL: requests are not recorded from here on. */
void cu_front_set_asked(struct cu_front *front,
                        void (*asked)(void *context, const struct cu_front_asked *asked));
/* events.knows: answers about links that waited for it go on. NULL does nothing. */
void cu_front_known(struct cu_front *front);
/* A CU_EFFECT_REPLY whose cookie the front handed to cu_core_want. */
void cu_front_reply(struct cu_front *front, uint64_t cookie, enum cu_core_where where,
                    const struct cu_value *value);
/* A CU_EFFECT_FORGET: the kernel has to revalidate path and all below it before the next use;
 * pages: file content is dropped, too. Goes on in steps, on the loop and on a thread of its own
 * (the kernel may hold a directory's lock until a lookup in it is answered). */
void cu_front_forget(struct cu_front *front, const char *path, size_t path_len, bool pages);
/* Has the kernel been sent all notifications? events.kick is called when it has. failures:
 * notifications that have failed so far. */
bool cu_front_forgot(const struct cu_front *front, uint64_t *failures);
/* Can the kernel be told that names have expired (Linux 6.2)? Known once it has mounted. */
bool cu_front_can_expire(const struct cu_front *front);
/* Can the kernel be asked to drop unused names (Linux 6.18)? Known once it has mounted. */
bool cu_front_can_prune(const struct cu_front *front);
/* Inodes the kernel holds. */
uint64_t cu_front_inodes(const struct cu_front *front);
/* Unmounts (lazily when busy), stops serving. Requests that wait are answered ENOTCONN... by the
 * kernel, which ends the connection. */
void cu_front_destroy(struct cu_front *front);
/* The same before the process's end, which frees the memory: a million inodes take the loop 30 ms.
 */
void cu_front_end(struct cu_front *front);

#endif
