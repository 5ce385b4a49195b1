/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/recorded.h"

#include "proto/control.h"

#include <sodium.h>
#include <stdlib.h>

#define VARIANT  sodium_base64_VARIANT_ORIGINAL
#define TEXT_MAX (CU_CONTROL_JSON_MAX / 2)

json_t *cu_recorded_json(const struct cu_recipe *recipe)
{
    struct cu_buf *bytes = cu_recipe_encode(recipe);
    size_t size = bytes ? sodium_base64_encoded_len(bytes->size, VARIANT) : 0;
    char *text = size > 0 && size <= TEXT_MAX ? malloc(size) : NULL;
    json_t *json = NULL;

    if (text)
        json = json_string(sodium_bin2base64(text, size, bytes->data, bytes->size, VARIANT));
    free(text);
    cu_buf_unref(bytes);
    return json;
}

struct cu_recipe *cu_recorded_read(const json_t *text)
{
    const char *base64 = json_string_value(text);
    size_t length = json_string_length(text), size = 0;
    unsigned char *bytes = base64 && length <= TEXT_MAX ? malloc(length + 1) : NULL;
    struct cu_recipe *recipe = NULL;

    if (bytes &&
        sodium_base642bin(bytes, length, base64, length, NULL, &size, NULL, VARIANT) == 0 &&
        cu_recipe_decode(bytes, size, &recipe) != 0)
        recipe = NULL;
    free(bytes);
    return recipe;
}
