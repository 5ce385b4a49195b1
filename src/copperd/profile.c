/* SPDX-License-Identifier: BSD-3-Clause */
/* There are few kinds of paths in a job: files that all processes read, and names that are searched
 * in one directory after the other and exist in none. The first are listed by path; the second by
 * name and by directory, because each path is asked for only once or twice. */
#include "copperd/profile.h"

#include "base/path.h"
#include "base/topk.h"
#include "control/shown.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMPONENTS_SHOWN 3u

enum detail {
    LOOKUPS,
    MISSING,
    READS,
    LISTINGS,
    OTHERS,
    HERE,
    FLIGHT,
    PARENT,
    STORAGE,
    DETAIL_COUNT,
    LONGEST_US = DETAIL_COUNT, /* the longest wait; not in a node's own profile */
};
_Static_assert(LONGEST_US + 1 == CU_TOPK_DETAILS, "one place for each detail");
_Static_assert(CU_SURVEY_PATH_storage - CU_SURVEY_PATH_lookups == STORAGE - LOOKUPS &&
                   CU_SURVEY_PATH_parent - CU_SURVEY_PATH_lookups == PARENT - LOOKUPS,
               "the same order");

static const char *const detail_names[] = {
    "lookups", "missing", "reads", "listings", "others", "here", "flight", "parent", "storage",
};

struct cu_profile {
    uint32_t top;
    bool full_paths;
    uint64_t requests;
    uint64_t bytes;
    uint64_t wait_us;
    uint64_t found;     /* lookups */
    uint64_t uncounted; /* not in the lists: out of memory */
    uint64_t totals[DETAIL_COUNT];
    struct cu_topk *by_requests;
    struct cu_topk *by_bytes;
    struct cu_topk *by_wait;
    struct cu_topk *missing_names;
    struct cu_topk *missing_dirs;
    struct cu_topk *found_dirs;
    const struct cu_topk_entry **best; /* room for top */
};

/* Is no part missing? Else it goes, and NULL is returned. */
static struct cu_profile *whole(struct cu_profile *profile)
{
    if (profile->by_requests && profile->by_bytes && profile->by_wait && profile->missing_names &&
        profile->missing_dirs && profile->found_dirs && profile->best)
        return profile;
    cu_profile_destroy(profile);
    return NULL;
}

static const struct cu_topk_entry **room_for(uint32_t top)
{
    return calloc((size_t)top + 1, sizeof(struct cu_topk_entry *));
}

struct cu_profile *cu_profile_create(uint32_t top, bool full_paths)
{
    struct cu_profile *profile = calloc(1, sizeof(*profile));
    uint32_t capacity = cu_survey_paths(top);

    if (!profile)
        return NULL;
    profile->top = top;
    profile->full_paths = full_paths;
    profile->by_requests = cu_topk_create(capacity);
    profile->by_bytes = cu_topk_create(capacity);
    profile->by_wait = cu_topk_create(capacity);
    profile->found_dirs = cu_topk_create(capacity);
    profile->missing_names = cu_topk_create(capacity);
    profile->missing_dirs = cu_topk_create(capacity);
    profile->best = room_for(top);
    return whole(profile);
}

struct cu_profile *cu_profile_copy(const struct cu_profile *profile)
{
    struct cu_profile *copy = malloc(sizeof(*copy));

    if (!copy)
        return NULL;
    *copy = *profile;
    copy->by_requests = cu_topk_copy(profile->by_requests);
    copy->by_bytes = cu_topk_copy(profile->by_bytes);
    copy->by_wait = cu_topk_copy(profile->by_wait);
    copy->found_dirs = cu_topk_copy(profile->found_dirs);
    copy->missing_names = cu_topk_copy(profile->missing_names);
    copy->missing_dirs = cu_topk_copy(profile->missing_dirs);
    copy->best = room_for(profile->top);
    return whole(copy);
}

void cu_profile_destroy(struct cu_profile *profile)
{
    if (!profile)
        return;
    cu_topk_destroy(profile->by_requests);
    cu_topk_destroy(profile->by_bytes);
    cu_topk_destroy(profile->by_wait);
    cu_topk_destroy(profile->found_dirs);
    cu_topk_destroy(profile->missing_names);
    cu_topk_destroy(profile->missing_dirs);
    free(profile->best);
    free(profile);
}

static enum detail detail_of_op(enum cu_front_asked_op op)
{
    switch (op) {
    case CU_FRONT_ASKED_LOOKUP:
        return LOOKUPS;
    case CU_FRONT_ASKED_READ:
        return READS;
    case CU_FRONT_ASKED_LISTING:
        return LISTINGS;
    case CU_FRONT_ASKED_OTHER:
        break;
    }
    return OTHERS;
}

static enum detail detail_of_where(enum cu_core_where where)
{
    switch (where) {
    case CU_WHERE_HERE:
        return HERE;
    case CU_WHERE_FLIGHT:
        return FLIGHT;
    case CU_WHERE_PARENT:
        return PARENT;
    case CU_WHERE_STORAGE:
        break;
    }
    return STORAGE;
}

static uint64_t wait_us(const struct cu_front_asked *asked)
{
    return asked->wait_ns / 1000;
}

static void count(uint64_t *details, const struct cu_front_asked *asked, bool missing)
{
    details[detail_of_op(asked->op)]++;
    details[detail_of_where(asked->where)]++;
    details[MISSING] += missing ? 1 : 0;
}

static void count_path(struct cu_profile *profile, struct cu_topk *list, uint64_t weight,
                       const struct cu_front_asked *asked, bool missing)
{
    struct cu_topk_entry *entry = cu_topk_add(list, asked->path, asked->path_len, weight);

    if (!entry) {
        profile->uncounted++;
        return;
    }
    count(entry->details, asked, missing);
    if (wait_us(asked) > entry->details[LONGEST_US])
        entry->details[LONGEST_US] = wait_us(asked);
}

static void count_name(struct cu_profile *profile, struct cu_topk *list, const char *name,
                       size_t len)
{
    if (!cu_topk_add(list, name, len, 1))
        profile->uncounted++;
}

/* A lookup, by directory and, in vain, by name. */
static void count_lookup(struct cu_profile *profile, const struct cu_front_asked *asked,
                         bool missing)
{
    size_t dir_len = cu_path_parent_len(asked->path, asked->path_len);
    size_t name_at = dir_len == 1 ? 1 : dir_len + 1;

    if (missing)
        count_name(profile, profile->missing_names, asked->path + name_at,
                   asked->path_len - name_at);
    count_name(profile, missing ? profile->missing_dirs : profile->found_dirs, asked->path,
               dir_len);
}

void cu_profile_asked(struct cu_profile *profile, const struct cu_front_asked *asked)
{
    bool missing = asked->op == CU_FRONT_ASKED_LOOKUP && asked->error == ENOENT;

    profile->requests++;
    profile->bytes += asked->bytes;
    profile->wait_us += wait_us(asked);
    profile->found += asked->op == CU_FRONT_ASKED_LOOKUP && asked->error == 0;
    count(profile->totals, asked, missing);
    count_path(profile, profile->by_requests, 1, asked, missing);
    if (asked->bytes > 0)
        count_path(profile, profile->by_bytes, asked->bytes, asked, missing);
    if (wait_us(asked) > 0)
        count_path(profile, profile->by_wait, wait_us(asked), asked, missing);
    if (missing || (asked->op == CU_FRONT_ASKED_LOOKUP && asked->error == 0))
        count_lookup(profile, asked, missing);
}

/* --- for the job's survey --------------------------------------------------------------------- */

/* The order of a list's keys. */
static int by_key(const void *a, const void *b)
{
    const struct cu_topk_entry *x = *(const struct cu_topk_entry *const *)a;
    const struct cu_topk_entry *y = *(const struct cu_topk_entry *const *)b;
    size_t common = x->key_len < y->key_len ? x->key_len : y->key_len;
    int order = memcmp(x->key, y->key, common);

    if (order != 0)
        return order;
    return x->key_len < y->key_len ? -1 : x->key_len > y->key_len;
}

/* A table that is full may have forgotten keys as heavy as its lightest. */
static int survey_list(const struct cu_topk *from, struct cu_keyed *list)
{
    uint32_t capacity = cu_topk_capacity(from);
    const struct cu_topk_entry **all = malloc(capacity * sizeof(struct cu_topk_entry *));
    uint32_t count = all ? cu_topk_best(from, all, capacity) : 0;
    int rc = count == cu_topk_count(from) ? 0 : -ENOMEM;

    if (count > 0 && count == capacity)
        list->error = all[count - 1]->count;
    if (count > 0)
        qsort(all, count, sizeof(*all), by_key); /* so each goes to the list's end */
    for (uint32_t i = 0; i < count && rc == 0; i++) {
        const struct cu_topk_entry *entry = all[i];
        struct cu_keyed_entry *kept = cu_keyed_at(list, entry->key, entry->key_len);

        rc = kept ? 0 : -ENOMEM;
        if (!kept)
            break;
        kept->weight = entry->count - list->error;
        kept->numbers[CU_SURVEY_PATH_got] = entry->count - entry->over;
        kept->numbers[CU_SURVEY_PATH_nodes] = 1;
        for (int d = LOOKUPS; d <= STORAGE; d++)
            kept->numbers[CU_SURVEY_PATH_lookups + d] = entry->details[d];
        kept->numbers[CU_SURVEY_PATH_max_us] = entry->details[LONGEST_US];
    }
    free(all);
    return rc;
}

int cu_profile_survey(const struct cu_profile *profile, struct cu_survey *survey)
{
    const struct {
        enum cu_survey_list list;
        const struct cu_topk *from;
        uint64_t total;
    } lists[] = {
        {CU_SURVEY_BY_REQUESTS, profile->by_requests, profile->requests},
        {CU_SURVEY_BY_BYTES, profile->by_bytes, profile->bytes},
        {CU_SURVEY_BY_WAIT, profile->by_wait, profile->wait_us},
        {CU_SURVEY_MISSING_NAMES, profile->missing_names, profile->totals[MISSING]},
        {CU_SURVEY_MISSING_DIRS, profile->missing_dirs, profile->totals[MISSING]},
        {CU_SURVEY_FOUND_DIRS, profile->found_dirs, profile->found},
    };

    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        struct cu_keyed *list = &survey->lists[lists[i].list];
        int rc = survey_list(lists[i].from, list);

        if (rc != 0)
            return rc;
        list->total = lists[i].total;
    }
    return 0;
}

/* --- as JSON: a missing member is better than no profile -------------------------------------- */

static void add_int(json_t *object, const char *name, uint64_t value)
{
    json_object_set_new(object, name, json_integer((json_int_t)value));
}

static json_t *shown_path(const struct cu_profile *profile, const struct cu_topk_entry *entry)
{
    const char *from = entry->key + (profile->full_paths ? 0 : entry->key_len);
    char text[CU_TOPK_KEY_MAX + 8];
    uint32_t components = 0;

    while (from > entry->key && components < COMPONENTS_SHOWN) {
        if (*--from == '/')
            components++;
    }
    /* A key that is longer than the list keeps does not begin with its path's slash either. */
    snprintf(text, sizeof(text), "%s%s", from == entry->key && *from == '/' ? "" : "...", from);
    return cu_shown_name(text, strlen(text));
}

static void add_details(json_t *object, const uint64_t details[DETAIL_COUNT])
{
    for (int i = 0; i < DETAIL_COUNT; i++)
        add_int(object, detail_names[i], details[i]);
}

/* unit: what the list's weights are. */
static json_t *path_list(const struct cu_profile *profile, const struct cu_topk *list,
                         const char *unit, bool details)
{
    uint32_t count = cu_topk_best(list, profile->best, profile->top);
    json_t *array = json_array();

    for (uint32_t i = 0; i < count; i++) {
        const struct cu_topk_entry *entry = profile->best[i];
        json_t *object = json_object();

        json_object_set_new(object, "path", shown_path(profile, entry));
        add_int(object, unit, entry->count);
        if (entry->over > 0)
            add_int(object, "over", entry->over);
        if (details)
            add_details(object, entry->details);
        json_array_append_new(array, object);
    }
    return array;
}

static json_t *name_list(const struct cu_profile *profile)
{
    uint32_t count = cu_topk_best(profile->missing_names, profile->best, profile->top);
    json_t *array = json_array();

    for (uint32_t i = 0; i < count; i++) {
        const struct cu_topk_entry *entry = profile->best[i];
        json_t *object = json_object();

        json_object_set_new(object, "name", cu_shown_name(entry->key, strlen(entry->key)));
        add_int(object, "requests", entry->count);
        if (entry->over > 0)
            add_int(object, "over", entry->over);
        json_array_append_new(array, object);
    }
    return array;
}

json_t *cu_profile_json(const struct cu_profile *profile)
{
    json_t *object = json_object(), *totals = json_object();

    if (!object)
        return NULL;
    add_int(totals, "requests", profile->requests);
    add_int(totals, "bytes", profile->bytes);
    add_details(totals, profile->totals);
    if (profile->uncounted > 0)
        add_int(totals, "uncounted", profile->uncounted);
    json_object_set_new(object, "totals", totals);
    json_object_set_new(object, "top_requests",
                        path_list(profile, profile->by_requests, "requests", true));
    json_object_set_new(object, "top_bytes", path_list(profile, profile->by_bytes, "bytes", true));
    json_object_set_new(object, "missing_names", name_list(profile));
    json_object_set_new(object, "missing_directories",
                        path_list(profile, profile->missing_dirs, "requests", false));
    return object;
}
