/* SPDX-License-Identifier: BSD-3-Clause */
/* A request of the kernel that the front cannot answer by itself. It asks the core for one object
 * or more; the handler of its kind gets each value, and answers the kernel exactly once. Owned by
 * the front; a request is free for another use when the kernel has its answer and no value is
 * awaited any more. On the loop thread. */
#ifndef CU_FRONT_REQUEST_H
#define CU_FRONT_REQUEST_H

#include "base/list.h"
#include "base/path.h"
#include "core/core.h"
#include "front/fuse.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cu_front;
struct cu_inode;

#define CU_FRONT_READ_PARTS     5u   /* of a read, held without an allocation */
#define CU_FRONT_XATTR_NAME_MAX 255u /* XATTR_NAME_MAX of linux/limits.h */

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
    uint64_t number;        /* in the order in which they came */
    uint64_t since_ns;      /* when it was taken, if answers are timed */
    uint32_t thread;        /* of the process that asks; for events.asked */
    uint32_t record;        /* record in the recovery area until it is answered; 0: none */
    enum cu_front_kind kind;
    bool interrupted; /* the kernel says so, and nobody has looked why */
    bool locks;       /* counted in inode->locked (hold.h) */
    uint8_t where;    /* enum cu_core_where, of its farthest value; for events.asked, as error is */
    int error;        /* positive errno of the answer */
    union {
        struct {
            uint16_t name_len;
            char name[CU_NAME_MAX + 1];
        } lookup; /* inode: the directory */
        struct {
            uint64_t offset; /* a cursor (proto/order.h) */
            size_t size;     /* bytes that the kernel takes */
            bool plus;       /* READDIRPLUS: with attributes */
        } dir;
        struct {
            uint64_t offset;             /* in the file */
            size_t size;                 /* clipped to the file's end */
            uint32_t count;              /* of parts */
            int error;                   /* of the first part that failed; 0: none has */
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
    struct cu_front_request **blocks; /* owned, of CU_FRONT_BLOCK each; they stay where they are */
    uint32_t block_count;
    struct cu_list idle; /* free slots */
    struct cu_list busy; /* the kernel or the core is still to be heard; in their order */
    uint64_t taken;      /* so far */
    bool interrupted;    /* some request in busy is */
};

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
/* The same with kind and the path of the request's inode filled in. */
void cu_front_want_own(struct cu_front *front, struct cu_front_request *r, enum cu_kind kind);
/* As cu_core_lookup, with the request's cookie; its kind is set to what the reply will be.
 * -ENOTCONN: the front is closing. */
__attribute__((warn_unused_result)) int cu_front_look_up(struct cu_front *front,
                                                         struct cu_front_request *r,
                                                         const struct cu_core_lookup *lookup,
                                                         uint32_t *age_ms);
/* The answer to r comes later by cu_front_reply with this cookie, as if the core had been asked. */
uint64_t cu_front_owe(struct cu_front_request *r, uint32_t sub);
/* Answers a request of the kernel for which there is no struct: error is a positive errno. */
void cu_front_refuse(fuse_req_t fuse, int error);
/* The request was answered (fuse is not valid any more) or gets error as its answer. */
void cu_front_request_end(struct cu_front *front, struct cu_front_request *r);
void cu_front_request_fail(struct cu_front *front, struct cu_front_request *r, int error);
/* Ends requests whose process is being killed. */
void cu_front_requests_interrupt(struct cu_front *front);

#endif
