/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of copper-sim, from one table: parsing, bounds and help agree. */
#ifndef CU_SIM_OPTIONS_H
#define CU_SIM_OPTIONS_H

#include "cusim.h"

enum cu_sim_command { CU_SIM_RUN = 1, CU_SIM_SEEDS = 2 };

struct cu_sim_options {
    enum cu_sim_command command;
    struct cu_sim_config config;
    uint64_t from, count;
    bool json, stop;
    int argc;
    char **argv; /* borrowed */
};

/* 0: go on; 1: help was printed; -1: a message was, on stderr. */
__attribute__((warn_unused_result)) int cu_sim_options_parse(struct cu_sim_options *o, int argc,
                                                             char **argv);
/* The command that runs one seed of these again, on stdout. */
void cu_sim_options_replay(const struct cu_sim_options *o, uint64_t seed);

#endif
