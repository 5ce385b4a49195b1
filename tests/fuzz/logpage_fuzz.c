/* SPDX-License-Identifier: BSD-3-Clause */
/* Pages of a log: what is decoded is encoded as the same bytes, and merged with another one it
 * stays within its bounds and in order. */
#include "fuzz.h"

#include "proto/logpage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct cu_logpage_at own = {.us = 1764201600000000, .rank = 3, .number = 7};
    struct cu_logpage *page, *sum = cu_logpage_new();
    struct cu_logpage_at before = {0}, at;
    int rc = cu_logpage_decode(data, size, &page);
    struct cu_buf *again;
    size_t len;

    FUZZ_CHECK(sum && (rc == 0) == (page != NULL));
    if (page) {
        again = cu_logpage_encode(page);
        FUZZ_CHECK(again && again->size == size && memcmp(again->data, data, size) == 0);
        cu_buf_unref(again);
        FUZZ_CHECK(cu_logpage_add(sum, &own, "own", 3) == 0);
        FUZZ_CHECK(cu_logpage_merge(sum, page) == 0 && cu_logpage_count(page) == 0);
        FUZZ_CHECK(cu_logpage_count(sum) <= CU_LOGPAGE_LINES);
        for (size_t i = 0; i < cu_logpage_count(sum); i++) {
            (void)cu_logpage_line(sum, i, &at, &len);
            FUZZ_CHECK(len <= CU_LOGPAGE_LINE_MAX && cu_logpage_compare(&at, &before) >= 0);
            before = at;
        }
    }
    cu_logpage_free(page);
    cu_logpage_free(sum);
    return 0;
}
