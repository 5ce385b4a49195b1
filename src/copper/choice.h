/* SPDX-License-Identifier: BSD-3-Clause */
/* Which directories copper run binds over with Copper's view, which of them it leaves as they are,
 * and why. A set that the options or the job's environment make; the same text on every rank. */
#ifndef CU_COPPER_CHOICE_H
#define CU_COPPER_CHOICE_H

#include "base/error.h"
#include "copper/origin.h"

#include <stddef.h>

#define CU_CHOICE_MAX 64u /* directories that are bound; more are merged or left */

enum cu_choice_what {
    CU_CHOICE_BOUND, /* shows Copper's view */
    CU_CHOICE_KEPT,  /* below one that is bound: shows what it showed */
    CU_CHOICE_LEFT,  /* would have been bound, but for the reason in why */
};

struct cu_choice_entry {
    enum cu_choice_what what;
    char *path; /* owned; normal form, without links */
    char *why;  /* owned; for people */
};

struct cu_choice {
    struct cu_choice_entry *entries; /* owned; when finished by path: above comes before below */
    size_t count, capacity;
    /* What is not bound by itself: it may be written to. */
    char cwd[CU_PATH_MAX], home[CU_PATH_MAX], tmp[CU_PATH_MAX]; /* "": not known */
};

/* Reads the working directory, HOME and TMPDIR. */
void cu_choice_init(struct cu_choice *choice, const struct cu_origin *origin);
void cu_choice_free(struct cu_choice *choice);

/* A directory that the job reads: bound, unless a rule speaks against it. What lies on no file
 * system of a network, does not exist, or goes through the mount already is silently left out.
 * path: absolute, else ignored. 0 or -ENOMEM. */
__attribute__((warn_unused_result)) int cu_choice_offer(struct cu_choice *choice,
                                                        const struct cu_origin *origin,
                                                        const char *path, const char *why);
/* The same of an installation: a directory with bin and lib. Where it may not be bound as a whole,
 * its parts are. */
__attribute__((warn_unused_result)) int cu_choice_offer_prefix(struct cu_choice *choice,
                                                               const struct cu_origin *origin,
                                                               const char *path, const char *why);
/* A directory that the user named: bound, or -EINVAL with err. */
__attribute__((warn_unused_result)) int cu_choice_name(struct cu_choice *choice,
                                                       const struct cu_origin *origin,
                                                       const char *path, struct cu_error *err);
/* A directory that the user wants as it is (option: "--rw", "--not"). 0 or -EINVAL, -ENOMEM with
 * err. */
__attribute__((warn_unused_result)) int cu_choice_keep(struct cu_choice *choice, const char *path,
                                                       const char *option, struct cu_error *err);
/* Sorts, merges, and leaves out what follows from other entries. 0 or -ENOMEM. */
__attribute__((warn_unused_result)) int cu_choice_finish(struct cu_choice *choice,
                                                         const struct cu_origin *origin);

#endif
