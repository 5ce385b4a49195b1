/* SPDX-License-Identifier: BSD-3-Clause */
/* The simulator's interface: a configuration in, a result out. It runs N cores, the same library
 * that the daemon links, in one process, with models of network, storage and kernels. The same
 * configuration gives the same run, event for event. */
#ifndef CU_SIM_CUSIM_H
#define CU_SIM_CUSIM_H

#include "ahead/ahead.h"
#include "core/counters.h"
#include "machine.h"

#include <stdbool.h>
#include <stdint.h>

/* Errors of a driver that are planted on purpose: the checkers must detect each. Errors of the core
 * are planted into copies of its source (sim/plants). */
enum cu_sim_plant {
    CU_SIM_PLANT_NONE,
    CU_SIM_PLANT_REPLY_TWICE, /* the front answers some requests of the kernel twice */
    CU_SIM_PLANT_REPLY_LOST,  /* or not at all */
    CU_SIM_PLANT_ZERO_FILL,   /* storage fills what a short read lacks with zeros */
    CU_SIM_PLANT_MIXED,       /* storage reads a chunk without a check of the version */
    CU_SIM_PLANT_HOLES,       /* storage says that there are holes where there is data */
    CU_SIM_PLANT_OVERTAKEN,   /* a message does not wait for the crew's job before it */
    CU_SIM_PLANT_COUNT
};
const char *cu_sim_plant_name(enum cu_sim_plant plant);

#define CU_SIM_TRACES_MAX 16
#define CU_SIM_AS_DAEMON  UINT64_MAX /* bulk_bytes: what the daemon has */
#define CU_SIM_DRAWN      UINT32_MAX /* fanout, trees, enoent_ttl_ns, bulk_bytes: out of the seed */

struct cu_sim_config {
    struct cu_sim_machine machine;
    uint64_t seed;
    uint32_t nodes, fanout, trees, processes; /* fanout 0: the core's default */
    uint32_t chunk_bytes, inline_bytes;
    uint64_t cache_bytes, max_cacheable_bytes;
    uint64_t bulk_bytes;       /* a file from this size on goes over bulk trees; 0: none does */
    uint32_t bulk_stripe;      /* chunks; 0: what the daemon has */
    uint64_t leaf_cache_bytes; /* of nodes without children, 0: as all */
    uint64_t enoent_ttl_ns;
    uint32_t storage_slots, orphan_slots;
    uint32_t ahead_bytes; /* read-ahead of a sequential reader, 0: none */
    uint32_t list_after;  /* a directory is listed after this number of absent names in it */
    enum cu_ahead_content content;
    bool no_readon; /* the root does not read on */
    bool original;  /* the baseline: the original Copper's algorithm */
    bool direct;    /* the baseline: no Copper, storage for everybody */
    bool faults;
    bool exact;            /* no faults, and no freshness limit: reads must equal unique objects */
    uint32_t scaled_bytes; /* see world.h */
    const char *traces[CU_SIM_TRACES_MAX]; /* files: process i of a node does number i, round and
                                              round; none: a random workload out of the seed */
    uint32_t trace_count;
    bool recipe;       /* of the first trace: all nodes ask for what it names from their start on */
    bool recipe_wait;  /* and processes start when it is there */
    const char *stage; /* directory: all nodes stage it from their start on, and processes start
                          when it is there; NULL: none */
    uint32_t runs;     /* the trace so many times in a row by new processes; 0: 1 */
    enum cu_sim_plant plant;
    bool verbose; /* tell each fault on stderr */
};

struct cu_sim_result {
    uint64_t violations; /* 0: all checkers are content */
    char first[512];     /* text of the first */
    uint64_t trace_hash; /* of all events in order */
    uint64_t events;
    uint64_t ready_ns;    /* root knows that all are ready, from the launcher's command; 0: never */
    uint64_t replayed_ns; /* the last node has all of the recipe or stage; 0: never, or none */
    uint64_t run_ns[4];   /* per run: from the first process's start to the last one's end */
    uint64_t median_ns[4]; /* of a process */
    uint64_t unique_objects, storage_reads, storage_reads_direct, storage_revalidations;
    uint64_t requests, longest_ns; /* of the kernels; the slowest of them */
    uint64_t messages, wire_bytes;
    /* Shares of the first run: of the loop's thread; of the crew's, all of a node together. */
    uint64_t busiest_cpu_ppm, busiest_crew_ppm;
    uint64_t busiest_tx_ppm, busiest_rx_ppm;
    uint32_t busiest_cpu_node, busiest_tx_node;
    uint64_t mds_busy_ppm, data_busy_ppm;
    uint64_t faults;
    uint64_t errors_seen;                /* true errors that processes got */
    uint64_t where_ns[8];                /* of all processes together, by enum cu_sim_where */
    uint64_t counters[CU_COUNTER_COUNT]; /* sum over the nodes */
    uint64_t cached_bytes_max;           /* of a node */
};

/* Where a process spends its time. */
enum cu_sim_where {
    CU_SIM_COMPUTE, /* think time of the trace */
    CU_SIM_KERNEL,  /* hits in the kernel's caches */
    CU_SIM_HERE,    /* answered by this node's daemon */
    CU_SIM_NAMES,   /* waits for names on their way through the tree */
    CU_SIM_BYTES,   /* waits for content on its way through the tree */
    CU_SIM_STORAGE, /* waits for either while storage works on it, on whatever node */
    CU_SIM_WHERE_COUNT
};
const char *cu_sim_where_name(enum cu_sim_where where);

void cu_sim_config_init(struct cu_sim_config *config);
/* 0, or a negative errno with err when the run cannot be set up (trace, configuration). Violations
 * are a result, not an error. */
__attribute__((warn_unused_result)) int
cu_sim_run(const struct cu_sim_config *config, struct cu_sim_result *result, struct cu_error *err);

#endif
