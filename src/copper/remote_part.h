/* SPDX-License-Identifier: BSD-3-Clause */
/* A part of a long host list, which the first host of that part starts by itself: `copper job part`
 * there reads from its standard input a head, that says which hosts and how, and then what each
 * command is to read. So the job's text travels to it as it travels to a daemon. */
#ifndef CU_COPPER_REMOTE_PART_H
#define CU_COPPER_REMOTE_PART_H

#include "base/error.h"
#include "base/parse.h"

#include <stddef.h>

struct cu_part {
    struct cu_hosts hosts; /* owned */
    size_t self;           /* index of the host that starts the others */
    char *shell;           /* remote shell with its words, owned */
    int input_fd;          /* a copy of what the commands are to read, -1: none */
};

/* How many hosts start others, of so many: 0: none does. text: what the user has set, or NULL;
 * "0" or "1": none. -EINVAL: it is no number. */
__attribute__((warn_unused_result)) int cu_part_count(size_t hosts, const char *text,
                                                      size_t *count);
/* The head for hosts[first..first+count), and the content of the file input, as a new descriptor
 * that is at its start; -errno. */
__attribute__((warn_unused_result)) int cu_part_write(const struct cu_hosts *hosts, size_t first,
                                                      size_t count, const char *shell,
                                                      const char *input);
/* Reads what cu_part_write has written, to the end. 0, -errno with err. */
__attribute__((warn_unused_result)) int cu_part_read(int fd, struct cu_part *part,
                                                     struct cu_error *err);
void cu_part_free(struct cu_part *part);

#endif
