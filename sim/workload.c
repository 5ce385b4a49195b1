/* SPDX-License-Identifier: BSD-3-Clause */
/* The workload of the processes: a recorded trace, the same for all, or operations drawn from the
 * seed, most of them the same on all nodes, as in real jobs. */
#include "sim.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RANDOM_DIRS   24u
#define RANDOM_FILES  220u
#define RANDOM_ABSENT 60u
#define RANDOM_OPS    120u
#define OWN_PERCENT   15u /* operations that a process does on its own */

static void random_world(struct cu_sim *sim)
{
    struct cu_sim_world *world = sim->world;
    char path[256];
    struct cu_sim_rng rng;

    cu_sim_rng_seed(&rng, sim->config.seed ^ 0x776f726c64ull);
    for (uint32_t i = 0; i < RANDOM_FILES + RANDOM_ABSENT; i++) {
        uint32_t dir = (uint32_t)cu_sim_rng_below(&rng, RANDOM_DIRS);
        uint64_t size = cu_sim_rng_below(&rng, 6ull * sim->config.chunk_bytes);
        uint8_t type = DT_REG;

        if (i >= RANDOM_FILES)
            type = CU_SIM_ABSENT;
        else if (i % 16 == 0)
            type = DT_LNK;
        if (type == DT_LNK)
            size = 1 + size % 80;
        else if (i % 3 == 0)
            size %= sim->config.inline_bytes + 1;
        else if (i == 7)
            size += sim->config.max_cacheable_bytes;
        snprintf(path, sizeof path, "/pfs/env%u/lib%u/f%u%s", dir % 3, dir, i,
                 i % 2 ? ".pyc" : ".so");
        cu_sim_world_add(world, path, type, size);
    }
    cu_sim_world_add(world, "/pfs/empty", DT_DIR, 0);
    cu_sim_world_add(world, "/pfs/none/x", CU_SIM_ABSENT, 0);
}

static void random_op(const struct cu_sim *sim, uint32_t proc, uint32_t pc, struct cu_sim_op *op)
{
    uint64_t d = cu_sim_mix(sim->config.seed * 31 + pc);
    uint64_t own = cu_sim_mix(d ^ cu_sim_mix(proc));

    if (own % 100 < OWN_PERCENT)
        d = cu_sim_mix(own);
    op->think_us = (uint32_t)(cu_sim_mix(own + 1) % 200000);
    if (d % 4 == 0) /* bursts */
        op->think_us = 0;
    op->file = (uint32_t)((d >> 8) % sim->world->count);
    op->first = 0;
    op->length = UINT32_MAX;
    op->kind = CU_SIM_OP_LOOKUP;
    if (sim->world->files[op->file].type == DT_DIR)
        op->kind = CU_SIM_OP_LIST;
    else if (d % 100 < 55 && sim->world->files[op->file].type != DT_LNK)
        op->kind = CU_SIM_OP_READ;
    op->piece = 0;
    if (op->kind == CU_SIM_OP_READ && (d >> 40) % 3 == 0) { /* a jump, perhaps past the end */
        op->first = (d >> 44) % 6 * sim->config.chunk_bytes;
        op->piece = (uint16_t)(CU_SIM_PIECES + (d >> 50) % CU_SIM_PIECES);
    }
}

bool cu_sim_workload_op(const struct cu_sim *sim, uint32_t proc, uint32_t pc, struct cu_sim_op *op)
{
    if (sim->ops) {
        uint32_t trace = proc % sim->config.processes % sim->config.trace_count;

        pc += trace ? sim->op_end[trace - 1] : 0;
        if (pc >= sim->op_end[trace])
            return false;
        *op = sim->ops[pc];
        return true;
    }
    if (pc >= RANDOM_OPS)
        return false;
    random_op(sim, proc, pc, op);
    return true;
}

/* --- traces (docs/design/traces.md) ------------------------------------------------------------
 */

struct loader {
    struct cu_sim *sim;
    char path[8192];
    uint32_t *files; /* owned: index in the world by number in the trace */
    uint32_t file_count;
};

/* "f SHARED SIZE SUFFIX": the path shares so many bytes with the one before. */
static int load_file(struct loader *l, const char *line)
{
    static const uint8_t type_of[128] = {['f'] = DT_REG, ['d'] = DT_DIR, ['l'] = DT_LNK};
    unsigned long long size;
    unsigned shared;
    int at = 0;

    if (sscanf(line + 1, " %u %llu %n", &shared, &size, &at) < 2 || at == 0 ||
        shared > strlen(l->path) || shared + strlen(line + 1 + at) >= sizeof l->path)
        return -EINVAL;
    strcpy(l->path + shared, line + 1 + at);
    if (l->path[0] != '/')
        return -EINVAL;
    if ((l->file_count & (l->file_count - 1)) == 0)
        l->files = cu_sim_grow(l->files, l->file_count ? l->file_count * 2 : 1, sizeof *l->files);
    l->files[l->file_count++] =
        cu_sim_world_add(l->sim->world, l->path, type_of[line[0] & 127], size);
    return 0;
}

/* "L THINK FILE", "R THINK FILE FIRST LENGTH", "D THINK FILE"; THINK in microseconds. */
static int load_op(struct loader *l, const char *line)
{
    struct cu_sim *sim = l->sim;
    struct cu_sim_op op = {.kind = CU_SIM_OP_LOOKUP};
    unsigned long long first = 0;
    int count = sscanf(line + 1, " %u %u %llu %u", &op.think_us, &op.file, &first, &op.length);

    if (line[0] == 'R')
        op.kind = CU_SIM_OP_READ;
    else if (line[0] == 'D')
        op.kind = CU_SIM_OP_LIST;
    if (count != (line[0] == 'R' ? 4 : 2) || op.file >= l->file_count)
        return -EINVAL;
    op.file = l->files[op.file];
    op.first = first;
    if ((sim->op_count & (sim->op_count - 1)) == 0)
        sim->ops = cu_sim_grow(sim->ops, sim->op_count ? sim->op_count * 2 : 1, sizeof *sim->ops);
    sim->ops[sim->op_count++] = op;
    return 0;
}

/* "N FILE NAME": the program or library needs a library of that name. */
static int load_need(struct loader *l, const char *line)
{
    struct cu_sim *sim = l->sim;
    struct cu_sim_need need = {0};
    int at = 0;

    if (sscanf(line + 1, " %u %n", &need.file, &at) < 1 || at == 0 || need.file >= l->file_count ||
        !line[1 + at])
        return -EINVAL;
    need.file = l->files[need.file];
    need.name = strdup(line + 1 + at);
    if (!need.name)
        return -ENOMEM;
    if ((sim->need_count & (sim->need_count - 1)) == 0)
        sim->needs =
            cu_sim_grow(sim->needs, sim->need_count ? sim->need_count * 2 : 1, sizeof *sim->needs);
    sim->needs[sim->need_count++] = need;
    return 0;
}

int cu_sim_trace_load(struct cu_sim *sim, const char *file, struct cu_error *err)
{
    struct loader l = {.sim = sim};
    uint32_t before = sim->op_count;
    char line[8192];
    FILE *in = fopen(file, "re");
    int rc = 0;

    if (!in)
        return cu_error_set(err, -errno, "%s: %s", file, strerror(errno));
    for (int number = 1; rc == 0 && fgets(line, sizeof line, in); number++) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#' || line[0] == '\0')
            continue;
        if (strchr("fdl-", line[0]))
            rc = load_file(&l, line);
        else if (strchr("LRD", line[0]))
            rc = load_op(&l, line);
        else if (line[0] == 'N')
            rc = load_need(&l, line);
        else
            rc = -EINVAL;
        if (rc < 0)
            cu_error_set(err, rc, "%s:%d: not a line of a trace: %.80s", file, number, line);
    }
    if (rc == 0 && sim->op_count == before)
        rc = cu_error_set(err, -EINVAL, "%s: no operation", file);
    free(l.files);
    fclose(in);
    return rc;
}

int cu_sim_workload_init(struct cu_sim *sim, struct cu_error *err)
{
    int rc = 0;

    sim->world = cu_sim_world_new(sim->config.seed);
    sim->world->scaled_bytes = sim->config.scaled_bytes;
    sim->world->inline_bytes = sim->config.inline_bytes;
    for (uint32_t i = 0; rc == 0 && i < sim->config.trace_count; i++) {
        rc = cu_sim_trace_load(sim, sim->config.traces[i], err);
        sim->op_end[i] = sim->op_count;
    }
    sim->parts = sim->config.trace_count ? 1 : 1 + CU_SIM_PIECES;
    sim->world->sparse = sim->config.trace_count == 0;
    if (sim->config.trace_count == 0)
        random_world(sim);
    if (rc == 0)
        cu_sim_world_seal(sim->world, sim->config.chunk_bytes, sim->config.faults);
    return rc;
}
