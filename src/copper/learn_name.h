/* SPDX-License-Identifier: BSD-3-Clause */
/* The recipe of a command: its interpreter, its prefix and what it runs make the name, so that the
 * same command finds it again in a later job, whatever that is called. */
#ifndef CU_COPPER_LEARN_NAME_H
#define CU_COPPER_LEARN_NAME_H

#include "copper/choice.h"
#include "copper/origin.h"

/* Tells the daemon of this node which recipe the command argv belongs to, if its job learns by
 * commands. What fails costs a recipe and nothing else, and is not said. */
void cu_learn_name_tell(const char *mount, const struct cu_choice *choice,
                        const struct cu_origin *origin, char **argv);

#endif
