/* SPDX-License-Identifier: BSD-3-Clause */
/* No descriptor left for the process, until it is over. */
#ifndef CU_TEST_FEW_FILES_H
#define CU_TEST_FEW_FILES_H

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

/* Returns what few_files_end wants back. */
static inline rlim_t few_files_begin(void)
{
    struct rlimit limit;
    rlim_t before;
    int next = open("/dev/null", O_RDONLY | O_CLOEXEC);

    close(next);
    getrlimit(RLIMIT_NOFILE, &limit);
    before = limit.rlim_cur;
    limit.rlim_cur = (rlim_t)next;
    setrlimit(RLIMIT_NOFILE, &limit);
    return before;
}

static inline void few_files_end(rlim_t before)
{
    struct rlimit limit;

    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = before;
    setrlimit(RLIMIT_NOFILE, &limit);
}

#endif
