/* SPDX-License-Identifier: BSD-3-Clause */
/* Stopping the daemon of this node. */
#ifndef CU_COPPER_LOCAL_STOP_H
#define CU_COPPER_LOCAL_STOP_H

#include "base/error.h"

#include <stdbool.h>

/* Whose daemon is to be stopped; NULL: whatever it is. All borrowed. */
struct cu_local_stop_whose {
    const char *job_id; /* of this job only, 32 hex digits */
    const char *spared; /* not of this one */
    const char *owner;  /* not what another job or session than this has launched (host/session.h)
                         */
    bool dead;          /* nothing that lives */
};

/* What copper stop --here says at its end, and the launch host looks for. */
#define CU_LOCAL_STOP_DONE    "stopped on this node"
#define CU_LOCAL_STOP_NOTHING "nothing runs on this node"
/* How the message begins that such a daemon is left alone. */
#define CU_LOCAL_STOP_SPARED "left alone, launched by "

/* Stops the daemon of this node: sends it a request, else a signal, and removes what it left.
 * whose: NULL: any. 1: a daemon was stopped; 0: none was there, or of another job than job_id;
 * -EACCES with err: it is spared, or another's than the owner's; -errno with err. */
__attribute__((warn_unused_result)) int
cu_local_stop(const char *mount_dir, const struct cu_local_stop_whose *whose, struct cu_error *err);

#endif
