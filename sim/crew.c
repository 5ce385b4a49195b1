/* SPDX-License-Identifier: BSD-3-Clause */
/* A daemon's crew of threads: a large payload is received or written by one of them, while the loop
 * does something else. A direction of a connection has at most one job at a time, and what comes
 * behind a job waits for its end, so that the order is kept. Jobs of other directions and
 * connections run beside it, as far as there are threads; some more wait for the first that is
 * free, in the order in which the loop has handed them over. What is more than that the loop does.
 */
#include "sim.h"

bool cu_sim_crew_takes(const struct cu_sim *sim, const struct cu_sim_node *node,
                       const struct cu_sim_message *message)
{
    uint32_t most = sim->crew_size * (1 + CU_SIM_CREW_WAITING), jobs = 0;

    if (cu_sim_message_bulk(sim, &message->msg) < sim->config.machine.crew_bytes)
        return false;
    for (uint32_t i = 0; i < most; i++)
        jobs += node->crew_ends[i] > sim->engine.now_ns;
    return jobs < most;
}

/* A job that is handed over at from_ns: when it will be done. */
static uint64_t run(struct cu_sim *sim, struct cu_sim_node *node, uint64_t from_ns,
                    uint64_t cost_ns)
{
    uint64_t *free_ns = &node->crew_ns[0], *end_ns;

    for (uint32_t i = 1; i < sim->crew_size; i++)
        if (node->crew_ns[i] < *free_ns)
            free_ns = &node->crew_ns[i];
    cost_ns = cost_ns * 100 / node->slow;
    if (*free_ns < from_ns) /* it slept */
        *free_ns = from_ns + sim->config.machine.crew_wake_ns;
    *free_ns += cost_ns;
    node->crew_busy_ns += cost_ns;
    end_ns = &node->crew_ends[0];
    while (*end_ns > sim->engine.now_ns)
        end_ns++;
    *end_ns = *free_ns;
    return *free_ns;
}

void cu_sim_crew_give(struct cu_sim *sim, struct cu_sim_node *node, struct cu_sim_line *line,
                      struct cu_sim_message *message, uint64_t cost_ns, enum cu_sim_event_type done)
{
    uint64_t from_ns = cu_sim_node_cpu(sim, node, cost_ns + sim->config.machine.crew_cpu_ns);

    line->job = true;
    cu_sim_engine_push(&sim->engine,
                       run(sim, node, from_ns, cu_sim_message_cpu(sim, &message->msg)), done,
                       node->rank, 0, message);
}

uint64_t cu_sim_crew_back(struct cu_sim *sim, struct cu_sim_node *node, uint64_t cost_ns)
{
    if (node->cpu_ns < sim->engine.now_ns) /* the loop slept */
        node->cpu_ns = sim->engine.now_ns + sim->config.machine.crew_wake_ns;
    return cu_sim_node_cpu(sim, node, sim->config.machine.crew_cpu_ns + cost_ns);
}

/* --- the order of a connection's messages ------------------------------------------------------
 */

bool cu_sim_line_enter(struct cu_sim *sim, struct cu_sim_line *line, struct cu_sim_message *message)
{
    message->number = ++line->entered;
    message->next = NULL;
    if (!line->job || sim->config.plant == CU_SIM_PLANT_OVERTAKEN)
        return true;
    if (line->last)
        line->last->next = message;
    else
        line->first = message;
    line->last = message;
    return false;
}

struct cu_sim_message *cu_sim_line_next(struct cu_sim_line *line)
{
    struct cu_sim_message *message = line->job ? NULL : line->first;

    if (!message)
        return NULL;
    line->first = message->next;
    if (!line->first)
        line->last = NULL;
    return message;
}

void cu_sim_line_leave(struct cu_sim *sim, struct cu_sim_line *line,
                       const struct cu_sim_message *message)
{
    if (message->number != line->left + 1)
        cu_sim_violation(sim, "message %u of a connection overtakes number %u", message->number,
                         line->left + 1);
    line->left = message->number;
}

void cu_sim_line_drop(struct cu_sim *sim, struct cu_sim_line *line)
{
    struct cu_sim_message *message;

    line->job = false;
    while ((message = cu_sim_line_next(line)))
        cu_sim_message_drop(sim, message);
}
