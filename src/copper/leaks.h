/* SPDX-License-Identifier: BSD-3-Clause */
/* What a watched command reads of shared storage past Copper, by file and by the reason. Takes the
 * events of host/watch.h in their order, on one thread. */
#ifndef CU_COPPER_LEAKS_H
#define CU_COPPER_LEAKS_H

#include "copper/leaks_look.h"

#include <stdint.h>

enum cu_leaks_reason {
    CU_LEAKS_SHEBANG,     /* the first line of a script names it */
    CU_LEAKS_LINK,        /* a link leads there */
    CU_LEAKS_RPATH,       /* of a program or library */
    CU_LEAKS_ENVIRONMENT, /* a variable names a directory above it */
    CU_LEAKS_PROGRAM,     /* the installation of the program that runs, which is past Copper */
    CU_LEAKS_FILE,        /* a file that was read names it: a script, pyvenv.cfg, .pth */
    CU_LEAKS_COMMAND,     /* the command line names it */
    CU_LEAKS_DIRECTORY,   /* by a path relative to a directory there */
    CU_LEAKS_HARD_CODED,  /* nothing else was found */
    CU_LEAKS_REASONS,
};

struct cu_leak {
    enum cu_leaks_reason reason;
    char *by;   /* owned; the script, link, library, variable, program or file; "": none */
    char *path; /* owned; the file, or the directory of names that are not there */
    uint64_t reads, looks, absent;
};

struct cu_leaks;

/* look: borrowed. environment: of this process, for what it starts. NULL: out of memory. */
struct cu_leaks *cu_leaks_create(struct cu_leaks_look *look, char *const environment[]);
void cu_leaks_destroy(struct cu_leaks *leaks); /* NULL does nothing */
/* Frees the event. */
void cu_leaks_event(struct cu_leaks *leaks, struct cu_watch_event *event);
/* Sorted by reason, by what is behind it, and by path; borrowed. */
const struct cu_leak *const *cu_leaks_list(struct cu_leaks *leaks, size_t *count);
/* Calls that were left out for lack of memory. */
uint64_t cu_leaks_lost(const struct cu_leaks *leaks);
/* For programs ("shebang"), and for people ("the first line of"). */
const char *cu_leaks_word(enum cu_leaks_reason reason);
const char *cu_leaks_phrase(enum cu_leaks_reason reason);

#endif
