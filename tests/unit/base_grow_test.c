/* SPDX-License-Identifier: BSD-3-Clause */
/* Arrays that grow. */
#include "base/grow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void what_was_put_stays(void **state)
{
    size_t capacity = 0;
    uint32_t *array = NULL;

    (void)state;
    for (uint32_t i = 0; i < 1000; i++) {
        uint32_t *larger = cu_grow(array, &capacity, i + 1, 16, sizeof(*array));

        assert_non_null(larger);
        array = larger;
        assert_true(capacity > i);
        array[i] = i;
    }
    assert_int_equal(capacity, 1024);
    for (uint32_t i = 0; i < 1000; i++)
        assert_int_equal(array[i], i);
    assert_ptr_equal(cu_grow(array, &capacity, 1024, 16, sizeof(*array)), array);
    free(array);
}

static void too_much_leaves_all_as_it_was(void **state)
{
    size_t capacity = 0;
    char *array = cu_grow(NULL, &capacity, 5, 4, 1);

    (void)state;
    assert_non_null(array);
    assert_int_equal(capacity, 8);
    assert_null(cu_grow(array, &capacity, SIZE_MAX, 4, 1));
    assert_null(cu_grow(array, &capacity, SIZE_MAX / 8, 4, 64));
    assert_int_equal(capacity, 8);
    array[7] = 'x';
    free(array);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_put_stays),
        cmocka_unit_test(too_much_leaves_all_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
