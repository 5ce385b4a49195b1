/* SPDX-License-Identifier: BSD-3-Clause */
/* Where the job's hosts come from. */
#ifndef CU_COPPER_LAUNCH_HOSTS_H
#define CU_COPPER_LAUNCH_HOSTS_H

#include "base/error.h"
#include "base/parse.h"

/* Reads a host list: text is a file's name or the list itself (-H). 0, -EINVAL with err. */
__attribute__((warn_unused_result)) int cu_launch_hosts(const char *text, struct cu_hosts *hosts,
                                                        struct cu_error *err);
/* The same from a descriptor; source is for messages. */
__attribute__((warn_unused_result)) int
cu_launch_hosts_from(int fd, const char *source, struct cu_hosts *hosts, struct cu_error *err);
/* What `hosts.sh` in the launchers' directory finds (Slurm's, PBS's, or localhost). */
__attribute__((warn_unused_result)) int
cu_launch_hosts_found(const char *parts, struct cu_hosts *hosts, struct cu_error *err);

#endif
