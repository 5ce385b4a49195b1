/* SPDX-License-Identifier: BSD-3-Clause */
#include "proto/job.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

/* Length of the first label; 0 for an address, whose first number says nothing about the host. */
static size_t label_length(const char *name)
{
    return strspn(name, "0123456789.") == strlen(name) || strchr(name, ':') ? 0
                                                                            : strcspn(name, ".");
}

int64_t cu_job_rank_of(const struct cu_job *job, const char *name)
{
    size_t len = label_length(name);
    int64_t same = -ENOENT, found = -ENOENT;

    for (size_t i = 0; i < job->hosts.count; i++) {
        const char *host = job->hosts.names[i];

        if (strcmp(host, name) == 0)
            return (int64_t)i;
        if (strcasecmp(host, name) == 0)
            same = same == -ENOENT ? (int64_t)i : -ENOTUNIQ;
        if (len > 0 && label_length(host) == len && strncasecmp(host, name, len) == 0)
            found = found == -ENOENT ? (int64_t)i : -ENOTUNIQ;
    }
    return same != -ENOENT ? same : found;
}
