/* SPDX-License-Identifier: BSD-3-Clause */
/* A call is looked at after it was let go, so what it found is judged by what is there now.
 *
 * The reason is the first that holds, from what is certain to what is likely: the first line of a
 * script, a link, an RPATH, the very path as an argument, a variable, the program's own
 * installation, a file that the program or those that started it have read, a part of an
 * argument. */
#include "copper/leaks.h"

#include "base/grow.h"
#include "base/hash.h"
#include "base/table.h"
#include "copper/leaks_image.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PIDS        (1u << 22) /* the kernel's PID_MAX_LIMIT */
#define SCRIPTS_MAX 4          /* a script whose interpreter is a script */
#define HEAD_MAX    256        /* of a script's first line, as the kernel */

struct item {
    struct cu_table_link link;
    struct cu_leak leak;
};

struct cu_leaks {
    struct cu_leaks_look *look;
    struct cu_leaks_image *images;     /* newest first */
    struct cu_leaks_image *first;      /* this program */
    struct cu_leaks_image **of_thread; /* by id */
    struct cu_table table;             /* struct item */
    const struct cu_leak **list;
    size_t list_count, list_capacity;
    uint64_t lost;
    struct cu_leaks_found found; /* scratch */
    char asked[CU_PATH_MAX];     /* the same: the path asked for, normal form */
};

static uint64_t hash_of(enum cu_leaks_reason reason, const char *by, const char *path)
{
    return cu_hash_bytes(path, strlen(path)) ^ (cu_hash_bytes(by, strlen(by)) * 31 + reason);
}

static uint64_t item_hash(const struct cu_table_link *link)
{
    const struct item *item = (const struct item *)link;

    return hash_of(item->leak.reason, item->leak.by, item->leak.path);
}

struct cu_leaks *cu_leaks_create(struct cu_leaks_look *look, char *const environment[])
{
    struct cu_leaks *leaks = calloc(1, sizeof(*leaks));
    struct cu_watch_event none = {0};
    char *words = NULL;

    if (!leaks)
        return NULL;
    leaks->look = look;
    for (size_t i = 0; environment[i]; i++) {
        size_t size = strlen(environment[i]) + 1;
        char *more = realloc(words, none.environment_size + size);

        if (!more)
            break;
        words = more;
        memcpy(words + none.environment_size, environment[i], size);
        none.environment_size += size;
    }
    none.words = words ? words : (char *)(uintptr_t) "";
    leaks->of_thread = calloc(PIDS, sizeof(leaks->of_thread[0])); /* pages come as they are used */
    leaks->first = leaks->images = cu_leaks_image_create(NULL, &none);
    free(words);
    if (!leaks->of_thread || !leaks->first || cu_table_init(&leaks->table, item_hash) < 0) {
        cu_leaks_destroy(leaks);
        return NULL;
    }
    return leaks;
}

void cu_leaks_destroy(struct cu_leaks *leaks)
{
    struct cu_leaks_image *image;

    if (!leaks)
        return;
    while ((image = leaks->images)) {
        leaks->images = image->older;
        cu_leaks_image_destroy(image);
    }
    for (size_t i = 0; i < leaks->list_count; i++) {
        struct item *item =
            (struct item *)((uintptr_t)leaks->list[i] - offsetof(struct item, leak));

        free(item->leak.by);
        free(item->leak.path);
        free(item);
    }
    cu_table_free(&leaks->table);
    free(leaks->list);
    free(leaks->of_thread);
    free(leaks);
}

/* --- what is counted -------------------------------------------------------------------------- */

static struct cu_leak *item_of(struct cu_leaks *leaks, enum cu_leaks_reason reason, const char *by,
                               const char *path)
{
    struct cu_table_link *link = cu_table_chain(&leaks->table, hash_of(reason, by, path));
    const struct cu_leak **more;
    struct item *item;

    for (; link; link = link->next) {
        item = (struct item *)link;
        if (item->leak.reason == reason && strcmp(item->leak.by, by) == 0 &&
            strcmp(item->leak.path, path) == 0)
            return &item->leak;
    }
    more = cu_grow(leaks->list, &leaks->list_capacity, leaks->list_count + 1, 64, sizeof(*more));
    item = calloc(1, sizeof(*item));
    if (more)
        leaks->list = more;
    if (more && item) {
        item->leak = (struct cu_leak){.reason = reason, .by = strdup(by), .path = strdup(path)};
        if (item->leak.by && item->leak.path) {
            cu_table_add(&leaks->table, &item->link);
            leaks->list[leaks->list_count++] = &item->leak;
            return &item->leak;
        }
        free(item->leak.by);
        free(item->leak.path);
    }
    free(item);
    return NULL;
}

static void count(struct cu_leaks *leaks, enum cu_leaks_reason reason, const char *by, bool reads)
{
    struct cu_leak *leak = item_of(leaks, reason, by, leaks->found.path);

    if (!leak)
        leaks->lost++;
    else if (!leaks->found.there)
        leak->absent++;
    else if (reads)
        leak->reads++;
    else
        leak->looks++;
}

/* --- reasons ---------------------------------------------------------------------------------- */

/* Is path in the installation that the program is of: PREFIX of PREFIX/bin/NAME, else the
 * program's directory? */
static bool is_of_program(const char *program, const char *path)
{
    size_t len = cu_path_parent_len(program, strlen(program)),
           up = cu_path_parent_len(program, len);
    bool bin = (len - up == 4 && memcmp(program + up, "/bin", 4) == 0) ||
               (len - up == 5 && memcmp(program + up, "/sbin", 5) == 0);

    if (bin && up > 1)
        len = up;
    return len > 1 && cu_path_within(path, strlen(path), program, len);
}

/* What speaks for the path as it was asked for, or for where that leads. */
static bool variable_of(const struct cu_leaks *leaks, const struct cu_leaks_image *image, char *by,
                        size_t size)
{
    const struct cu_leaks_found *found = &leaks->found;

    return cu_leaks_image_variable(image, leaks->asked, found->point, by, size) ||
           cu_leaks_image_variable(image, found->path, found->point, by, size);
}

static const char *text_of(const struct cu_leaks *leaks, const struct cu_leaks_image *image)
{
    const struct cu_leaks_found *found = &leaks->found;
    const char *by = cu_leaks_image_named(image, leaks->asked, found->point);

    if (!by && strcmp(leaks->asked, found->path) != 0)
        by = cu_leaks_image_named(image, found->path, found->point);
    return by;
}

static void explain(struct cu_leaks *leaks, const struct cu_leaks_image *image, bool relative,
                    bool reads)
{
    const struct cu_leaks_found *found = &leaks->found;
    const char *by, *base = strrchr(leaks->asked, '/');
    /* The loader also looks for directories with libraries of certain processors. */
    bool library = !found->file || strstr(base ? base : "", ".so");
    char name[256];

    if (found->link[0] != '\0')
        count(leaks, CU_LEAKS_LINK, found->link, reads);
    else if (library && (by = cu_leaks_image_rpath(image, leaks->asked)))
        count(leaks, CU_LEAKS_RPATH, by, reads);
    else if (relative)
        count(leaks, CU_LEAKS_DIRECTORY, "", reads);
    else if (cu_leaks_image_argument(image, leaks->asked, found->point, true))
        /* The user's own words, or those of a script that has started it. */
        if (image->parent != leaks->first && (by = text_of(leaks, image)))
            count(leaks, CU_LEAKS_FILE, by, reads);
        else
            count(leaks, CU_LEAKS_COMMAND, "", reads);
    else if (variable_of(leaks, image, name, sizeof(name)))
        count(leaks, CU_LEAKS_ENVIRONMENT, name, reads);
    else if (image->program && is_of_program(image->program, found->path))
        count(leaks, CU_LEAKS_PROGRAM, image->program, reads);
    else if ((by = text_of(leaks, image)))
        count(leaks, CU_LEAKS_FILE, by, reads);
    else if (cu_leaks_image_argument(image, leaks->asked, found->point, false))
        count(leaks, CU_LEAKS_COMMAND, "", reads);
    else
        count(leaks, CU_LEAKS_HARD_CODED, "", reads);
}

/* --- programs --------------------------------------------------------------------------------- */

static struct cu_leaks_image *image_of(struct cu_leaks *leaks, const struct cu_watch_event *event)
{
    struct cu_leaks_image *image = NULL;

    if (event->process > 0 && event->process < (pid_t)PIDS && event->process != event->thread)
        image = leaks->of_thread[event->process];
    else if (event->process > 0 && event->parent > 0 && event->parent < (pid_t)PIDS &&
             event->kind != CU_WATCH_EXEC)
        image = leaks->of_thread[event->parent];
    if (!image)
        image = leaks->of_thread[event->thread];
    if (!image && event->parent > 0 && event->parent < (pid_t)PIDS)
        image = leaks->of_thread[event->parent];
    if (!image)
        image = leaks->first;
    leaks->of_thread[event->thread] = image;
    return image;
}

/* The interpreter in the first line of a script, into out; false: there is none. */
static bool script_of(const struct cu_watch_space *space, const char *path, char out[CU_PATH_MAX])
{
    char head[HEAD_MAX + 1], *at = head + 2;
    int fd = cu_leaks_open(space, path);
    ssize_t n = -1;

    if (fd >= 0) {
        n = read(fd, head, HEAD_MAX);
        close(fd);
    }
    if (n < 3 || head[0] != '#' || head[1] != '!')
        return false;
    head[n] = '\0';
    while (*at == ' ' || *at == '\t')
        at++;
    at[strcspn(at, " \t\n")] = '\0';
    snprintf(out, CU_PATH_MAX, "%s", at);
    return out[0] == '/';
}

/* The loader of a program, which the kernel opens. */
static void load_interpreter(struct cu_leaks *leaks, struct cu_leaks_image *image,
                             const struct cu_watch_space *space, const char *program)
{
    char *interpreter = NULL;

    if (!cu_leaks_image_load(image, space, program, &interpreter))
        leaks->lost++;
    if (interpreter && interpreter[0] == '/' && cu_path_normalise(interpreter, leaks->asked) > 0) {
        cu_leaks_find(leaks->look, space, leaks->asked, true, &leaks->found);
        if (leaks->found.where == CU_LEAKS_SHARED)
            count(leaks, CU_LEAKS_PROGRAM, program, true);
    }
    free(interpreter);
}

/* A program is executed: the file, and what the kernel opens for it. */
static void execute(struct cu_leaks *leaks, const struct cu_watch_event *event)
{
    struct cu_leaks_image *before = image_of(leaks, event), *image;
    char path[CU_PATH_MAX], script[CU_PATH_MAX] = "", next[CU_PATH_MAX];

    memcpy(path, leaks->asked, sizeof(path));
    cu_leaks_find(leaks->look, event->space, path, event->follows, &leaks->found);
    if (leaks->found.where == CU_LEAKS_SHARED)
        explain(leaks, before, event->relative, true);
    if (!leaks->found.there)
        return;
    image = cu_leaks_image_create(before, event);
    if (!image) {
        leaks->lost++;
        return;
    }
    image->older = leaks->images;
    leaks->images = image;
    for (int i = 0; i < SCRIPTS_MAX && script_of(event->space, path, next); i++) {
        memcpy(script, path, sizeof(script));
        if (!cu_leaks_image_text(image, event->space, script) || cu_path_normalise(next, path) < 0)
            break;
        cu_leaks_find(leaks->look, event->space, path, true, &leaks->found);
        if (leaks->found.where == CU_LEAKS_SHARED && leaks->found.link[0] != '\0')
            count(leaks, CU_LEAKS_LINK, leaks->found.link, true);
        else if (leaks->found.where == CU_LEAKS_SHARED)
            count(leaks, CU_LEAKS_SHEBANG, script, true);
    }
    if (leaks->found.where == CU_LEAKS_SHARED && leaks->found.there)
        image->program = strdup(leaks->found.path);
    load_interpreter(leaks, image, event->space, path);
    leaks->of_thread[event->thread] = image;
    if (event->process > 0 && event->process < (pid_t)PIDS)
        leaks->of_thread[event->process] = image;
}

/* --- events ----------------------------------------------------------------------------------- */

/* May the program have read in it where other files are? */
static bool is_text(const struct cu_leaks_found *found)
{
    static const char *const others[] = {".pyc", ".so", ".a", ".o", ".gz", ".zip"};
    size_t len = strlen(found->path);

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
        if (len >= strlen(others[i]) &&
            strcmp(found->path + len - strlen(others[i]), others[i]) == 0)
            return false;
    return found->file && found->size > 0 && found->size <= CU_LEAKS_TEXT_MAX &&
           strncmp(found->path, "/proc/", 6) != 0 && strncmp(found->path, "/sys/", 5) != 0;
}

static void look_at(struct cu_leaks *leaks, const struct cu_watch_event *event)
{
    struct cu_leaks_image *image = image_of(leaks, event);
    struct cu_leaks_found *found = &leaks->found;

    cu_leaks_find(leaks->look, event->space, leaks->asked, event->follows, found);
    if (found->where == CU_LEAKS_SHARED && (event->kind != CU_WATCH_OPEN || event->reads))
        explain(leaks, image, event->relative, event->kind == CU_WATCH_OPEN);
    if (event->kind != CU_WATCH_OPEN || !event->reads || !found->there)
        return;
    if (strstr(found->path, ".so")) {
        if (!cu_leaks_image_load(image, event->space, leaks->asked, NULL))
            leaks->lost++;
    } else if (is_text(found) && !cu_leaks_image_text(image, event->space, found->path)) {
        leaks->lost++;
    }
}

/* Without empty components and "."; ".." stays, as it may follow on a link. */
static bool tidy(const char *path, char out[CU_PATH_MAX])
{
    size_t len = 0;

    if (strstr(path, "/.."))
        return snprintf(out, CU_PATH_MAX, "%s", path) < CU_PATH_MAX;
    len = (size_t)cu_path_normalise(path, out);
    return len > 0 && len < CU_PATH_MAX;
}

void cu_leaks_event(struct cu_leaks *leaks, struct cu_watch_event *event)
{
    if (event->thread > 0 && event->thread < (pid_t)PIDS && tidy(event->path, leaks->asked)) {
        if (event->kind == CU_WATCH_EXEC)
            execute(leaks, event);
        else
            look_at(leaks, event);
    }
    free(event);
}

/* --- results ---------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
    const struct cu_leak *x = *(const struct cu_leak *const *)a;
    const struct cu_leak *y = *(const struct cu_leak *const *)b;
    int by = strcmp(x->by, y->by);

    if (x->reason != y->reason)
        return x->reason < y->reason ? -1 : 1;
    return by != 0 ? by : strcmp(x->path, y->path);
}

const struct cu_leak *const *cu_leaks_list(struct cu_leaks *leaks, size_t *n)
{
    *n = leaks->list_count;
    if (leaks->list_count > 0)
        qsort(leaks->list, leaks->list_count, sizeof(leaks->list[0]), compare);
    return (const struct cu_leak *const *)leaks->list;
}

uint64_t cu_leaks_lost(const struct cu_leaks *leaks)
{
    return leaks->lost;
}

static const struct {
    const char *word, *phrase;
} reasons[CU_LEAKS_REASONS] = {
    [CU_LEAKS_SHEBANG] = {"shebang", "the first line (#!) of"},
    [CU_LEAKS_LINK] = {"link", "the link"},
    [CU_LEAKS_RPATH] = {"rpath", "the RPATH of"},
    [CU_LEAKS_ENVIRONMENT] = {"environment", "the variable"},
    [CU_LEAKS_PROGRAM] = {"program", "the installation of the program"},
    [CU_LEAKS_FILE] = {"file", "written in"},
    [CU_LEAKS_COMMAND] = {"command", "the command line"},
    [CU_LEAKS_DIRECTORY] = {"directory", "relative to a directory there"},
    [CU_LEAKS_HARD_CODED] = {"hard-coded", "hard-coded, or made by the program"},
};

const char *cu_leaks_word(enum cu_leaks_reason reason)
{
    return reasons[reason].word;
}

const char *cu_leaks_phrase(enum cu_leaks_reason reason)
{
    return reasons[reason].phrase;
}
