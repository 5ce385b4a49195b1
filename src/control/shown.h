/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of files and hosts as JSON: in the form of base/text.h from which a program can have the
 * bytes back, since JSON is UTF-8 and names need not be. */
#ifndef CU_CONTROL_SHOWN_H
#define CU_CONTROL_SHOWN_H

#include <jansson.h>
#include <stddef.h>

/* A new reference; NULL: out of memory. */
json_t *cu_shown_name(const char *bytes, size_t len);

#endif
