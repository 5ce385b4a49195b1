/* SPDX-License-Identifier: BSD-3-Clause */
/* Enters the namespace in which directories show Copper's view: the node's, or a new one that
 * becomes the node's. */
#ifndef CU_COPPER_VIEW_H
#define CU_COPPER_VIEW_H

#include "base/error.h"
#include "copper/choice.h"

enum cu_view_result {
    CU_VIEW_ENTERED,
    CU_VIEW_NOT,  /* cannot be done here: this process is as it was; err says why */
    CU_VIEW_LOST, /* failed half-way: this process must end; err says why */
};

/* mount: Copper's. choice: finished, and something is bound. overlay: through overlays. */
enum cu_view_result cu_view_enter(const char *mount, const struct cu_choice *choice, bool overlay,
                                  struct cu_error *err);

#endif
