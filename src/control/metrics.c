/* SPDX-License-Identifier: BSD-3-Clause */
/* The format wants all lines of a name together, each name once, with its type before. What grows
 * ends in _total; times are in seconds. A bucket of a histogram is cumulative; one for each power
 * of two is enough there. */
#include "control/metrics.h"

#include "core/counters.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_MAX      1024 /* bytes of a host's name, escaped */
#define NAME_MAX_BYTES 128

/* {host="..."}, or the beginning of a longer list of labels; "" without a host. */
static void label(const char *host, char out[LABEL_MAX])
{
    size_t len = (size_t)snprintf(out, LABEL_MAX, "host=\"");

    for (; host && *host != '\0' && len + 8 < LABEL_MAX; host++) {
        if (*host == '"' || *host == '\\' || *host == '\n')
            out[len++] = '\\';
        out[len++] = *host == '\n' ? 'n' : *host;
    }
    memcpy(out + len, "\"", 2);
    if (!host)
        out[0] = '\0';
}

static bool is_gauge(const char *name)
{
    return strcmp(name, "rss_bytes") == 0 || cu_counter_kind_of(name) != CU_COUNTS;
}

/* A counter's name as that of a metric. What is in milliseconds or microseconds is in seconds
 * there: how many digits are behind the point. */
static int metric_name(const char *counter, char out[NAME_MAX_BYTES])
{
    static const struct {
        const char *unit;
        int digits;
    } units[] = {{"_ms", 3}, {"_us", 6}};
    bool gauge = is_gauge(counter);
    size_t len = strlen(counter);

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        size_t unit_len = strlen(units[i].unit);

        if (len <= unit_len || strcmp(counter + len - unit_len, units[i].unit) != 0)
            continue;
        snprintf(out, NAME_MAX_BYTES, "copper_%.*s_seconds%s", (int)(len - unit_len), counter,
                 gauge ? "" : "_total");
        return units[i].digits;
    }
    snprintf(out, NAME_MAX_BYTES, "copper_%s%s", counter, gauge ? "" : "_total");
    return 0;
}

static void put_number(FILE *out, json_int_t value, int digits)
{
    json_int_t unit = digits == 6 ? 1000000 : digits == 3 ? 1000 : 1;

    fprintf(out, "%" JSON_INTEGER_FORMAT, value / unit);
    if (digits > 0)
        fprintf(out, ".%0*" JSON_INTEGER_FORMAT, digits, value % unit);
}

/* All nodes' values of a counter. Where a node's figures lack it, or it is no number, it is zero.
 */
static void put_counter(FILE *out, const char *counter, const json_t *nodes)
{
    const json_t *node;
    char host[LABEL_MAX], name[NAME_MAX_BYTES];
    int digits = metric_name(counter, name);
    size_t i;

    fprintf(out, "# HELP %s %s of copper stats --json%s\n# TYPE %s %s\n", name, counter,
            digits > 0 ? ", in seconds" : "", name, is_gauge(counter) ? "gauge" : "counter");
    json_array_foreach ((json_t *)nodes, i, node) {
        json_int_t value =
            json_integer_value(json_object_get(json_object_get(node, "counters"), counter));

        label(json_string_value(json_object_get(node, "host")), host);
        fprintf(out, "%s%s%s%s ", name, host[0] ? "{" : "", host, host[0] ? "}" : "");
        put_number(out, value > 0 ? value : 0, digits);
        putc('\n', out);
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
