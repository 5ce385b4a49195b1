/* SPDX-License-Identifier: BSD-3-Clause */
/* One launcher (launch/NAME.sh) at work on a list of hosts. */
#ifndef CU_COPPER_LAUNCHER_H
#define CU_COPPER_LAUNCHER_H

#include "base/error.h"
#include "base/parse.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The launcher runs a command on each host and writes a line for each that has ended, "HOST STATUS
 * TEXT", or "stay" first of all when its commands end only with the job ("start" only) and just
 * failures are told; or "begins", and then "HOST +" for each host when it begins with it, and
 * "HOST ?" for one that another host was told to begin with. */
struct cu_launcher {
    const struct cu_hosts *hosts; /* borrowed */
    void (*hear)(void *context, const char *text);
    void *context;
    struct cu_launcher_host {
        enum { CU_LAUNCHER_RUNS, CU_LAUNCHER_DONE, CU_LAUNCHER_FAILED } state;
        bool tried;
        bool passed;    /* another host begins with it, and may have done so without a word here */
        bool swallowed; /* a shell there took the command's input, and did not run the command */
        char *text;     /* what it said, owned, or NULL */
    } * of;             /* by index in hosts */
    uint32_t *by_label; /* indices in hosts, by first label when sorted; owned */
    bool sorted;
    char *text; /* text that is not about one host, owned, or NULL */
    size_t done, failed;
    pid_t pid; /* of the launcher and of its process group; 0 when reaped */
    int fd;    /* its lines; -1 after the end */
    bool stay;
    bool cut_off; /* it or a program of it was ended by a signal: lines may be lost */
    bool begins;  /* it reports the hosts that it has begun with; else all of them count as begun */
    char line[1024];
    size_t line_len;
};

struct cu_launcher_config {
    const char *parts;          /* directory of the launchers */
    const char *mode;           /* "start": the daemon, with its host's name; "run": a command */
    const char *const *command; /* NULL-terminated, words without blanks */
    const struct cu_hosts *hosts;
    /* File that each command gets as standard input. NULL: a line at which a shell ends that takes
     * it for commands, so that it is told that it does. */
    const char *input;
    int input_fd;    /* instead of input, when above 0: borrowed */
    const char *job; /* file that the launcher removes at its end when its commands end with the job
                        ("stay"), or NULL */
    unsigned allow_missing; /* "start": hosts that need not be there */
    bool keep_stdout;       /* what the commands print belongs to the user */
    /* Gets each text that the launcher prints, or NULL. */
    void (*hear)(void *context, const char *text);
    void *context;
};

__attribute__((warn_unused_result)) int cu_launcher_spawn(struct cu_launcher *s,
                                                          const struct cu_launcher_config *config,
                                                          struct cu_error *err);
/* Reads the lines that are available, without waiting. False when the launcher has ended. */
bool cu_launcher_take(struct cu_launcher *s);
/* Waits for the end; false when no host's command has ended for so long, nor for three times as
 * long as the first one took: where one was slow, others are. */
bool cu_launcher_wait(struct cu_launcher *s, int silence_ms);
/* Was a command started on that host, as far as is known? */
bool cu_launcher_tried(const struct cu_launcher *s, size_t i);
/* Is it certain that no command was started on that host, and none will be? After the launcher's
 * end only. */
bool cu_launcher_untouched(const struct cu_launcher *s, size_t i);
/* Ends the launcher and what it started on this host. The launcher itself gets time to remove its
 * files. */
void cu_launcher_kill(struct cu_launcher *s);
/* This text in memory, as a descriptor; -1. */
__attribute__((warn_unused_result)) int cu_launcher_text_file(const char *text);
void cu_launcher_free(struct cu_launcher *s);

#endif
