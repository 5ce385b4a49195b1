/* SPDX-License-Identifier: BSD-3-Clause */
/* Surveys: what is decoded is encoded as the same bytes, and merged with another one it stays
 * within its bounds. */
#include "fuzz.h"

#include "proto/survey.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct cu_survey_limits limits = {.nodes = 50, .trees = 2, .top = 10};
    struct cu_survey *survey, *sum = cu_survey_new(&limits);
    int rc = cu_survey_decode(data, size, &limits, &survey);
    struct cu_buf *again;

    FUZZ_CHECK(sum && (rc == 0) == (survey != NULL));
    if (survey) {
        again = cu_survey_encode(survey);
        FUZZ_CHECK(again && again->size == size && memcmp(again->data, data, size) == 0);
        cu_buf_unref(again);
        FUZZ_CHECK(cu_survey_merge(sum, survey) == 0);
        for (int i = 0; i < CU_SURVEY_LISTS; i++)
            FUZZ_CHECK(survey->lists[i].count == 0 &&
                       sum->lists[i].count <= sum->kinds[i].count_max);
    }
    cu_survey_free(survey);
    cu_survey_free(sum);
    return 0;
}
