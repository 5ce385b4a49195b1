/* SPDX-License-Identifier: BSD-3-Clause */
/* A ring of io_uring for one thread, by system calls alone. */
#include "uring.h"

#include <sys/mman.h>
#include <sys/syscall.h>

static char *ring_map(int fd, size_t size, off_t offset)
{
    char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, offset);

    if (at == MAP_FAILED)
        die("map the ring");
    return at;
}

int ring_open(struct ring *ring)
{
    struct io_uring_params p = {.flags = IORING_SETUP_SQE128 | IORING_SETUP_SINGLE_ISSUER |
                                         IORING_SETUP_COOP_TASKRUN};
    unsigned *array;
    size_t size;
    char *at;

    ring->fd = (int)syscall(SYS_io_uring_setup, RING_ENTRIES, &p);
    if (ring->fd < 0)
        return -errno;
    size = p.sq_off.array + p.sq_entries * sizeof(unsigned);
    if (size < p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe))
        size = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
    at = ring_map(ring->fd, size, IORING_OFF_SQ_RING);
    ring->sqes = (void *)ring_map(ring->fd, p.sq_entries * (size_t)128, IORING_OFF_SQES);
    ring->sq_tail = (void *)(at + p.sq_off.tail);
    ring->cq_head = (void *)(at + p.cq_off.head);
    ring->cq_tail = (void *)(at + p.cq_off.tail);
    ring->sq_mask = p.sq_entries - 1;
    ring->cq_mask = p.cq_entries - 1;
    ring->cqes = (void *)(at + p.cq_off.cqes);
    ring->queued = 0;
    array = (void *)(at + p.sq_off.array);
    for (unsigned i = 0; i < p.sq_entries; i++)
        array[i] = i;
    return 0;
}

void ring_enter(struct ring *ring, unsigned wait)
{
    long done =
        syscall(SYS_io_uring_enter, ring->fd, ring->queued, wait, IORING_ENTER_GETEVENTS, NULL, 0);

    if (done < 0 && errno != EINTR && errno != EAGAIN)
        die("io_uring_enter");
    if (done > 0)
        ring->queued -= (unsigned)done;
}

void ring_command(struct ring *ring, int device, unsigned command, const struct iovec *iov,
                  uint16_t queue, uint64_t commit_id, uint64_t user_data)
{
    unsigned tail = *ring->sq_tail;
    struct io_uring_sqe *sqe = (void *)((char *)ring->sqes + (size_t)(tail & ring->sq_mask) * 128);
    struct fuse_uring_cmd_req request = {.qid = queue, .commit_id = commit_id};

    memset(sqe, 0, 128);
    sqe->opcode = IORING_OP_URING_CMD;
    sqe->fd = device;
    sqe->cmd_op = command;
    sqe->user_data = user_data;
    if (iov) {
        sqe->addr = (uintptr_t)iov;
        sqe->len = 2;
    }
    memcpy(sqe->cmd, &request, sizeof(request));
    __atomic_store_n(ring->sq_tail, tail + 1, __ATOMIC_RELEASE);
    ring->queued++;
}

bool ring_next(struct ring *ring, struct io_uring_cqe *cqe)
{
    unsigned head = *ring->cq_head;

    if (head == __atomic_load_n(ring->cq_tail, __ATOMIC_ACQUIRE))
        return 0;
    *cqe = ring->cqes[head & ring->cq_mask];
    __atomic_store_n(ring->cq_head, head + 1, __ATOMIC_RELEASE);
    return 1;
}
