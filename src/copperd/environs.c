/* SPDX-License-Identifier: BSD-3-Clause */
/* A process asks for its program before it becomes it, with the environment of the one before. So a
 * thread is looked at again when it has asked twice as often. That costs two small files of /proc;
 * what was read before is known by where and when. */
#include "copperd/environs.h"

#include "base/hash.h"
#include "base/path.h"
#include "host/environ.h"
#include "loop/crew.h"
#include "proto/searchpath.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASKERS      1024u
#define LOOKS_MAX   1024u /* requests of a thread after which it is looked at for the last time */
#define WAITING     64u   /* threads to be looked at; more are not */
#define READ_PLACES 8192u
#define VALUES_MAX  64u

struct asker {
    uint32_t thread;
    uint32_t requests;
};

struct value {
    char *text; /* owned: NAME=VALUE */
    uint64_t processes;
    uint64_t apart; /* of these; what is not below the mount may be in the view for them */
};

struct cu_environs_found {
    struct value values[VALUES_MAX];
    uint32_t count;
};

struct cu_environs {
    struct cu_crew *aside;
    uint64_t *processes;
    uint32_t waiting;
    struct asker askers[ASKERS];
    struct cu_environs_found found;
    uint64_t read[READ_PLACES]; /* the thread's: hashes of what was read */
};

struct look {
    struct cu_crew_job job;
    struct cu_environs *environs;
    uint32_t thread;
    bool read, apart;
    char *values[CU_SEARCHPATH_VARIABLES]; /* owned; NULL: none that is new */
};

struct cu_environs *cu_environs_create(uv_loop_t *loop, uint64_t *processes)
{
    struct cu_environs *e = calloc(1, sizeof(*e));

    if (!e)
        return NULL;
    e->processes = processes;
    e->aside = cu_crew_create(loop, 1);
    if (e->aside)
        return e;
    free(e);
    return NULL;
}

static void clear(struct cu_environs_found *found)
{
    for (uint32_t i = 0; i < found->count; i++)
        free(found->values[i].text);
}

void cu_environs_destroy(struct cu_environs *e)
{
    if (!e)
        return;
    cu_crew_close(e->aside);
    clear(&e->found);
    free(e);
}

/* --- on the thread ---------------------------------------------------------------------------- */

static bool was_read(const struct cu_environs *e, uint64_t hash)
{
    return e->read[hash % READ_PLACES] == hash;
}

static void note_read(struct cu_environs *e, uint64_t hash)
{
    e->read[hash % READ_PLACES] = hash;
}

/* One that the process had before it became another program counts once. */
static bool is_new(struct cu_environs *e, const struct cu_environ_process *process, size_t variable,
                   const char *value)
{
    const uint64_t key[] = {(uint64_t)process->pid, process->start, variable + 1,
                            cu_hash_bytes(value, strlen(value))};
    uint64_t hash = cu_hash_bytes(key, sizeof(key));
    bool was = was_read(e, hash);

    note_read(e, hash);
    return !was;
}

/* What cannot be read is tried again at the thread's next look. */
static void look(struct cu_crew_job *job)
{
    struct look *look = (struct look *)job;
    struct cu_environ_process process;
    uint64_t key[3], hash;

    if (cu_environ_process((pid_t)look->thread, &process) != 0)
        return;
    key[0] = (uint64_t)process.pid;
    key[1] = process.start;
    key[2] = process.image;
    hash = cu_hash_bytes(key, sizeof(key));
    if (was_read(look->environs, hash) ||
        cu_environ_values(process.pid, cu_searchpath_variables, CU_SEARCHPATH_VARIABLES,
                          CU_SURVEY_VALUE_MAX - 32, look->values) != 0)
        return;
    note_read(look->environs, hash);
    look->apart = process.apart;
    for (size_t i = 0; i < CU_SEARCHPATH_VARIABLES; i++) {
        if (!look->values[i])
            continue;
        look->read = true;
        if (is_new(look->environs, &process, i, look->values[i]))
            continue;
        free(look->values[i]);
        look->values[i] = NULL;
    }
}
_Static_assert(offsetof(struct look, job) == 0, "a job is its look");

/* --- on the loop ------------------------------------------------------------------------------ */

static void count(struct cu_environs_found *found, const char *name, const char *value, bool apart)
{
    char text[CU_SURVEY_VALUE_MAX];
    struct value *place = NULL;

    if (snprintf(text, sizeof(text), "%s=%s", name, value) >= (int)sizeof(text))
        return;
    for (uint32_t i = 0; i < found->count; i++) {
        if (strcmp(found->values[i].text, text) == 0) {
            found->values[i].processes++;
            found->values[i].apart += apart;
            return;
        }
    }
    if (found->count == VALUES_MAX)
        return;
    place = &found->values[found->count];
    place->text = strdup(text);
    place->processes = 1;
    place->apart = apart;
    found->count += place->text ? 1 : 0;
}

static void looked(struct cu_crew_job *job)
{
    struct look *look = (struct look *)job;
    struct cu_environs *e = look->environs;

    for (size_t i = 0; i < CU_SEARCHPATH_VARIABLES; i++) {
        if (look->values[i] && look->values[i][0] != '\0')
            count(&e->found, cu_searchpath_variables[i], look->values[i], look->apart);
        free(look->values[i]);
    }
    *e->processes += look->read ? 1 : 0;
    e->waiting--;
    free(look);
}

void cu_environs_asked(struct cu_environs *e, const struct cu_front_asked *asked)
{
    bool missing = asked->op == CU_FRONT_ASKED_LOOKUP && asked->error == ENOENT;
    struct asker *asker = &e->askers[asked->thread % ASKERS];
    struct look *next;

    if (asked->thread == 0 || !(missing || asked->op == CU_FRONT_ASKED_LISTING))
        return;
    if (asker->thread != asked->thread)
        *asker = (struct asker){.thread = asked->thread};
    asker->requests += asker->requests <= LOOKS_MAX ? 1 : 0;
    if ((asker->requests & (asker->requests - 1)) != 0 || asker->requests > LOOKS_MAX ||
        e->waiting == WAITING)
        return;
    next = calloc(1, sizeof(*next));
    if (!next)
        return;
    next->job = (struct cu_crew_job){.work = look, .done = looked};
    next->environs = e;
    next->thread = asked->thread;
    e->waiting++;
    cu_crew_run(e->aside, &next->job);
}

struct cu_environs_found *cu_environs_found(const struct cu_environs *e)
{
    struct cu_environs_found *copy = malloc(sizeof(*copy));

    if (!copy)
        return NULL;
    for (copy->count = 0; copy->count < e->found.count; copy->count++) {
        struct value *value = &copy->values[copy->count];

        *value = e->found.values[copy->count];
        value->text = strdup(value->text);
        if (!value->text) {
            cu_environs_found_free(copy);
            return NULL;
        }
    }
    return copy;
}

void cu_environs_found_free(struct cu_environs_found *found)
{
    if (found)
        clear(found);
    free(found);
}

/* --- for the job's survey --------------------------------------------------------------------- */

static bool was_searched(const struct cu_searches *searches, const char *mount,
                         const struct value *value)
{
    const char *at = strchr(value->text, '=') + 1, *entry;
    char path[CU_PATH_MAX];
    size_t len;

    while ((entry = cu_searchpath_next(&at, &len))) {
        len = cu_searchpath_in_view(entry, len, mount, value->apart > 0, path);
        if (len > 0 && cu_searches_has(searches, path, len))
            return true;
    }
    return false;
}

int cu_environs_survey(const struct cu_environs_found *found, const struct cu_searches *searches,
                       const char *mount, struct cu_survey *survey)
{
    struct cu_keyed *list = &survey->lists[CU_SURVEY_SEARCHES_SEEN];

    for (uint32_t i = 0; i < found->count; i++) {
        const struct value *value = &found->values[i];
        struct cu_keyed_entry *entry;

        list->total += value->processes;
        if (!was_searched(searches, mount, value))
            continue;
        entry = cu_keyed_at(list, value->text, strlen(value->text));
        if (!entry)
            return -ENOMEM;
        entry->weight = value->processes;
        entry->numbers[CU_SURVEY_PATH_got] = value->processes;
        entry->numbers[CU_SURVEY_PATH_nodes] = 1;
        entry->numbers[CU_SURVEY_PATH_here] = value->apart;
    }
    return 0;
}
