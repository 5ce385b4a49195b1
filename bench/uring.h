/* SPDX-License-Identifier: BSD-3-Clause */
/* What the files of the program uring share: the server (uring_server.c), and what linux/fuse.h
 * lacks before Linux 6.14, as the kernel has it (7.42 of its interface):
 * https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git/tree/include/uapi/linux/fuse.h
 */
#ifndef BENCH_URING_H
#define BENCH_URING_H

#include <errno.h>
#include <linux/fuse.h>
#include <linux/io_uring.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef FUSE_OVER_IO_URING
#define FUSE_OVER_IO_URING (1ULL << 41)

struct fuse_uring_ent_in_out {
    uint64_t flags;
    uint64_t commit_id;
    uint32_t payload_sz;
    uint32_t padding;
    uint64_t reserved;
};

struct fuse_uring_req_header {
    char in_out[128]; /* struct fuse_in_header, then struct fuse_out_header */
    char op_in[128];  /* the operation's own */
    struct fuse_uring_ent_in_out ring_ent_in_out;
};

enum { FUSE_IO_URING_CMD_REGISTER = 1, FUSE_IO_URING_CMD_COMMIT_AND_FETCH = 2 };

struct fuse_uring_cmd_req { /* in the 80 bytes of an entry of 128 */
    uint64_t flags;
    uint64_t commit_id;
    uint16_t qid;
    uint8_t padding[6];
};
#endif

#define READ_BYTES   ((size_t)128 * 1024)
#define FILE_BYTES   ((size_t)64 * 1024 * 1024) /* more than a core's caches */
#define CORES_MAX    64
#define SLOTS        4u     /* entries for each core */
#define HELD         "held" /* names that begin so are not answered */
#define RING_ENTRIES 64u
#define SKIP         77 /* status: the kernel does not offer it */

struct ring {
    int fd; /* -1: not open */
    unsigned *sq_tail, *cq_head, *cq_tail;
    unsigned sq_mask, cq_mask;
    unsigned queued; /* not yet submitted */
    struct io_uring_sqe *sqes;
    struct io_uring_cqe *cqes;
};

/* Opens it for the calling thread; -errno where the system has no io_uring for us. */
int ring_open(struct ring *ring);
/* Submits what is queued, and waits until there are `wait` completions. */
void ring_enter(struct ring *ring, unsigned wait);
/* Queues a command for the device; at most RING_ENTRIES are queued. */
void ring_command(struct ring *ring, int device, unsigned command, const struct iovec *iov,
                  uint16_t queue, uint64_t commit_id, uint64_t user_data);
/* The next completion; false: there is none. */
bool ring_next(struct ring *ring, struct io_uring_cqe *cqe);

struct slot {
    struct fuse_uring_req_header *head;
    struct iovec iov[2];
    uint16_t queue;
};

/* Requests that are held, in memory that the servers share. */
struct held {
    unsigned count;
    uint64_t unique[CORES_MAX];
    int slot[CORES_MAX]; /* -1: it came through the device */
};

struct server {
    int device;
    bool wants_ring;
    bool sleeps_in_call; /* in that which brings the next request, not in epoll */
    bool given;          /* the file's bytes are in the ring's memory already */
    bool ended;
    bool copies;       /* the file's bytes to one buffer, from which they are sent */
    uint64_t *asked;   /* requests that came; shared */
    char *bytes;       /* of the large file */
    struct held *held; /* NULL: none is held */
    int told;          /* gets a byte for each request that is held */
    struct ring ring;
    unsigned cores;
    struct slot slots[CORES_MAX * SLOTS];
};

/* Ends the program with a message about errno. */
void die(const char *what);
/* The calling process and its children, to come, run on this core. */
void pin(int core);
/* What all servers share: the file, and memory for the entries of the ring, at the same addresses
 * in all processes that are forked afterwards. */
void server_init(struct server *s, const char *way);
/* Mounts on dir; unmount aborts the connection, so that no request of it waits any more. */
void server_mount(struct server *s, const char *dir);
void server_unmount(const struct server *s, const char *dir);
/* A process on core 0 that serves until the connection ends. The first request on a fresh mount is
 * INIT. It calls first (NULL: nothing) before it serves. */
pid_t server_start(const struct server *s, bool fresh, void (*first)(struct server *));
/* In a server: answers a held request, as the process that has taken it would have. */
void server_answer_held(struct server *s, unsigned number);

#endif
