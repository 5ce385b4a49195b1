/* SPDX-License-Identifier: BSD-3-Clause */
/* Bytes as a JSON string. */
#ifndef CU_CONTROL_BASE64_H
#define CU_CONTROL_BASE64_H

#include "base/buf.h"

#include <jansson.h>

/* New reference; NULL: bytes is NULL, out of memory, or too long for a result. */
json_t *cu_base64_json(const struct cu_buf *bytes);
/* The bytes of text (borrowed; a peer's, so anything may stand in it), a new buffer; NULL: it is
 * none, or out of memory. */
struct cu_buf *cu_base64_read(const json_t *text);

#endif
