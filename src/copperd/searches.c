/* SPDX-License-Identifier: BSD-3-Clause */
/* A thread's search is the name and the directories in which it was looked up in vain. The kernel
 * looks up the components of a directory's path, too, so a search goes on when other names are
 * looked up in between; but not when one of them was found in the directory in which the name then
 * is: the thread went there for that one. (Python finds a module, and then its __pycache__.)
 *
 * The kernel keeps a name that was found as long as it likes, and one that is absent for -E ms. So
 * a later process asks for the absent ones alone. What was found once, and where, is known: those
 * lookups count as well. */
#include "copperd/searches.h"

#include "base/hash.h"
#include "base/path.h"
#include "base/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 64u /* that search at the same time */
#define NAMES   4u  /* of a thread: libraries have directories of variants in each directory */
#define DIRS    32u /* of a search */
#define PAIRS   4096u
#define KNOWN   16384u /* a name and a directory in which it is absent */
#define PROBES  16u
#define NO_DIR  UINT32_MAX

struct dir {
    struct cu_table_link link;
    uint64_t hash;
    char *path; /* owned, or in the copy's block */
    uint32_t len;
    uint32_t id;
    uint32_t found_by; /* thread */
    uint64_t found_at; /* the last time it found something there */
    uint64_t found, vain, listings, wait_ns;
};

struct search {
    uint64_t name; /* its hash; 0: unused */
    uint64_t used_at;
    uint32_t count;
    uint32_t dirs[DIRS];
};

struct thread {
    uint32_t id;
    uint64_t used_at;
    struct search searches[NAMES];
};

struct pair {
    uint32_t vain, found; /* directories */
    uint64_t count;       /* 0: unused */
};

struct known {
    uint64_t key; /* of name and directory; 0: unused */
    uint32_t found;
};

struct cu_searches {
    struct cu_table table;
    struct dir **dirs; /* owned, by id; but of a copy in its block */
    uint32_t dir_count;
    size_t path_bytes; /* of all paths, with their NULs */
    struct dir *rows;  /* a copy's blocks; owned, or NULL */
    char *paths;
    uint64_t now; /* requests so far */
    uint64_t vain, found, listings;
    uint64_t pair_total;
    struct thread threads[THREADS];
    struct pair pairs[PAIRS];
    struct known known[KNOWN];
};

static uint64_t hash_of(const struct cu_table_link *link)
{
    return ((const struct dir *)link)->hash;
}
_Static_assert(offsetof(struct dir, link) == 0, "a link is its directory");

struct cu_searches *cu_searches_create(void)
{
    struct cu_searches *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->dirs = calloc(CU_SEARCHES_DIRS, sizeof(struct dir *));
    if (!s->dirs || cu_table_init(&s->table, hash_of) != 0) {
        free(s->dirs);
        free(s);
        return NULL;
    }
    return s;
}

struct cu_searches *cu_searches_copy(const struct cu_searches *s)
{
    struct cu_searches *copy = cu_searches_create();
    char *at;

    if (!copy)
        return NULL;
    copy->rows = malloc(((size_t)s->dir_count + 1) * sizeof(*copy->rows));
    copy->paths = at = malloc(s->path_bytes + 1);
    if (!copy->rows || !copy->paths) {
        cu_searches_destroy(copy);
        return NULL;
    }
    for (uint32_t i = 0; i < s->dir_count; i++) {
        struct dir *dir = &copy->rows[i];

        *dir = *s->dirs[i];
        dir->link = (struct cu_table_link){0};
        dir->path = at;
        memcpy(at, s->dirs[i]->path, dir->len + 1);
        at += dir->len + 1;
        copy->dirs[i] = dir;
        cu_table_add(&copy->table, &dir->link);
    }
    copy->dir_count = s->dir_count;
    memcpy(copy->pairs, s->pairs, sizeof(copy->pairs));
    copy->vain = s->vain;
    copy->found = s->found;
    copy->listings = s->listings;
    copy->pair_total = s->pair_total;
    return copy;
}

void cu_searches_destroy(struct cu_searches *s)
{
    if (!s)
        return;
    for (uint32_t i = 0; !s->rows && i < s->dir_count; i++) {
        free(s->dirs[i]->path);
        free(s->dirs[i]);
    }
    cu_table_free(&s->table);
    free(s->rows);
    free(s->paths);
    free(s->dirs);
    free(s);
}

/* --- directories ------------------------------------------------------------------------------ */

static struct dir *find_dir(const struct cu_searches *s, const char *path, size_t len,
                            uint64_t hash)
{
    for (struct cu_table_link *link = cu_table_chain(&s->table, hash); link; link = link->next) {
        struct dir *dir = (struct dir *)link;

        if (dir->hash == hash && dir->len == len && memcmp(dir->path, path, len) == 0)
            return dir;
    }
    return NULL;
}

bool cu_searches_has(const struct cu_searches *s, const char *path, size_t len)
{
    return find_dir(s, path, len, cu_hash_bytes(path, len));
}

/* NULL: no room. */
static struct dir *dir_at(struct cu_searches *s, const char *path, size_t len)
{
    uint64_t hash = cu_hash_bytes(path, len);
    struct dir *dir = find_dir(s, path, len, hash);

    if (dir || s->dir_count == CU_SEARCHES_DIRS || len > CU_TOPK_KEY_MAX)
        return dir;
    dir = calloc(1, sizeof(*dir));
    if (!dir)
        return NULL;
    dir->path = strndup(path, len);
    if (!dir->path) {
        free(dir);
        return NULL;
    }
    dir->hash = hash;
    dir->len = (uint32_t)len;
    dir->id = s->dir_count;
    s->dirs[s->dir_count++] = dir;
    s->path_bytes += len + 1;
    cu_table_add(&s->table, &dir->link);
    return dir;
}

/* --- what is known ---------------------------------------------------------------------------- */

static void add_pair(struct cu_searches *s, uint32_t vain, uint32_t found)
{
    const uint32_t key[2] = {vain, found};
    uint64_t at = cu_hash_bytes(key, sizeof(key));

    s->pair_total++;
    for (uint32_t i = 0; i < PROBES; i++) {
        struct pair *pair = &s->pairs[(at + i) % PAIRS];

        if (pair->count == 0)
            *pair = (struct pair){.vain = vain, .found = found};
        if (pair->vain == vain && pair->found == found) {
            pair->count++;
            return;
        }
    }
}

static uint64_t known_key(uint64_t name, uint32_t dir)
{
    const uint64_t key[2] = {name, dir};
    uint64_t hash = cu_hash_bytes(key, sizeof(key));

    return hash != 0 ? hash : 1;
}

static void learn(struct cu_searches *s, uint64_t name, uint32_t vain, uint32_t found)
{
    uint64_t key = known_key(name, vain);

    for (uint32_t i = 0; i < PROBES; i++) {
        struct known *known = &s->known[(key + i) % KNOWN];

        if (known->key != 0 && known->key != key)
            continue;
        *known = (struct known){.key = key, .found = found};
        return;
    }
}

/* Where a name is that is absent in this directory, or NO_DIR. */
static uint32_t known_place(const struct cu_searches *s, uint64_t name, uint32_t vain)
{
    uint64_t key = known_key(name, vain);

    for (uint32_t i = 0; i < PROBES; i++) {
        const struct known *known = &s->known[(key + i) % KNOWN];

        if (known->key == key)
            return known->found;
        if (known->key == 0)
            break;
    }
    return NO_DIR;
}

/* --- searches --------------------------------------------------------------------------------- */

/* The thread's, in place of that which was silent for longest. */
static struct thread *thread_at(struct cu_searches *s, uint32_t id)
{
    struct thread *oldest = &s->threads[0];

    for (uint32_t i = 0; i < THREADS; i++) {
        struct thread *t = &s->threads[i];

        if (t->id == id && t->used_at != 0)
            return t;
        if (t->used_at < oldest->used_at)
            oldest = t;
    }
    *oldest = (struct thread){.id = id};
    return oldest;
}

static struct search *search_of(struct thread *thread, uint64_t name)
{
    for (uint32_t i = 0; i < NAMES; i++)
        if (thread->searches[i].name == name)
            return &thread->searches[i];
    return NULL;
}

static struct search *oldest_search(struct thread *thread)
{
    struct search *oldest = &thread->searches[0];

    for (uint32_t i = 1; i < NAMES; i++)
        if (thread->searches[i].used_at < oldest->used_at)
            oldest = &thread->searches[i];
    return oldest;
}

static void in_vain(struct cu_searches *s, struct thread *thread, uint64_t name, struct dir *dir)
{
    uint32_t place = known_place(s, name, dir->id);
    struct search *search = search_of(thread, name);

    dir->vain++;
    if (place != NO_DIR) {
        add_pair(s, dir->id, place);
        return;
    }
    if (!search) {
        search = oldest_search(thread);
        *search = (struct search){.name = name};
    }
    search->used_at = s->now;
    for (uint32_t i = 0; i < search->count; i++)
        if (search->dirs[i] == dir->id)
            return;
    if (search->count < DIRS)
        search->dirs[search->count++] = dir->id;
}

static void found(struct cu_searches *s, struct thread *thread, uint64_t name, struct dir *dir)
{
    struct search *search = search_of(thread, name);
    bool was_there = search && dir->found_by == thread->id && dir->found_at > search->used_at;

    dir->found++;
    dir->found_by = thread->id;
    dir->found_at = s->now;
    if (!search)
        return;
    for (uint32_t i = 0; i < search->count && !was_there; i++) {
        if (search->dirs[i] == dir->id)
            continue;
        add_pair(s, search->dirs[i], dir->id);
        learn(s, name, search->dirs[i], dir->id);
    }
    *search = (struct search){0};
}

static void looked_up(struct cu_searches *s, const struct cu_front_asked *asked)
{
    size_t dir_len = cu_path_parent_len(asked->path, asked->path_len);
    size_t name_at = dir_len == 1 ? 1 : dir_len + 1;
    struct dir *dir = dir_at(s, asked->path, dir_len);
    struct thread *thread = thread_at(s, asked->thread);
    uint64_t name = cu_hash_bytes(asked->path + name_at, asked->path_len - name_at);

    thread->used_at = s->now;
    s->vain += asked->error == ENOENT;
    s->found += asked->error == 0;
    if (!dir)
        return;
    dir->wait_ns += asked->wait_ns;
    if (asked->error == ENOENT)
        in_vain(s, thread, name != 0 ? name : 1, dir);
    else
        found(s, thread, name != 0 ? name : 1, dir);
}

void cu_searches_asked(struct cu_searches *s, const struct cu_front_asked *asked)
{
    struct dir *dir;

    s->now++;
    if (asked->op == CU_FRONT_ASKED_LOOKUP && (asked->error == 0 || asked->error == ENOENT) &&
        asked->path_len > 1)
        looked_up(s, asked);
    if (asked->op != CU_FRONT_ASKED_LISTING || asked->error != 0 || asked->offset != 0)
        return;
    s->listings++;
    dir = dir_at(s, asked->path, asked->path_len);
    if (!dir)
        return;
    dir->listings++;
    dir->wait_ns += asked->wait_ns;
}

/* --- for the job's survey --------------------------------------------------------------------- */

static int by_path(const void *a, const void *b)
{
    return strcmp((*(const struct dir *const *)a)->path, (*(const struct dir *const *)b)->path);
}

static int survey_dir(struct cu_keyed *list, const struct dir *dir)
{
    struct cu_keyed_entry *entry = cu_keyed_at(list, dir->path, dir->len);

    if (!entry)
        return -ENOMEM;
    entry->weight = dir->found + dir->vain + dir->listings;
    entry->numbers[CU_SURVEY_PATH_got] = entry->weight;
    entry->numbers[CU_SURVEY_PATH_nodes] = 1;
    entry->numbers[CU_SURVEY_PATH_lookups] = dir->found + dir->vain;
    entry->numbers[CU_SURVEY_PATH_missing] = dir->vain;
    entry->numbers[CU_SURVEY_PATH_listings] = dir->listings;
    entry->numbers[CU_SURVEY_PATH_wait_us] = dir->wait_ns / 1000;
    return 0;
}

/* A pair by its key: of both paths, with a NUL between. */
struct named {
    const struct dir *vain, *found;
    uint64_t count;
};

static int by_key(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    int order = strcmp(x->vain->path, y->vain->path);

    return order != 0 ? order : strcmp(x->found->path, y->found->path);
}

static int survey_pair(struct cu_keyed *list, const struct named *pair)
{
    char key[CU_SURVEY_PAIR_MAX];
    size_t len = pair->vain->len;
    struct cu_keyed_entry *entry;

    memcpy(key, pair->vain->path, len);
    key[len++] = '\0';
    memcpy(key + len, pair->found->path, pair->found->len);
    entry = cu_keyed_at(list, key, len + pair->found->len);
    if (!entry)
        return -ENOMEM;
    entry->weight = pair->count;
    entry->numbers[CU_SURVEY_PATH_got] = pair->count;
    entry->numbers[CU_SURVEY_PATH_nodes] = 1;
    return 0;
}

static int survey_pairs(const struct cu_searches *s, struct cu_keyed *list)
{
    struct named *all = calloc(PAIRS, sizeof(*all));
    uint32_t count = 0;
    int rc = 0;

    if (!all)
        return -ENOMEM;
    for (uint32_t i = 0; i < PAIRS; i++)
        if (s->pairs[i].count > 0)
            all[count++] = (struct named){.vain = s->dirs[s->pairs[i].vain],
                                          .found = s->dirs[s->pairs[i].found],
                                          .count = s->pairs[i].count};
    qsort(all, count, sizeof(*all), by_key);
    for (uint32_t i = 0; i < count && rc == 0; i++)
        rc = survey_pair(list, &all[i]);
    free(all);
    list->total = s->pair_total;
    return rc;
}

int cu_searches_survey(const struct cu_searches *s, struct cu_survey *survey)
{
    struct cu_keyed *list = &survey->lists[CU_SURVEY_SEARCHED];
    const struct dir **dirs = malloc((s->dir_count + 1) * sizeof(*dirs));
    int rc = 0;

    if (!dirs)
        return -ENOMEM;
    /* In the order of the keys, each goes to the list's end. */
    memcpy(dirs, s->dirs, s->dir_count * sizeof(*dirs));
    qsort(dirs, s->dir_count, sizeof(*dirs), by_path);
    for (uint32_t i = 0; i < s->dir_count && rc == 0; i++)
        rc = survey_dir(list, dirs[i]);
    free(dirs);
    list->total = s->vain + s->found + s->listings;
    return rc == 0 ? survey_pairs(s, &survey->lists[CU_SURVEY_PAIRS]) : rc;
}
