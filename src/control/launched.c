/* SPDX-License-Identifier: BSD-3-Clause */
/* Tracks whether the launch of this daemon's job has succeeded. The launcher reports this when all
 * nodes are ready; a node that was started later asks for it in the tree. When no node of a job has
 * the report, its launcher has died and nobody will stop the job: each of its daemons ends by
 * itself. */
#include "control/launched.h"

#include <errno.h>
#include <stdlib.h>

#define CONFIRM_MS 5000u /* time for the launcher's report to arrive after all nodes are ready */
#define NS_PER_MS  1000000u

int cu_launched_expect(struct cu_commands *commands, uint64_t now_ns)
{
    const struct cu_job *job = commands->config.job;
    struct cu_task *task;

    commands->launched = !job->confirm || commands->config.restarts > 0;
    if (commands->launched)
        return 0;
    task = calloc(1, sizeof(*task));
    if (!task)
        return -ENOMEM;
    task->confirms = true;
    task->op = CU_OP_STATUS;
    task->scope = CU_SCOPE_ROOT;
    task->state = CU_TASK_LAUNCHING;
    task->timeout_ms = CU_TASK_TIMEOUT_MS;
    task->id = commands->next_id++;
    cu_list_push_back(&commands->tasks, &task->link);
    commands->task_count++;
    if (cu_deadline_arm(&commands->deadlines, &task->deadline,
                        now_ns + (cu_job_launch_ms(job) + CONFIRM_MS) * NS_PER_MS) == 0)
        return 0;
    cu_task_free(commands, task);
    return -ENOMEM;
}

void cu_launched_confirm(struct cu_commands *commands, const json_t *result)
{
    const struct cu_commands_origin nobody = {0};

    commands->launched = commands->launched || json_is_true(json_object_get(result, "launched"));
    if (!commands->launched && !commands->stopping)
        commands->config.hooks.stop(commands->config.hooks.context, &nobody, NULL);
}

void cu_launched_ask(struct cu_commands *commands, struct cu_task *task, uint64_t now_ns)
{
    if (commands->launched) {
        cu_task_free(commands, task);
        return;
    }
    task->request = json_pack("{s:s,s:b}", "op", "status", "root", 1);
    task->asked_ns = now_ns;
    task->state = CU_TASK_PARKED;
    if (!task->request)
        cu_task_fail(commands, task, "out of memory");
    else if (cu_task_set_deadline(commands, task, task->timeout_ms))
        cu_task_towards_root(commands, task, now_ns);
}
