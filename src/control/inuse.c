/* SPDX-License-Identifier: BSD-3-Clause */
/* Sums of a peer's numbers stop at a bound that no job reaches. */
#include "control/inuse.h"

#include "base/list.h"
#include "control/shown.h"
#include "host/readfile.h"

#include <stdio.h>
#include <string.h>

#define PROCESSES_MAX (INT64_C(1) << 40)

/* On a thread. New reference, or NULL: none. */
static json_t *find(const struct cu_spaces *spaces, const char *host)
{
    char path[64], name[64], first[384];
    long pid = 0;
    unsigned count = cu_spaces_users(spaces, &pid, 1);

    if (count == 0)
        return NULL;
    snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
    if (cu_readfile_small(NULL, path, name, sizeof(name)) <= 0)
        snprintf(name, sizeof(name), "?");
    snprintf(first, sizeof(first), "%.255s: %s (pid %ld)", host, name, pid);
    return json_pack("{s:I,s:o}", "processes", (json_int_t)count, "first",
                     cu_shown_name(first, strlen(first)));
}

static struct cu_inuse_look *look_of(struct cu_crew_job *job)
{
    return CU_LIST_ENTRY(job, struct cu_inuse_look, job);
}

static void work(struct cu_crew_job *job)
{
    struct cu_inuse_look *look = look_of(job);

    look->found = find(look->spaces, look->host);
}

static void done(struct cu_crew_job *job)
{
    struct cu_inuse_look *look = look_of(job);

    look->done(look->context, look->found);
}

void cu_inuse_look(struct cu_crew *crew, struct cu_inuse_look *look)
{
    look->found = NULL;
    look->job = (struct cu_crew_job){.work = work, .done = done};
    cu_crew_run(crew, &look->job);
}

void cu_inuse_add(json_t **sum, const json_t *more)
{
    json_int_t count = json_integer_value(json_object_get(more, "processes"));
    json_t *first = json_object_get(more, "first");
    json_int_t before;

    if (count <= 0 || !json_is_string(first))
        return;
    if (!*sum)
        *sum = json_pack("{s:I,s:O}", "processes", (json_int_t)0, "first", first);
    before = json_integer_value(json_object_get(*sum, "processes"));
    if (count > PROCESSES_MAX - before)
        count = PROCESSES_MAX - before;
    if (*sum)
        json_object_set_new(*sum, "processes", json_integer(before + count));
}
