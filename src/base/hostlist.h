/* SPDX-License-Identifier: BSD-3-Clause */
/* Compact host lists: "frontier[00001-09408]" stands for 9,408 names, 120 KB as text. */
#ifndef CU_BASE_HOSTLIST_H
#define CU_BASE_HOSTLIST_H

#include "base/error.h"
#include "base/parse.h"

/* The names in their order, those that differ in numbers together: "r[1-12]n[0-3,7]", with
 * separator
 * (',' or '\n') between what does not go together. New text, "" for no host; NULL when out of
 * memory. cu_parse_hosts reads it, and so do Slurm, Flux and clush. */
char *cu_hostlist_text(const struct cu_hosts *hosts, char separator);
/* Expands one word of such a text (no separator outside of brackets) and appends its hosts, in its
 * order and with repeats. hosts->names has room for count_max. 0; -EINVAL: malformed, or more hosts
 * than fit; -ENOMEM. Hosts appended before an error stay. */
__attribute__((warn_unused_result)) int cu_hostlist_append(struct cu_hosts *hosts, size_t count_max,
                                                           const char *word, size_t len);

#endif
