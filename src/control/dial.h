/* SPDX-License-Identifier: BSD-3-Clause */
/* Connections under way to a daemon's port: descriptors that do not block. */
#ifndef CU_CONTROL_DIAL_H
#define CU_CONTROL_DIAL_H

#include "base/error.h"

#include <netdb.h>
#include <stdint.h>

/* All addresses of a host, to be given back with freeaddrinfo; NULL with err. */
struct addrinfo *cu_dial_resolve(const char *host, uint16_t port, struct cu_error *err);
/* A connection under way to the first of these that can be tried; -1 with err when none can. *rest:
 * those behind it. */
int cu_dial_start(const char *host, uint16_t port, const struct addrinfo *list,
                  const struct addrinfo **rest, struct cu_error *err);
/* How it ended, once it can be written to: 0 or -errno. */
int cu_dial_result(int fd);

#endif
