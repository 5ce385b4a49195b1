/* SPDX-License-Identifier: BSD-3-Clause */
/* What the site or the user wrote stays in the list; where it leads comes behind it. So nothing is
 * lost where another node has no such link. */
#include "copper/launch_places.h"

#include "base/path.h"
#include "copper/launch_options.h"
#include "copper/way.h"
#include "host/clock.h"
#include "proto/job_options.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABEL_MAX 64
#define LIMIT_MS  3000 /* for storage to say where all the links lead */

struct places {
    const char *mount;
    int64_t deadline_ms;
    bool hangs;  /* storage does: no more links are followed */
    bool failed; /* something does not fit into the list */
    size_t len;
    char list[CU_JOB_VALUE_MAX];
};

/* Adds path, and what belongs behind it (":trusted"), unless the list has it. */
static void add(struct places *places, const char *path, const char *behind)
{
    size_t len = strlen(path) + strlen(behind);
    char *end = places->list + places->len;

    for (const char *at = places->list; places->len > 0 && at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strcspn(at, ",") == len && memcmp(at, path, strlen(path)) == 0 &&
            memcmp(at + strlen(path), behind, strlen(behind)) == 0)
            return;
    }
    if (strpbrk(path, ",") || len + 1 >= sizeof(places->list) - places->len) {
        places->failed = true;
        return;
    }
    places->len += (size_t)sprintf(end, "%s%s%s", places->len > 0 ? "," : "", path, behind);
}

/* Where path leads. False, with *rc 0 or -ENOMEM: nowhere, or that cannot be known. */
static bool find(struct places *places, const char *path, struct cu_way *way, int *rc)
{
    int64_t left_ms = places->deadline_ms - cu_clock_ms();

    *way = (struct cu_way){0};
    *rc = 0;
    if (places->hangs)
        return false;
    *rc = cu_way_find_within(places->mount, path, left_ms > 0 ? (int)left_ms : 0, way,
                             &places->hangs);
    if (places->hangs)
        fprintf(stderr, "copper: %s: storage does not answer: links in it are not followed\n",
                path);
    if (*rc != 0 && *rc != -ENOMEM)
        *rc = 0; /* a loop of links: nothing is there */
    return !places->hangs && way->count > 0;
}

/* To serve a link itself, and nothing else should it be a directory on another node, a name below
 * it is served: the link is on the way to that. */
static void add_link(struct places *places, const char *link, const char *target)
{
    char *path = NULL;
    const char *name = strrchr(target, '/');

    if (asprintf(&path, "%s%s", link, name && name[1] ? name : "") < 0) {
        places->failed = true;
        return;
    }
    add(places, path, "");
    free(path);
}

static int add_served(struct places *places, const char *word)
{
    char literal[CU_PATH_MAX];
    bool up = strstr(word, "/..");
    int rc = 0, len = cu_path_normalise(word, literal);
    struct cu_way way;

    if (len < 0)
        return 0; /* was checked */
    /* "LINK/.." is not where it seems to be. */
    if (!find(places, word, &way, &rc) || !up)
        add(places, literal, "");
    for (size_t i = 0; i < way.count; i++) {
        const char *path = way.paths[i];

        if (i + 1 == way.count)
            add(places, path, "");
        else if (up || !cu_path_within(literal, (size_t)len, path, strlen(path)))
            add_link(places, path, way.paths[way.count - 1]);
    }
    cu_way_free(&way);
    return rc;
}

static int add_rule(struct places *places, const char *word)
{
    const char *colon = strrchr(word, ':');
    char path[CU_JOB_VALUE_MAX];
    struct cu_way way = {0};
    int rc = 0;

    add(places, word, "");
    if (word[0] != '/' || !colon)
        return 0;
    snprintf(path, sizeof(path), "%.*s", (int)(colon - word), word);
    if (find(places, path, &way, &rc)) /* what is mounted there counts, not the links to it */
        add(places, way.paths[way.count - 1], colon);
    cu_way_free(&way);
    return rc;
}

static int follow(struct cu_job *job, const char *name, const char *list,
                  int (*add_word)(struct places *places, const char *word), struct cu_error *err)
{
    struct places places = {.mount = job->mount_dir, .deadline_ms = cu_clock_ms() + LIMIT_MS};
    char word[CU_JOB_VALUE_MAX], label[LABEL_MAX];
    int rc = 0;

    for (const char *at = list; at && *at && rc == 0; at += *at == ',') {
        size_t len = strcspn(at, ",");

        snprintf(word, sizeof(word), "%.*s", (int)len, at);
        rc = add_word(&places, word);
        at += len;
    }
    cu_launch_option_label(name, label, sizeof(label));
    if (rc == 0 && list)
        rc = places.failed ? -EINVAL : cu_job_set(job, name, places.list, label, err);
    if (rc == -ENOMEM)
        return cu_error_set(err, rc, "out of memory");
    if (rc != 0)
        return cu_error_set(err, -EINVAL,
                            "%s: where the links in it lead is too much for a list, or has a comma "
                            "in its name",
                            label);
    return 0;
}

int cu_launch_places(struct cu_job *job, struct cu_error *err)
{
    int rc = follow(job, "serve", job->serve, add_served, err);

    return rc == 0 ? follow(job, "listings", job->listings, add_rule, err) : rc;
}
