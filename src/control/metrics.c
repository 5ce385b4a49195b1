/* SPDX-License-Identifier: BSD-3-Clause */
/* The format wants all lines of a name together, each name once, with its type before. What grows
 * ends in _total. A bucket of a histogram is cumulative; one for each power of two is enough there.
 */
#include "control/metrics.h"

#include "core/counters.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_MAX 1024 /* bytes of a host's name, escaped */

/* {host="..."}, or the beginning of a longer list of labels; "" without a host. */
static void label(const char *host, char out[LABEL_MAX])
{
    size_t len = (size_t)snprintf(out, LABEL_MAX, "host=\"");

    for (; host && *host != '\0' && len + 8 < LABEL_MAX; host++) {
        if (*host == '"' || *host == '\\')
            out[len++] = '\\';
        out[len++] = *host == '\n' ? ' ' : *host;
    }
    memcpy(out + len, "\"", 2);
    if (!host)
        out[0] = '\0';
}

static bool is_gauge(const char *name)
{
    return strcmp(name, "rss_bytes") == 0 || cu_counter_kind_of(name) != CU_COUNTS;
}

/* All nodes' values of a counter. Where a node's figures lack it, it is zero. */
static void put_counter(FILE *out, const char *name, const json_t *nodes)
{
    bool gauge = is_gauge(name);
    const json_t *node;
    char host[LABEL_MAX];
    size_t i;

    fprintf(out, "# HELP copper_%s%s %s of copper stats --json\n# TYPE copper_%s%s %s\n", name,
            gauge ? "" : "_total", name, name, gauge ? "" : "_total", gauge ? "gauge" : "counter");
    json_array_foreach ((json_t *)nodes, i, node) {
        const json_t *value = json_object_get(json_object_get(node, "counters"), name);

        label(json_string_value(json_object_get(node, "host")), host);
        fprintf(out, "copper_%s%s%s%s%s %" JSON_INTEGER_FORMAT "\n", name, gauge ? "" : "_total",
                host[0] ? "{" : "", host, host[0] ? "}" : "", json_integer_value(value));
    }
}

static void put_counters(FILE *out, const json_t *nodes)
{
    static const char *const others[] = {"rss_bytes", "cpu_user_ms", "cpu_system_ms"};

    for (int i = 0; i < CU_COUNTER_COUNT; i++)
        put_counter(out, cu_counter_name((enum cu_counter)i), nodes);
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        put_counter(out, others[i], nodes);
}

static void put_histogram(FILE *out, const struct cu_histogram *us, const char *labels)
{
    uint64_t so_far = 0;

    for (uint32_t i = 0; i < CU_HISTOGRAM_BUCKETS; i++) {
        uint64_t end = cu_histogram_high(i) + 1; /* times below so many us are counted up to here */

        so_far += us->buckets[i];
        if (i + 1 < CU_HISTOGRAM_BUCKETS && (end & (end - 1)) == 0)
            fprintf(out, "copper_answer_seconds_bucket{%s,le=\"%.9g\"} %" PRIu64 "\n", labels,
                    (double)end / 1e6, so_far);
    }
    fprintf(out, "copper_answer_seconds_bucket{%s,le=\"+Inf\"} %" PRIu64 "\n", labels, so_far);
    fprintf(out, "copper_answer_seconds_sum{%s} %.6f\n", labels, (double)us->sum / 1e6);
    fprintf(out, "copper_answer_seconds_count{%s} %" PRIu64 "\n", labels, so_far);
}

static void put_latency(FILE *out, const struct cu_latency *latency, const char *host)
{
    char labels[2 * LABEL_MAX], of_host[LABEL_MAX];

    label(host, of_host);
    for (int errors = 0; errors < 2; errors++) {
        if (errors)
            fputs("# HELP copper_answer_errors_total answers that were errors\n"
                  "# TYPE copper_answer_errors_total counter\n",
                  out);
        else
            fputs("# HELP copper_answer_seconds how long answers took\n"
                  "# TYPE copper_answer_seconds histogram\n",
                  out);
        for (uint32_t row = 0; row < CU_LATENCY_ROWS; row++) {
            const char *op, *where;

            if (cu_histogram_count(&latency->rows[row].us) == 0)
                continue;
            cu_latency_names(row, &op, &where);
            snprintf(labels, sizeof(labels), "%s%sop=\"%s\",answer=\"%s\"", of_host,
                     host ? "," : "", op, where);
            if (errors)
                fprintf(out, "copper_answer_errors_total{%s} %" PRIu64 "\n", labels,
                        latency->rows[row].errors);
            else
                put_histogram(out, &latency->rows[row].us, labels);
        }
    }
}

struct cu_buf *cu_metrics_text(const json_t *nodes, const struct cu_latency *latency,
                               const char *host)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    struct cu_buf *buf = NULL;

    if (!out)
        return NULL;
    put_counters(out, nodes);
    if (latency)
        put_latency(out, latency, host);
    if (fclose(out) == 0)
        buf = cu_buf_copy(text, size);
    free(text);
    return buf;
}
