/* SPDX-License-Identifier: BSD-3-Clause */
/* Binding makes read-only, so by itself nothing is bound in which a job is likely to write: no
 * directory that holds the working directory, the home directory or TMPDIR, and no whole file
 * system in which the user may write. Directories are merged into their parent, where there are too
 * many, only when the user could not have written there. */
#include "copper/choice.h"

#include "base/grow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_within(const char *path, const char *base)
{
    return cu_path_within(path, strlen(path), base, strlen(base));
}

static void resolve_variable(const struct cu_origin *origin, const char *name,
                             char out[CU_PATH_MAX])
{
    const char *value = getenv(name);

    if (!value || cu_origin_resolve(origin, value, out) < 0)
        out[0] = '\0';
}

void cu_choice_init(struct cu_choice *choice, const struct cu_origin *origin)
{
    memset(choice, 0, sizeof(*choice));
    if (!getcwd(choice->cwd, sizeof(choice->cwd)) || choice->cwd[0] != '/')
        choice->cwd[0] = '\0';
    resolve_variable(origin, "HOME", choice->home);
    resolve_variable(origin, "TMPDIR", choice->tmp);
}

static void drop(struct cu_choice *choice, size_t i)
{
    free(choice->entries[i].path);
    free(choice->entries[i].why);
    memmove(&choice->entries[i], &choice->entries[i + 1],
            (--choice->count - i) * sizeof(choice->entries[0]));
}

void cu_choice_free(struct cu_choice *choice)
{
    while (choice->count > 0)
        drop(choice, choice->count - 1);
    free(choice->entries);
    choice->entries = NULL;
    choice->capacity = 0;
}

/* Adds an entry, unless the path is there with the same meaning. */
static int add(struct cu_choice *choice, enum cu_choice_what what, const char *path,
               const char *why)
{
    struct cu_choice_entry *entries, entry = {.what = what};

    for (size_t i = 0; i < choice->count; i++)
        if (choice->entries[i].what == what && strcmp(choice->entries[i].path, path) == 0)
            return 0;
    entries = cu_grow(choice->entries, &choice->capacity, choice->count + 1, 32,
                      sizeof(choice->entries[0]));
    if (!entries)
        return -ENOMEM;
    choice->entries = entries;
    entry.path = strdup(path);
    entry.why = strdup(why);
    if (!entry.path || !entry.why) {
        free(entry.path);
        free(entry.why);
        return -ENOMEM;
    }
    entries[choice->count++] = entry;
    return 0;
}

/* By the mode alone; root may always. */
static bool may_write(const struct stat *st)
{
    gid_t groups[1024];
    int count;

    if (geteuid() == 0)
        return true;
    if (st->st_uid == geteuid())
        return (st->st_mode & S_IWUSR) != 0;
    if ((st->st_mode & S_IWOTH) != 0)
        return true;
    if ((st->st_mode & S_IWGRP) == 0)
        return false;
    if (st->st_gid == getegid())
        return true;
    count = getgroups((int)(sizeof(groups) / sizeof(groups[0])), groups);
    if (count < 0)
        return true; /* not known */
    for (int i = 0; i < count; i++)
        if (groups[i] == st->st_gid)
            return true;
    return false;
}

/* What speaks against binding the directory; NULL: nothing. */
static const char *objection(const struct cu_choice *choice, const struct cu_origin *origin,
                             const char *path, const struct stat *st)
{
    for (size_t i = 0; i < choice->count; i++) {
        const struct cu_choice_entry *entry = &choice->entries[i];

        if (entry->what == CU_CHOICE_KEPT && is_within(path, entry->path))
            return entry->why;
    }
    if (strcmp(path, "/") == 0)
        return "it is /";
    if (choice->cwd[0] != '\0' && is_within(choice->cwd, path))
        return "the working directory is in it";
    if (choice->home[0] != '\0' && is_within(choice->home, path))
        return "the home directory is in it";
    if (choice->tmp[0] != '\0' && is_within(choice->tmp, path))
        return "TMPDIR is in it";
    if (cu_origin_is_mount(origin, path) && may_write(st))
        return "it is a whole file system";
    return NULL;
}

/* The directory without links, of a network: 1, else 0. */
static int look(const struct cu_origin *origin, const char *path, char out[CU_PATH_MAX],
                struct stat *st)
{
    if (path[0] != '/' || cu_origin_is_seen(origin, path) ||
        cu_origin_resolve(origin, path, out) < 0 || cu_origin_is_seen(origin, out) ||
        !cu_origin_is_shared(origin, out) || cu_origin_stat(origin, out, st) < 0)
        return 0;
    return S_ISDIR(st->st_mode);
}

int cu_choice_offer(struct cu_choice *choice, const struct cu_origin *origin, const char *path,
                    const char *why)
{
    char real[CU_PATH_MAX], text[256];
    const char *against;
    struct stat st;

    if (!look(origin, path, real, &st))
        return 0;
    against = objection(choice, origin, real, &st);
    if (!against)
        return add(choice, CU_CHOICE_BOUND, real, why);
    snprintf(text, sizeof(text), "%.120s; wanted as %.120s", against, why);
    return add(choice, CU_CHOICE_LEFT, real, text);
}

int cu_choice_offer_prefix(struct cu_choice *choice, const struct cu_origin *origin,
                           const char *path, const char *why)
{
    static const char *const parts[] = {"bin", "sbin", "lib", "lib32", "lib64", "libexec"};
    char real[CU_PATH_MAX], part[CU_PATH_MAX + 16];
    struct stat st;
    int rc = 0;

    if (!look(origin, path, real, &st))
        return 0;
    if (!objection(choice, origin, real, &st))
        return add(choice, CU_CHOICE_BOUND, real, why);
    for (size_t i = 0; rc == 0 && i < sizeof(parts) / sizeof(parts[0]); i++) {
        snprintf(part, sizeof(part), "%s/%s", real, parts[i]);
        rc = cu_choice_offer(choice, origin, part, why);
    }
    return rc;
}

int cu_choice_name(struct cu_choice *choice, const struct cu_origin *origin, const char *path,
                   struct cu_error *err)
{
    char real[CU_PATH_MAX];
    struct stat st;
    int rc = cu_origin_resolve(origin, path, real);

    if (rc < 0)
        return cu_error_set(err, -EINVAL, "--over: %s: %s", path, strerror(-rc));
    if (strcmp(real, "/") == 0)
        return cu_error_set(err, -EINVAL, "--over: / cannot be bound as a whole");
    if (cu_origin_is_seen(origin, real))
        return cu_error_set(err, -EINVAL, "--over: %s: is below Copper's mount", path);
    rc = cu_origin_stat_seen(origin, real, &st);
    if (rc < 0)
        return cu_error_set(err, -EINVAL, "--over: %s: Copper does not show it: %s", path,
                            strerror(-rc));
    if (!S_ISDIR(st.st_mode))
        return cu_error_set(err, -EINVAL, "--over: %s: %s", path, strerror(ENOTDIR));
    rc = add(choice, CU_CHOICE_BOUND, real, "--over");
    return rc < 0 ? cu_error_set(err, rc, "out of memory") : 0;
}

int cu_choice_keep(struct cu_choice *choice, const char *path, const char *option,
                   struct cu_error *err)
{
    char real[CU_PATH_MAX];
    struct stat st;
    int rc;

    /* On storage itself: it may be newer than what Copper knows. */
    if (stat(path, &st) != 0 || !realpath(path, real))
        return cu_error_set(err, -EINVAL, "%s: %s: %s", option, path, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return cu_error_set(err, -EINVAL, "%s: %s: %s", option, path, strerror(ENOTDIR));
    rc = add(choice, CU_CHOICE_KEPT, real, option);
    return rc < 0 ? cu_error_set(err, rc, "out of memory") : 0;
}

/* --- merging ---------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const struct cu_choice_entry *x = a, *y = b;
    int order = strcmp(x->path, y->path);

    return order != 0 ? order : (int)x->what - (int)y->what;
}

/* What the nearest entry above (or at) entry i makes of it. */
static enum cu_choice_what state_above(const struct cu_choice *choice, size_t i)
{
    enum cu_choice_what state = CU_CHOICE_LEFT;
    size_t longest = 0;

    for (size_t k = 0; k < choice->count; k++) {
        const struct cu_choice_entry *entry = &choice->entries[k];
        size_t len = strlen(entry->path);

        if (k != i && entry->what != CU_CHOICE_LEFT && len > longest &&
            is_within(choice->entries[i].path, entry->path)) {
            longest = len;
            state = entry->what;
        }
    }
    return state;
}

/* Entries that change nothing: bound below bound, kept below nothing that is bound, left where it
 * is bound all the same. A directory that is both is kept. */
static void drop_needless(struct cu_choice *choice)
{
    for (size_t i = 0; i < choice->count;) {
        enum cu_choice_what above = state_above(choice, i);
        enum cu_choice_what what = choice->entries[i].what;

        if ((what == CU_CHOICE_BOUND && above == CU_CHOICE_BOUND) ||
            (what == CU_CHOICE_KEPT && above != CU_CHOICE_BOUND) ||
            (what == CU_CHOICE_LEFT && above == CU_CHOICE_BOUND))
            drop(choice, i);
        else
            i++;
    }
}

static size_t count_bound(const struct cu_choice *choice)
{
    size_t count = 0;

    for (size_t i = 0; i < choice->count; i++)
        count += choice->entries[i].what == CU_CHOICE_BOUND;
    return count;
}

static void parent_of(const struct cu_choice_entry *entry, char out[CU_PATH_MAX])
{
    snprintf(out, CU_PATH_MAX, "%.*s", (int)cu_path_parent_len(entry->path, strlen(entry->path)),
             entry->path);
}

/* Binds the parent of two or more entries in their place: 1; 0: there is none that may be. */
static int merge_some(struct cu_choice *choice, const struct cu_origin *origin)
{
    char parent[CU_PATH_MAX], other[CU_PATH_MAX];
    struct stat st;

    for (size_t i = 0; i + 1 < choice->count; i++) {
        if (choice->entries[i].what != CU_CHOICE_BOUND)
            continue;
        parent_of(&choice->entries[i], parent);
        for (size_t k = i + 1; k < choice->count; k++) {
            int rc;

            if (choice->entries[k].what != CU_CHOICE_BOUND)
                continue;
            parent_of(&choice->entries[k], other);
            if (strcmp(parent, other) != 0 || cu_origin_stat(origin, parent, &st) < 0 ||
                may_write(&st) || objection(choice, origin, parent, &st))
                continue;
            rc = add(choice, CU_CHOICE_BOUND, parent, "holds several of them");
            return rc < 0 ? rc : 1;
        }
    }
    return 0;
}

/* What is bound above the limit is left. */
static int leave_rest(struct cu_choice *choice)
{
    size_t bound = 0;

    for (size_t i = 0; i < choice->count; i++) {
        struct cu_choice_entry *entry = &choice->entries[i];
        char *why;

        if (entry->what != CU_CHOICE_BOUND || ++bound <= CU_CHOICE_MAX)
            continue;
        if (asprintf(&why, "there are %u others; wanted as %s", CU_CHOICE_MAX, entry->why) < 0)
            return -ENOMEM;
        free(entry->why);
        entry->why = why;
        entry->what = CU_CHOICE_LEFT;
    }
    return 0;
}

int cu_choice_finish(struct cu_choice *choice, const struct cu_origin *origin)
{
    int rc = 1;

    /* Named by the user both ways: what he wants to write to wins. */
    for (size_t i = 0; i < choice->count;) {
        bool kept = false;

        for (size_t k = 0; k < choice->count && !kept; k++)
            kept = choice->entries[k].what == CU_CHOICE_KEPT &&
                   choice->entries[i].what == CU_CHOICE_BOUND &&
                   strcmp(choice->entries[i].path, choice->entries[k].path) == 0;
        if (kept)
            drop(choice, i);
        else
            i++;
    }
    drop_needless(choice);
    while (count_bound(choice) > CU_CHOICE_MAX && rc == 1) {
        rc = merge_some(choice, origin);
        drop_needless(choice);
    }
    if (rc < 0)
        return rc;
    if (choice->count > 0)
        qsort(choice->entries, choice->count, sizeof(choice->entries[0]), compare);
    return leave_rest(choice);
}
