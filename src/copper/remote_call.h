/* SPDX-License-Identifier: BSD-3-Clause */
/* One remote command at work: its process, its output line by line. */
#ifndef CU_COPPER_REMOTE_CALL_H
#define CU_COPPER_REMOTE_CALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CU_CALL_SAID_MAX  512 /* of a line; the rest is cut */
#define CU_CALL_OUTPUT_FD 3   /* where the commands' own output goes (launcher.c) */
/* How many bytes of memory and how many descriptors one takes, about: an ssh with its libraries,
 * its pidfd, its pipe. */
#define CU_CALL_BYTES ((uint64_t)8 << 20)
#define CU_CALL_FDS   2u

struct cu_call {
    size_t host, count; /* the hosts of a part of the list; count 1: one host */
    bool part;          /* its first host starts the others (remote_part.h) */
    bool given_up;      /* the part was taken from it */
    int64_t heard_ms;   /* when a part began, or last told the outcome of a host */
    pid_t pid;
    int pidfd, out; /* -1: closed */
    char line[CU_CALL_SAID_MAX];
    size_t len;
    char last[CU_CALL_SAID_MAX]; /* line that is not empty */
    char ours[CU_CALL_SAID_MAX]; /* line that Copper's programs have written */
};

/* Starts argv with in as its standard input; to_user: its standard output is CU_CALL_OUTPUT_FD and
 * not read here. The rest of call is set by the caller. 0; -errno: nothing of it is left. */
__attribute__((warn_unused_result)) int cu_call_begin(struct cu_call *call, const char *const *argv,
                                                      int in, bool to_user);
/* Reads what is there, without waiting; closes the pipe at its end. Each line is also given to
 * on_line, if that is not NULL. */
void cu_call_take(struct cu_call *call,
                  void (*on_line)(void *context, struct cu_call *call, char *line), void *context);
/* After the end of its process: what is left of the output. */
void cu_call_end(struct cu_call *call,
                 void (*on_line)(void *context, struct cu_call *call, char *line), void *context);
/* How many may run at once, of so many hosts: as cores, memory, descriptors and processes of this
 * machine carry. Raises the limit of descriptors as far as that needs. At least 1. */
size_t cu_call_width(size_t hosts);

#endif
