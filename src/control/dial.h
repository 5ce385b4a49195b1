/* SPDX-License-Identifier: BSD-3-Clause */
/* Connections under way to a daemon's port: descriptors that do not block. */
#ifndef CU_CONTROL_DIAL_H
#define CU_CONTROL_DIAL_H

#include "base/error.h"
#include "host/address.h"
#include "proto/job.h"

#include <stdint.h>

/* The addresses of a host, and how many of them were tried. */
struct cu_dial {
    const char *host; /* borrowed */
    struct cu_addresses addresses;
    unsigned tried;
};

/* All at which the host may answer (host/network.h). 0; -EHOSTUNREACH with err: there are none. */
__attribute__((warn_unused_result)) int cu_dial_resolve(const struct cu_job *job, const char *host,
                                                        struct cu_dial *dial, struct cu_error *err);
/* A connection under way to the next address, of which there must be one; -errno. */
__attribute__((warn_unused_result)) int cu_dial_start(struct cu_dial *dial);
/* Adds to err, which may be empty, how the last attempt has ended: "node1 port 20017: 10.0.0.1:
 * Connection refused; 10.1.0.1: timed out". */
void cu_dial_explain(const struct cu_dial *dial, uint16_t port, const char *why,
                     struct cu_error *err);
/* How many addresses were not tried yet. */
unsigned cu_dial_left(const struct cu_dial *dial);
/* How it ended, once it can be written to: 0 or -errno. */
int cu_dial_result(int fd);

#endif
