/* SPDX-License-Identifier: BSD-3-Clause */
/* copper-sim: one run with its figures, or many seeds with faults and their verdict. */
#include "base/error.h"
#include "base/mem.h"
#include "core/tree.h"
#include "options.h"
#include "report.h"

#include <stdio.h>

static int one_run(struct cu_sim_options *o)
{
    struct cu_sim_result result;
    struct cu_error err;

    if (cu_sim_run(&o->config, &result, &err) < 0) {
        fprintf(stderr, "copper-sim: %s\n", err.text);
        return 2;
    }
    if (o->config.fanout == 0)
        o->config.fanout = CU_TREE_FANOUT;
    cu_sim_report(stdout, &o->config, &result, o->json);
    if (result.violations)
        fprintf(stderr, "violation: %s\n", result.first);
    return result.violations != 0;
}

static void tell(const struct cu_sim_options *o, uint64_t seed, const struct cu_sim_result *result)
{
    if (o->config.verbose && !o->json)
        printf("seed %llu hash %016llx\n", (unsigned long long)seed,
               (unsigned long long)result->trace_hash);
    if (!result->violations || o->json)
        return;
    printf("FAILED seed %llu: %llu violations; first: %s\n", (unsigned long long)seed,
           (unsigned long long)result->violations, result->first);
    cu_sim_options_replay(o, seed);
    fflush(stdout);
}

static int many_seeds(struct cu_sim_options *o)
{
    struct cu_sim_seeds sum = {.from = o->from, .count = o->count};
    struct cu_sim_result result;
    struct cu_error err;

    cu_mem_return_later(); /* in a small run the next node takes what one gives back */
    for (uint64_t seed = o->from; seed - o->from < o->count; seed++) {
        o->config.seed = seed;
        if (cu_sim_run(&o->config, &result, &err) < 0) {
            fprintf(stderr, "copper-sim: %s\n", err.text);
            return 2;
        }
        cu_mem_return();
        tell(o, seed, &result);
        cu_sim_seeds_add(&sum, seed, &result);
        if (sum.failed && o->stop)
            break;
    }
    cu_sim_report_seeds(stdout, &sum, o->json);
    return sum.failed != 0;
}

int main(int argc, char **argv)
{
    struct cu_sim_options o;
    int rc = cu_sim_options_parse(&o, argc, argv);

    if (rc != 0)
        return rc < 0 ? 2 : 0;
    return o.command == CU_SIM_SEEDS ? many_seeds(&o) : one_run(&o);
}
