/* SPDX-License-Identifier: BSD-3-Clause */
/* How much memory a process has, for tests of what goes back to the kernel. Include it after
 * cmocka.h. */
#ifndef CU_TEST_RESIDENT_H
#define CU_TEST_RESIDENT_H

#include <stdio.h>
#include <sys/prctl.h>

/* khugepaged brings memory back that was returned (base/blocks.c): for the beginning of a test. */
static inline void keep_returned_memory_away(void)
{
    assert_int_equal(prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0), 0);
}

/* Counted page by page, without those of the program: the figure in statm is late, and has them. */
static inline size_t resident_kib(void)
{
    FILE *f = fopen("/proc/self/smaps_rollup", "r");
    char line[256];
    unsigned long n = 0;

    assert_non_null(f);
    while (n == 0 && fgets(line, sizeof(line), f))
        (void)sscanf(line, "Anonymous: %lu kB", &n);
    fclose(f);
    assert_true(n > 0);
    return n;
}

#endif
