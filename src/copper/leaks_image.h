/* SPDX-License-Identifier: BSD-3-Clause */
/* What is known of a program that a watched process executes: where it comes from, its words, the
 * RPATHs that it has loaded, the small files that it has read. Shared by a process and the children
 * that it forks. */
#ifndef CU_COPPER_LEAKS_IMAGE_H
#define CU_COPPER_LEAKS_IMAGE_H

#include "base/path.h"
#include "copper/leaks_look.h"

#include <stdbool.h>
#include <stddef.h>

#define CU_LEAKS_TEXT_MAX  65536u /* bytes of a file that is searched */
#define CU_LEAKS_TEXTS_MAX 512u   /* of a program; the newest */

struct cu_leaks_rpath {
    char *dir, *owner; /* owned */
};

struct cu_leaks_image {
    struct cu_leaks_image *older;  /* all of them, to be freed */
    struct cu_leaks_image *parent; /* that has started it; NULL: the first */
    char *program;                 /* owned; of an installation past Copper, else NULL */
    char *arguments, *environment; /* owned; strings with their NULs */
    size_t arguments_size, environment_size;
    struct cu_leaks_rpath *rpaths;
    size_t rpath_count, rpath_capacity;
    const struct cu_watch_space *space; /* of the texts */
    char **texts;                       /* owned; a ring */
    size_t text_count, text_capacity;   /* count: ever added */
};

struct cu_leaks_image *cu_leaks_image_create(struct cu_leaks_image *parent,
                                             const struct cu_watch_event *event);
void cu_leaks_image_destroy(struct cu_leaks_image *image);
/* A program or library is loaded, by this path: notes its RPATH; *interpreter: owned, "" or NULL
 * when there is none. False: out of memory. */
bool cu_leaks_image_load(struct cu_leaks_image *image, const struct cu_watch_space *space,
                         const char *path, char **interpreter);
/* A small file was read. False: out of memory. */
bool cu_leaks_image_text(struct cu_leaks_image *image, const struct cu_watch_space *space,
                         const char *path);

/* Who has an RPATH that the path is in; NULL: none. */
const char *cu_leaks_image_rpath(const struct cu_leaks_image *image, const char *path);
/* The variable with the longest entry that is path, or above it and not above point; its name into
 * out. */
bool cu_leaks_image_variable(const struct cu_leaks_image *image, const char *path,
                             const char *point, char *out, size_t size);
/* Is path one of its arguments (exact), or does one name a directory above it that is below point?
 */
bool cu_leaks_image_argument(const struct cu_leaks_image *image, const char *path,
                             const char *point, bool exact);
/* The file, read by this image or one that it comes from, that names the longest part of path that
 * is below point. Borrowed; NULL: none. */
const char *cu_leaks_image_named(const struct cu_leaks_image *image, const char *path,
                                 const char *point);
/* How much of path the text names, as a path of its own, that is below point; 0: nothing. */
size_t cu_leaks_named(const char *text, size_t size, const char *path, const char *point);

#endif
