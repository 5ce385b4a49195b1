/* SPDX-License-Identifier: BSD-3-Clause */
/* A baseline, as a model: without Copper every process uses the parallel file system directly, like
 * a Lustre client. A node's kernel keeps names, listings and pages under locks (shared by its
 * processes); each open of each process is an operation on the metadata server, its close another
 * one for which nobody waits. */
#include "sim.h"

#include <dirent.h>
#include <errno.h>

void cu_sim_direct_request(struct cu_sim *sim, uint32_t index)
{
    const struct cu_sim_machine *machine = &sim->config.machine;
    struct cu_sim_req *req = &sim->reqs[index];
    const struct cu_sim_file *f = &sim->world->files[req->file];
    uint64_t at = sim->engine.now_ns, op_ns = machine->mds_op_ns;

    if (sim->run > 0)
        op_ns = op_ns * machine->direct_again_percent / 100;
    switch ((enum cu_kind)req->kind) {
    case CU_KIND_ATTR:
        at = cu_sim_store_names(sim, op_ns);
        req->error = cu_sim_world_exists(sim->world, req->file, f->version) ? 0 : ENOENT;
        req->result = req->error ? CU_SIM_DENTRY_LOW : f->version;
        break;
    case CU_KIND_DIR:
        at = cu_sim_store_names(sim, op_ns + machine->mds_entry_ns * f->child_count);
        break;
    case CU_KIND_DATA:
        at = cu_sim_store_bytes(
            sim, at, req->file, req->chunk,
            cu_sim_world_chunk_bytes(sim->world, req->file, f->version, req->chunk));
        break;
    case CU_KIND_XATTR: /* stands for open */
    case CU_KIND_STATFS:
    case CU_KIND_HOLES:
        at = cu_sim_store_names(sim, op_ns);
        (void)cu_sim_store_names(sim, op_ns);
        sim->result->storage_reads_direct++;
        break;
    }
    sim->result->storage_reads_direct++;
    req->state = CU_SIM_REQ_REPLIED;
    req->remote = true;
    cu_sim_engine_push(&sim->engine, at, CU_SIM_REPLY, req->node, index, NULL);
}
