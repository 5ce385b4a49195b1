/* SPDX-License-Identifier: BSD-3-Clause */
/* The job's file in the run directory of the launch host. */
#ifndef CU_COPPER_JOB_FILE_H
#define CU_COPPER_JOB_FILE_H

#include "base/error.h"
#include "base/path.h"
#include "proto/job.h"

#include <stdbool.h>

/* The job's file on the launch host. While fd is open it is locked: a launch is under way. */
struct cu_job_file {
    char path[CU_PATH_MAX];
    int fd;
};

/* Makes id, key and port where not given, and the file (0600). attempt: 0, or how many ports were
 * taken on some node: then one is chosen from all. -EEXIST with err when a job lives on the mount
 * or is being launched; a dead job's file is replaced. */
__attribute__((warn_unused_result)) int cu_job_file_create(struct cu_job *job, unsigned attempt,
                                                           struct cu_job_file *file,
                                                           struct cu_error *err);
/* Adds to the file what the launch has found: the ranks that it went on without ("3,7", "": none),
 * and whether its launcher is the only way to the daemons. The file is replaced atomically. -errno
 * with err: it is as before. */
__attribute__((warn_unused_result)) int
cu_job_file_settle(struct cu_job_file *file, const char *ranks, bool relay, struct cu_error *err);
/* The file at path, locked; no launch replaces it before the descriptor is closed. A descriptor,
 * -EWOULDBLOCK: a launch has it, -ENOENT, -errno. */
__attribute__((warn_unused_result)) int cu_job_file_lock(const char *path);
/* Removes the file at path when it is that job's: a launch may have replaced it. */
void cu_job_file_remove(const char *path, const uint8_t id[CU_JOB_ID_BYTES]);
/* Releases the lock; remove: also removes the file. */
void cu_job_file_close(struct cu_job_file *file, bool remove);
/* The job's id as hex. */
void cu_job_file_id(const struct cu_job *job, char out[2 * CU_JOB_ID_BYTES + 1]);

#endif
