/* SPDX-License-Identifier: BSD-3-Clause */
/* The daemon: one loop that wires the core to the transport, the storage, the FUSE front and the
 * control plane. */
#ifndef CU_COPPERD_DAEMON_H
#define CU_COPPERD_DAEMON_H

#include "base/error.h"
#include "front/recovery.h"
#include "host/mountdir.h"
#include "host/network.h"
#include "proto/job.h"

#include <stdbool.h>
#include <stdint.h>

struct cu_daemon;
struct cu_lease_kept;
struct cu_warmer;

struct cu_daemon_config {
    const struct cu_job *job;          /* borrowed */
    uint32_t rank;                     /* of this node */
    const struct cu_network *network;  /* borrowed */
    uint8_t instance[CU_PUBLIC_BYTES]; /* secret that identifies the daemons of this node, over
                                          restarts */
    const char *socket_path;           /* borrowed: control socket */
    const char *spaces_path;           /* borrowed: socket of control/spaces.h */
    int spaces_store[2];               /* borrowed: of cu_spaces_store_open */
    const char *run_dir;               /* borrowed: where it and the key are; not served */
    int listener_fd;                   /* borrowed: of cu_transport_tcp_listen */
    uint64_t cache_bytes;
    const char *memory_note;      /* borrowed: why that is less than -m; "" or NULL: it is not */
    struct cu_mountdir *mountdir; /* borrowed; removed when the mount has gone */
    const char *real_mount;       /* borrowed: the mount directory by its real name */
    int device_fd;                /* taken: of cu_front_mount */
    bool allow_other;             /* the same: the mount is open to all users */
    struct cu_recovery *recovery; /* borrowed, opened */
    bool resumes;                 /* takes over from a daemon that died */
    uint64_t spin_ns;             /* how long the loop looks for events before it sleeps; 0: not */
    unsigned bulk_threads;        /* for bulk data, beside the loop's; 0: that does it */
    struct cu_lease_kept *lease_kept; /* borrowed */
    struct cu_warmer *warmer;         /* taken; NULL: nothing is put into the kernel in advance */
};

/* Listens, and serves as soon as cu_daemon_run is called. NULL with err, and nothing is left
 * behind but mountdir. */
struct cu_daemon *cu_daemon_create(const struct cu_daemon_config *config, struct cu_error *err);
/* Serves until the node is stopped by a signal, a request or the end of its mount. Then mount,
 * mount directory and control socket have gone. The process must end then: threads may still hang
 * in storage, so nothing is freed. */
void cu_daemon_run(struct cu_daemon *daemon);
/* Does a thread hang in a call to storage or to the log directory? It would keep the process's
 * descriptors open after _exit. */
bool cu_daemon_hangs(const struct cu_daemon *daemon);

#endif
