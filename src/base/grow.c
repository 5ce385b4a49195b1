/* SPDX-License-Identifier: BSD-3-Clause */
#include "base/grow.h"

#include <stdint.h>
#include <stdlib.h>

void *cu_grow(void *array, size_t *capacity, size_t needed, size_t first, size_t element)
{
    size_t larger = *capacity ? *capacity : first;
    void *moved;

    if (needed <= *capacity)
        return array;
    if (needed > SIZE_MAX / 2 / element)
        return NULL;
    while (larger < needed)
        larger *= 2;
    moved = realloc(array, larger * element);
    if (moved)
        *capacity = larger;
    return moved;
}
