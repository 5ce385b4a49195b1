/* SPDX-License-Identifier: BSD-3-Clause */
/* The tree as copper top shows it: its upper part node by node, each with the figures of all below
 * it. Nodes further down that are slow or absent are named below the last of their ancestors that
 * is shown. */
#include "copper/top_page.h"
#include "copper/top_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMED_MAX 8u /* absent or slow nodes named below one node */
#define DEPTH_MAX 40u
#define NOT_SHOWN UINT32_MAX

struct tree {
    struct cu_top_page *page;
    const struct cu_top_model *model;
    const struct cu_sample_list *below;
    bool drawn[CU_SAMPLE_BELOW_MAX];
    uint32_t *anchors; /* by rank: the rank under which an odd node is named; else NOT_SHOWN */
    uint32_t first, max, count;
};

static const struct cu_sample_row *row_of(const struct tree *tree, uint32_t rank)
{
    for (uint32_t i = 0; i < tree->below->count; i++)
        if (tree->below->rows[i].rank == rank)
            return &tree->below->rows[i];
    return NULL;
}

/* Where odd nodes are named: below the nearest ancestor that is shown, else below the root. */
static void find_anchors(struct tree *tree)
{
    const struct cu_top_model *model = tree->model;
    uint32_t top = tree->below->count > 0 ? tree->below->rows[0].rank : 0;

    for (uint32_t rank = 0; rank < model->node_count; rank++) {
        uint32_t at = rank, parent;

        tree->anchors[rank] = NOT_SHOWN;
        if (row_of(tree, rank) || cu_top_state(model, rank) == CU_TOP_ANSWERS)
            continue;
        while ((parent = cu_tree_parent(&model->tree, at)) != at && !row_of(tree, parent))
            at = parent;
        tree->anchors[rank] = row_of(tree, parent) ? parent : top;
    }
}

static bool is_wanted(const struct tree *tree, const char *name)
{
    return strstr(name, tree->model->filter);
}

static unsigned name_width(const struct tree *tree)
{
    unsigned width = tree->page->width > 0 ? tree->page->width : 120;

    return width > 52 + 16 ? width - 52 : 16;
}

/* text: the name with its indentation. */
static void add_line(struct tree *tree, const char *host, const char *text, enum cu_top_state state,
                     const struct cu_sample_row *row)
{
    char name[4 * CU_TOP_WIDTH_MAX + 1], a[32], b[32], c[32];
    uint32_t at;

    if (host && !is_wanted(tree, host))
        return;
    at = tree->count++;
    if (at < tree->first || at - tree->first >= tree->max)
        return;
    (void)cu_top_fit(text, name_width(tree), false, name, sizeof(name));
    if (row)
        cu_top_page_add(tree->page, cu_top_state_style(state), "%s%9" PRIu64 "%12s%11s%10s  %-8s",
                        name, row->values[CU_SAMPLE_BELOW_NODES],
                        cu_top_rate(row->values[CU_SAMPLE_BELOW_REQUESTS], a),
                        cu_top_rate(row->values[CU_SAMPLE_BELOW_STORAGE], b),
                        cu_top_time(row->values[CU_SAMPLE_BELOW_P99], c), cu_top_state_name(state));
    else
        cu_top_page_add(tree->page, cu_top_state_style(state), "%s%44s%-8s", name, "",
                        cu_top_state_name(state));
}

/* Nodes that are not shown with figures of their own. */
static void add_odd(struct tree *tree, uint32_t anchor, unsigned depth)
{
    const struct cu_top_model *model = tree->model;
    uint32_t named = 0, more = 0;
    char text[1200];

    for (uint32_t rank = 0; rank < model->node_count; rank++) {
        const char *host = cu_top_host(model, rank);

        if (tree->anchors[rank] != anchor || !is_wanted(tree, host))
            continue;
        if (named++ >= NAMED_MAX) {
            more++;
            continue;
        }
        (void)snprintf(text, sizeof(text), "%*s%s", (int)(2 * depth), "", host);
        add_line(tree, host, text, cu_top_state(model, rank), NULL);
    }
    if (more > 0) {
        (void)snprintf(text, sizeof(text), "%*s... and %" PRIu32 " more", (int)(2 * depth), "",
                       more);
        add_line(tree, NULL, text, CU_TOP_ANSWERS, NULL);
    }
}

static void add_node(struct tree *tree, uint32_t i, unsigned depth)
{
    const struct cu_sample_row *row = &tree->below->rows[i];
    const char *host = cu_top_host(tree->model, row->rank);
    char text[1200];

    if (tree->drawn[i] || depth > DEPTH_MAX)
        return; /* what a peer told may be a ring */
    tree->drawn[i] = true;
    (void)snprintf(text, sizeof(text), "%*s%s", (int)(2 * depth), "", host);
    add_line(tree, host, text, cu_top_state(tree->model, row->rank), row);
    add_odd(tree, row->rank, depth + 1);
    for (uint32_t k = 0; k < tree->below->count; k++)
        if (tree->below->rows[k].parent == row->rank && tree->below->rows[k].level > 0)
            add_node(tree, k, depth + 1);
}

uint32_t cu_top_tree(struct cu_top_page *page, const struct cu_top_model *model, uint32_t first,
                     uint32_t max)
{
    struct tree tree = {
        .page = page,
        .model = model,
        .below = &model->sample.lists[CU_SAMPLE_BELOW],
        .first = first,
        .max = max,
        .anchors = malloc(model->node_count * sizeof(*tree.anchors)),
    };
    char name[4 * CU_TOP_WIDTH_MAX + 1];

    if (!tree.anchors) {
        page->lacks = true;
        return 0;
    }
    cu_top_page_add(
        page, CU_SCREEN_HEADING, "%s%9s%12s%11s%10s  %-8s",
        cu_top_fit("node, with all below it", name_width(&tree), false, name, sizeof(name)),
        "nodes", "requests/s", "storage/s", "p99", "");
    find_anchors(&tree);
    for (uint32_t i = 0; i < tree.below->count; i++)
        add_node(&tree, i, 0); /* the root; then what has no parent that is shown */
    free(tree.anchors);
    return tree.count;
}
