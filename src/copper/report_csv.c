/* SPDX-License-Identifier: BSD-3-Clause */
/* Three of the files are what sim/plot draws: a first line with the names of the axes, then a point
 * a line: answers.csv and start.csv SERIES,X,Y, where.csv BAR,PART,VALUE. */
#include "copper/report_csv.h"

#include "base/path.h"
#include "copper/cli.h"
#include "copper/jobtables.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* --- fields ----------------------------------------------------------------------------------- */

static void put_text(const char *text, FILE *out)
{
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, out);
        return;
    }
    putc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"')
            putc('"', out);
        putc(*text, out);
    }
    putc('"', out);
}

/* Where a column is; the number of columns: nowhere. */
static size_t column_of(const json_t *table, const char *name)
{
    const json_t *columns = json_object_get(table, "columns");
    size_t i = 0, count = json_array_size(columns);

    while (i < count) {
        const char *text = json_string_value(json_array_get(columns, i));

        if (text && strcmp(text, name) == 0)
            break;
        i++;
    }
    return i;
}

static double number_at(const json_t *row, size_t column)
{
    double value = json_number_value(json_array_get(row, column));

    return value > 0 ? value : 0;
}

/* --- the files -------------------------------------------------------------------------------- */

static int put_counters(const json_t *job, FILE *out)
{
    const char *name;
    json_t *value;

    fputs("counter,value\n", out);
    json_object_foreach (json_object_get(job, "counters"), name, value) {
        put_text(name, out);
        fprintf(out, ",%" JSON_INTEGER_FORMAT "\n", json_integer_value(value));
    }
    return 0;
}

static const char *const wheres[] = {"here", "flight", "parent", "storage"};
#define WHERES (sizeof(wheres) / sizeof(wheres[0]))

static int put_where(const json_t *job, FILE *out)
{
    static const struct {
        const char *counter, *part;
    } parts[] = {{"hit_here", "on the node"},
                 {"hit_negative", "on the node: no such file"},
                 {"hit_flight", "already on the way"},
                 {"hit_parent", "from the parent"},
                 {"hit_storage", "from storage"}};

    fputs("bar,part,objects\n", out);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        fprintf(out, "objects,%s,%" PRIu64 "\n", parts[i].part,
                cu_cli_number(json_object_get(job, "counters"), parts[i].counter));
    return 0;
}

struct bucket {
    double high, count;
};

static int by_high(const void *a, const void *b)
{
    double x = ((const struct bucket *)a)->high, y = ((const struct bucket *)b)->high;

    return x < y ? -1 : x > y;
}

/* The share of the answers of a place up to each time; operations on storage have places of their
 * own. */
static int put_curve(const json_t *latency, const char *where, FILE *out)
{
    struct bucket *all = NULL, *more;
    size_t count = 0, i, k;
    double total = 0, below = 0;
    const json_t *row, *pair;

    json_array_foreach (latency, i, row) {
        const json_t *buckets = json_object_get(row, "buckets");

        if (strcmp(cu_cli_text(row, "answer"), where) != 0 || json_array_size(buckets) == 0)
            continue;
        more = realloc(all, (count + json_array_size(buckets)) * sizeof(*all));
        if (!more) {
            free(all);
            return -ENOMEM;
        }
        all = more;
        json_array_foreach (buckets, k, pair) {
            all[count] = (struct bucket){number_at(pair, 0), number_at(pair, 1)};
            total += all[count++].count;
        }
    }
    if (count > 0)
        qsort(all, count, sizeof(*all), by_high);
    for (i = 0; i < count; i++) {
        below += all[i].count;
        if (i + 1 == count || all[i + 1].high > all[i].high)
            fprintf(out, "%s,%.0f,%.6g\n", where, all[i].high < 1 ? 1 : all[i].high,
                    total > 0 ? 100 * below / total : 0);
    }
    free(all);
    return 0;
}

static int put_latency(const json_t *job, FILE *out)
{
    int rc = 0;

    fputs("answer,microseconds,percent\n", out);
    for (size_t i = 0; rc == 0 && i < WHERES; i++)
        rc = put_curve(json_object_get(job, "latency"), wheres[i], out);
    return rc;
}

static int put_timeline(const json_t *job, FILE *out)
{
    static const char *const series[] = {
        "requests", "storage_operations", "here", "flight", "parent", "storage"};
    const json_t *table = json_object_get(job, "timeline"), *row;
    size_t begin = column_of(table, "begin_ms"), width = column_of(table, "width_ms"), i;

    fputs("series,seconds,a second\n", out);
    for (size_t s = 0; s < sizeof(series) / sizeof(series[0]); s++) {
        size_t at = column_of(table, series[s]);

        if (at == json_array_size(json_object_get(table, "columns")))
            continue;
        json_array_foreach (json_object_get(table, "rows"), i, row)
            if (number_at(row, width) > 0)
                fprintf(out, "%s,%.3f,%.6g\n", series[s],
                        (number_at(row, begin) + number_at(row, width) / 2) / 1000,
                        number_at(row, at) * 1000 / number_at(row, width));
    }
    return 0;
}

static int put_nodes(const json_t *job, FILE *out)
{
    cu_jobtables_nodes(out, job);
    return 0;
}

static int put_paths(const json_t *job, FILE *out)
{
    cu_jobtables_paths(out, job);
    return 0;
}

static const struct file {
    const char *name;
    int (*put)(const json_t *job, FILE *out);
} files[] = {{"answers.csv", put_latency}, {"counters.csv", put_counters},
             {"nodes.csv", put_nodes},     {"paths.csv", put_paths},
             {"start.csv", put_timeline},  {"where.csv", put_where}};

static int write_file(const json_t *job, const char *dir, const struct file *file,
                      struct cu_error *err)
{
    char path[CU_PATH_MAX];
    FILE *out;
    int rc;

    if (snprintf(path, sizeof(path), "%s/%s", dir, file->name) >= (int)sizeof(path))
        return cu_error_set(err, -ENAMETOOLONG, "%.64s...: the path is too long", dir);
    out = fopen(path, "we");
    if (!out)
        return cu_error_set(err, -errno, "%s: %s", path, strerror(errno));
    rc = file->put(job, out);
    if (rc == 0 && (fflush(out) != 0 || ferror(out)))
        rc = -EIO;
    if (fclose(out) != 0 && rc == 0)
        rc = -errno;
    return rc == 0 ? 0 : cu_error_set(err, rc, "%s: %s", path, strerror(-rc));
}

int cu_report_csv(const json_t *job, const char *dir, struct cu_error *err)
{
    int rc = 0;

    if (mkdir(dir, 0777) != 0 && errno != EEXIST)
        return cu_error_set(err, -errno, "%s: %s", dir, strerror(errno));
    for (size_t i = 0; rc == 0 && i < sizeof(files) / sizeof(files[0]); i++)
        rc = write_file(job, dir, &files[i], err);
    return rc;
}
