/* SPDX-License-Identifier: BSD-3-Clause */
/* A mount namespace in which directories show other places, for one command and its children. An
 * ordinary user gets it together with a user namespace, in which his ids are what they were. Root
 * with CAP_SYS_ADMIN gets a mount namespace alone.
 *
 * A namespace needs no process: it lives as long as a descriptor of it, or a process in it. Its
 * descriptor is that of /proc/PID/ns/mnt; the user namespace is asked of it (ioctl_ns(2)). */
#ifndef CU_HOST_NSPACE_H
#define CU_HOST_NSPACE_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One directory, or file, of the namespace: `to` shows `from`, which is below root (NULL: "/"), as
 * it was before any of this. Absolute, in normal form. A symbolic link in one of them (root may
 * have some) is not followed: the whole fails with -ELOOP. */
struct cu_nspace_bind {
    const char *root, *from;
    const char *to;
    bool overlay; /* through an overlay (Linux 5.11) that keeps names and attributes for itself */
};

#define CU_NSPACE_BINDS_MAX 128u
#define CU_NSPACE_LIMITS    4u

/* Makes a namespace with these binds, in this order. near_fd: of a namespace whose user namespace
 * is shared; -1: a new one. Other threads must not run. The descriptor; -EPERM, -ENOSPC, ... with
 * err: one line, as cu_nspace_try. This process stays where it is. */
__attribute__((warn_unused_result)) int
cu_nspace_make(const struct cu_nspace_bind *binds, size_t count, int near_fd, struct cu_error *err);
/* Can a namespace be made here? 0; -errno with err: why not, and what an administrator can do. */
__attribute__((warn_unused_result)) int cu_nspace_try(struct cu_error *err);
/* The line for the errno of a step that a working system allows. root: a prefix for /proc, for
 * tests, or NULL. Returns error. */
int cu_nspace_explain(const char *root, int error, const char *step, struct cu_error *err);
/* Joins it for good, as the process that will execute a command: in the working directory of the
 * same name, with no capability but those that root had before. One thread. 0; -errno with err, and
 * then *begun: the process is half-way and must not go on; else it is as it was. */
__attribute__((warn_unused_result)) int cu_nspace_join(int fd, bool *begun, struct cu_error *err);

/* What a namespace is told apart by: those that this process is in (mount, user), and its root
 * directory. A namespace made here holds only for processes with the same. 0 or -errno. */
struct cu_nspace_here {
    uint64_t mount[2], user[2], root[2]; /* device and inode number */
    uint64_t privileged;                 /* 1: root that may mount, without a user namespace */
    uint64_t limits[CU_NSPACE_LIMITS];   /* hard ones that a user namespace has from its maker */
};
__attribute__((warn_unused_result)) int cu_nspace_here(struct cu_nspace_here *here);
/* Is the descriptor one of a mount namespace? */
bool cu_nspace_is(int fd);

#endif
