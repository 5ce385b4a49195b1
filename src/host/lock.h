/* SPDX-License-Identifier: BSD-3-Clause */
/* One daemon per mount: a locked file in the run directory shows that it is alive, and identifies
 * it. */
#ifndef CU_HOST_LOCK_H
#define CU_HOST_LOCK_H

#include "base/error.h"
#include "base/path.h"
#include "host/session.h"

#include <stdbool.h>
#include <stdint.h>

/* In the message about a mount that another job has. */
#define CU_LOCK_TAKEN "already running on this mount"

struct cu_lock {
    int fd; /* -1: not held */
    char path[CU_PATH_MAX];
    char mount[CU_PATH_MAX];
    char job_id[33]; /* hex */
    char owner[CU_SESSION_MAX];
    uint32_t rank;      /* in that job */
    uint32_t dirs_left; /* directories that a killed daemon had made for its mount */
    uint32_t dirs_made;
    uint32_t starts; /* daemons so far */
};

/* Each holder also has a lock (fcntl) on a byte of the file: the kernel reports the pid of such a
 * lock's owner, even when the owner's files in /proc may not be read. */
enum cu_lock_byte {
    CU_LOCK_SUPERVISOR = 0,
    CU_LOCK_DAEMON = 1,
};

/* The daemon that takes a lock. */
struct cu_lock_who {
    const char *mount;  /* normal form */
    const char *job_id; /* hex */
    const char *owner;  /* of the job, as host/session.h has it; NULL: not known */
    uint32_t rank;      /* in that job */
};

/* Takes the lock on the mount directory for this process. -EBUSY with err when a daemon of another
 * job lives, -EALREADY with err when it is of this one and has this rank; -errno with err. */
__attribute__((warn_unused_result)) int cu_lock_take(struct cu_lock *lock, const char *path,
                                                     const struct cu_lock_who *who,
                                                     struct cu_error *err);
/* Notes how many directories were made, for the process that has to clean up after this one. 0 or
 * -errno. */
__attribute__((warn_unused_result)) int cu_lock_note(struct cu_lock *lock, uint32_t dirs_made);
/* Counts a daemon that the process that took the lock has started; best effort. */
void cu_lock_note_start(struct cu_lock *lock);
/* In that daemon: locks its byte of the file, so that the kernel reports its pid. 0 or -errno. */
__attribute__((warn_unused_result)) int cu_lock_share(const struct cu_lock *lock);
/* Is the lock still ours? Not when a process that inherited it has released it. */
bool cu_lock_holds(const struct cu_lock *lock);
/* Removes the file and releases the lock. Does nothing when it is not held. */
void cu_lock_release(struct cu_lock *lock);

/* The lock of another process. */
struct cu_lock_seen {
    int fd; /* -1: there is none */
    bool held;
    /* The content of the file; of a process that was killed, when the lock is not held. */
    long pid;                   /* of the supervisor when it wrote this; 0: not known */
    char job_id[33];            /* "": not known */
    uint32_t dirs;              /* directories that the daemon made for its mount */
    uint32_t rank;              /* in the job; UINT32_MAX: not known */
    char owner[CU_SESSION_MAX]; /* of the job; "": not known */
    char mount[CU_PATH_MAX];    /* normal form; "": not known */
};

void cu_lock_see(const char *path, struct cu_lock_seen *seen);
/* Keeps every daemon from taking the lock until cu_lock_unsee, so that what a dead one has left can
 * be removed; seen is what that one wrote. The file is made where there is none. Waits up to 2 s
 * for processes that look at the lock. 0; -EBUSY: a living process has it (seen: held), or an heir
 * of one that has ended (seen: not held); -errno: there is nothing to keep. Not for a process that
 * has taken the lock. */
__attribute__((warn_unused_result)) int cu_lock_claim(const char *path, struct cu_lock_seen *seen);
bool cu_lock_is_held(const struct cu_lock_seen *seen); /* by now */
/* A descriptor of the process that holds the byte (pidfd_open(2)), which the caller closes; -1:
 * none that this process can see. It held it before and after it was opened. */
int cu_lock_open_holder(const struct cu_lock_seen *seen, enum cu_lock_byte byte);
void cu_lock_unsee(struct cu_lock_seen *seen);

#endif
