/* SPDX-License-Identifier: BSD-3-Clause */
/* Host lists as short text: "frontier[00001-09408]" says what 9,408 names say in 120 KB. */
#ifndef CU_BASE_HOSTLIST_H
#define CU_BASE_HOSTLIST_H

#include "base/error.h"
#include "base/parse.h"

/* The names in their order, those that differ in one number together: "n[1-3,7]", with separator
 * (',' or '\n') between what does not go together. New text, "" for no host; NULL when out of
 * memory. cu_parse_hosts reads it, and so do Slurm, Flux and clush. */
char *cu_hostlist_text(const struct cu_hosts *hosts, char separator);
/* Appends the hosts that one word of such a text (no separator outside of brackets) stands for, in
 * its order and with its repeats. hosts->names has room for count_max. 0; -EINVAL: it is none, or
 * makes more than there is room for; -ENOMEM. What was appended before an error stays. */
__attribute__((warn_unused_result)) int cu_hostlist_append(struct cu_hosts *hosts, size_t count_max,
                                                           const char *word, size_t len);

#endif
