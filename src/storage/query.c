/* SPDX-License-Identifier: BSD-3-Clause */
/* What storage answers on the loop thread, without waiting: what is under way, where paths are, and
 * the bytes of files that are in this node's page cache. */
#include "storage/state.h"

uint32_t cu_storage_pending(const struct cu_storage *storage, uint64_t now_ns, uint64_t *oldest_ns,
                            const char **oldest_path)
{
    const struct cu_storage_op *op;

    *oldest_ns = 0;
    *oldest_path = NULL;
    if (storage->pending_count == 0)
        return 0;
    op = CU_LIST_ENTRY(storage->pending.next, struct cu_storage_op, in_pending);
    *oldest_ns = now_ns > op->submitted_ns ? now_ns - op->submitted_ns : 0;
    *oldest_path = op->path;
    return storage->pending_count;
}

bool cu_storage_is_worker(const struct cu_storage *storage, uint32_t tid)
{
    for (unsigned i = 0; i < storage->workers_max; i++)
        if (tid != 0 && __atomic_load_n(&storage->workers[i].tid, __ATOMIC_ACQUIRE) == tid)
            return true;
    return false;
}

uint64_t cu_storage_space(struct cu_storage *storage, const char *path, size_t path_len)
{
    (void)cu_storage_knows(storage);
    return cu_served_device(storage->env.served, path, path_len);
}

struct cu_served *cu_storage_served(const struct cu_storage *storage)
{
    return storage->env.served;
}

bool cu_storage_at_once(struct cu_storage *storage, const struct cu_request *request,
                        struct cu_value *value)
{
    struct cu_storage_job job = {
        .kind = request->kind,
        .chunk = request->chunk,
        .piece = request->piece,
        .version = request->version,
        .path = request->path,
        .path_len = request->path_len,
    };
    uint64_t began_ns;

    if (storage->destroyed || request->kind != CU_KIND_DATA)
        return false;
    began_ns = uv_hrtime();
    if (!cu_storage_read_at_once(&storage->env, &job))
        return false;
    if (storage->latency)
        cu_latency_stored(storage->latency, CU_KIND_DATA, false, 0, uv_hrtime() - began_ns);
    cu_tally_add(&storage->tally, &job.counts, job.path);
    *value = job.value;
    return true;
}
