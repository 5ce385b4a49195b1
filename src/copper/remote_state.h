/* SPDX-License-Identifier: BSD-3-Clause */
/* Internal to remote.c, which makes the words and the queue, and remote_run.c, which works it off.
 */
#ifndef CU_COPPER_REMOTE_STATE_H
#define CU_COPPER_REMOTE_STATE_H

#include "base/parse.h"
#include "copper/remote_call.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CU_REMOTE_WORDS_MAX  64
#define CU_REMOTE_PART_WORDS 4 /* copper job part MODE */
/* What epoll says besides calls. */
#define CU_REMOTE_SIGNAL UINT64_MAX
#define CU_REMOTE_READER (UINT64_MAX - 1)

struct cu_remote {
    struct cu_hosts hosts;
    bool start, output, executes, debug;
    bool inside;                      /* this host starts the others of its part */
    size_t self;                      /* inside: this host */
    char *shell[CU_REMOTE_WORDS_MAX]; /* words of the remote shell */
    size_t shell_count;
    char *words[CU_REMOTE_WORDS_MAX +
                CU_REMOTE_PART_WORDS]; /* the command, as the far shell reads it */
    char **plain;                      /* as it is; NULL-terminated */
    size_t word_count;
    char *part_words[CU_REMOTE_PART_WORDS]; /* as the far shell reads them */
    char *part_shell;                       /* the remote shell as text */
    const char *input;
    struct cu_remote_host {
        uint8_t tries;
        bool begun; /* that was printed */
        enum { CU_REMOTE_IN_PART, CU_REMOTE_HERE, CU_REMOTE_ENDED } where;
    } * of;
    struct cu_remote_todo {
        size_t host, count;
    } * queue; /* a ring of hosts.count */
    size_t first, waiting;
    struct cu_call *calls;
    size_t *idle; /* free calls */
    size_t running, width;
    size_t parts; /* at work */
    int epoll_fd, signal_fd;
};

/* Puts hosts[host..host+count) into the queue, as a part if they are many. */
void cu_remote_put(struct cu_remote *r, size_t host, size_t count);
/* epoll is to report that. 0 or -errno. */
__attribute__((warn_unused_result)) int cu_remote_watch(const struct cu_remote *r, int fd,
                                                        uint32_t events, uint64_t what);
/* Works the queue off. Exit status. */
int cu_remote_run(struct cu_remote *r);

#endif
