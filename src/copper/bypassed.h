/* SPDX-License-Identifier: BSD-3-Clause */
/* Tells what a job read past the trees because of -M. */
#ifndef CU_COPPER_BYPASSED_H
#define CU_COPPER_BYPASSED_H

#include <jansson.h>

/* One line on standard output about a result's "bypassed" (control/bypassed.h); nothing where that
 * is NULL or says nothing. */
void cu_bypassed_print(const json_t *bypassed);

#endif
