/* SPDX-License-Identifier: BSD-3-Clause */
/* An answer of the daemons is accepted only as far as it agrees with the job's own host list: a
 * compromised node must not choose the hosts for which the user's remote shell is called. */
#include "copper/stop_answer.h"

#include "copper/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The index in hosts, or -1. */
static ssize_t find(const struct cu_hosts *hosts, const char *name)
{
    for (size_t i = 0; name && i < hosts->count; i++) {
        if (strcmp(hosts->names[i], name) == 0)
            return (ssize_t)i;
    }
    return -1;
}

/* Takes what the answer calls silent into silent, a flag for each of known. -EBADMSG with err. */
static int take_names(const struct cu_hosts *known, const json_t *names, bool *silent,
                      struct cu_error *err)
{
    const json_t *name;
    size_t i;

    json_array_foreach (names, i, name) {
        ssize_t at = find(known, json_string_value(name));

        if (at < 0)
            return cu_error_set(err, -EBADMSG, "an answer names a host that is not of the job: %s",
                                json_is_string(name) ? json_string_value(name) : "?");
        if (silent[at])
            return cu_error_set(err, -EBADMSG, "an answer names %s twice", known->names[at]);
        silent[at] = true;
    }
    return 0;
}

int cu_stop_answer_silent(const struct cu_hosts *known, size_t spare, const json_t *result,
                          struct cu_hosts *rest, struct cu_error *err)
{
    const json_t *names = json_object_get(result, "silent");
    uint64_t stopped = cu_cli_number(result, "stopped");
    uint64_t count = cu_cli_number(result, "silent_count");
    bool *silent = calloc(known->count + 1, sizeof(*silent));
    bool all;
    int rc;

    *rest = (struct cu_hosts){0};
    rest->names = calloc(known->count + 1, sizeof(*rest->names));
    if (!silent || !rest->names) {
        free(silent);
        cu_parse_hosts_free(rest);
        return cu_error_set(err, -ENOMEM, "out of memory");
    }
    rc = take_names(known, names, silent, err);
    if (rc == 0 && (stopped > known->count + spare || count > known->count ||
                    stopped + count < known->count || stopped + count > known->count + spare))
        rc = cu_error_set(err, -EBADMSG,
                          "an answer tells of %llu nodes stopped and %llu silent, of %zu",
                          (unsigned long long)stopped, (unsigned long long)count, known->count);
    /* Too many hosts to be named, or an invalid answer: then each host is asked. */
    all = rc == -EBADMSG || count != json_array_size(names);
    for (size_t i = 0; rc != -ENOMEM && i < known->count; i++) {
        if (!all && !silent[i])
            continue;
        rest->names[rest->count] = strdup(known->names[i]);
        if (!rest->names[rest->count])
            rc = cu_error_set(err, -ENOMEM, "out of memory");
        else
            rest->count++;
    }
    free(silent);
    if (rc == -ENOMEM)
        cu_parse_hosts_free(rest);
    return rc;
}
