/* SPDX-License-Identifier: BSD-3-Clause */
/* Single values of the command line: sizes, numbers, lists of ids, paths. */
#include "fuzz.h"

#include "base/idset.h"
#include "base/parse.h"
#include "base/path.h"

#define IDS_LIMIT 64

static void check_numbers(const char *text)
{
    uint64_t bytes, number;
    char again[32];

    if (cu_parse_size(text, &bytes) == 0) {
        FUZZ_CHECK(bytes <= INT64_MAX);
        snprintf(again, sizeof(again), "%llu", (unsigned long long)bytes);
        FUZZ_CHECK(cu_parse_size(again, &number) == 0 && number == bytes);
    }
    if (cu_parse_u64(text, 10, 1000000, &number) == 0)
        FUZZ_CHECK(number >= 10 && number <= 1000000);
}

static void check_ids(const char *text)
{
    struct cu_idset set, same;
    char *again;

    FUZZ_CHECK(cu_idset_init(&set, IDS_LIMIT) == 0 && cu_idset_init(&same, IDS_LIMIT) == 0);
    if (cu_idset_add_text(&set, text) == 0) {
        again = cu_idset_text(&set);
        FUZZ_CHECK(again && cu_idset_add_text(&same, again) == 0);
        FUZZ_CHECK(same.count == set.count && memcmp(same.bits, set.bits, IDS_LIMIT / 8) == 0);
        free(again);
    }
    cu_idset_free(&set);
    cu_idset_free(&same);
}

static void check_path(const char *text)
{
    static char once[CU_TREE_PATH_MAX], twice[CU_TREE_PATH_MAX];
    int len = cu_path_normalise_tree(text, once);

    if (len < 0) {
        FUZZ_CHECK(!cu_path_is_normal(text, strlen(text)));
        return;
    }
    FUZZ_CHECK((size_t)len == strlen(once) && cu_path_is_normal(once, (size_t)len));
    FUZZ_CHECK(cu_path_normalise_tree(once, twice) == len && strcmp(once, twice) == 0);
    FUZZ_CHECK(cu_path_is_normal(text, strlen(text)) == (strcmp(text, once) == 0));
    FUZZ_CHECK(cu_path_within(once, (size_t)len, once, cu_path_parent_len(once, (size_t)len)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);

    check_numbers(text);
    check_ids(text);
    check_path(text);
    FUZZ_CHECK(cu_parse_natural_compare(text, text) == 0);
    free(text);
    return 0;
}
