/* SPDX-License-Identifier: BSD-3-Clause */
/* Which job of a scheduler, or which login session, a process belongs to, as text that can be kept
 * and compared elsewhere. */
#ifndef CU_HOST_SESSION_H
#define CU_HOST_SESSION_H

#include <stdbool.h>
#include <stdint.h>

#define CU_SESSION_MAX 256u /* bytes with the NUL */

/* "pbs 123.server", "session BOOT NAMESPACE PID START": the scheduler's job of this process's
 * environment, else its session. */
void cu_session_owner(char out[CU_SESSION_MAX]);
/* The number of the scheduler's job alone ("123.server", "123[4]" of an array), the same in all
 * parts of the job and another in each element of an array; "" when this process is in none. */
void cu_session_job(char out[CU_SESSION_MAX]);
/* Is it the text of a scheduler's job? */
bool cu_session_is_job(const char *owner);
/* Is the job or session that owner names alive, as far as this host can tell, and not this
 * process's own? A scheduler's job always counts as alive, a session on another host as over. */
bool cu_session_is_other(const char *owner);
/* The same for a process elsewhere, whose own owner text is mine. */
bool cu_session_is_other_than(const char *owner, const char *mine);

/* This process's session as text, whatever the scheduler: its leader, or, when that has ended, the
 * oldest process of the user above this one; "" when there is none to be seen. */
void cu_session_text(char out[CU_SESSION_MAX]);
/* The same with the number of this host in a list behind it. False: too long. */
bool cu_session_add_rank(char session[CU_SESSION_MAX], uint32_t rank);
/* That number, -1: there is none in the text. */
int64_t cu_session_rank(const char *session);
/* A descriptor that can be read when the session of such a text is over (pidfd_open(2)), which the
 * caller closes; -ESRCH: it is over already; -EXDEV: it is on another host, or hidden; -errno. */
int cu_session_open(const char *session);

#endif
