/* SPDX-License-Identifier: BSD-3-Clause */
/* Flights for which nobody waits (flight->later) give way to all others, on each node up to the
 * root, until somebody does: docs/design/demand.md. */
#ifndef CU_CORE_HASTE_H
#define CU_CORE_HASTE_H

#include <stdint.h>

struct cu_core;
struct flight;

/* Where something has to wait: what somebody waits for, and what nobody waits for. */
enum line { LINE_NOW, LINE_LATER, LINES };

/* Somebody waits for the flight from now on. Does nothing where somebody did. */
void cu_haste(struct cu_core *core, struct flight *flight);
/* The same, for all who have joined it, and so for what they go on to (waiters.c). */
void cu_haste_of_all(struct cu_core *core, struct flight *flight);
/* CU_WANT_LATER, CU_WANT_NOW or 0, for the message about the flight that leaves now. */
uint8_t cu_haste_flags(struct flight *flight);

#endif
