/* SPDX-License-Identifier: BSD-3-Clause */
/* What the user's shell has set, and must not decide whether a launch or a stop works. */
#ifndef CU_COPPER_SHELL_STATE_H
#define CU_COPPER_SHELL_STATE_H

/* For this process and all that it starts, before anything else: files that are made can be read by
 * their owner whatever the umask; a file-size limit (ulimit -f) is an error, not a signal; PATH has
 * the system's directories at its end; a working directory that was deleted is left for "/". Not
 * for commands that execute a program of the user's. */
void cu_shell_state_settle(void);

#endif
