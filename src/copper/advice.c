/* SPDX-License-Identifier: BSD-3-Clause */
#include "copper/advice.h"

#include "control/bypassed.h"
#include "control/latencies.h"
#include "copper/cli.h"
#include "copper/jobsearch.h"
#include "copper/summary.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Less is no reason to change anything. */
#define MISSES_MIN UINT64_C(10000) /* names that do not exist, and at least half of all */
#define WAITS_MIN  UINT64_C(1000)  /* objects of a node that it had to wait for */

#define TEXT_MAX   (4 * CU_PATH_MAX)
#define PIECES_MAX 4u

struct piece {
    const char *kind;
    uint64_t saves; /* bytes, lookups, what does not exist or was waited for */
    double us;
    char text[TEXT_MAX];
};

struct advice {
    const json_t *answer, *sum;
    struct cu_latency *latency; /* owned */
    uint64_t nodes;
    size_t count;
    struct piece pieces[PIECES_MAX];
};

/* --- what was waited for ---------------------------------------------------------------------- */

/* Of the answers to kernels that were found there; op NULL: of all operations. Its mean if so. */
static double waited(const struct advice *a, const char *op, const char *where, bool mean)
{
    double us = 0, count = 0;

    for (uint32_t row = 0; row < CU_LATENCY_STORAGE; row++) {
        const struct cu_histogram *h = &a->latency->rows[row].us;
        const char *of, *from;

        cu_latency_names(row, &of, &from);
        if (strcmp(from, where) != 0 || (op && strcmp(of, op) != 0))
            continue;
        us += (double)h->sum;
        count += (double)cu_histogram_count(h);
    }
    return !mean ? us : count > 0 ? us / count : 0;
}

/* For files above -M: of all reads from storage their share. */
static double waited_past_trees(const struct advice *a)
{
    double past = (double)cu_cli_number(a->sum, "bypass_bytes");
    double all = (double)cu_cli_number(a->sum, "storage_bytes"); /* those, too */
    double us = waited(a, "read", "storage", false);

    return past <= 0 ? 0 : all > past ? us * past / all : us;
}

/* --- the pieces ------------------------------------------------------------------------------- */

static struct piece *add(struct advice *a, const char *kind, uint64_t saves, double us)
{
    struct piece *piece = &a->pieces[a->count++];

    *piece = (struct piece){.kind = kind, .saves = saves, .us = us > 0 ? us : 0};
    return piece;
}

static void add_network(struct advice *a)
{
    const char *note = cu_cli_text(a->answer, "network_note");

    if (note[0] != '\0')
        snprintf(
            add(a, "network", cu_cli_number(a->sum, "hit_parent"), waited(a, NULL, "parent", false))
                ->text,
            TEXT_MAX, "the network: %s", note);
}

static void add_past_trees(struct advice *a)
{
    const json_t *bypassed = json_object_get(a->answer, "bypassed");
    char text[TEXT_MAX];

    if (cu_bypassed_text(bypassed, text, sizeof(text)) > 0)
        memcpy(add(a, "max_cacheable", cu_cli_number(bypassed, "bytes"),
                   waited_past_trees(a) * (1 - 1 / (double)a->nodes))
                   ->text,
               text, sizeof(text));
}

static void add_search(struct advice *a, const json_t *search, uint64_t objects)
{
    uint64_t absent = cu_cli_number(a->sum, "hit_negative"), saves, us;
    char text[TEXT_MAX];

    if (cu_jobsearch_advice(search, text, sizeof(text), &saves, &us) > 0)
        memcpy(add(a, "search_path", saves, (double)us)->text, text, sizeof(text));
    else if (objects > 0 && absent >= MISSES_MIN && absent >= objects / 2)
        snprintf(
            add(a, "search_path", absent, (double)absent * waited(a, "lookup", "here", true))->text,
            TEXT_MAX,
            "%" PRIu64 "%% of what programs asked for does not exist: shorter search paths "
            "(PYTHONPATH, LD_LIBRARY_PATH); launch_copper.sh -P lists the directories",
            absent * 100 / objects);
}

static void add_recipe(struct advice *a)
{
    uint64_t objects = cu_cli_number(a->sum, "hit_parent") + cu_cli_number(a->sum, "hit_storage");
    char each[32];

    if (!json_is_true(json_object_get(a->answer, "learns")) && objects / a->nodes >= WAITS_MIN)
        snprintf(add(a, "recipe", objects,
                     waited(a, NULL, "parent", false) + waited(a, NULL, "storage", false) -
                         waited_past_trees(a))
                     ->text,
                 TEXT_MAX,
                 "each node waited for %s objects: with launch_copper.sh --learn NAME they are "
                 "there when the next job asks for them",
                 cu_summary_grouped(objects / a->nodes, each));
}

static bool is_better(const struct piece *x, const struct piece *y)
{
    bool x_first = strcmp(x->kind, "network") == 0, y_first = strcmp(y->kind, "network") == 0;

    return x_first != y_first ? x_first : x->us > y->us;
}

static json_t *as_json(struct advice *a)
{
    json_t *list = json_array();

    while (a->count > 0) {
        size_t best = 0;

        for (size_t i = 1; i < a->count; i++)
            if (is_better(&a->pieces[i], &a->pieces[best]))
                best = i;
        json_array_append_new(list,
                              json_pack("{s:s, s:I, s:f, s:s}", "kind", a->pieces[best].kind,
                                        "saves", (json_int_t)a->pieces[best].saves, "seconds",
                                        a->pieces[best].us / 1e6, "text", a->pieces[best].text));
        a->count--;
        memmove(&a->pieces[best], &a->pieces[best + 1], (a->count - best) * sizeof(a->pieces[0]));
    }
    return list;
}

json_t *cu_advice_make(const json_t *answer, const json_t *search)
{
    struct advice *a = calloc(1, sizeof(*a));
    uint64_t objects = cu_summary_objects(answer), nodes = cu_cli_number(answer, "stopped");
    json_t *list = NULL;

    if (nodes == 0)
        nodes = cu_cli_number(answer, "answered");
    if (a)
        a->latency = calloc(1, sizeof(*a->latency));
    if (a && a->latency) {
        a->answer = answer;
        a->sum = json_object_get(answer, "sum");
        a->nodes = nodes > 0 ? nodes : 1;
        cu_latencies_add(a->latency, json_object_get(answer, "latency"));
        add_past_trees(a);
        add_search(a, search, objects);
        if (objects > 0) {
            add_network(a);
            add_recipe(a);
        }
        list = as_json(a);
    }
    if (a)
        free(a->latency);
    free(a);
    return list ? list : json_array();
}
