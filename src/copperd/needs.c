/* SPDX-License-Identifier: BSD-3-Clause */
/* A wish for cores is met in full or refused: a daemon on other cores disturbs the job unseen. A
 * wish for memory is met as far as it goes: with a smaller cache everything works, and a daemon
 * that fills more than its control group allows is killed in the middle of the job. */
#include "copperd/needs.h"

#include "front/recovery.h"
#include "host/limits.h"
#include "host/memory.h"
#include "host/process.h"

#include <stddef.h>

/* What a daemon needs (host/limits.h). */
#define FILES_MIN 64u
/* And loop, log, kernel, supervisor, and one for each call of storage while nothing hangs. */
#define THREADS (CU_PROCESS_WORKERS + 4u + 20u)
/* A node has bulk data of few links at a time. */
#define BULK_THREADS_MAX 16u
#define STACK_BYTES      ((uint64_t)8 << 20)
#define OTHER_BYTES      ((uint64_t)256 << 20) /* programs, heaps, buffers */

static int bind_cores(const struct cu_job *job, struct cu_needs *needs, struct cu_error *err)
{
    const struct cu_cores wish = {
        .given = job->cores_given,
        .cores = job->cores,
        .count = job->core_count,
    };
    struct cu_error reason = {""};
    int rc = cu_cores_choose(&wish, NULL, &needs->cores, &reason);

    needs->cores_note = reason;
    if (rc < 0)
        return cu_error_set(err, rc, "%s", reason.text);
    if (rc == 0)
        return 0;
    rc = cu_cores_bind(&needs->cores, &reason);
    needs->bound = rc == 0;
    if (rc < 0 && wish.given)
        return cu_error_set(err, rc, "-b: %.400s", reason.text);
    if (rc < 0)
        (void)cu_error_set(&needs->cores_note, 0, "no core binding: %.400s", reason.text);
    return 0;
}

static int check_limits(const struct cu_job *job, struct cu_needs *needs, struct cu_error *err)
{
    const unsigned threads = THREADS + needs->bulk_threads;
    const uint64_t base = CU_RECOVERY_BYTES + OTHER_BYTES + threads * STACK_BYTES;
    struct cu_limits_need need = {.files = FILES_MIN, .tasks = threads};
    struct cu_error note = {""};
    uint64_t room;
    int rc = cu_memory_cache(job->cache_bytes, NULL, &needs->cache_bytes, &note);

    if (rc < 0)
        return cu_error_set(err, rc, "%s", note.text);
    if (rc > 0)
        needs->memory_note = note;
    need.address_bytes = base + (job->cache_bytes != 0 ? needs->cache_bytes : CU_MEMORY_CACHE_MIN);
    rc = cu_limits_check(&need, "this node", err);
    if (rc < 0)
        return rc;
    /* Within the address space, when it is not given. */
    room = cu_limits_address_bytes();
    if (room != UINT64_MAX && needs->cache_bytes > room - base)
        needs->cache_bytes = room - base;
    return 0;
}

/* One core is the loop's. */
static unsigned bulk_threads(const struct cu_needs *needs)
{
    size_t others = needs->bound ? needs->cores.count - 1 : 0;

    return others < BULK_THREADS_MAX ? (unsigned)others : BULK_THREADS_MAX;
}

int cu_needs_settle(const struct cu_job *job, struct cu_needs *needs, struct cu_error *err)
{
    int rc;

    *needs = (struct cu_needs){.bound = false};
    rc = bind_cores(job, needs, err);
    if (rc < 0)
        return rc;
    needs->bulk_threads = bulk_threads(needs);
    return check_limits(job, needs, err);
}
