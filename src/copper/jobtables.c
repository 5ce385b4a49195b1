/* SPDX-License-Identifier: BSD-3-Clause */
#include "copper/jobtables.h"

#include "copper/cli.h"

#include <inttypes.h>
#include <string.h>

#define COMPONENTS_SHOWN 3u

/* --- CSV -------------------------------------------------------------------------------------- */

static void put_quoted(FILE *out, const char *text)
{
    putc('"', out);
    for (; *text != '\0'; text++) {
        if (*text == '"')
            putc('"', out);
        putc(*text, out);
    }
    putc('"', out);
}

/* A list as its items with blanks. */
static void put_value(FILE *out, const json_t *value)
{
    const json_t *item;
    size_t i;

    if (json_is_string(value))
        put_quoted(out, json_string_value(value));
    if (json_is_integer(value))
        fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    json_array_foreach ((json_t *)value, i, item) {
        if (i > 0)
            putc(' ', out);
        if (json_is_integer(item))
            fprintf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(item));
        else
            putc('-', out);
    }
}

static void put_row(FILE *out, const json_t *row)
{
    const json_t *value;
    size_t i;

    json_array_foreach ((json_t *)row, i, value) {
        if (i > 0)
            putc(',', out);
        put_value(out, value);
    }
    fputs("\n", out);
}

static void put_table(FILE *out, const json_t *table)
{
    const json_t *rows = json_object_get(table, "rows"), *row;
    size_t i;

    put_row(out, json_object_get(table, "columns"));
    json_array_foreach ((json_t *)rows, i, row)
        put_row(out, row);
}

void cu_jobtables_nodes(FILE *out, const json_t *report)
{
    put_table(out, json_object_get(report, "nodes"));
}

void cu_jobtables_timeline(FILE *out, const json_t *report)
{
    put_table(out, json_object_get(report, "timeline"));
}

void cu_jobtables_intervals(FILE *out, const json_t *report)
{
    put_table(out, json_object_get(report, "interval"));
}

static void put_members(FILE *out, const json_t *object, const char *const *names)
{
    for (; *names; names++) {
        putc(',', out);
        put_value(out, json_object_get(object, *names));
    }
    fputs("\n", out);
}

static void put_names(FILE *out, const char *first, const char *const *names)
{
    put_quoted(out, first);
    for (; *names; names++) {
        putc(',', out);
        put_quoted(out, *names);
    }
    fputs("\n", out);
}

void cu_jobtables_paths(FILE *out, const json_t *report)
{
    static const char *const names[] = {"value",  "over",     "nodes",  "lookups", "missing",
                                        "reads",  "listings", "others", "here",    "flight",
                                        "parent", "storage",  "max_us", NULL};
    static const char *const all[] = {"path",    "value",  "over",     "nodes",  "lookups",
                                      "missing", "reads",  "listings", "others", "here",
                                      "flight",  "parent", "storage",  "max_us", NULL};
    const json_t *lists = json_object_get(report, "paths"), *list, *row;
    const char *key;
    size_t i;

    put_names(out, "list", all);
    json_object_foreach ((json_t *)lists, key, list) {
        json_array_foreach (json_object_get(list, "rows"), i, row) {
            const json_t *path = json_object_get(row, "path");

            put_quoted(out, key);
            putc(',', out);
            put_value(out, path ? path : json_object_get(row, "name"));
            put_members(out, row, names);
        }
    }
}

void cu_jobtables_search(FILE *out, const json_t *report)
{
    static const char *const names[] = {"entry",   "path",  "vain",   "found", "listings",
                                        "wait_us", "nodes", "better", NULL};
    const json_t *value, *entry;
    size_t i, k;

    fputs("\"list\",\"place\",", out);
    put_names(out, "variable", names);
    json_array_foreach (json_object_get(report, "search"), i, value) {
        json_array_foreach (json_object_get(value, "entries"), k, entry) {
            fprintf(out, "%zu,%zu,", i + 1, k + 1);
            put_value(out, json_object_get(value, "variable"));
            put_members(out, entry, names);
        }
    }
}

void cu_jobtables_latency(FILE *out, const json_t *report)
{
    static const char *const names[] = {"answer", "count",  "errors", "mean_us", "p50_us",
                                        "p90_us", "p99_us", "max_us", NULL};
    const json_t *row;
    size_t i;

    put_names(out, "op", names);
    json_array_foreach (json_object_get(report, "latency"), i, row) {
        put_value(out, json_object_get(row, "op"));
        put_members(out, row, names);
    }
}

/* --- Markdown --------------------------------------------------------------------------------- */

/* In a table's cell: what Markdown takes for its own has a backslash before it. */
static void put_cell(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (strchr("|\\`*_<>[]#&~", *text))
            putc('\\', out);
        putc(*text, out);
    }
}

/* The last components, unless whole paths were asked for (-A). */
static void put_path(FILE *out, const json_t *report, const char *path)
{
    bool whole = json_is_true(json_object_get(json_object_get(report, "options"), "full_paths"));
    const char *from = path + strlen(path);
    unsigned components = 0;

    while (!whole && from > path && components < COMPONENTS_SHOWN)
        if (*--from == '/')
            components++;
    if (!whole && from > path)
        fputs("...", out);
    put_cell(out, whole ? path : from);
}

static uint64_t sum_of(const json_t *counters, const char *const *names)
{
    uint64_t sum = 0;

    for (; *names; names++)
        sum += cu_cli_number(counters, *names);
    return sum;
}

static void put_saved(FILE *out, const json_t *report)
{
    static const char *const objects[] = {"hit_here",   "hit_negative", "hit_flight",
                                          "hit_parent", "hit_storage",  NULL};
    static const char *const operations[] = {
        "storage_stat",  "storage_readdir", "storage_readlink",   "storage_open",  "storage_read",
        "storage_xattr", "storage_statfs",  "storage_revalidate", "storage_holes", NULL};
    const json_t *counters = json_object_get(report, "counters");
    char kernel[32], storage[32];

    fprintf(out,
            "| | objects, operations | bytes |\n|---|---:|---:|\n"
            "| programs got | %" PRIu64 " | %s |\n| storage was asked for | %" PRIu64 " | %s |\n\n",
            sum_of(counters, objects), cu_cli_size(cu_cli_number(counters, "kernel_bytes"), kernel),
            sum_of(counters, operations),
            cu_cli_size(cu_cli_number(counters, "storage_bytes"), storage));
}

static void put_head(FILE *out, const json_t *report)
{
    const json_t *missing = json_object_get(report, "missing"), *node;
    size_t i;

    fprintf(out, "# Copper job %.8s\n\n", cu_cli_text(report, "job"));
    fprintf(out, "%" PRIu64 " of %" PRIu64 " nodes, %.1f s, Copper %s.\n\n",
            cu_cli_number(report, "answered"), cu_cli_number(report, "node_count"),
            json_real_value(json_object_get(report, "seconds")), cu_cli_text(report, "version"));
    if (json_array_size(missing) > 0) {
        fputs("Nothing is known of: ", out);
        json_array_foreach ((json_t *)missing, i, node) {
            if (i > 0)
                fputs(", ", out);
            put_cell(out, cu_cli_text(node, "host"));
        }
        fputs(". Their figures are in no sum.\n\n", out);
    }
    put_saved(out, report);
}

static void put_advice(FILE *out, const json_t *report)
{
    const json_t *list = json_object_get(report, "advice"), *advice;
    size_t i;

    if (json_array_size(list) == 0)
        return;
    fputs("## Advice\n\n", out);
    json_array_foreach ((json_t *)list, i, advice) {
        fputs("- ", out);
        put_cell(out, cu_cli_text(advice, "text"));
        fprintf(out, " (waited for, by all processes: about %.3g s)\n",
                json_number_value(json_object_get(advice, "seconds")));
    }
    putc('\n', out);
}

static void put_classes(FILE *out, const json_t *report)
{
    const json_t *row;
    size_t i;
    char bytes[32];

    fputs("## Classes of paths\n\n| class | requests | bytes | here | flight | parent | storage | "
          "waited (ms) |\n|---|---:|---:|---:|---:|---:|---:|---:|\n",
          out);
    json_array_foreach (json_object_get(report, "classes"), i, row) {
        fputs("| ", out);
        for (const char *p = cu_cli_text(row, "class"); *p != '\0'; p++)
            putc(*p == '_' ? ' ' : *p, out);
        fprintf(out,
                " | %" PRIu64 " | %s | %" PRIu64 " | %" PRIu64 " | %" PRIu64 " | %" PRIu64
                " | %" PRIu64 " |\n",
                cu_cli_number(row, "requests"), cu_cli_size(cu_cli_number(row, "bytes"), bytes),
                cu_cli_number(row, "here"), cu_cli_number(row, "flight"),
                cu_cli_number(row, "parent"), cu_cli_number(row, "storage"),
                cu_cli_number(row, "wait_us") / 1000);
    }
    putc('\n', out);
}

static void put_list(FILE *out, const json_t *report, const char *name, const char *title,
                     const char *unit)
{
    const json_t *list = json_object_get(json_object_get(report, "paths"), name), *row;
    uint64_t top = cu_cli_number(json_object_get(report, "options"), "top");
    size_t i;

    if (json_array_size(json_object_get(list, "rows")) == 0 || top == 0)
        return;
    fprintf(out, "## %s\n\n| %s | nodes | |\n|---:|---:|---|\n", title, unit);
    json_array_foreach (json_object_get(list, "rows"), i, row) {
        if (i >= top)
            break;
        fprintf(out, "| %" PRIu64 "%s | %" PRIu64 " | ", cu_cli_number(row, "value"),
                cu_cli_number(row, "over") > 0 ? " or more" : "", cu_cli_number(row, "nodes"));
        if (json_object_get(row, "name"))
            put_cell(out, cu_cli_text(row, "name"));
        else
            put_path(out, report, cu_cli_text(row, "path"));
        fputs(" |\n", out);
    }
    fprintf(out, "\nOf %" PRIu64 " in all; what is not listed has at most %" PRIu64 " each.\n\n",
            cu_cli_number(list, "total"), cu_cli_number(list, "error"));
}

static void put_searched(FILE *out, const json_t *value)
{
    const char *variable = cu_cli_text(value, "variable");
    const json_t *entry;
    size_t i;

    fputs("### ", out);
    put_cell(out, variable[0] != '\0' ? variable : "Searched one after the other, of no variable");
    if (variable[0] != '\0')
        fprintf(out, ", of %" PRIu64 " processes", cu_cli_number(value, "processes"));
    fputs("\n\n| place | entry | in vain | found | listings | waited (us) | better place |\n"
          "|---:|---|---:|---:|---:|---:|---:|\n",
          out);
    json_array_foreach (json_object_get(value, "entries"), i, entry) {
        uint64_t better = cu_cli_number(entry, "better");

        fprintf(out, "| %zu | ", i + 1);
        put_cell(out, cu_cli_text(entry, "entry"));
        fprintf(out, " | %" PRIu64 " | %" PRIu64 " | %" PRIu64 " | %" PRIu64 " | ",
                cu_cli_number(entry, "vain"), cu_cli_number(entry, "found"),
                cu_cli_number(entry, "listings"), cu_cli_number(entry, "wait_us"));
        fprintf(out, better > 0 ? "%" PRIu64 " |\n" : "none |\n", better);
    }
    fprintf(out,
            "\n%" PRIu64
            " lookups in vain; in the better order, and without entries in which nothing "
            "was found, %" PRIu64 ".\n\n",
            cu_cli_number(value, "vain"), cu_cli_number(value, "vain_better"));
}

static void put_search(FILE *out, const json_t *report)
{
    const json_t *list = json_object_get(report, "search"), *value;
    size_t i;

    if (json_array_size(list) == 0)
        return;
    fputs("## Search paths\n\n", out);
    json_array_foreach (list, i, value)
        put_searched(out, value);
}

static void put_one_node(FILE *out, const json_t *report)
{
    const json_t *distinct = json_object_get(report, "distinct"), *row;
    uint64_t top = cu_cli_number(json_object_get(report, "options"), "top");
    bool exact = json_real_value(json_object_get(distinct, "relative_error")) == 0;
    char bytes[32];
    size_t i;

    fprintf(out,
            "## Paths of one node only\n\n%s%" PRIu64 " of %" PRIu64
            " paths were asked for by one node only: %" PRIu64 " requests, %s.\n\n",
            exact ? "" : "About ", cu_cli_number(distinct, "one_node"),
            cu_cli_number(distinct, "paths"), cu_cli_number(distinct, "one_node_requests"),
            cu_cli_size(cu_cli_number(distinct, "one_node_bytes"), bytes));
    json_array_foreach (json_object_get(distinct, "examples"), i, row) {
        if (i >= top)
            break;
        fputs("- ", out);
        put_cell(out, cu_cli_text(row, "host"));
        fputs(": ", out);
        put_path(out, report, cu_cli_text(row, "path"));
        putc('\n', out);
    }
    putc('\n', out);
}

void cu_jobtables_summary(FILE *out, const json_t *report)
{
    put_head(out, report);
    put_advice(out, report);
    put_classes(out, report);
    put_list(out, report, "by_requests", "Most requests", "requests");
    put_list(out, report, "by_bytes", "Most bytes", "bytes");
    put_list(out, report, "by_wait", "Longest waits", "us in all");
    put_search(out, report);
    put_list(out, report, "missing_directories", "Directories searched in vain", "lookups");
    put_list(out, report, "missing_names", "Names that do not exist", "lookups");
    put_list(out, report, "past_trees", "Read past the trees, above -M", "bytes");
    put_one_node(out, report);
    fputs("All figures: job.json; tables: nodes.csv, timeline.csv, paths.csv, search.csv, "
          "latency.csv.\n",
          out);
}
