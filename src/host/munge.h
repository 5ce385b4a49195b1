/* SPDX-License-Identifier: BSD-3-Clause */
/* Secrets that cross a network in a credential of MUNGE (https://dun.github.io/munge/), which only
 * processes of this user can open, on hosts with the site's MUNGE key. libmunge is loaded when it
 * is wanted: where it is not installed, or munged does not run, that is an error with its reason.
 */
#ifndef CU_HOST_MUNGE_H
#define CU_HOST_MUNGE_H

#include "base/error.h"

#include <stddef.h>

/* Takes the line "NAME VALUE" out of a text of lines and puts "munge CREDENTIAL" in its place,
 * whose payload is VALUE. New text, or NULL with err. */
char *cu_munge_seal_line(const char *text, const char *name, struct cu_error *err);
/* The other way round: *text (size bytes, from malloc, not terminated) is wiped and replaced.
 * Nothing when it has no such line. 0; -ENOENT no MUNGE here, -EPERM not for this user,
 * -EKEYEXPIRED too old, -EBADMSG otherwise refused, -ENOMEM, with err. */
__attribute__((warn_unused_result)) int cu_munge_open_line(char **text, size_t *size,
                                                           const char *name, struct cu_error *err);

#endif
