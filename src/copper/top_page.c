/* SPDX-License-Identifier: BSD-3-Clause */
#include "copper/top_page.h"

#include "copper/cli.h"
#include "copper/top_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES  (4u * CU_TOP_WIDTH_MAX + 1)
#define NUMBER      11u /* cells of a column of numbers, with the blank before it */
#define NAME_MIN    15u
#define NAMED_HOSTS 8u /* in the line of those that are absent */

/* --- the page --------------------------------------------------------------------------------- */

void cu_top_page_add(struct cu_top_page *page, enum cu_screen_style style, const char *format, ...)
{
    char text[LINE_BYTES], line[LINE_BYTES];
    va_list args;

    if (page->height > 0 && page->count >= page->height)
        return;
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    (void)cu_top_copy(line, sizeof(line), text, page->width > 0 ? page->width : CU_TOP_WIDTH_MAX);
    if (page->count == page->room) {
        unsigned room = page->room > 0 ? 2 * page->room : 32;
        struct cu_screen_line *lines = realloc(page->lines, room * sizeof(*lines));

        if (!lines) {
            page->lacks = true;
            return;
        }
        page->lines = lines;
        page->room = room;
    }
    page->lines[page->count] = (struct cu_screen_line){.text = strdup(line), .style = style};
    if (page->lines[page->count].text)
        page->count++;
    else
        page->lacks = true;
}

static void clear(struct cu_top_page *page)
{
    for (unsigned i = 0; i < page->count; i++)
        free((char *)page->lines[i].text);
    page->count = 0;
    page->lacks = false;
}

void cu_top_page_free(struct cu_top_page *page)
{
    clear(page);
    free(page->lines);
    page->lines = NULL;
    page->room = 0;
}

const char *cu_top_state_name(enum cu_top_state state)
{
    static const char *const names[] = {"", "slow", "silent", "dead", "left out"};

    return names[state];
}

enum cu_screen_style cu_top_state_style(enum cu_top_state state)
{
    switch (state) {
    case CU_TOP_ANSWERS:
        break;
    case CU_TOP_SLOW:
        return CU_SCREEN_WARN;
    case CU_TOP_SILENT:
    case CU_TOP_DEAD:
    case CU_TOP_LEFT_OUT:
        return CU_SCREEN_BAD;
    }
    return CU_SCREEN_PLAIN;
}

/* --- the lines about the job ------------------------------------------------------------------ */

static void add_rates(struct cu_top_page *page, const struct cu_sample *s)
{
    const uint64_t *f = s->figures;
    uint64_t all =
        f[CU_SAMPLE_here] + f[CU_SAMPLE_flight] + f[CU_SAMPLE_parent] + f[CU_SAMPLE_storage];
    double percent = all > 0 ? 100.0 / (double)all : 0;
    char a[32], b[32], c[32], d[32];

    cu_top_page_add(page, CU_SCREEN_PLAIN,
                    "requests %8s/s  here %.1f%%  flight %.1f%%  parent %.1f%%  storage %.1f%%",
                    cu_top_rate(f[CU_SAMPLE_requests], a), (double)f[CU_SAMPLE_here] * percent,
                    (double)f[CU_SAMPLE_flight] * percent, (double)f[CU_SAMPLE_parent] * percent,
                    (double)f[CU_SAMPLE_storage] * percent);
    cu_top_page_add(page, CU_SCREEN_PLAIN, "storage  %8s/s  read %s/s  to kernel %s/s  peers %s/s",
                    cu_top_rate(f[CU_SAMPLE_storage_operations], a),
                    cu_cli_size(f[CU_SAMPLE_storage_bytes] / 1000, b),
                    cu_cli_size(f[CU_SAMPLE_kernel_bytes] / 1000, c),
                    cu_cli_size(f[CU_SAMPLE_peer_bytes] / 1000, d));
}

static void add_times(struct cu_top_page *page, const struct cu_sample *s)
{
    static const char *const names[CU_SAMPLE_TIMES] = {"answers", "parents", "storage"};
    char text[CU_SAMPLE_TIMES][96], p50[32], p99[32];

    for (int i = 0; i < CU_SAMPLE_TIMES; i++) {
        if (cu_histogram_count(&s->times[i]) == 0)
            (void)snprintf(text[i], sizeof(text[i]), "%s -", names[i]);
        else
            (void)snprintf(text[i], sizeof(text[i]), "%s %s/%s", names[i],
                           cu_top_time(cu_histogram_at(&s->times[i], 500), p50),
                           cu_top_time(cu_histogram_at(&s->times[i], 990), p99));
    }
    cu_top_page_add(page, CU_SCREEN_PLAIN, "p50/p99  %s  %s  %s", text[0], text[1], text[2]);
}

static void add_queues(struct cu_top_page *page, const struct cu_sample *s)
{
    const uint64_t *f = s->figures;
    char cached[32], errors[32];

    cu_top_page_add(
        page, CU_SCREEN_PLAIN,
        "waiting  %8" PRIu64 "  on storage %" PRIu64 "  errors %s/s  cached %s  CPU %.1f",
        f[CU_SAMPLE_waiting], f[CU_SAMPLE_storage_waiting],
        cu_top_rate(f[CU_SAMPLE_errors], errors), cu_cli_size(f[CU_SAMPLE_cached_bytes], cached),
        (double)f[CU_SAMPLE_cpu_ms] / 1e6);
}

/* "2 dead: node3, node5" */
static size_t add_hosts(char *text, size_t size, const struct cu_top_model *model,
                        const struct cu_idset *set, uint64_t count, enum cu_top_state state)
{
    uint32_t named = 0;
    size_t at;

    if (count == 0)
        return 0;
    at = (size_t)snprintf(text, size, "   %" PRIu64 " %s:", count, cu_top_state_name(state));
    for (uint32_t rank = cu_idset_next(set, 0); rank < set->limit && named < NAMED_HOSTS;
         rank = cu_idset_next(set, rank + 1)) {
        char name[64];

        (void)snprintf(name, sizeof(name), "%s", cu_top_host(model, rank));
        at += (size_t)snprintf(text + at, size - at, "%s %s", named++ > 0 ? "," : "", name);
    }
    if (named < count)
        at += (size_t)snprintf(text + at, size - at, " ...");
    return at;
}

static void add_nodes(struct cu_top_page *page, const struct cu_top_model *model)
{
    const struct cu_sample_list *nodes = &model->sample.lists[CU_SAMPLE_NODES];
    char text[3 * NAMED_HOSTS * 80] = "";
    uint32_t slow = 0;
    size_t at = 0;
    bool bad = model->dead_count > 0 || model->silent_count > 0;

    for (uint32_t i = 0; i < nodes->count; i++)
        slow += cu_top_state(model, nodes->rows[i].rank) == CU_TOP_SLOW;
    at += add_hosts(text + at, sizeof(text) - at, model, &model->dead, model->dead_count,
                    CU_TOP_DEAD);
    at += add_hosts(text + at, sizeof(text) - at, model, &model->silent, model->silent_count,
                    CU_TOP_SILENT);
    at += add_hosts(text + at, sizeof(text) - at, model, &model->left_out, model->left_out_count,
                    CU_TOP_LEFT_OUT);
    if (slow > 0)
        (void)snprintf(text + at, sizeof(text) - at, "   %" PRIu32 "%s slow", slow,
                       model->node_count > nodes->count ? " or more" : "");
    cu_top_page_add(page,
                    bad        ? CU_SCREEN_BAD
                    : slow > 0 ? CU_SCREEN_WARN
                               : CU_SCREEN_PLAIN,
                    "nodes    %8" PRIu32 " of %" PRIu32 " answer%s", model->answered,
                    model->node_count, text);
}

static void add_job(struct cu_top_page *page, const struct cu_top_model *model)
{
    cu_top_page_add(page, CU_SCREEN_STRONG, "copper top   job %s   %s   of the last %.1f s%s",
                    model->job, model->clock, (double)model->sample.window_ms / 1000,
                    model->paused ? "   paused" : "");
    add_nodes(page, model);
    add_rates(page, &model->sample);
    add_queues(page, &model->sample);
    add_times(page, &model->sample);
}

/* --- the lists -------------------------------------------------------------------------------- */

/* What is left of the width beside so many columns of numbers. */
static unsigned name_cells(const struct cu_top_page *page, unsigned beside)
{
    unsigned width = page->width > 0 ? page->width : 120;

    return width > beside + NAME_MIN ? width - beside : NAME_MIN;
}

static void add_node(struct cu_top_page *page, const struct cu_top_model *model,
                     const struct cu_sample_row *row)
{
    enum cu_top_state state = row ? cu_top_state(model, row->rank) : CU_TOP_ANSWERS;
    unsigned cells = name_cells(page, 5 * NUMBER + 10);
    char name[LINE_BYTES], a[32], b[32], c[32], d[32];

    if (!row) {
        cu_top_page_add(page, CU_SCREEN_HEADING, "%s%11s%11s%11s%11s%11s  %-8s",
                        cu_top_fit("node", cells, false, name, sizeof(name)), "requests/s",
                        "storage/s", "p50", "p99", "waiting", "");
        return;
    }
    cu_top_page_add(page, cu_top_state_style(state), "%s%11s%11s%11s%11s%11" PRIu64 "  %-8s",
                    cu_top_fit(cu_top_host(model, row->rank), cells, false, name, sizeof(name)),
                    cu_top_rate(row->values[CU_SAMPLE_NODE_REQUESTS], a),
                    cu_top_rate(row->values[CU_SAMPLE_NODE_STORAGE], b),
                    cu_top_time(row->values[CU_SAMPLE_NODE_P50], c),
                    cu_top_time(row->values[CU_SAMPLE_NODE_P99], d),
                    row->values[CU_SAMPLE_NODE_WAITING], cu_top_state_name(state));
}

static void add_link(struct cu_top_page *page, const struct cu_top_model *model,
                     const struct cu_sample_row *row)
{
    unsigned cells = name_cells(page, 4 * NUMBER + 2) / 2 - 1;
    char name[LINE_BYTES], parent[LINE_BYTES], a[32], b[32], c[32], d[32];

    if (!row) {
        cu_top_page_add(page, CU_SCREEN_HEADING, "%s  %s%11s%11s%11s%11s  ",
                        cu_top_fit("node", cells, false, name, sizeof(name)),
                        cu_top_fit("parent", cells, false, parent, sizeof(parent)), "answers/s",
                        "p10", "p50", "p99");
        return;
    }
    cu_top_page_add(
        page, cu_top_state_style(cu_top_state(model, row->rank)), "%s  %s%11s%11s%11s%11s",
        cu_top_fit(cu_top_host(model, row->rank), cells, false, name, sizeof(name)),
        cu_top_fit(cu_top_host(model, row->parent), cells, false, parent, sizeof(parent)),
        cu_top_rate(row->values[CU_SAMPLE_LINK_ANSWERS], a),
        cu_top_time(row->values[CU_SAMPLE_LINK_P10], b),
        cu_top_time(row->values[CU_SAMPLE_LINK_P50], c),
        cu_top_time(row->values[CU_SAMPLE_LINK_P99], d));
}

static void add_path(struct cu_top_page *page, const struct cu_top_model *model,
                     const struct cu_sample_row *row)
{
    unsigned cells = name_cells(page, 4 * NUMBER + 3);
    char name[LINE_BYTES], a[32], b[32], c[32], d[32];

    (void)model;
    if (!row) {
        cu_top_page_add(page, CU_SCREEN_HEADING, "%11s%12s%11s%11s  %s", "requests/s", "bytes/s",
                        "missing/s", "storage/s",
                        cu_top_fit("path", cells, false, name, sizeof(name)));
        return;
    }
    cu_top_page_add(page, CU_SCREEN_PLAIN, "%11s%12s%11s%11s  %s",
                    cu_top_rate(row->values[CU_SAMPLE_PATH_REQUESTS], a),
                    cu_cli_size(row->values[CU_SAMPLE_PATH_BYTES_S] / 1000, b),
                    cu_top_rate(row->values[CU_SAMPLE_PATH_MISSING], c),
                    cu_top_rate(row->values[CU_SAMPLE_PATH_STORAGE], d),
                    cu_top_fit(row->path, cells, true, name, sizeof(name)));
}

static const struct {
    const char *name;
    void (*add)(struct cu_top_page *page, const struct cu_top_model *model,
                const struct cu_sample_row *row); /* row NULL: the heading */
    const char *nothing;
} lists[CU_TOP_VIEWS] = {
    [CU_TOP_NODES] = {"nodes", add_node, "no node"},
    [CU_TOP_LINKS] = {"links", add_link, "no answer came from a parent"},
    [CU_TOP_PATHS] = {"paths", add_path, "no request about a path"},
    [CU_TOP_TREE] = {"tree", NULL, "no node"},
};

/* The heading and rows of a view, from first on, at most max; how many there are in all. */
static uint32_t add_list(struct cu_top_page *page, const struct cu_top_model *model,
                         enum cu_top_view view, uint32_t first, uint32_t max)
{
    const struct cu_sample_row *rows[CU_SAMPLE_NODES_MAX];
    uint32_t count;

    if (view == CU_TOP_TREE)
        return cu_top_tree(page, model, first, max);
    lists[view].add(page, model, NULL);
    count = cu_top_rows(model, view, rows);
    for (uint32_t i = first; i < count && i - first < max; i++)
        lists[view].add(page, model, rows[i]);
    if (count == 0)
        cu_top_page_add(page, CU_SCREEN_PLAIN, "%s", lists[view].nothing);
    return count;
}

static void add_tabs(struct cu_top_page *page, const struct cu_top_model *model)
{
    char text[256];
    size_t at = 0;

    for (int view = 0; view < CU_TOP_VIEWS; view++)
        at += (size_t)snprintf(text + at, sizeof(text) - at,
                               view == (int)model->view ? "[%s] " : " %s  ", lists[view].name);
    cu_top_page_add(page, CU_SCREEN_STRONG, "%s  by %s%s%s%s%s", text,
                    cu_top_sort_name(model, model->view), model->reverse ? ", reversed" : "",
                    model->typing || model->filter[0] != '\0' ? "   filter: " : "", model->filter,
                    model->typing ? "_" : "");
}

static void add_help(struct cu_top_page *page)
{
    static const char *const lines[] = {
        "n l p t, Tab   nodes, links, paths, tree",
        "< >            sort by another column (also the left and right arrow)",
        "r              the other order",
        "/              show only names that contain a text; Enter ends it, Esc takes it back",
        "arrows, j k    move in the list; also Page Up, Page Down, Home, End",
        "Space          keep this page, go on",
        "Ctrl-L         draw the page anew",
        "q              quit",
        "",
        "here, flight (asked for already), parent, storage: where answers were found",
        "p50, p99: half, and 99 of 100, of the answers took no longer",
        "links: answers of a parent; p10 is about the way there and back",
        "slow: a median of 1 ms and more, and of four times the job's",
        "silent: no answer in time; dead: no daemon that is ready",
    };

    cu_top_page_add(page, CU_SCREEN_HEADING, "keys");
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        cu_top_page_add(page, CU_SCREEN_PLAIN, "%s", lines[i]);
}

static void add_footer(struct cu_top_page *page, const struct cu_top_model *model, uint32_t count,
                       uint32_t rows)
{
    while (page->height > 0 && page->count + 1 < page->height && !page->lacks)
        cu_top_page_add(page, CU_SCREEN_PLAIN, "%s", "");
    if (model->note[0] != '\0')
        cu_top_page_add(page, CU_SCREEN_BAD, "%s", model->note);
    else
        cu_top_page_add(page, CU_SCREEN_PLAIN,
                        "q quit  ? help  n l p t views  < > sort  / filter  Space pause  %" PRIu32
                        "-%" PRIu32 "/%" PRIu32,
                        count > 0 ? model->scroll + 1 : 0,
                        count < model->scroll + rows ? count : model->scroll + rows, count);
}

uint32_t cu_top_page_make(struct cu_top_page *page, struct cu_top_model *model)
{
    unsigned height = page->height;
    uint32_t rows, count = 0;

    clear(page);
    if (model->sampled)
        add_job(page, model);
    else
        cu_top_page_add(page, CU_SCREEN_STRONG, "copper top   job %s   the first sample comes",
                        model->job);
    add_tabs(page, model);
    /* Between the heading, which is the next line, and the footer. */
    rows = page->height > page->count + 2 ? page->height - page->count - 2 : 0;
    if (model->help) {
        if (page->height > 1)
            page->height--; /* for the footer */
        add_help(page);
        page->height = height;
    } else if (model->sampled && rows > 0) {
        struct cu_top_page counted = {.width = page->width, .height = 1};

        count = add_list(&counted, model, model->view, UINT32_MAX, 0);
        cu_top_page_free(&counted);
        if (model->scroll > count - (count > rows ? rows : count))
            model->scroll = count - (count > rows ? rows : count);
        (void)add_list(page, model, model->view, model->scroll, rows);
    }
    add_footer(page, model, count, rows);
    return rows;
}

void cu_top_page_all(struct cu_top_page *page, struct cu_top_model *model)
{
    clear(page);
    add_job(page, model);
    for (int view = 0; view < CU_TOP_VIEWS; view++) {
        cu_top_page_add(page, CU_SCREEN_PLAIN, "%s", "");
        (void)add_list(page, model, (enum cu_top_view)view, 0, UINT32_MAX);
    }
}
