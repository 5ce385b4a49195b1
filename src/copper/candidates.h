/* SPDX-License-Identifier: BSD-3-Clause */
/* What a job reads of shared file systems, as far as its environment and its command line tell. */
#ifndef CU_COPPER_CANDIDATES_H
#define CU_COPPER_CANDIDATES_H

#include "copper/choice.h"
#include "copper/origin.h"

/* Variables whose entries, between colons, are directories of programs, modules and libraries; NULL
 * after the last. */
extern const char *const cu_candidates_lists[];

/* Offers them to the choice: the installation of the program argv[0] and of what its links and its
 * first line ("#!") lead to, the base of a virtual environment, the directory of the script that an
 * interpreter is given, VIRTUAL_ENV, CONDA_PREFIX, and the entries of the variables above. 0 or
 * -ENOMEM. */
__attribute__((warn_unused_result)) int
cu_candidates_offer(struct cu_choice *choice, const struct cu_origin *origin, char **argv);
/* Is the program one that starts others on other nodes (mpiexec, srun, ...)? Its own node is the
 * least of those that read. */
bool cu_candidates_is_launcher(const char *program);

#endif
