/* SPDX-License-Identifier: BSD-3-Clause */
/* Parameters by name, from one list: the defaults, the file format and the command line agree. */
#include "machine.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void cu_sim_machine_init(struct cu_sim_machine *machine)
{
    *machine = (struct cu_sim_machine){
#define X(name, value) .name = value,
        CU_SIM_PARAMETERS(X)
#undef X
    };
}

int cu_sim_machine_set(struct cu_sim_machine *machine, const char *name, const char *value)
{
    char *end;
    double number = strtod(value, &end);

    if (end == value || *end != '\0' || !(number >= 0) || number > 1e18)
        return -EINVAL;
#define X(field, unused)                                                                           \
    if (strcmp(name, #field) == 0) {                                                               \
        machine->field = (uint64_t)number;                                                         \
        return 0;                                                                                  \
    }
    CU_SIM_PARAMETERS(X)
#undef X
    return -EINVAL;
}

int cu_sim_machine_load(struct cu_sim_machine *machine, const char *file, struct cu_error *err)
{
    char line[512], name[64], value[64];
    FILE *in = fopen(file, "re");
    int rc = 0;

    if (!in)
        return cu_error_set(err, -errno, "%s: %s", file, strerror(errno));
    for (int number = 1; rc == 0 && fgets(line, sizeof line, in); number++) {
        line[strcspn(line, "#\n")] = '\0';
        if (line[strspn(line, " \t")] == '\0')
            continue;
        if (sscanf(line, "%63s %63s", name, value) != 2 ||
            cu_sim_machine_set(machine, name, value) < 0)
            rc = cu_error_set(err, -EINVAL, "%s:%d: not a parameter: %s", file, number, line);
    }
    fclose(in);
    return rc;
}

uint64_t cu_sim_machine_latency(const struct cu_sim_machine *machine, uint32_t a, uint32_t b)
{
    uint64_t per_group = machine->nodes_per_rack * machine->racks_per_group;

    if (a / machine->nodes_per_rack == b / machine->nodes_per_rack)
        return machine->rack_latency_ns;
    if (a / per_group == b / per_group)
        return machine->group_latency_ns;
    return machine->far_latency_ns;
}
