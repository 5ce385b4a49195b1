/* SPDX-License-Identifier: BSD-3-Clause */
/* Running Copper's programs from Slurm's, as the job's user. */
#ifndef CU_SPANK_RUN_H
#define CU_SPANK_RUN_H

#include "base/error.h"
#include "base/path.h"
#include "spank/wish.h"

#include <sys/types.h>

#define CU_RUN_TEXT_MAX 1024u

/* Who a program runs as. */
struct cu_run_user {
    uid_t uid;
    gid_t gid;
    char name[256]; /* "": the number has no name */
};

/* gid: -1: the primary group of that user. */
void cu_run_user(uid_t uid, gid_t gid, struct cu_run_user *user);
/* The prefix that this plugin lies in, PREFIX/lib/slurm/spank_copper.so. 0 or -ENOENT. */
__attribute__((warn_unused_result)) int cu_run_prefix(char prefix[CU_PATH_MAX]);
/* Are the options right? As this process's user. 0; -EINVAL with err, what copper config says. 0,
 * too, where Copper is not installed: a login node. */
__attribute__((warn_unused_result)) int cu_run_check(const char *prefix, const struct cu_wish *wish,
                                                     struct cu_error *err);
/* launch_copper.sh --once with the options of the wish, in that environment (NULL: this process's).
 * What it prints goes to this process's standard error. 0; -EIO: it has failed, and why is what it
 * said, as one line. */
__attribute__((warn_unused_result)) int
cu_run_launch(const char *prefix, const struct cu_wish *wish, const struct cu_run_user *user,
              char *const *environment, char why[CU_RUN_TEXT_MAX]);
/* Writes the line about what the job's nodes have read past the trees because of -M, if there is
 * one, to this process's standard error; at most timeout_ms. The mount is that of the wish, else of
 * the environment. */
void cu_run_past(const char *prefix, const struct cu_wish *wish, const struct cu_run_user *user,
                 char *const *environment, int timeout_ms);
/* copper epilogue, killed after timeout_ms. 0; -EIO, -ETIMEDOUT with why. */
__attribute__((warn_unused_result)) int cu_run_epilogue(const char *prefix,
                                                        const struct cu_run_user *user,
                                                        int timeout_ms, char why[CU_RUN_TEXT_MAX]);

#endif
