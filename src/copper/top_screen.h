/* SPDX-License-Identifier: BSD-3-Clause */
/* Finds and loads the screen (screen/screen.h) of this installation. */
#ifndef CU_COPPER_TOP_SCREEN_H
#define CU_COPPER_TOP_SCREEN_H

#include "base/error.h"
#include "screen/screen.h"

/* It stays loaded. NULL with err: it was not built, or its library (ncurses) is not on this host.
 */
const struct cu_screen_ops *cu_top_screen(struct cu_error *err);

#endif
