/* SPDX-License-Identifier: BSD-3-Clause */
/* A launcher waits until all copies of its descriptors are closed, so the daemon must not keep any.
 * The key must not get into a core file.
 *
 * What there is very much of is not in the heap (base/mem.h), which is therefore small and never
 * trimmed as a whole: malloc_trim holds the lock that every allocation needs, for as long as it
 * walks through all free blocks (15 ms after 300,000 objects). The C library maps larger blocks
 * one by one, and has no lists of small free blocks that wait to be joined with their neighbours:
 * the next allocation would join and sort them all. */
#include "host/process.h"

#include "host/readfile.h"

#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_close_range
#define SYS_close_range 436 /* the same number on all architectures; older C libraries lack it */
#endif

static void close_range_of(unsigned from, unsigned to)
{
    struct rlimit limit;

    if (from > to || syscall(SYS_close_range, from, to, 0u) == 0)
        return;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > 65536)
        limit.rlim_cur = 65536;
    for (unsigned fd = from; fd <= to && fd < (unsigned)limit.rlim_cur; fd++)
        close((int)fd);
}

void cu_process_close_above(int fd)
{
    close_range_of((unsigned)fd + 1, ~0u);
}

void cu_process_close_all(void)
{
    cu_process_close_above(2);
}

void cu_process_close_but(int fd)
{
    if (fd > 0)
        close_range_of(0, (unsigned)fd - 1);
    close_range_of((unsigned)fd + 1, ~0u);
}

void cu_process_prepare(void)
{
    char workers[16];

    cu_process_close_all();
    for (int fd = 0; fd <= 2; fd++) {
        if (fcntl(fd, F_GETFD) < 0)
            cu_process_silence(fd); /* or our first file would become standard output */
    }
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file above the user's limit is an error like a full disk */
    prctl(PR_SET_DUMPABLE, 0);
    snprintf(workers, sizeof(workers), "%d", CU_PROCESS_WORKERS);
    setenv("UV_THREADPOOL_SIZE", workers, 1);
    mallopt(M_ARENA_MAX, 2);
    mallopt(M_MMAP_THRESHOLD, 256 << 10);
    mallopt(M_TRIM_THRESHOLD, 2 << 20);
    mallopt(M_MXFAST, 0);
}

void cu_process_silence(int fd)
{
    int null = open("/dev/null", O_RDWR | O_NOCTTY);

    if (null < 0)
        return;
    if (null != fd) {
        dup2(null, fd);
        if (null > 2)
            close(null);
    }
}

uint64_t cu_process_resident_bytes(void)
{
    unsigned long long size, resident;
    char text[256];

    if (cu_readfile_small(NULL, "/proc/self/statm", text, sizeof(text)) <= 0 ||
        sscanf(text, "%llu %llu", &size, &resident) != 2)
        return 0;
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t to_ms(const struct timeval *time)
{
    return (uint64_t)time->tv_sec * 1000 + (uint64_t)time->tv_usec / 1000;
}

void cu_process_cpu_ms(uint64_t *user_ms, uint64_t *system_ms)
{
    struct rusage usage = {0};

    getrusage(RUSAGE_SELF, &usage);
    *user_ms = to_ms(&usage.ru_utime);
    *system_ms = to_ms(&usage.ru_stime);
}
