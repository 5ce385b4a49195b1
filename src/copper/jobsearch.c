/* SPDX-License-Identifier: BSD-3-Clause */
/* A name that is found in the third entry was looked up in vain in the first two. If the third came
 * first, these lookups would not have been, and names that are found in the first would be looked
 * up in vain in the third. Both are counted: by pairs of entries, what was looked up in vain in one
 * and found in the other. Nothing is known of names that are in two entries: the better order may
 * find another one. */
#include "copper/jobsearch.h"

#include "base/path.h"
#include "control/shown.h"
#include "proto/searchpath.h"

#include <stdlib.h>
#include <string.h>

#define ENTRIES_MAX 64u  /* of a value; the rest is not told */
#define LINKS_MAX   512u /* pairs of directories in no value, the heaviest */
#define GROUPS_MAX  16u
#define VAIN_MIN    100u /* lookups in vain in a list of no variable; with less none is told */

struct entry {
    json_t *text, *path; /* owned */
    const unsigned char *key;
    size_t key_len;
    uint64_t vain, found, listings, wait_us, nodes;
    uint64_t most; /* names that are found in it, and would be looked up in what comes before */
};

struct list {
    const struct cu_survey *survey;
    size_t count;
    struct entry entries[ENTRIES_MAX];
    uint64_t pairs[ENTRIES_MAX][ENTRIES_MAX]; /* in vain in the first, found in the second */
    uint64_t nodes[ENTRIES_MAX][ENTRIES_MAX];
    size_t order[ENTRIES_MAX]; /* the better one */
    json_t *move;              /* owned: the one change that saves most, or NULL */
};

static json_t *number(uint64_t value)
{
    return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

static bool is_idle(const struct entry *entry)
{
    return entry->found == 0 && entry->vain + entry->listings > 0;
}

static const struct cu_keyed_entry *pair_of(const struct cu_survey *survey, const struct entry *a,
                                            const struct entry *b)
{
    unsigned char key[2 * CU_PATH_MAX + 1];

    if (a->key_len == 0 || b->key_len == 0)
        return NULL;
    memcpy(key, a->key, a->key_len);
    key[a->key_len] = '\0';
    memcpy(key + a->key_len + 1, b->key, b->key_len);
    return cu_keyed_find(&survey->lists[CU_SURVEY_PAIRS], key, a->key_len + 1 + b->key_len);
}

/* Takes text. path: of the entry in the view, kept by the caller; NULL: it has none. */
static void add_entry(struct list *list, json_t *text, const unsigned char *path, size_t len)
{
    const struct cu_keyed_entry *dir =
        path ? cu_keyed_find(&list->survey->lists[CU_SURVEY_SEARCHED], path, len) : NULL;
    struct entry *entry;

    if (list->count == ENTRIES_MAX) {
        json_decref(text);
        return;
    }
    entry = &list->entries[list->count++];
    *entry = (struct entry){.text = text};
    if (!dir)
        return;
    entry->path = cu_shown_name((const char *)path, len);
    entry->key = dir->key;
    entry->key_len = dir->key_len;
    entry->vain = dir->numbers[CU_SURVEY_PATH_missing];
    entry->found = dir->numbers[CU_SURVEY_PATH_lookups] - entry->vain;
    entry->listings = dir->numbers[CU_SURVEY_PATH_listings];
    entry->wait_us = dir->numbers[CU_SURVEY_PATH_wait_us];
    entry->nodes = dir->numbers[CU_SURVEY_PATH_nodes];
    if (entry->vain > dir->numbers[CU_SURVEY_PATH_lookups])
        entry->found = 0; /* a peer's */
}

/* --- the better order ------------------------------------------------------------------------- */

static void take_pairs(struct list *list)
{
    bool any = false;

    for (size_t i = 0; i < list->count; i++) {
        for (size_t k = 0; k < list->count; k++) {
            const struct cu_keyed_entry *pair =
                i != k ? pair_of(list->survey, &list->entries[i], &list->entries[k]) : NULL;

            list->pairs[i][k] = pair ? pair->numbers[CU_SURVEY_PATH_got] : 0;
            list->nodes[i][k] = pair ? pair->numbers[CU_SURVEY_PATH_nodes] : 0;
            any = any || pair;
            if (list->pairs[i][k] > list->entries[k].most)
                list->entries[k].most = list->pairs[i][k];
        }
    }
    /* What comes first has no such pair: all that was found there. */
    for (size_t i = 0; any && i < list->count; i++)
        if (list->entries[i].most == 0)
            list->entries[i].most = list->entries[i].found;
}

/* What is saved when what is at `from` in the order comes to `to` before it. */
static int64_t gain_of(const struct list *list, size_t from, size_t to)
{
    int64_t gain = 0;

    for (size_t at = to; at < from; at++) {
        size_t before = list->order[at];

        gain += (int64_t)list->pairs[before][list->order[from]];
        gain -= (int64_t)list->entries[before].most;
    }
    return gain;
}

/* How long processes waited for a request there, in the mean. */
static double wait_of(const struct entry *entry)
{
    double requests = (double)entry->vain + (double)entry->found + (double)entry->listings;

    return requests > 0 ? (double)entry->wait_us / requests : 0;
}

static uint64_t whole(double us)
{
    return us >= (double)INT64_MAX ? INT64_MAX : us > 0 ? (uint64_t)us : 0;
}

static void note_move(struct list *list, size_t from, size_t to, int64_t gain)
{
    const struct entry *moved = &list->entries[list->order[from]];
    uint64_t nodes = 0;
    double us = 0;

    if (list->move)
        return;
    for (size_t at = to; at < from; at++) {
        size_t before = list->order[at];

        if (list->nodes[before][list->order[from]] > nodes)
            nodes = list->nodes[before][list->order[from]];
        us += (double)list->pairs[before][list->order[from]] * wait_of(&list->entries[before]) -
              (double)list->entries[before].most * wait_of(moved);
    }
    list->move =
        json_pack("{s:O, s:O, s:b, s:I, s:I, s:o}", "entry", moved->text, "before",
                  list->entries[list->order[to]].text, "first", to == 0, "saves", (json_int_t)gain,
                  "nodes", (json_int_t)nodes, "wait_us", number(whole(us)));
}

/* Moves one entry after the other, what saves most first. Returns what all of it saves. */
static uint64_t find_order(struct list *list)
{
    uint64_t saved = 0;

    for (size_t i = 0; i < list->count; i++)
        list->order[i] = i;
    for (size_t step = 0; step < list->count; step++) {
        size_t best_from = 0, best_to = 0, moved;
        int64_t best = 0;

        for (size_t from = 1; from < list->count; from++) {
            for (size_t to = 0; to < from; to++) {
                int64_t gain = gain_of(list, from, to);

                if (gain <= best)
                    continue;
                best = gain;
                best_from = from;
                best_to = to;
            }
        }
        if (best == 0)
            break;
        note_move(list, best_from, best_to, best);
        saved += (uint64_t)best;
        moved = list->order[best_from];
        memmove(&list->order[best_to + 1], &list->order[best_to],
                (best_from - best_to) * sizeof(list->order[0]));
        list->order[best_to] = moved;
    }
    return saved;
}

static size_t place_of(const struct list *list, size_t entry)
{
    size_t at = 0;

    while (list->order[at] != entry)
        at++;
    return at;
}

/* Lookups in vain in an entry that can go, those that the better order saves left out. */
static uint64_t left_in(const struct list *list, size_t entry)
{
    uint64_t saved = 0;

    for (size_t at = 0; at < place_of(list, entry); at++)
        if (list->order[at] > entry)
            saved += list->pairs[entry][list->order[at]];
    return saved < list->entries[entry].vain ? list->entries[entry].vain - saved : 0;
}

/* --- as JSON ---------------------------------------------------------------------------------- */

static json_t *entry_json(const struct list *list, size_t i)
{
    const struct entry *entry = &list->entries[i];
    json_t *row = json_pack("{s:O}", "entry", entry->text);
    uint64_t better = 1;

    for (size_t at = 0; at < place_of(list, i); at++)
        better += is_idle(&list->entries[list->order[at]]) ? 0 : 1;
    json_object_set_new(row, "path", entry->path ? json_incref(entry->path) : json_null());
    json_object_set_new(row, "vain", number(entry->vain));
    json_object_set_new(row, "found", number(entry->found));
    json_object_set_new(row, "listings", number(entry->listings));
    json_object_set_new(row, "wait_us", number(entry->wait_us));
    json_object_set_new(row, "nodes", number(entry->nodes));
    json_object_set_new(row, "better", is_idle(entry) ? json_null() : number(better));
    return row;
}

/* What the list says; its entries are freed. */
static json_t *list_json(struct list *list, const char *variable, size_t len, uint64_t processes)
{
    uint64_t vain = 0, left = 0, saved;
    json_t *entries = json_array(), *object;

    take_pairs(list);
    saved = find_order(list);
    for (size_t i = 0; i < list->count; i++) {
        vain += list->entries[i].vain;
        left += is_idle(&list->entries[i]) ? left_in(list, i) : 0;
        json_array_append_new(entries, entry_json(list, i));
    }
    object = json_pack("{s:s%, s:o, s:o, s:o, s:o, s:o}", "variable", variable, len, "processes",
                       number(processes), "entries", entries, "vain", number(vain), "vain_better",
                       number(vain > saved + left ? vain - saved - left : 0), "move",
                       list->move ? json_incref(list->move) : json_null());
    for (size_t i = 0; i < list->count; i++) {
        json_decref(list->entries[i].text);
        json_decref(list->entries[i].path);
    }
    json_decref(list->move);
    list->move = NULL;
    list->count = 0;
    return object;
}

/* NAME=VALUE. NULL: it names no directory that was searched. */
static json_t *value_json(struct list *list, const struct cu_keyed_entry *value, const char *mount)
{
    const char *text = (const char *)value->key, *at = strchr(text, '='), *entry;
    size_t name_len = at ? (size_t)(at - text) : 0, len;
    char path[CU_PATH_MAX];
    bool searched = false, original = value->numbers[CU_SURVEY_PATH_here] > 0;
    json_t *object;

    at = at ? at + 1 : NULL;
    while ((entry = cu_searchpath_next(&at, &len))) {
        size_t path_len = cu_searchpath_in_view(entry, len, mount, original, path);

        add_entry(list, cu_shown_name(entry, len), path_len > 0 ? (unsigned char *)path : NULL,
                  path_len);
    }
    for (size_t i = 0; i < list->count; i++)
        searched = searched || list->entries[i].key_len > 0;
    object = list_json(list, text, name_len, value->numbers[CU_SURVEY_PATH_got]);
    if (searched)
        return object;
    json_decref(object);
    return NULL;
}

/* --- without a variable ----------------------------------------------------------------------- */

struct link {
    const unsigned char *vain, *found;
    size_t vain_len, found_len;
    uint64_t count;
    bool told;
};

static int heaviest_first(const void *a, const void *b)
{
    const struct link *x = a, *y = b;

    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return x->vain < y->vain ? -1 : x->vain > y->vain;
}

static bool has_path(const json_t *value, const unsigned char *path, size_t len)
{
    json_t *name = cu_shown_name((const char *)path, len);
    const json_t *entry;
    bool there = false;
    size_t i;

    json_array_foreach (json_object_get(value, "entries"), i, entry)
        there = there || json_equal(json_object_get(entry, "path"), name);
    json_decref(name);
    return there;
}

static bool is_told(const json_t *values, const struct link *link)
{
    const json_t *value;
    size_t i;

    json_array_foreach (values, i, value)
        if (has_path(value, link->vain, link->vain_len) &&
            has_path(value, link->found, link->found_len))
            return true;
    return false;
}

/* The pairs that no value tells, heaviest first; how many. */
static size_t links_of(const struct cu_survey *survey, const json_t *values, struct link *links)
{
    const struct cu_keyed *pairs = &survey->lists[CU_SURVEY_PAIRS];
    struct link *all = calloc(pairs->count + 1, sizeof(*all));
    size_t count = 0, kept = 0;

    for (size_t i = 0; all && i < pairs->count; i++) {
        const struct cu_keyed_entry *pair = &pairs->entries[i];
        const unsigned char *end = memchr(pair->key, '\0', pair->key_len);

        if (end) /* a peer's may have none */
            all[count++] = (struct link){
                .vain = pair->key,
                .vain_len = (size_t)(end - pair->key),
                .found = end + 1,
                .found_len = pair->key_len - (size_t)(end - pair->key) - 1,
                .count = pair->numbers[CU_SURVEY_PATH_got],
            };
    }
    if (count > 0)
        qsort(all, count, sizeof(*all), heaviest_first);
    for (size_t i = 0; i < count && kept < LINKS_MAX; i++)
        if (!is_told(values, &all[i]))
            links[kept++] = all[i];
    free(all);
    return kept;
}

static bool is_in(const struct list *list, const unsigned char *path, size_t len)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->entries[i].key && list->entries[i].key_len == len &&
            memcmp(list->entries[i].key, path, len) == 0)
            return true;
    return false;
}

static void add_dir(struct list *list, const unsigned char *path, size_t len)
{
    if (!is_in(list, path, len) &&
        cu_keyed_find(&list->survey->lists[CU_SURVEY_SEARCHED], path, len))
        add_entry(list, cu_shown_name((const char *)path, len), path, len);
}

/* All that hangs together with the first link that is left. */
static void gather(struct list *list, struct link *links, size_t count)
{
    bool more = true;

    for (size_t i = 0; i < count && list->count == 0; i++) {
        if (links[i].told)
            continue;
        links[i].told = true;
        add_dir(list, links[i].vain, links[i].vain_len);
        add_dir(list, links[i].found, links[i].found_len);
    }
    while (more) {
        more = false;
        for (size_t i = 0; i < count; i++) {
            if (links[i].told || (!is_in(list, links[i].vain, links[i].vain_len) &&
                                  !is_in(list, links[i].found, links[i].found_len)))
                continue;
            links[i].told = more = true;
            add_dir(list, links[i].vain, links[i].vain_len);
            add_dir(list, links[i].found, links[i].found_len);
        }
    }
}

/* The order in which they were searched: first is what has no, or the fewest, lookups in vain
 * before it. */
static void sort_searched(struct list *list)
{
    for (size_t place = 0; place + 1 < list->count; place++) {
        uint64_t least = UINT64_MAX;
        size_t first = place;
        struct entry moved;

        for (size_t i = place; i < list->count; i++) {
            uint64_t before = 0;

            for (size_t k = place; k < list->count; k++) {
                const struct cu_keyed_entry *pair =
                    pair_of(list->survey, &list->entries[k], &list->entries[i]);

                before += pair ? pair->numbers[CU_SURVEY_PATH_got] : 0;
            }
            if (before >= least)
                continue;
            least = before;
            first = i;
        }
        moved = list->entries[first];
        memmove(&list->entries[place + 1], &list->entries[place], (first - place) * sizeof(moved));
        list->entries[place] = moved;
    }
}

static void add_groups(struct list *list, json_t *values)
{
    struct link *links = calloc(LINKS_MAX, sizeof(*links));
    size_t count = links ? links_of(list->survey, values, links) : 0;

    for (size_t told = json_array_size(values) + GROUPS_MAX; json_array_size(values) < told;) {
        json_t *group;

        gather(list, links, count);
        if (list->count == 0)
            break;
        sort_searched(list);
        group = list_json(list, "", 0, 0);
        if (json_integer_value(json_object_get(group, "vain")) >= VAIN_MIN)
            json_array_append_new(values, group);
        else
            json_decref(group);
    }
    free(links);
}

json_t *cu_jobsearch_make(const struct cu_survey *survey, const char *mount)
{
    const struct cu_keyed *seen = &survey->lists[CU_SURVEY_SEARCHES_SEEN];
    struct list *list = calloc(1, sizeof(*list));
    json_t *values = json_array();

    if (!list)
        return values;
    list->survey = survey;
    for (size_t i = 0; i < seen->count; i++) {
        json_t *value = value_json(list, &seen->entries[i], mount);

        if (value)
            json_array_append_new(values, value);
    }
    add_groups(list, values);
    free(list);
    return values;
}
