/* SPDX-License-Identifier: BSD-3-Clause */
/* The mount namespaces of copper run on this node. The first process that needs one makes it, and
 * gives its descriptor to the daemon, from which the others get it: over a Unix socket beside the
 * control socket (a SEQPACKET of the packets below, because libuv passes no descriptors that it
 * does not know). One connection at a time; the others wait in the kernel's queue, also while the
 * namespace is made, so that it is made once.
 *
 * On the loop thread, but for cu_spaces_users. The caller must be this user. */
#ifndef CU_CONTROL_SPACES_H
#define CU_CONTROL_SPACES_H

#include "base/error.h"

#include <stdint.h>
#include <uv.h>

#define CU_SPACES_MAX       32u /* with another, the oldest is given up: what runs in it stays */
#define CU_SPACES_KEY_BYTES 16u
#define CU_SPACES_MAGIC     UINT32_C(0x56705543)
#define CU_SPACES_ASK_MS    2000u  /* from a connection to its first packet */
#define CU_SPACES_MAKE_MS   60000u /* to make a namespace; storage may be slow */

enum cu_spaces_what {
    CU_SPACES_ASK = 1,  /* a process asks for the namespace with this key */
    CU_SPACES_HERE = 2, /* the answer, with its descriptor */
    CU_SPACES_MAKE = 3, /* the answer: there is none, make it; with the descriptor of one that was
                           made from the same user namespace, where there is one */
    CU_SPACES_MADE = 4, /* the process has, with its descriptor */
    CU_SPACES_KEPT = 5, /* the daemon has it */
};

/* A packet, in the byte order of this host, with at most one descriptor (SCM_RIGHTS). */
struct cu_spaces_packet {
    uint32_t magic;
    uint32_t what;                     /* enum cu_spaces_what */
    uint8_t key[CU_SPACES_KEY_BYTES];  /* hash of what is bound where, and of where it was made */
    uint8_t base[CU_SPACES_KEY_BYTES]; /* hash of the user namespace that it was made from */
};

/* Sends a packet with the descriptor (-1: none), which stays the caller's. 0 or -errno. */
__attribute__((warn_unused_result)) int
cu_spaces_send(int fd, const struct cu_spaces_packet *packet, int passed);
/* Receives one without waiting. *passed: the caller's, or -1. 0; -EAGAIN, -ECONNRESET at the end,
 * -EBADMSG when it is no such packet, -errno: no descriptor then. */
__attribute__((warn_unused_result)) int
cu_spaces_receive(int fd, int flags, struct cu_spaces_packet *packet, int *passed);

/* Where the descriptors are kept over the death of a daemon: in the queue of a pair of sockets that
 * the supervisor made and each daemon inherits. 0 or -errno. */
__attribute__((warn_unused_result)) int cu_spaces_store_open(int store[2]);

struct cu_spaces;

/* Binds path, mode 0600; an old file there is removed first. store: borrowed, of
 * cu_spaces_store_open; what is in it is taken over. NULL with err; the loop must still run once
 * more then. */
struct cu_spaces *cu_spaces_create(uv_loop_t *loop, const char *path, const int store[2],
                                   struct cu_error *err);
/* No new connections; the file is removed. The namespaces stay, and no other comes. */
void cu_spaces_unlisten(struct cu_spaces *spaces);
/* Processes of this user that run in one of the namespaces; up to max of their ids into pids. Reads
 * /proc, 10 to 20 us for each process of the node: after cu_spaces_unlisten any thread may. */
unsigned cu_spaces_users(const struct cu_spaces *spaces, long *pids, unsigned max);
/* After cu_spaces_unlisten: the namespaces are given up; what runs in them stays. */
void cu_spaces_give_up(struct cu_spaces *spaces);
/* Does both. The memory goes when the loop has run. NULL does nothing. */
void cu_spaces_destroy(struct cu_spaces *spaces);

#endif
