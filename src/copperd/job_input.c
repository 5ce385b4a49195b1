/* SPDX-License-Identifier: BSD-3-Clause */
#include "copperd/job_input.h"

#include "host/clock.h"
#include "host/group.h"
#include "host/munge.h"
#include "host/process.h"
#include "host/readfile.h"
#include "host/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* For the first byte of standard input: some remote shells (pdsh) give a command one that stays
 * open and silent. */
#define INPUT_MS 5000

/* The whole of fd, new memory. A file that another user has put in the place of the launcher's, in
 * a directory that all nodes see, would make this daemon one of his job. */
static int read_all(int fd, char **text, size_t *size, struct cu_error *err)
{
    struct stat st;
    int rc;

    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && !cu_trust_is_own(&st))
        return cu_error_set(err, -EPERM,
                            "the job description is not a file of this user alone (uid %lu)",
                            (unsigned long)st.st_uid);
    rc = cu_readfile_all(fd, CU_JOB_TEXT_MAX, text, size);
    if (rc == -EFBIG)
        return cu_error_set(err, -E2BIG, "the job description is over %u bytes", CU_JOB_TEXT_MAX);
    if (rc == -ENOMEM)
        return cu_error_set(err, rc, "out of memory");
    return rc == 0 ? 0
                   : cu_error_set(err, rc, "the job description cannot be read: %s", strerror(-rc));
}

int cu_job_input(const char *path, char **argv, struct cu_job *job, struct cu_error *group_note,
                 struct cu_error *err)
{
    int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : 0;
    char *text = NULL;
    size_t size = 0;
    int rc;

    if (fd < 0)
        return cu_error_set(err, -errno,
                            "%s cannot be read here: %s (COPPER_SHARED must name a directory that "
                            "all nodes see)",
                            path, strerror(errno));
    if (!path && cu_clock_wait(fd, POLLIN, cu_clock_ms() + INPUT_MS) == -ETIMEDOUT)
        return cu_error_set(err, -ENODATA, CU_JOB_NO_INPUT);
    rc = read_all(fd, &text, &size, err);
    if (path)
        close(fd);
    cu_process_silence(0);
    if (rc < 0)
        return rc;
    /* ssh -n, or a start-up file of the shell that has read it, or its beginning. */
    if (!path && !cu_job_begins(text, size)) {
        free(text);
        return cu_error_set(err, -ENODATA, CU_JOB_NO_INPUT);
    }
    rc = cu_munge_open_line(&text, &size, "key", err);
    if (rc == 0)
        rc = cu_job_decode(text, size, job, err);
    if (rc == 0 && cu_group_enter(job->group, argv, path ? NULL : text, size, group_note) < 0)
        rc = 0; /* it goes on with the group that it has */
    sodium_memzero(text, size);
    free(text);
    if (rc == -ENOMEM)
        return cu_error_set(err, rc, "out of memory");
    if (rc == 0 && job->port == 0)
        return cu_error_set(err, -EINVAL, "the job description has no port");
    return rc;
}
