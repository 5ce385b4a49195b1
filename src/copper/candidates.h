/* SPDX-License-Identifier: BSD-3-Clause */
/* What a job reads of shared file systems, as far as its environment and its command line tell. */
#ifndef CU_COPPER_CANDIDATES_H
#define CU_COPPER_CANDIDATES_H

#include "copper/choice.h"
#include "copper/origin.h"

#include <stdbool.h>

/* Variables whose entries, between colons, are directories of programs, modules and libraries; NULL
 * after the last. */
extern const char *const cu_candidates_lists[];

/* Offers them to the choice: the installation of the program argv[0] and of what its links and its
 * first line ("#!") lead to, the base of a virtual environment, the directory of the script that an
 * interpreter is given, VIRTUAL_ENV, CONDA_PREFIX, and the entries of the variables above. 0 or
 * -ENOMEM. */
__attribute__((warn_unused_result)) int
cu_candidates_offer(struct cu_choice *choice, const struct cu_origin *origin, char **argv);
/* What the command is, as far as files and its arguments tell, into out: a line each for the
 * program and what its links lead to, VIRTUAL_ENV and CONDA_PREFIX, and for what an interpreter is
 * given: the script, a module (-m) or code (-c). The same text on all nodes. *program, *command:
 * names for people, of the file that is run and of what it is given, else "". False: the program is
 * not there, or all of it is too long. */
bool cu_candidates_identify(const struct cu_choice *choice, const struct cu_origin *origin,
                            char **argv, char *out, size_t size, char program[256],
                            char command[256]);
/* Is the program one that starts others on other nodes (mpiexec, srun, ...)? Its own node is the
 * least of those that read. */
bool cu_candidates_is_launcher(const char *program);

#endif
