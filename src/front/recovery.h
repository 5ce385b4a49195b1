/* SPDX-License-Identifier: BSD-3-Clause */
/* What a daemon's successor must know to go on when the daemon dies: which node numbers the kernel
 * holds, and which of its requests wait for an answer. It lies in memory that the supervisor shares
 * with every daemon that it starts (copperd/supervisor.h).
 *
 * A process may die between any two instructions, so a record is written first, then published with
 * one store. Records are checked when they are read back, because the daemon may have died of a
 * memory error that also damaged them.
 *
 * Pages are allocated on first use, so the size is an upper bound; freed records are reused, but
 * their memory is not returned to the system. When it is full, further records are left out: after
 * a crash the kernel gets ESTALE for these nodes, and looks their names up again.
 *
 * One thread, except for the phase. A NULL area and the handle 0 are allowed: nothing is kept. */
#ifndef CU_FRONT_RECOVERY_H
#define CU_FRONT_RECOVERY_H

#include "proto/object.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CU_RECOVERY_BYTES     ((size_t)512 << 20) /* 2.7 million nodes with short names */
#define CU_RECOVERY_BYTES_MIN ((size_t)4 << 20)
/* the kernel demands room for its largest write */
#define CU_RECOVERY_BUFFER_BYTES ((size_t)1088 * 1024)
#define CU_RECOVERY_NODE_BYTES   192u  /* of a node whose name is not long */
#define CU_RECOVERY_REQUEST_MAX  1200u /* the longest request that may have to wait: a LOOKUP */
#define CU_RECOVERY_INIT_MAX     480u

struct cu_recovery;

/* The daemon's phase. It tells the supervisor what to do when the daemon ends. */
enum cu_recovery_phase {
    CU_RECOVERY_STARTING,
    CU_RECOVERY_SERVING,
    CU_RECOVERY_STOPPING, /* not to be started again */
    CU_RECOVERY_GIVEN_UP, /* the mount is no longer served: close the device */
    CU_RECOVERY_DONE,     /* everything was cleaned up */
};

struct cu_recovery_node {
    uint64_t nodeid;
    uint64_t parent; /* below nodeid; 0: the root */
    uint64_t lookups;
    const struct cu_attr
        *attr;        /* borrowed; NULL: not known. Read back: valid until the next call */
    const char *name; /* the same; not NUL-terminated */
    uint16_t name_len;
    bool inside;     /* a link that is shown with a target of cu_relink */
    uint32_t handle; /* read back only */
};

struct cu_recovery_request {
    const void *bytes; /* as the kernel sent it; read back: valid until the next call */
    uint16_t size;
    uint8_t tries; /* how many daemons died while they took it up */
    uint32_t handle;
};

/* Memory that is shared with processes forked later, at most bytes, less when the process may not
 * have that much. NULL: out of memory. */
struct cu_recovery *cu_recovery_create(size_t bytes);
void cu_recovery_destroy(struct cu_recovery *r);
/* To be called by each daemon, before anything else of here but the phase: makes an empty area
 * ready, or checks and takes over what an earlier daemon left. True: there was one. */
bool cu_recovery_open(struct cu_recovery *r);

/* How often the area was taken over. */
uint32_t cu_recovery_restarts(const struct cu_recovery *r);

enum cu_recovery_phase cu_recovery_phase(const struct cu_recovery *r);
void cu_recovery_set_phase(struct cu_recovery *r, enum cu_recovery_phase phase);

/* Handle, or 0 when there is no room. */
uint32_t cu_recovery_put_node(struct cu_recovery *r, const struct cu_recovery_node *node);
void cu_recovery_set_lookups(struct cu_recovery *r, uint32_t handle, uint64_t lookups);
uint32_t cu_recovery_put_request(struct cu_recovery *r, const void *bytes, size_t size,
                                 uint8_t tries);
void cu_recovery_drop(struct cu_recovery *r, uint32_t handle);

/* Node numbers below this may have been given out. */
void cu_recovery_set_next_id(struct cu_recovery *r, uint64_t next_id);
uint64_t cu_recovery_next_id(const struct cu_recovery *r);
/* The kernel's first request; 0: none kept. */
void cu_recovery_set_init(struct cu_recovery *r, const void *bytes, size_t size);
size_t cu_recovery_init(const struct cu_recovery *r, void *bytes);
/* The kernel was told to forget something, perhaps not with success. */
void cu_recovery_set_forgot(struct cu_recovery *r);
bool cu_recovery_forgot(const struct cu_recovery *r);
/* The request that is being handled again; 0: none. */
void cu_recovery_set_trying(struct cu_recovery *r, uint64_t unique);
uint64_t cu_recovery_trying(const struct cu_recovery *r);
/* CU_RECOVERY_BUFFER_BYTES for the kernel to write its requests to; page-aligned. */
void *cu_recovery_buffer(struct cu_recovery *r);
/* How many records found no room since this daemon opened the area. */
uint64_t cu_recovery_left_out(const struct cu_recovery *r);
/* Bytes available for records of nodes; practically unbounded without an area. */
uint64_t cu_recovery_size(const struct cu_recovery *r);
/* Records were left out or lost. */
bool cu_recovery_incomplete(const struct cu_recovery *r);
/* Bytes up to the end of the last record. */
size_t cu_recovery_used(const struct cu_recovery *r);

/* The next record from *at on (0: the first), in no order; false: no more. */
bool cu_recovery_next_node(const struct cu_recovery *r, uint32_t *at,
                           struct cu_recovery_node *node);
bool cu_recovery_next_request(const struct cu_recovery *r, uint32_t *at,
                              struct cu_recovery_request *request);

/* For tests: all of the shared memory. */
void *cu_recovery_memory(struct cu_recovery *r, size_t *size);

#endif
