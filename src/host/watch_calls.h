/* SPDX-License-Identifier: BSD-3-Clause */
/* The system calls that look a path up, and the filter (seccomp(2)) that stops at them. Of x86-64
 * and arm64; a call of another kind of program (32 bits) passes. */
#ifndef CU_HOST_WATCH_CALLS_H
#define CU_HOST_WATCH_CALLS_H

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>

enum cu_watch_kind {
    CU_WATCH_OPEN,
    CU_WATCH_EXEC,
    CU_WATCH_LOOK, /* attributes, rights, the target of a link */
};

/* Where in the call's arguments; -1: it has none. */
struct cu_watch_call {
    int nr;
    enum cu_watch_kind kind;
    signed char dir, path, flags;
    signed char how;   /* flags are in a struct open_how */
    signed char words; /* of a program: arguments, and the environment behind */
    bool link;         /* does not follow a link, whatever the flags are */
};

/* NULL: no such call. */
const struct cu_watch_call *cu_watch_call_of(int nr);
/* The filter, in memory of its own; *count instructions. io_uring, which opens files without a
 * system call, is not there for the program (ENOSYS). NULL: out of memory, or another machine. */
struct sock_filter *cu_watch_filter(unsigned short *count);

#endif
