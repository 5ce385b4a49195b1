/* SPDX-License-Identifier: BSD-3-Clause */
/* The choice of the launcher, and its properties. */
#ifndef CU_COPPER_LAUNCHER_CHOICE_H
#define CU_COPPER_LAUNCHER_CHOICE_H

#include "base/error.h"
#include "base/path.h"

#include <stdbool.h>

/* Is this a valid value of COPPER_LAUNCHER and of the setting in the site's file: "auto", the name
 * of a launcher, or the absolute path of one? */
bool cu_launcher_is_choice(const char *text);
/* Does this value leave the choice to Copper: NULL, "" or "auto"? */
bool cu_launcher_is_automatic(const char *name);
/* The automatic choice in this environment, by name. *why: the environment variable that decides
 * it; "": none does. */
const char *cu_launcher_automatic(const char **why);
/* Sets COPPER_LAUNCHER from the site's file (which may be missing) when the environment has none.
 * Reads no other setting. 0; -EINVAL with err when the choice is no launcher. */
__attribute__((warn_unused_result)) int cu_launcher_settle(const char *parts, struct cu_error *err);
/* Is one of Copper's own launchers as safe from others as this program? 0, -EINVAL with err. */
__attribute__((warn_unused_result)) int cu_launcher_trust(const char *program,
                                                          struct cu_error *err);
/* The program: what COPPER_LAUNCHER says, else the one of the scheduler whose job this is, else
 * rsh. parts: directory of the launchers that are Copper's own. 0, -EINVAL with err. */
__attribute__((warn_unused_result)) int
cu_launcher_find(const char *parts, char program[CU_PATH_MAX], struct cu_error *err);
/* Does the user want the job description to be shared through a file (COPPER_INPUT_BY=file)? */
bool cu_launcher_shares_input(void);
/* From now on, launchers share it so. */
void cu_launcher_share_input(void);
/* Does the launcher send the standard input of its commands over a network unencrypted? Each
 * launcher declares this in a comment; one without a declaration counts as unencrypted. 1, 0, or
 * -EINVAL with err. */
__attribute__((warn_unused_result)) int cu_launcher_in_clear(const char *parts,
                                                             struct cu_error *err);

#endif
