/* SPDX-License-Identifier: BSD-3-Clause */
/* Options of the command line, "NAME VALUE" a line: what is refused leaves the job as it was, and
 * says why; what is taken stands in the job's text and reads back the same. */
#include "fuzz.h"

#include "proto/job.h"

static char *text_of(const struct cu_job *job)
{
    char *text = cu_job_encode(job);

    FUZZ_CHECK(text);
    return text;
}

static void set(struct cu_job *job, const char *name, const char *value)
{
    struct cu_error err = {""};
    char *before = text_of(job), *after;
    int rc = cu_job_set(job, name, value, "-x", &err);

    after = text_of(job);
    if (rc < 0)
        FUZZ_CHECK(err.text[0] != '\0' && !strchr(err.text, '\n') && strcmp(before, after) == 0);
    free(before);
    free(after);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char host[] = "node1";
    char *hosts[] = {host};
    char *text = fuzz_text(data, size), *at = text, *line, *once, *twice;
    struct cu_error err = {""};
    struct cu_job job, again;

    FUZZ_CHECK(cu_job_init(&job, "/tmp/alice/copper", "/tmp/copper-1000") == 0);
    job.hosts = (struct cu_hosts){.names = hosts, .count = 1};
    while ((line = strsep(&at, "\n"))) {
        char *value = strchr(line, ' ');

        if (!value)
            continue;
        *value++ = '\0';
        set(&job, line, value);
    }
    once = text_of(&job);
    FUZZ_CHECK(cu_job_decode(once, strlen(once), &again, &err) == 0);
    twice = text_of(&again);
    FUZZ_CHECK(strcmp(once, twice) == 0);
    free(once);
    free(twice);
    cu_job_free(&again);
    job.hosts = (struct cu_hosts){0};
    cu_job_free(&job);
    free(text);
    return 0;
}
