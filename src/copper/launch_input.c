/* SPDX-License-Identifier: BSD-3-Clause */
/* How the job description, with the key in it, gets to the daemons. It is never a word of a
 * command, which every user of a host can read. */
#include "copper/cli.h"
#include "copper/launch_state.h"
#include "copper/launcher.h"
#include "copper/launcher_choice.h"
#include "host/munge.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The description with a credential in place of the key, or -errno with why. */
static int sealed_file(const struct cu_job *job, struct cu_error *why)
{
    char *text = cu_job_encode(job), *sealed = NULL;
    int fd;

    if (!text)
        return cu_error_set(why, -ENOMEM, "out of memory");
    sealed = cu_munge_seal_line(text, "key", why);
    explicit_bzero(text, strlen(text));
    free(text);
    if (!sealed)
        return -EPERM;
    fd = cu_launcher_text_file(sealed);
    free(sealed);
    return fd >= 0 ? fd : cu_error_set(why, -ENOMEM, "out of memory");
}

int cu_launch_input(const struct cu_job *job, const char *parts, int *fd, struct cu_error *err)
{
    struct cu_error why;
    int clear = cu_launcher_in_clear(parts, err), sealed;
    bool shares = cu_launcher_shares_input();

    *fd = -1;
    if (clear < 0 || (clear == 0 && !shares))
        return clear;
    sealed = sealed_file(job, &why);
    if (sealed == -ENOMEM)
        return cu_error_set(err, sealed, "%s", why.text);
    if (sealed >= 0) {
        *fd = sealed;
        return 0;
    }
    if (job->encrypt && shares)
        return cu_error_set(
            err, -EPERM,
            "--encrypt: the job's key would be in a file, which may cross the network in clear "
            "(%.200s): start munged, or see to it that standard input reaches the daemons",
            why.text);
    if (job->encrypt)
        return cu_error_set(
            err, -EPERM,
            "--encrypt: the launcher would carry the job's key over the network in clear, "
            "and who listens could read everything (%.200s): start munged, or use "
            "COPPER_LAUNCHER=rsh",
            why.text);
    if (!shares)
        cu_cli_say(stderr, "the launcher carries the job's key over the network in clear: %s",
                   why.text);
    return 0;
}
