/* SPDX-License-Identifier: BSD-3-Clause */
/* Arrays that grow as they are filled. */
#ifndef CU_BASE_GROW_H
#define CU_BASE_GROW_H

#include <stddef.h>

/* Room for `needed` elements of so many bytes: the array (NULL at first), moved perhaps, and
 * *capacity its new number of elements, `first` or doubled. NULL when out of memory: the array is
 * as it was. */
void *cu_grow(void *array, size_t *capacity, size_t needed, size_t first, size_t element);

#endif
