/* SPDX-License-Identifier: BSD-3-Clause */
/* What nodes have recorded (proto/recipe.h), as a result's "recipe": the recipe's bytes in base64.
 */
#ifndef CU_CONTROL_RECORDED_H
#define CU_CONTROL_RECORDED_H

#include "proto/recipe.h"

#include <jansson.h>

/* New reference; NULL: out of memory, or too long for a result. */
json_t *cu_recorded_json(const struct cu_recipe *recipe);
/* The recipe in text (borrowed; a peer's, so anything may stand in it), owned by the caller; NULL:
 * it is none, or out of memory. */
struct cu_recipe *cu_recorded_read(const json_t *text);

#endif
