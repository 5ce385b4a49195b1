/* SPDX-License-Identifier: BSD-3-Clause */
/* An object by path, so that two lists are added with one lookup a file. A list of a peer counts
 * only as far as an honest one goes, so a sum has at most that many files a child. */
#include "control/bypassed.h"

#include "base/text.h"
#include "control/shown.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES_SHOWN 3u
#define MB          (UINT64_C(1) << 20)
#define GB          (UINT64_C(1) << 30)

struct file {
    const char *path;
    uint64_t bytes;
};

static uint64_t number(const json_t *value)
{
    return json_integer_value(value) > 0 ? (uint64_t)json_integer_value(value) : 0;
}

static uint64_t sum_of(uint64_t a, uint64_t b)
{
    return a > INT64_MAX - b ? INT64_MAX : a + b;
}

static void set(json_t *object, const char *name, uint64_t value)
{
    json_object_set_new(object, name, json_integer((json_int_t)value));
}

/* The end of a path that is longer than the table of the core keeps does not begin with a slash. */
static void add_file(json_t *files, const struct cu_topk_entry *entry)
{
    json_t *name = cu_shown_name(entry->key, entry->key_len);
    char path[2 * CU_TOPK_KEY_MAX];

    if (name && entry->count > entry->over) {
        snprintf(path, sizeof(path), "%s%s", entry->key[0] == '/' ? "" : "...",
                 json_string_value(name));
        set(files, path, entry->count - entry->over);
    }
    json_decref(name);
}

json_t *cu_bypassed_own(const struct cu_core *core)
{
    const uint64_t *counters = cu_core_counters((struct cu_core *)core);
    const struct cu_topk_entry *best[CU_BYPASSED_FILES_MAX];
    uint32_t count = cu_core_bypassed(core, best, CU_BYPASSED_FILES_MAX);
    json_t *own, *files;

    if (counters[CU_COUNT_bypass_bytes] == 0)
        return NULL;
    own = json_object();
    files = json_object();
    for (uint32_t i = 0; i < count; i++)
        add_file(files, best[i]);
    set(own, "bytes", counters[CU_COUNT_bypass_bytes]);
    set(own, "largest", counters[CU_COUNT_bypass_largest]);
    set(own, "fits", counters[CU_COUNT_bypass_fits]);
    json_object_set_new(own, "files", files);
    return own;
}

static void add_files(json_t *sum, const json_t *more)
{
    const char *path;
    json_t *value;
    unsigned count = 0;

    json_object_foreach ((json_t *)more, path, value) {
        if (count++ == CU_BYPASSED_FILES_MAX)
            return;
        if (number(value) > 0)
            set(sum, path, sum_of(number(json_object_get(sum, path)), number(value)));
    }
}

void cu_bypassed_add(json_t **sum, const json_t *more)
{
    static const char *const most[] = {"largest", "fits"};
    uint64_t bytes = number(json_object_get(more, "bytes"));

    if (bytes == 0)
        return;
    if (!*sum)
        *sum = json_pack("{s:i, s:i, s:i, s:{}}", "bytes", 0, "largest", 0, "fits", 0, "files");
    set(*sum, "bytes", sum_of(bytes, number(json_object_get(*sum, "bytes"))));
    for (size_t i = 0; i < sizeof(most) / sizeof(most[0]); i++)
        if (number(json_object_get(more, most[i])) > number(json_object_get(*sum, most[i])))
            set(*sum, most[i], number(json_object_get(more, most[i])));
    add_files(json_object_get(*sum, "files"), json_object_get(more, "files"));
}

static int heaviest_first(const void *a, const void *b)
{
    const struct file *x = a, *y = b;

    if (x->bytes != y->bytes)
        return x->bytes > y->bytes ? -1 : 1;
    return strcmp(x->path, y->path);
}

void cu_bypassed_cut(json_t *sum)
{
    json_t *files = json_object_get(sum, "files"), *value, *kept = json_object();
    struct file *all = calloc(json_object_size(files) + 1, sizeof(*all));
    const char *path;
    size_t count = 0;

    json_object_foreach (files, path, value) {
        if (all)
            all[count++] = (struct file){.path = path, .bytes = number(value)};
    }
    if (count > 0)
        qsort(all, count, sizeof(*all), heaviest_first);
    for (size_t i = 0; i < count && i < CU_BYPASSED_FILES_MAX; i++)
        set(kept, all[i].path, all[i].bytes);
    free(all);
    json_object_set_new(sum, "files", kept);
}

struct heavy {
    const char *path;
    uint64_t bytes;
};

/* The heaviest, heaviest first; returns how many. */
static unsigned heaviest(const json_t *files, struct heavy best[FILES_SHOWN])
{
    unsigned count = 0;
    const char *path;
    json_t *value;

    json_object_foreach ((json_t *)files, path, value) {
        struct heavy file = {.path = path, .bytes = number(value)};

        for (unsigned i = 0; i < FILES_SHOWN; i++) {
            struct heavy lighter = best[i];

            if (i < count && file.bytes <= lighter.bytes)
                continue;
            best[i] = file;
            if (i >= count)
                break;
            file = lighter;
        }
        if (count < FILES_SHOWN)
            count++;
    }
    return count;
}

/* A value of -M that is not below the size. */
static void enough(uint64_t size, char out[32])
{
    if (size <= 10 * GB)
        snprintf(out, 32, "%" PRIu64 "MB", (size + MB - 1) / MB);
    else
        snprintf(out, 32, "%" PRIu64 "GB", size / GB + (size % GB != 0));
}

size_t cu_bypassed_text(const json_t *bypassed, char *out, size_t size)
{
    const json_t *files = json_object_get(bypassed, "files");
    uint64_t bytes = number(json_object_get(bypassed, "bytes"));
    uint64_t fits = number(json_object_get(bypassed, "fits"));
    char all[CU_TEXT_SIZE_MAX], one[CU_TEXT_SIZE_MAX], wanted[32];
    struct heavy best[FILES_SHOWN];
    unsigned count = heaviest(files, best);
    size_t len;

    out[0] = '\0';
    if (bytes == 0)
        return 0;
    len = (size_t)snprintf(out, size,
                           "%s were read by nodes themselves, past the trees, as files above -M",
                           cu_text_size(bytes, all));
    for (unsigned i = 0; i < count && len < size; i++)
        len += (size_t)snprintf(out + len, size - len, "%s%s %s", i == 0 ? ": " : ", ",
                                best[i].path, cu_text_size(best[i].bytes, one));
    if (len < size && json_object_size(files) > count)
        len += (size_t)snprintf(out + len, size - len, ", ...");
    enough(fits, wanted);
    if (len < size && fits == 0)
        len += (size_t)snprintf(out + len, size - len, "; none of them has room in the cache (-m)");
    else if (len < size)
        len += (size_t)snprintf(out + len, size - len, "; -M %s would have avoided this%s", wanted,
                                fits < number(json_object_get(bypassed, "largest"))
                                    ? " for all that have room in the cache (-m)"
                                    : "");
    return len < size ? len : size - 1;
}
