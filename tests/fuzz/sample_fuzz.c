/* SPDX-License-Identifier: BSD-3-Clause */
/* A child's sample (copper top), which is the input, added to that of this node: rows are of nodes
 * that the child speaks for, the text stays within its bound, and read again it is the same. */
#include "fuzz.h"

#include "control/sample.h"

#define RANKS 64u

static void check_rows(const struct cu_sample *sample, const struct cu_idset *ranks)
{
    static const uint32_t max[CU_SAMPLE_LISTS] = {CU_SAMPLE_NODES_MAX, CU_SAMPLE_LINKS_MAX,
                                                  CU_SAMPLE_PATHS_MAX, CU_SAMPLE_BELOW_MAX};

    for (int l = 0; l < CU_SAMPLE_LISTS; l++) {
        FUZZ_CHECK(sample->lists[l].count <= max[l]);
        for (uint32_t i = 0; i < sample->lists[l].count; i++) {
            const struct cu_sample_row *row = &sample->lists[l].rows[i];

            FUZZ_CHECK((l == CU_SAMPLE_PATHS) == (row->path != NULL));
            FUZZ_CHECK(!row->path || strlen(row->path) <= CU_SAMPLE_PATH_BYTES);
            FUZZ_CHECK(row->path || row->rank == 0 || cu_idset_has(ranks, row->rank));
            FUZZ_CHECK(row->parent < RANKS && row->level <= CU_SAMPLE_BELOW_MAX);
        }
    }
}

static char *text_of(struct cu_sample *sample)
{
    json_t *json;
    char *text;

    cu_sample_cut(sample);
    json = cu_sample_json(sample);
    text = json_dumps(json, JSON_COMPACT);
    FUZZ_CHECK(text && strlen(text) <= CU_SAMPLE_BYTES_MAX);
    json_decref(json);
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *json = json_loadb((const char *)data, size, 0, NULL);
    struct cu_sample sample = {0}, again = {0};
    struct cu_idset ranks;
    char *text, *same;

    FUZZ_CHECK(cu_idset_init(&ranks, RANKS) == 0 && cu_idset_add_text(&ranks, "1-40") == 0);
    cu_sample_add(&sample, json, &ranks, 1, 0);
    json_decref(json);
    text = text_of(&sample);
    check_rows(&sample, &ranks);
    json = json_loads(text, 0, NULL);
    FUZZ_CHECK(json);
    cu_sample_read(&again, json, RANKS);
    same = text_of(&again);
    FUZZ_CHECK(strcmp(text, same) == 0);
    json_decref(json);
    cu_sample_crown(&again, 0, 41);
    cu_sample_cut(&again);
    check_rows(&again, &ranks);
    free(text);
    free(same);
    cu_sample_free(&sample);
    cu_sample_free(&again);
    cu_idset_free(&ranks);
    return 0;
}
