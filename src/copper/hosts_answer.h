/* SPDX-License-Identifier: BSD-3-Clause */
/* Checks a daemon's answer about the nodes of its job against the job's own host list. */
#ifndef CU_COPPER_HOSTS_ANSWER_H
#define CU_COPPER_HOSTS_ANSWER_H

#include "base/error.h"
#include "base/parse.h"
#include "control/client.h"
#include "host/session.h"

#include <jansson.h>

/* The hosts of the job, as the daemon of this node, to which client is connected, knows them from
 * the launcher. running: without those that the launch went on without. owner: NULL, or who
 * launched it, "" when that is not known. The caller frees hosts. -errno with err. */
__attribute__((warn_unused_result)) int cu_hosts_answer_here(struct cu_client *client, bool running,
                                                             struct cu_hosts *hosts,
                                                             char owner[CU_SESSION_MAX],
                                                             struct cu_error *err);
/* The hosts of the job that client is connected to: from the daemon of this node, which has them
 * from the launcher; or, for a client of another node's daemon, from the job's description on the
 * launch host. The caller frees them. -errno with err. */
__attribute__((warn_unused_result)) int cu_hosts_answer_known(const char *mount_dir,
                                                              struct cu_client *client,
                                                              struct cu_hosts *known,
                                                              struct cu_error *err);
/* Are all nodes in a result of `status`, `stats` or `refresh` the job's own: each host named is of
 * the job, and none twice in a list; each rank is that of its host; no more nodes are counted than
 * there are, and none is missing from the sum of those that answered, are silent, or were left out.
 * 0, or -EBADMSG with err; -ENOMEM. */
__attribute__((warn_unused_result)) int
cu_hosts_answer_check(const struct cu_hosts *known, const json_t *result, struct cu_error *err);
/* Both, for an answer about the job on that mount. */
__attribute__((warn_unused_result)) int
cu_hosts_answer_judge(const char *mount_dir, const json_t *result, struct cu_error *err);

#endif
