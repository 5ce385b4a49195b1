/* SPDX-License-Identifier: BSD-3-Clause */
/* Recipes: what is decoded is encoded as the same bytes. The first byte says whether the checksum
 * is made right, so that the entries behind it are reached. */
#include "fuzz.h"

#include "base/hash.h"
#include "proto/recipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cu_recipe *recipe;
    struct cu_buf *bytes, *again;
    uint64_t hash;
    int rc;

    if (size < 1)
        return 0;
    bytes = cu_buf_copy(data + 1, size - 1);
    FUZZ_CHECK(bytes);
    if (data[0] && bytes->size >= 8) {
        hash = cu_hash_bytes(bytes->data, bytes->size - 8);
        memcpy(bytes->data + bytes->size - 8, &hash, 8);
    }
    rc = cu_recipe_decode(bytes->data, bytes->size, &recipe);
    FUZZ_CHECK((rc == 0) == (recipe != NULL));
    if (recipe) {
        again = cu_recipe_encode(recipe);
        FUZZ_CHECK(again && again->size == bytes->size &&
                   memcmp(again->data, bytes->data, bytes->size) == 0);
        cu_buf_unref(again);
        cu_recipe_free(recipe);
    }
    cu_buf_unref(bytes);
    return 0;
}
