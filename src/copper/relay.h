/* SPDX-License-Identifier: BSD-3-Clause */
/* A conversation with a job of which this host reaches no daemon, but hosts through the launcher:
 * each request is a command that the launcher runs on one of the job's hosts (relay_ask.c). */
#ifndef CU_COPPER_RELAY_H
#define CU_COPPER_RELAY_H

#include "base/error.h"
#include "control/client.h"
#include "copper/launch.h"
#include "proto/job.h"

#include <stddef.h>

/* Opens client; nothing is asked yet, and errors of the way arrive as answers that are not ok. The
 * hosts are those of ranks first, first + 1 ... of the job, tries of them at most, those that were
 * left out not; the next is asked when no daemon of the job has answered through the one before.
 * The launcher must be settled (launcher_choice.h). 0; -errno with err. */
__attribute__((warn_unused_result)) int
cu_relay_open(const struct cu_job *job, const struct cu_launch_paths *paths, size_t first,
              size_t tries, struct cu_client *client, struct cu_error *err);

/* The answer as text, in pieces that every launcher carries as lines: base64 without characters
 * that a shell or printf looks at. */
#define CU_RELAY_PIECE  384u       /* characters of one */
#define CU_RELAY_PART   "answer"   /* "answer N PIECE": the N-th of several, from 0 */
#define CU_RELAY_LAST   "answered" /* "answered N HOW PIECE": the last one, HOW "open" or "ended" */
#define CU_RELAY_OPEN   "open"     /* more can be asked */
#define CU_RELAY_ENDED  "ended"    /* what was to be stopped has ended */
#define CU_RELAY_WAY_MS 500        /* what the way there may take of a request's time */

/* Collects pieces in the order in which they arrive. */
struct cu_relay_answer {
    char *text; /* base64, owned */
    size_t size, room, pieces;
    bool complete, ended, broken; /* broken: pieces are missing, or memory was */
};

/* One line; false: it is none of an answer. */
bool cu_relay_take(struct cu_relay_answer *answer, const char *line);
/* The decoded text, new, with a NUL; NULL: not complete, or damaged. */
char *cu_relay_text(const struct cu_relay_answer *answer);
void cu_relay_clear(struct cu_relay_answer *answer);

/* relay_ask.c: copper job ask MOUNT JOB REQUEST, called by a launcher on a host of the job: asks
 * the daemon there, and prints its answer. Exit status. */
int cu_relay_ask(int argc, char **argv);

#endif
