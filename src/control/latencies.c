/* SPDX-License-Identifier: BSD-3-Clause */
/* One string a row, so that a result has few JSON values (bulk.c). */
#include "control/latencies.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define NAME_MAX_BYTES 32

static void name_of(uint32_t row, char name[NAME_MAX_BYTES])
{
    const char *op, *where;

    cu_latency_names(row, &op, &where);
    (void)snprintf(name, NAME_MAX_BYTES, "%s %s", op, where);
}

json_t *cu_latencies_json(const struct cu_latency *latency)
{
    json_t *object = json_object();
    char name[NAME_MAX_BYTES], text[21 + CU_HISTOGRAM_TEXT_MAX];

    for (uint32_t row = 0; row < CU_LATENCY_ROWS; row++) {
        int len;

        if (cu_histogram_count(&latency->rows[row].us) == 0)
            continue;
        name_of(row, name);
        len = snprintf(text, sizeof(text), "%" PRIu64 " ", latency->rows[row].errors);
        (void)cu_histogram_text(&latency->rows[row].us, text + len);
        json_object_set_new(object, name, json_string(text));
    }
    return object;
}

/* 0 or -EINVAL. */
static int read_row(const char *text, uint64_t *errors, struct cu_histogram *h)
{
    char *end;

    if (!text || *text < '0' || *text > '9')
        return -EINVAL;
    errno = 0;
    *errors = strtoull(text, &end, 10);
    if (errno != 0 || *end != ' ' || *errors > INT64_MAX)
        return -EINVAL;
    return cu_histogram_parse(end + 1, h);
}

void cu_latencies_add(struct cu_latency *latency, const json_t *json)
{
    struct cu_histogram more;
    char name[NAME_MAX_BYTES];
    uint64_t errors;

    for (uint32_t row = 0; row < CU_LATENCY_ROWS && json_is_object(json); row++) {
        name_of(row, name);
        if (read_row(json_string_value(json_object_get(json, name)), &errors, &more) == 0)
            cu_latency_add_row(latency, row, errors, &more);
    }
}
