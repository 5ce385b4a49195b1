/* SPDX-License-Identifier: BSD-3-Clause */
/* The performance parameters of a machine, read from a file: one `name value` per line; `#` starts
 * a comment that names the source of the number. */
#ifndef CU_SIM_MACHINE_H
#define CU_SIM_MACHINE_H

#include "base/error.h"

#include <stdint.h>

/* clang-format off */
#define CU_SIM_PARAMETERS(X) \
    /* size */ \
    X(nodes, 64)                    /* compute nodes of the whole machine */ \
    X(processes, 4)                 /* processes of a job on a node */ \
    X(nodes_per_rack, 32)           /* neighbours in rank that share a switch */ \
    X(racks_per_group, 8) \
    /* network: one way, small message, NIC to NIC with its software */ \
    X(rack_latency_ns, 10000) \
    X(group_latency_ns, 15000) \
    X(far_latency_ns, 20000) \
    X(nic_bytes_per_s, 1250000000)  /* each direction */ \
    /* the daemon's loop thread */ \
    X(wake_ns, 0)                   /* from a message's arrival until it runs, where it slept */ \
    X(receive_cpu_ns, 4000)         /* a message taken in, decoded, through the core */ \
    X(send_cpu_ns, 3000)            /* a message encoded and written */ \
    X(bulk_cpu_ps_per_byte, 300)    /* payload through the socket, each way */ \
    X(handshake_cpu_ns, 150000)     /* a connection proven, each end */ \
    X(fuse_cpu_ns, 6000)            /* a request of the kernel: read, core, reply */ \
    X(fuse_bulk_cpu_ps_per_byte, 250) /* payload to the kernel */ \
    X(connect_timeout_ns, 2000000000) \
    /* its crew, which receives and writes large payloads where there are several threads */ \
    X(threads, 1)                   /* of a daemon, with the loop's: cores of -b; 1: no crew */ \
    X(crew_bytes, 65536)            /* a payload from this size on is a job of it */ \
    X(crew_cpu_ns, 2500)            /* of the loop: a job handed over, and again: taken back */ \
    X(crew_wake_ns, 5000)           /* until a thread, or the loop, runs that slept meanwhile */ \
    /* the process and its kernel */ \
    X(fuse_wait_ns, 8000)           /* two context switches around a request */ \
    X(hit_ns, 600)                  /* a name or page that the kernel has */ \
    X(spawn_spread_ns, 50000000)    /* processes of a job start within this */ \
    X(boot_spread_ns, 100000000)    /* daemons start within this after the launcher's command */ \
    X(mount_ns, 20000000)           /* from a daemon's start to its mount */ \
    /* storage */ \
    X(mds_servers, 4)               /* that work on one file system's names */ \
    X(mds_op_ns, 50000)             /* service time of an operation on one of them */ \
    X(mds_latency_ns, 200000)       /* round trip of a client that finds it idle */ \
    X(mds_entry_ns, 200)            /* per name of a listing */ \
    X(data_servers, 16) \
    X(data_bytes_per_s, 2000000000) /* each */ \
    X(data_latency_ns, 400000) \
    X(client_bytes_per_s, 1000000000) /* one stream of one node */ \
    X(crowd, 20000)                 /* so many waiting at a server double its service time */ \
    X(storage_cpu_ns, 5000)         /* of the daemon, per operation */ \
    /* without Copper, for its model */ \
    X(direct_again_percent, 100)    /* an operation in a further run of the same job */ \
    /* the original Copper, for its model */ \
    X(original_here_ns, 18000)      /* of the daemon: an operation that it answers itself */ \
    X(original_travel_ns, 12000000) /* additional time of an operation that goes through the tree: waiting, not CPU */ \
    X(original_rpc_cpu_ns, 100000)  /* of a parent, per request of a child */ \
    X(original_bulk_ps_per_byte, 1000)
/* clang-format on */

struct cu_sim_machine {
#define X(name, value) uint64_t name;
    CU_SIM_PARAMETERS(X)
#undef X
};

void cu_sim_machine_init(struct cu_sim_machine *machine);
/* Reads a file over what is set. 0, -errno, or -EINVAL with err naming line and word. */
__attribute__((warn_unused_result)) int cu_sim_machine_load(struct cu_sim_machine *machine,
                                                            const char *file, struct cu_error *err);
/* Sets one by name ("nic_bytes_per_s=25e9" on the command line). 0 or -EINVAL. */
__attribute__((warn_unused_result)) int cu_sim_machine_set(struct cu_sim_machine *machine,
                                                           const char *name, const char *value);
/* One-way latency between two ranks. */
uint64_t cu_sim_machine_latency(const struct cu_sim_machine *machine, uint32_t a, uint32_t b);
static inline uint64_t cu_sim_transfer_ns(uint64_t bytes, uint64_t bytes_per_s)
{
    return (uint64_t)((double)bytes * 1e9 / (double)bytes_per_s);
}

#endif
