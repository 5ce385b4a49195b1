/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/base64.h"

#include "proto/control.h"

#include <sodium.h>
#include <stdlib.h>

#define VARIANT  sodium_base64_VARIANT_ORIGINAL
#define TEXT_MAX (CU_CONTROL_JSON_MAX / 4 * 3) /* leaves room for the rest of a result */

json_t *cu_base64_json(const struct cu_buf *bytes)
{
    size_t size = bytes ? sodium_base64_encoded_len(bytes->size, VARIANT) : 0;
    char *text = size > 0 && size <= TEXT_MAX ? malloc(size) : NULL;
    json_t *json = NULL;

    if (text)
        json = json_string(sodium_bin2base64(text, size, bytes->data, bytes->size, VARIANT));
    free(text);
    return json;
}

struct cu_buf *cu_base64_read(const json_t *text)
{
    const char *base64 = json_string_value(text);
    size_t length = json_string_length(text), size = 0;
    struct cu_buf *bytes = base64 && length <= TEXT_MAX ? cu_buf_new(length + 1) : NULL;

    if (bytes && sodium_base642bin(bytes->data, bytes->capacity, base64, length, NULL, &size, NULL,
                                   VARIANT) != 0) {
        cu_buf_unref(bytes);
        return NULL;
    }
    if (bytes)
        bytes->size = size;
    return bytes;
}
