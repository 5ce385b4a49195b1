/* SPDX-License-Identifier: BSD-3-Clause */
/* Texts are read when somebody asks what names a path, not when the program reads them: most are
 * never asked for. */
#include "copper/leaks_image.h"

#include "base/grow.h"
#include "host/elf.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *copy_bytes(const char *bytes, size_t size)
{
    char *copy = malloc(size + 1);

    if (copy) {
        if (size > 0)
            memcpy(copy, bytes, size);
        copy[size] = '\0';
    }
    return copy;
}

struct cu_leaks_image *cu_leaks_image_create(struct cu_leaks_image *parent,
                                             const struct cu_watch_event *event)
{
    struct cu_leaks_image *image = calloc(1, sizeof(*image));

    if (!image)
        return NULL;
    image->parent = parent;
    image->space = event->space;
    image->arguments_size = event->arguments_size;
    image->environment_size = event->environment_size;
    image->arguments = copy_bytes(event->words, event->arguments_size);
    image->environment = copy_bytes(event->words + event->arguments_size, event->environment_size);
    if (!image->arguments || !image->environment) {
        cu_leaks_image_destroy(image);
        return NULL;
    }
    return image;
}

void cu_leaks_image_destroy(struct cu_leaks_image *image)
{
    if (!image)
        return;
    for (size_t i = 0; i < image->rpath_count; i++) {
        free(image->rpaths[i].dir);
        free(image->rpaths[i].owner);
    }
    for (size_t i = 0; i < image->text_count && i < CU_LEAKS_TEXTS_MAX; i++)
        free(image->texts[i]);
    free(image->rpaths);
    free(image->texts);
    free(image->program);
    free(image->arguments);
    free(image->environment);
    free(image);
}

/* --- RPATHs ----------------------------------------------------------------------------------- */

/* An entry of an RPATH as a directory: $ORIGIN is where the owner is. */
static bool expand(const char *entry, size_t len, const char *owner, char out[CU_PATH_MAX])
{
    static const char *const origins[] = {"${ORIGIN}", "$ORIGIN"};
    char path[2 * CU_PATH_MAX];
    size_t skip = 0;

    for (size_t i = 0; skip == 0 && i < 2; i++)
        if (len >= strlen(origins[i]) && memcmp(entry, origins[i], strlen(origins[i])) == 0)
            skip = strlen(origins[i]);
    if (len - skip >= CU_PATH_MAX)
        return false;
    snprintf(path, sizeof(path), "%.*s%.*s",
             skip > 0 ? (int)cu_path_parent_len(owner, strlen(owner)) : 0, owner, (int)(len - skip),
             entry + skip);
    return cu_path_normalise(path, out) > 0;
}

static bool add_rpath(struct cu_leaks_image *image, const char *dir, const char *owner)
{
    struct cu_leaks_rpath *more =
        cu_grow(image->rpaths, &image->rpath_capacity, image->rpath_count + 1, 8, sizeof(*more));

    if (!more)
        return false;
    image->rpaths = more;
    more[image->rpath_count] = (struct cu_leaks_rpath){strdup(dir), strdup(owner)};
    image->rpath_count++;
    return more[image->rpath_count - 1].dir && more[image->rpath_count - 1].owner;
}

static bool has_owner(const struct cu_leaks_image *image, const char *owner)
{
    for (size_t i = 0; i < image->rpath_count; i++)
        if (strcmp(image->rpaths[i].owner, owner) == 0)
            return true;
    return false;
}

bool cu_leaks_image_load(struct cu_leaks_image *image, const struct cu_watch_space *space,
                         const char *path, char **interpreter)
{
    struct cu_elf elf = {0};
    char dir[CU_PATH_MAX];
    bool good = true;
    int fd = cu_leaks_open(space, path);

    if (fd < 0)
        return true;
    if (cu_elf_read(fd, &elf) == 0 && !has_owner(image, path))
        for (const char *at = elf.rpath; good && *at != '\0';) {
            size_t len = strcspn(at, ":");

            if (len > 0 && expand(at, len, path, dir))
                good = add_rpath(image, dir, path);
            at += len + (at[len] == ':');
        }
    close(fd);
    if (interpreter) {
        *interpreter = elf.interpreter;
        elf.interpreter = NULL;
    }
    cu_elf_free(&elf);
    return good;
}

const char *cu_leaks_image_rpath(const struct cu_leaks_image *image, const char *path)
{
    const char *owner = NULL;
    size_t longest = 0;

    for (size_t i = 0; i < image->rpath_count; i++) {
        const struct cu_leaks_rpath *rpath = &image->rpaths[i];
        size_t len = strlen(rpath->dir ? rpath->dir : "");

        if (len > longest && rpath->owner && cu_path_within(path, strlen(path), rpath->dir, len)) {
            owner = rpath->owner;
            longest = len;
        }
    }
    return owner;
}

/* --- words ------------------------------------------------------------------------------------ */

/* Is the directory entry[0..len) path or above it, and not above point? */
static bool leads_to(const char *entry, size_t len, const char *path, const char *point)
{
    while (len > 1 && entry[len - 1] == '/')
        len--;
    return len > 1 && entry[0] == '/' && cu_path_within(path, strlen(path), entry, len) &&
           cu_path_within(entry, len, point, strlen(point));
}

bool cu_leaks_image_variable(const struct cu_leaks_image *image, const char *path,
                             const char *point, char *out, size_t size)
{
    static const char *const ignored[] = {"PWD", "OLDPWD", "_"};
    const char *end = image->environment + image->environment_size;
    size_t longest = 0;

    for (const char *at = image->environment; at < end; at += strlen(at) + 1) {
        size_t name_len = strcspn(at, "=");
        bool skip = at[name_len] != '=';

        for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
            skip |= strlen(ignored[i]) == name_len && memcmp(ignored[i], at, name_len) == 0;
        for (const char *entry = at + name_len + 1; !skip && *entry != '\0';) {
            size_t len = strcspn(entry, ":;, ");

            if (len > longest && leads_to(entry, len, path, point)) {
                snprintf(out, size, "%.*s", (int)name_len, at);
                longest = len;
            }
            entry += len + (entry[len] != '\0');
        }
    }
    return longest > 0;
}

bool cu_leaks_image_argument(const struct cu_leaks_image *image, const char *path,
                             const char *point, bool exact)
{
    const char *end = image->arguments + image->arguments_size;
    size_t path_len = strlen(path);

    for (const char *at = image->arguments; at < end; at += strlen(at) + 1) {
        size_t named = cu_leaks_named(at, strlen(at), path, point);

        if (exact ? strcmp(at, path) == 0 : named > 0 && named <= path_len)
            return true;
    }
    return false;
}

/* --- texts ------------------------------------------------------------------------------------ */

bool cu_leaks_image_text(struct cu_leaks_image *image, const struct cu_watch_space *space,
                         const char *path)
{
    size_t slot = image->text_count % CU_LEAKS_TEXTS_MAX;
    char **more = image->texts, *copy;

    for (size_t i = 0; i < image->text_count && i < CU_LEAKS_TEXTS_MAX; i++)
        if (strcmp(image->texts[i], path) == 0)
            return true;
    copy = strdup(path);
    if (image->text_count < CU_LEAKS_TEXTS_MAX)
        more =
            cu_grow(image->texts, &image->text_capacity, image->text_count + 1, 8, sizeof(*more));
    if (!copy || !more) {
        free(copy);
        return false;
    }
    image->texts = more;
    if (image->text_count >= CU_LEAKS_TEXTS_MAX)
        free(more[slot]);
    more[slot] = copy;
    image->text_count++;
    image->space = space;
    return true;
}

static bool is_of_name(char c)
{
    return isalnum((unsigned char)c) || (c != '\0' && strchr("_-.+", c)) || (unsigned char)c >= 128;
}

/* Does the text have path[0..len) as a path of its own: not behind another directory, and not as
 * the beginning of a longer name? */
static bool has_path(const char *text, size_t size, const char *path, size_t len)
{
    const char *at = text, *end = text + size;

    while ((at = memmem(at, (size_t)(end - at), path, len))) {
        bool begins = at == text || !is_of_name(at[-1]);

        if (begins && (at + len == end || !is_of_name(at[len]) ||
                       (at[len] == '.' && (at + len + 1 == end || !is_of_name(at[len + 1])))))
            return true;
        at++;
    }
    return false;
}

size_t cu_leaks_named(const char *text, size_t size, const char *path, const char *point)
{
    size_t least = strlen(point) > 1 ? strlen(point) : 0, len = strlen(path);

    while (len > least) {
        if (has_path(text, size, path, len))
            return len;
        len = cu_path_parent_len(path, len);
        if (len <= 1)
            break;
    }
    return 0;
}

static size_t named_in(const struct cu_leaks_image *image, const char *text_path, char *text,
                       const char *path, const char *point)
{
    int fd = cu_leaks_open(image->space, text_path);
    ssize_t n = -1;

    if (fd >= 0) {
        n = read(fd, text, CU_LEAKS_TEXT_MAX);
        close(fd);
    }
    return n > 0 ? cu_leaks_named(text, (size_t)n, path, point) : 0;
}

const char *cu_leaks_image_named(const struct cu_leaks_image *image, const char *path,
                                 const char *point)
{
    char *text = malloc(CU_LEAKS_TEXT_MAX);
    const char *best = NULL;
    size_t longest = 0;

    for (; text && image && longest < strlen(path); image = image->parent)
        for (size_t i = 0; i < image->text_count && i < CU_LEAKS_TEXTS_MAX; i++) {
            size_t n = named_in(image, image->texts[i], text, path, point);

            if (n > longest) {
                longest = n;
                best = image->texts[i];
            }
        }
    free(text);
    return best;
}
