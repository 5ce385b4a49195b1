/* SPDX-License-Identifier: BSD-3-Clause */
/* Which launcher there is to use, and what it is like. */
#ifndef CU_COPPER_LAUNCHER_CHOICE_H
#define CU_COPPER_LAUNCHER_CHOICE_H

#include "base/error.h"
#include "base/path.h"

#include <stdbool.h>

/* Is this what COPPER_LAUNCHER and the site's file may say: "auto", the name of a launcher, or the
 * absolute path of one? */
bool cu_launcher_is_choice(const char *text);
/* Takes the choice in the site's file, which need not be there, over as COPPER_LAUNCHER where the
 * environment has none. Looks at nothing else in it. 0; -EINVAL with err when the choice is no
 * launcher. */
__attribute__((warn_unused_result)) int cu_launcher_settle(const char *parts, struct cu_error *err);
/* The program: what COPPER_LAUNCHER says, else the one of the scheduler whose job this is, else
 * rsh. parts: directory of the launchers that are Copper's own. 0, -EINVAL with err. */
__attribute__((warn_unused_result)) int
cu_launcher_find(const char *parts, char program[CU_PATH_MAX], struct cu_error *err);
/* Would the launcher carry what its commands read over a network in clear? It says so of itself;
 * one that says nothing would. 1, 0, or -EINVAL with err. */
__attribute__((warn_unused_result)) int cu_launcher_in_clear(const char *parts,
                                                             struct cu_error *err);

#endif
