/* SPDX-License-Identifier: BSD-3-Clause */
#include "control/recorded.h"

#include "control/base64.h"

json_t *cu_recorded_json(const struct cu_recipe *recipe)
{
    struct cu_buf *bytes = cu_recipe_encode(recipe);
    json_t *json = cu_base64_json(bytes);

    cu_buf_unref(bytes);
    return json;
}

struct cu_recipe *cu_recorded_read(const json_t *text)
{
    struct cu_buf *bytes = cu_base64_read(text);
    struct cu_recipe *recipe = NULL;

    if (bytes && cu_recipe_decode(bytes->data, bytes->size, &recipe) != 0)
        recipe = NULL;
    cu_buf_unref(bytes);
    return recipe;
}
