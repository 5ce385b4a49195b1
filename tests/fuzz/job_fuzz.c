/* SPDX-License-Identifier: BSD-3-Clause */
/* The job description that a daemon reads from standard input: a job that is taken encodes to a
 * text that is taken, too, and is the same job. */
#include "fuzz.h"

#include "proto/job.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_copy(data, size), *once, *twice;
    struct cu_error err = {""};
    struct cu_job job;

    if (cu_job_decode(text, size, &job, &err)) {
        FUZZ_CHECK(err.text[0] != '\0');
        free(text);
        return 0;
    }
    once = cu_job_encode(&job);
    FUZZ_CHECK(once);
    cu_job_free(&job);
    FUZZ_CHECK(cu_job_decode(once, strlen(once), &job, &err) == 0);
    twice = cu_job_encode(&job);
    FUZZ_CHECK(twice && strcmp(once, twice) == 0);
    FUZZ_CHECK(cu_job_rank_of(&job, job.hosts.names[0]) >= 0);
    cu_job_free(&job);
    free(once);
    free(twice);
    free(text);
    return 0;
}
