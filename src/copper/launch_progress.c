/* SPDX-License-Identifier: BSD-3-Clause */
/* What a terminal shows while the launch goes on: a line that is written anew each second. With
 * --learn-wait a second request asks the nodes how much of the recipe is there; nothing waits for
 * its answer, and when rank 0 is not reached from here, the line goes without. */
#include "copper/cli.h"
#include "copper/launch_state.h"
#include "copper/progress.h"
#include "host/clock.h"

#include <inttypes.h>
#include <stdio.h>

#define TRY_MS    300 /* for one attempt to reach rank 0 */
#define ANSWER_MS 900 /* what has not answered by then is left out */

/* How much of the recipe is there, of all nodes together. */
static void put_recipe(const struct cu_launch *l, char *out, size_t size)
{
    out[0] = '\0';
    if (l->recipe_objects > 0)
        snprintf(out, size, ", recipe %u %% (%" PRIu64 " of %" PRIu64 " objects)",
                 (unsigned)(l->recipe_done * 100 / l->recipe_objects), l->recipe_done,
                 l->recipe_objects);
}

static void ask(struct cu_launch *l)
{
    json_t *request;
    struct cu_error err;

    if (!l->job->learn_wait || !l->job->recipe || !l->asked || l->progress_asked)
        return;
    if (cu_launch_open_host(l, 0, TRY_MS, &l->progress, &err) != 0)
        return;
    request = json_pack("{s:s,s:b,s:i}", "op", "stats", "all", 1, "timeout_ms", ANSWER_MS);
    l->progress_asked = cu_client_send(&l->progress, request, &err) == 0;
    json_decref(request);
    if (!l->progress_asked)
        cu_client_close(&l->progress);
}

void cu_launch_progress(struct cu_launch *l, int64_t now_ms)
{
    char recipe[96], line[192];

    if (!l->terminal || now_ms < l->progress_ms)
        return;
    put_recipe(l, recipe, sizeof(recipe));
    snprintf(line, sizeof(line), "copper: %zu nodes, %zu started%s, %lld s ", l->job->hosts.count,
             l->launcher.done, recipe, (long long)((now_ms - l->start_ms) / 1000));
    cu_progress_put(line);
    l->progress_ms = now_ms + CU_LAUNCH_PROGRESS_MS;
    l->progress_shown = true;
    ask(l);
}

void cu_launch_progress_take(struct cu_launch *l)
{
    json_t *result = NULL;
    struct cu_error err;

    if (cu_client_take(&l->progress, TRY_MS, &result, &err) == 0) {
        const json_t *sum = json_object_get(result, "sum");

        l->recipe_objects = cu_cli_number(sum, "recipe_objects");
        l->recipe_done = cu_cli_number(sum, "recipe_done");
    }
    json_decref(result);
    cu_client_close(&l->progress);
    l->progress_asked = false;
}

void cu_launch_progress_end(struct cu_launch *l)
{
    if (l->progress_asked)
        cu_client_close(&l->progress);
    l->progress_asked = false;
    if (l->progress_shown)
        cu_progress_clear();
    l->progress_shown = false;
}
