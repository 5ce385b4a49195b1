/* SPDX-License-Identifier: BSD-3-Clause */
/* fstat(2) of a C library is newfstatat(2) with an empty path: calls with AT_EMPTY_PATH are let
 * through, or each read of a file would stop there. */
#include "host/watch_calls.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#define ARCH 0u /* of no machine: there is no filter */
#endif

#define NONE .dir = -1, .flags = -1, .how = -1, .words = -1

static const struct cu_watch_call calls[] = {
#ifdef SYS_open
    {SYS_open, CU_WATCH_OPEN, .dir = -1, .path = 0, .flags = 1, .how = -1, .words = -1},
    {SYS_stat, CU_WATCH_LOOK, .path = 0, NONE},
    {SYS_lstat, CU_WATCH_LOOK, .path = 0, NONE, .link = true},
    {SYS_access, CU_WATCH_LOOK, .path = 0, NONE},
    {SYS_readlink, CU_WATCH_LOOK, .path = 0, NONE, .link = true},
#endif
    {SYS_openat, CU_WATCH_OPEN, .dir = 0, .path = 1, .flags = 2, .how = -1, .words = -1},
#ifdef SYS_openat2
    {SYS_openat2, CU_WATCH_OPEN, .dir = 0, .path = 1, .flags = -1, .how = 2, .words = -1},
#endif
    {SYS_execve, CU_WATCH_EXEC, .dir = -1, .path = 0, .flags = -1, .how = -1, .words = 1},
    {SYS_execveat, CU_WATCH_EXEC, .dir = 0, .path = 1, .flags = 4, .how = -1, .words = 2},
    {SYS_newfstatat, CU_WATCH_LOOK, .dir = 0, .path = 1, .flags = 3, .how = -1, .words = -1},
    {SYS_statx, CU_WATCH_LOOK, .dir = 0, .path = 1, .flags = 2, .how = -1, .words = -1},
    {SYS_faccessat, CU_WATCH_LOOK, .dir = 0, .path = 1, .flags = -1, .how = -1, .words = -1},
#ifdef SYS_faccessat2
    {SYS_faccessat2, CU_WATCH_LOOK, .dir = 0, .path = 1, .flags = 3, .how = -1, .words = -1},
#endif
    {SYS_readlinkat, CU_WATCH_LOOK, .dir = 0, .path = 1, .flags = -1, .how = -1, .words = -1,
     .link = true},
    {SYS_getxattr, CU_WATCH_LOOK, .path = 0, NONE},
    {SYS_lgetxattr, CU_WATCH_LOOK, .path = 0, NONE, .link = true},
    {SYS_listxattr, CU_WATCH_LOOK, .path = 0, NONE},
    {SYS_llistxattr, CU_WATCH_LOOK, .path = 0, NONE, .link = true},
};
#define CALL_COUNT (sizeof(calls) / sizeof(calls[0]))

const struct cu_watch_call *cu_watch_call_of(int nr)
{
    for (size_t i = 0; i < CALL_COUNT; i++)
        if (calls[i].nr == nr)
            return &calls[i];
    return NULL;
}

#define LOAD(member)                                                                               \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offsetof(struct seccomp_data, member))
/* The low half of an argument; both machines are little-endian. */
#define LOAD_ARG(i)                                                                                \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS,                                                             \
             (unsigned)(offsetof(struct seccomp_data, args) + 8u * (unsigned)(i)))
#define IF(value, yes, no)     BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)(value), yes, no)
#define IF_BIT(value, yes, no) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (unsigned)(value), yes, no)
#define END(action)            BPF_STMT(BPF_RET | BPF_K, (unsigned)(action))

struct sock_filter *cu_watch_filter(unsigned short *count)
{
    static const struct sock_filter first[] = {
        LOAD(arch),
        IF(ARCH, 1, 0),
        END(SECCOMP_RET_ALLOW),
        LOAD(nr),
        IF(SYS_io_uring_setup, 0, 1),
        END(SECCOMP_RET_ERRNO | ENOSYS),
    };
    const bool known = ARCH != 0;
    const size_t firsts = sizeof(first) / sizeof(first[0]);
    struct sock_filter *filter = calloc(firsts + 5 * CALL_COUNT + 1, sizeof(*filter));
    unsigned short n = 0;

    if (!filter || !known) {
        free(filter);
        return NULL;
    }
    for (; n < firsts; n++)
        filter[n] = first[n];
    for (size_t i = 0; i < CALL_COUNT; i++) {
        const struct cu_watch_call *call = &calls[i];

        if (call->kind == CU_WATCH_LOOK && call->flags >= 0) {
            filter[n++] = (struct sock_filter)IF(call->nr, 0, 4);
            filter[n++] = (struct sock_filter)LOAD_ARG(call->flags);
            filter[n++] = (struct sock_filter)IF_BIT(AT_EMPTY_PATH, 0, 1);
            filter[n++] = (struct sock_filter)END(SECCOMP_RET_ALLOW);
        } else {
            filter[n++] = (struct sock_filter)IF(call->nr, 0, 1);
        }
        filter[n++] = (struct sock_filter)END(SECCOMP_RET_USER_NOTIF);
    }
    filter[n++] = (struct sock_filter)END(SECCOMP_RET_ALLOW);
    *count = n;
    return filter;
}
