/* SPDX-License-Identifier: BSD-3-Clause */
/* Types and functions shared by the files of src/front; not to be included elsewhere. All of it is
 * used on the loop thread only.
 *
 * A request of the kernel that the front cannot answer by itself becomes a struct cu_front_request:
 * it asks the core for one object or more (cu_front_want), its handler in the table of kinds gets
 * each value, and answers the kernel exactly once when it has all it needs. */
#ifndef CU_FRONT_INTERNAL_H
#define CU_FRONT_INTERNAL_H

#define FUSE_USE_VERSION 35

#include "ahead/ahead.h"
#include "base/list.h"
#include "base/path.h"
#include "front/front.h"
#include "front/inode.h"
#include "front/invalidate.h"
#include "front/negative.h"
#include "proto/dirview.h"

#include <fuse_lowlevel.h>

#define CU_FRONT_FOREVER_S      (365.0 * 24 * 3600) /* longer than any job */
#define CU_FRONT_READ_PARTS     5u                  /* of a read, held without an allocation */
#define CU_FRONT_HIDDEN_MAX     8u
#define CU_FRONT_XATTR_NAME_MAX 255u /* XATTR_NAME_MAX of linux/limits.h */
#define CU_FRONT_TRANSFER_MAX                                                                      \
    (1024u * 1024) /* the kernel's limit for one read: bounds its chunks */

enum cu_front_kind {
    CU_FRONT_LOOKUP_LISTING, /* a lookup that waits for the directory's listing */
    CU_FRONT_LOOKUP,
    CU_FRONT_GETATTR, /* of the root once, of others when they may be out of date */
    CU_FRONT_READLINK,
    CU_FRONT_READDIR,
    CU_FRONT_READ,
    CU_FRONT_READ_SAME, /* a READ that waits until same.c has compared versions */
    CU_FRONT_GETXATTR,
    CU_FRONT_LISTXATTR,
    CU_FRONT_STATFS,
    CU_FRONT_SEEK,
};

/* What a READ needs: chunks, or pieces of them, one after the other. */
struct cu_front_part {
    uint64_t start;     /* in the file */
    uint32_t size;      /* up to the file's end at most */
    uint16_t piece;     /* of the chunk at start (proto/piece.h) */
    bool hole;          /* zeros: nothing is wanted */
    struct cu_buf *buf; /* reference; NULL: not here yet */
};

struct cu_front_request {
    struct cu_list link;    /* front->requests.busy or .idle */
    fuse_req_t fuse;        /* NULL: the kernel has its answer */
    struct cu_inode *inode; /* reference */
    uint32_t index;         /* in front->requests.blocks */
    uint32_t generation;    /* distinguishes answers to an earlier request in this slot */
    uint32_t waiting;       /* values that the core has not delivered yet */
    uint32_t record;        /* record in the recovery area until it is answered; 0: none */
    enum cu_front_kind kind;
    bool interrupted;
    /* for events.asked, not kept without it */
    uint8_t where; /* enum cu_core_where */
    int error;
    union {
        struct {
            uint16_t name_len;
            char name[CU_NAME_MAX + 1];
        } lookup; /* inode: the directory */
        struct {
            uint64_t offset;
            size_t size;
            bool plus;
        } dir;
        struct {
            uint64_t offset; /* in the file */
            size_t size;     /* clipped to the file's end */
            uint32_t count;
            int error;
            struct cu_front_part *parts; /* few, or allocated */
            struct cu_front_part few[CU_FRONT_READ_PARTS];
            uint32_t epoch;             /* of the inode when the parts were asked for */
            uint32_t tries;             /* looks at what storage has */
            struct cu_front_same *same; /* owned, or NULL */
        } read;
        struct {
            size_t size; /* 0: only the length is asked for */
            char name[CU_FRONT_XATTR_NAME_MAX + 1];
        } xattr;
        struct {
            uint64_t offset; /* below the file's size */
            int whence;      /* SEEK_DATA or SEEK_HOLE */
        } seek;
    };
};

#define CU_FRONT_BLOCK 32u /* requests allocated at once */

struct cu_front_requests {
    struct cu_front_request **blocks;
    uint32_t block_count;
    struct cu_list idle;
    struct cu_list busy;
    bool interrupted; /* some request in busy is */
};

/* Notifications to the kernel after a refresh (forget.c). */
struct cu_front_forgets {
    struct cu_list jobs;      /* struct forget (forget.c); the first is under way */
    struct cu_inode *at;      /* reference: the last node visited; NULL: none yet */
    uint64_t negatives_at;    /* the same for names that do not exist */
    bool walked;              /* all nodes were visited */
    uint64_t settle_ns;       /* ... and ends not before this */
    uint64_t failures;        /* notifications that could not be made, of jobs that are over */
    uint64_t failures_before; /* as the invalidator counts */
    uv_async_t wake;
    uv_timer_t timer;
};

/* Asking the kernel to drop unused nodes (names.c). */
struct cu_front_names {
    struct cu_inode *at; /* reference: the last one of this round; NULL: a round begins */
    uint64_t next_id;    /* of the inode table when the round began */
    uint64_t count;      /* the same */
    bool read_too;       /* files that were read are asked back, too */
    uint64_t rest_ns;    /* not before this */
    bool asked_all;      /* all idle ones were asked back in this round */
    uv_timer_t timer;    /* goes on after a rest */
};

struct cu_front {
    struct cu_front_config config; /* its strings are the front's own */
    size_t hidden_len[CU_FRONT_HIDDEN_MAX];
    uint64_t *counters;
    struct fuse_session *session;
    int fd;
    uv_poll_t poll;
    void *buffer;                   /* for the kernel's requests; the recovery area's, or our own */
    void *own_buffer;               /* owned, NULL when there is a recovery area */
    const struct fuse_buf *current; /* the request being taken; NULL: none */
    uint8_t tries;                  /* daemons that ended while they took it up */
    bool initialised;               /* FUSE_INIT is answered */
    bool tuned;
    bool gone;    /* the kernel has ended the connection */
    bool closing; /* requests are not answered any more */
    bool posix_acl;
    bool parallel_lookups; /* the reply to INIT, which comes next, must say so */
    bool can_expire;       /* the kernel: names may expire (6.2) */
    bool can_prune;        /* the kernel: idle nodes may be asked back (6.18) */
    bool cannot_remount;   /* atomic; this process may not: known when it was tried */
    int open_handles;      /* that libuv still has */
    struct cu_inodes inodes;
    struct cu_invalidator *invalidator;
    struct cu_front_forgets forgets;
    struct cu_front_names names;
    struct cu_negatives negatives;
    struct cu_ahead *ahead; /* owned */
    struct cu_front_requests requests;
    struct cu_list returned; /* struct returned (returned.c): nodes that the kernel forgets */
    struct cu_list views;    /* struct making (view.c): listings that are being made ready */
    struct cu_list stale;    /* struct stale_mark, oldest first */
    uint32_t stale_count;
    char *scratch; /* where listings for the kernel are put together */
    size_t scratch_size;
};

#define CU_FRONT_COUNT(front, name) ((front)->counters[CU_COUNT_##name]++)

extern const struct fuse_lowlevel_ops cu_front_ops;

/* front.c */
/* Mounts, or uses the device "/dev/fd/N", which is set not to block. NULL with err. */
struct fuse_session *cu_front_session(const char *mount_dir, bool allow_other, void *userdata,
                                      struct cu_error *err);

/* forget.c */
int cu_front_forgets_init(struct cu_front *front);
/* Drops notifications that were not sent yet, and closes the handles (open_handles). */
void cu_front_forgets_close(struct cu_front *front);
/* A libuv handle was closed; frees the front after the last one. */
void cu_front_closed(uv_handle_t *handle);
/* inode may be out of date: kernel and front revalidate it before the next use. Processes that use
 * it keep it (a working directory, a running program, a mount on it). 0, or -ENOMEM, which is
 * counted. */
int cu_front_doubt(struct cu_front *front, struct cu_inode *inode, bool pages);
/* inode is known not to belong to its name any more, and the kernel has asked for its attributes or
 * its target. The answer is ESTALE; the kernel then looks the name up again.
 * */
void cu_front_replaced(struct cu_front *front, struct cu_front_request *r);

/* names.c */
void cu_front_names_init(struct cu_front *front);
/* The number of names that the kernel holds has changed: updates the memory that they use, by which
 * the cache shrinks. */
void cu_front_names_count(struct cu_front *front);
/* The same; when the bound is exceeded, asks the kernel to drop idle ones, if it supports that. */
void cu_front_names_bound(struct cu_front *front);
void cu_front_names_close(struct cu_front *front);

/* notify.c */
/* Detects from the kernel's first request which notifications it supports. */
void cu_front_kernel_offers(struct cu_front *front, const void *init, size_t size);
int cu_front_notify(void *context, const struct cu_invalidation *what);
/* May the kernel be told to forget all idle nodes at once, as far as is known? */
bool cu_front_can_remount(const struct cu_front *front);

/* takeover.c */
/* Readies the buffer, and the inodes that the kernel knows already. 0 or -ENOMEM. */
__attribute__((warn_unused_result)) int cu_front_take_over(struct cu_front *front);
/* Takes one request; 1, 0 when there is none, or -ENODEV when the mount has gone. */
__attribute__((warn_unused_result)) int cu_front_take(struct cu_front *front);
/* Records the request being taken in the recovery area, because it has to wait; 0: not recorded. */
uint32_t cu_front_record(struct cu_front *front);

/* request.c */
void cu_front_requests_init(struct cu_front_requests *r);
/* Answers ENOTCONN to all that wait, and frees all. */
void cu_front_requests_free(struct cu_front *front);
/* Of an operation on inode; NULL: out of memory, and the kernel was told so. */
struct cu_front_request *cu_front_request_new(struct cu_front *front, fuse_req_t fuse,
                                              struct cu_inode *inode, enum cu_front_kind kind);
/* Asks the core for an object of the request's path; sub comes back with the value. When it cannot
 * be asked for, the handler is given a value with the error at once: the request may be gone then.
 */
void cu_front_want(struct cu_front *front, struct cu_front_request *r,
                   const struct cu_request *what, uint32_t sub);
/* As cu_core_lookup, with the request's cookie; its kind is set to what the reply will be.
 * -ENOTCONN: the front is closing. */
__attribute__((warn_unused_result)) int cu_front_look_up(struct cu_front *front,
                                                         struct cu_front_request *r,
                                                         const struct cu_core_lookup *lookup,
                                                         uint32_t *age_ms);
/* The answer to r comes later by cu_front_reply with this cookie, as if the core had been asked. */
uint64_t cu_front_owe(struct cu_front_request *r, uint32_t sub);
/* The same with kind and the path of the request's inode filled in. */
void cu_front_want_own(struct cu_front *front, struct cu_front_request *r, enum cu_kind kind);
/* The request was answered (fuse is not valid any more) or gets error as its answer. */
void cu_front_request_end(struct cu_front *front, struct cu_front_request *r);
void cu_front_request_fail(struct cu_front *front, struct cu_front_request *r, int error);
/* Ends requests whose process is being killed. */
void cu_front_requests_interrupt(struct cu_front *front);

/* lookup.c */
void cu_front_op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void cu_front_listing_done(struct cu_front *front, struct cu_front_request *r,
                           const struct cu_value *value);
void cu_front_lookup_done(struct cu_front *front, struct cu_front_request *r,
                          const struct cu_value *value);
/* The inode and the entry for an answer about name in dir; counts one more reference of the kernel.
 * NULL: out of memory. */
struct cu_inode *cu_front_enter(struct cu_front *front, struct cu_inode *dir, const char *name,
                                size_t name_len, const struct cu_value *value,
                                struct fuse_entry_param *entry);
void cu_front_stat(const struct cu_attr *attr, struct stat *st);
/* Storage has another version of this file: the kernel forgets the name, and the next lookup asks
 * for what is newer. */
void cu_front_mark_stale(struct cu_front *front, struct cu_inode *inode);
/* It is not out of date after all. */
void cu_front_stale_clear(struct cu_front *front, const struct cu_inode *inode);
void cu_front_stale_free(struct cu_front *front);

/* Is the path one that is never shown? */
bool cu_front_hidden(const struct cu_front *front, const char *path, size_t len);

/* ahead.c: passes events to the read-ahead library */
/* 0 or -ENOMEM. */
__attribute__((warn_unused_result)) int cu_front_ahead_init(struct cu_front *front);
/* inode was looked up and found. */
void cu_front_ahead_found(struct cu_front *front, struct cu_inode *inode);

/* read.c */
void cu_front_op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
                      struct fuse_file_info *fi);
void cu_front_read_done(struct cu_front *front, struct cu_front_request *r, uint32_t sub,
                        const struct cu_value *value);
/* Asks for all parts of the read, anew: nothing is held then. */
void cu_front_read_start(struct cu_front *front, struct cu_front_request *r);
/* Drops the references of a read, and frees what it holds. */
void cu_front_read_clear(struct cu_front_request *r);

/* holes.c */
void cu_front_op_lseek(fuse_req_t req, fuse_ino_t ino, off_t off, int whence,
                       struct fuse_file_info *fi);
void cu_front_seek_done(struct cu_front *front, struct cu_front_request *r,
                        const struct cu_value *value);
/* The list of the file's holes when it is held here: a new reference. NULL: all is data, as far as
 * is known. path is inode's. */
struct cu_buf *cu_front_holes(struct cu_front *front, const struct cu_inode *inode,
                              const char *path, size_t path_len);

/* same.c */
/* A read has got ESTALE: checks whether the file still has the bytes that the kernel was given. If
 * so, the read continues, else it fails with ESTALE. False: nothing was done. */
bool cu_front_same_begin(struct cu_front *front, struct cu_front_request *r);
void cu_front_same_done(struct cu_front *front, struct cu_front_request *r, uint32_t sub,
                        const struct cu_value *value);

/* dir.c */
void cu_front_op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
                         struct fuse_file_info *fi);
void cu_front_op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
                             struct fuse_file_info *fi);
void cu_front_readdir_done(struct cu_front *front, struct cu_front_request *r,
                           const struct cu_value *value);

/* returned.c */
/* The kernel gives these back; list is borrowed. */
void cu_front_returned_add(struct cu_front *front, const struct fuse_forget_data *list,
                           size_t count);
/* Goes on with what waits; comes again in the next turn of the loop until nothing does. */
void cu_front_returned_take(struct cu_front *front);
void cu_front_returned_free(struct cu_front *front);

/* view.c */
/* The listing of the directory at path in value, ready for use: a new reference in *view. 0,
 * -ENOMEM, -EIO (not a listing), or -EAGAIN: it is large, and being made ready. Then r (may be
 * NULL) will be given value once more, with the view or with an error. */
__attribute__((warn_unused_result)) int cu_front_view(struct cu_front *front, const char *path,
                                                      size_t path_len, const struct cu_value *value,
                                                      struct cu_front_request *r,
                                                      struct cu_dirview **view);
/* Detaches the views that are being built; they free themselves. */
void cu_front_views_close(struct cu_front *front);

/* xattr.c */
void cu_front_op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size);
void cu_front_op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size);
void cu_front_getxattr_done(struct cu_front *front, struct cu_front_request *r,
                            const struct cu_value *value);
void cu_front_listxattr_done(struct cu_front *front, struct cu_front_request *r,
                             const struct cu_value *value);

/* device.c */
/* Once the session is mounted, before it is read. 0 or -errno. */
int cu_front_device_hook(struct cu_front *front);

/* ops.c */
void cu_front_getattr_done(struct cu_front *front, struct cu_front_request *r,
                           const struct cu_value *value);
void cu_front_readlink_done(struct cu_front *front, struct cu_front_request *r,
                            const struct cu_value *value);
void cu_front_statfs_done(struct cu_front *front, struct cu_front_request *r,
                          const struct cu_value *value);

#endif
