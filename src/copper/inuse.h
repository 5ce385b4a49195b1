/* SPDX-License-Identifier: BSD-3-Clause */
#ifndef CU_COPPER_INUSE_H
#define CU_COPPER_INUSE_H

#include <jansson.h>

/* One line on standard output about a stop's "in_use" (control/inuse.h); nothing for NULL. */
void cu_inuse_print(const json_t *in_use);

#endif
