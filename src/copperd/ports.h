/* SPDX-License-Identifier: BSD-3-Clause */
/* Carries out the effects of the core: with transport, storage and front. On the loop thread. */
#ifndef CU_COPPERD_PORTS_H
#define CU_COPPERD_PORTS_H

#include "core/driver.h"

/* context: the struct cu_daemon. */
extern const struct cu_driver_ports cu_daemon_ports;

#endif
