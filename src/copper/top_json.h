/* SPDX-License-Identifier: BSD-3-Clause */
/* A sample as `copper top --once --json` prints it: copper-top(1) tells its members. */
#ifndef CU_COPPER_TOP_JSON_H
#define CU_COPPER_TOP_JSON_H

#include "copper/top_model.h"

/* New reference; NULL: out of memory. */
json_t *cu_top_json(const struct cu_top_model *model);

#endif
