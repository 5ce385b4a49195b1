/* SPDX-License-Identifier: BSD-3-Clause */
/* Work beside the loop: calls that may hang, and what takes long to compute. As many threads as are
 * busy at a time, up to a bound, are started when they are needed. libuv's own threads cannot be
 * used for it, because all that there may be exist from the start, and names are resolved on them.
 * What must not wait for storage has a crew of its own. With one thread, jobs run in order. All
 * functions and callbacks are called on the loop thread, except `work`, and what says so. */
#ifndef CU_LOOP_CREW_H
#define CU_LOOP_CREW_H

#include <stdbool.h>
#include <uv.h>

struct cu_crew;

/* Owned by the caller, who must not access it until done is called. */
struct cu_crew_job {
    void (*work)(struct cu_crew_job *job); /* on a thread */
    void (*done)(struct cu_crew_job *job); /* on the loop, in a later turn; may free the job */
    struct cu_crew_job *next;              /* the crew's */
};

/* threads_max >= 1. The first thread is started now; when another cannot be, jobs wait for those
 * that there are. NULL: no thread or no memory. The loop is kept alive while there are jobs. */
struct cu_crew *cu_crew_create(uv_loop_t *loop, unsigned threads_max);
void cu_crew_run(struct cu_crew *crew, struct cu_crew_job *job);
/* Do fewer than 8 jobs for each thread wait, as far as the loop knows? Else a loop that could do
 * the work itself does well to do it. */
bool cu_crew_has_room(const struct cu_crew *crew);
/* Could so many more jobs run now, each on a thread of its own? */
bool cu_crew_idles(const struct cu_crew *crew, unsigned jobs);
/* Do jobs wait for a thread? On any thread: one that waits for something may do so later. */
bool cu_crew_wanted(const struct cu_crew *crew);
/* Completes all jobs: waits for the threads, and `done` of each is called before this returns. So
 * none may hang. A job's `done` may call it if that is the last one. The memory is freed when libuv
 * has closed the handle, in a later turn of the loop. NULL does nothing. */
void cu_crew_close(struct cu_crew *crew);

#endif
