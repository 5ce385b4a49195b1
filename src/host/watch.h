/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs a command and tells which paths it and its children look up, whatever they are: static
 * programs, the dynamic loader, programs that were started with another root or user namespace. No
 * rights are needed: the command gets a filter of its system calls (seccomp(2)) that stops at those
 * with a path, and this process reads the path and lets the call go on as it is
 * (seccomp_unotify(2)). Nothing is looked up here: a file system whose daemon is among the watched
 * processes would wait for itself.
 *
 * For an ordinary user set-user-id programs have no effect below the command, as the kernel
 * demands. One thread, and one command in a process. */
#ifndef CU_HOST_WATCH_H
#define CU_HOST_WATCH_H

#include "base/error.h"
#include "host/watch_calls.h"

#include <stdint.h>
#include <sys/types.h>

struct cu_watch;

/* A mount namespace; as long as the watch is there. */
struct cu_watch_space {
    struct cu_watch_space *next;
    unsigned number; /* from 0 on */
    int root;        /* its top directory (O_PATH) */
    int mounts;      /* mountinfo; -1: none. Of the reader: seek before reading */
    char name[64];   /* "mnt:[4026531841]" */
};

struct cu_watch_event {
    struct cu_watch_event *next; /* of the taker */
    enum cu_watch_kind kind;
    bool reads;    /* OPEN: not for writing alone */
    bool follows;  /* a link at the end of the path */
    bool relative; /* it was put behind the working directory, or another one */
    const struct cu_watch_space *space;
    pid_t thread;
    /* When the thread is seen first, and of each EXEC: its process and the parent of that; else 0.
     */
    pid_t process, parent;
    char *path; /* absolute, in `bytes` */
    /* EXEC: the arguments, each with its NUL, then the environment; in `bytes` */
    char *words;
    size_t arguments_size, environment_size;
    char bytes[];
};

struct cu_watch_counts {
    int error;       /* errno of execvp(3): the command was not run; 0: it was */
    uint64_t unread; /* calls whose path could not be read */
};

/* Starts the command, which waits for cu_watch_run. The caller must have no other threads. 0, or
 * -errno with err: it cannot be watched, and was not run. */
__attribute__((warn_unused_result)) int cu_watch_start(char *const argv[], struct cu_watch **watch,
                                                       struct cu_error *err);
/* Until the command has ended: its status as of waitpid(2), and *counts. seen: takes the event,
 * which it frees (free(3)). Signals that end a program are handed on. */
int cu_watch_run(struct cu_watch *watch, void (*seen)(void *context, struct cu_watch_event *event),
                 void *context, struct cu_watch_counts *counts);
/* The watch goes. When processes of the command are left, a child of this one stays with them, so
 * that their calls go on; it holds no descriptor but the filter's. */
void cu_watch_end(struct cu_watch *watch);

#endif
