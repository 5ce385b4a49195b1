/* SPDX-License-Identifier: BSD-3-Clause */
#include "storage/served_table.h"

#include "base/hash.h"
#include "base/path.h"
#include "host/mounts.h"
#include "host/readfile.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct cu_served_system {
    dev_t dev;
    uint64_t made_of;
};

/* The file behind a loop device, or behind the disk that it is a part of. */
static int backing(dev_t dev, char *path)
{
    static const char *const files[] = {"loop/backing_file", "../loop/backing_file"};

    for (unsigned i = 0; i < 2; i++) {
        char name[128];
        ssize_t n;
        int fd;

        snprintf(name, sizeof(name), "/sys/dev/block/%u:%u/%s", major(dev), minor(dev), files[i]);
        fd = open(name, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        n = read(fd, path, CU_PATH_MAX - 1);
        close(fd);
        if (n <= 1)
            continue;
        path[path[n - 1] == '\n' ? n - 1 : n] = '\0';
        return 0;
    }
    return -1;
}

uint64_t cu_served_made_of(const struct cu_mountinfo *info)
{
    uint64_t hash = cu_hash_seeded(info->type, strlen(info->type), 0);

    hash = cu_hash_seeded(info->source, strlen(info->source), hash);
    return cu_hash_seeded(info->options, strlen(info->options), hash);
}

static int compare(const void *a, const void *b)
{
    const struct cu_served_system *x = a, *y = b;

    if (x->dev != y->dev)
        return x->dev < y->dev ? -1 : 1;
    return x->made_of < y->made_of ? -1 : x->made_of > y->made_of;
}

static int list_systems(struct cu_served_table *table)
{
    size_t count = cu_fsmap_count(table->map);

    table->systems = calloc(count + 1, sizeof(*table->systems));
    if (!table->systems)
        return -1;
    for (size_t i = 0; i < count; i++) {
        const struct cu_mountinfo *info = &cu_fsmap_at(table->map, i)->info;

        table->systems[i] =
            (struct cu_served_system){.dev = info->dev, .made_of = cu_served_made_of(info)};
    }
    table->system_count = count;
    qsort(table->systems, count, sizeof(*table->systems), compare);
    return 0;
}

bool cu_served_table_has(const struct cu_served_table *table, dev_t dev, uint64_t made_of)
{
    const struct cu_served_system system = {.dev = dev, .made_of = made_of};

    return bsearch(&system, table->systems, table->system_count, sizeof(system), compare);
}

struct cu_served_table *cu_served_table_read(int fd, const char *main, const char *rules)
{
    struct cu_fsmap_config config = {.main = main, .rules = rules, .backing = backing};
    struct cu_served_table *table = calloc(1, sizeof(*table));
    char *text = NULL;

    if (!table)
        return NULL;
    table->refs = 1;
    if (lseek(fd, 0, SEEK_SET) == 0 &&
        cu_readfile_all(fd, CU_MOUNTS_TEXT_MAX, &text, &config.size) == 0) {
        config.text = text;
        table->map = cu_fsmap_create(&config);
    }
    free(text);
    if (table->map && list_systems(table) == 0)
        return table;
    cu_served_table_drop(table);
    return NULL;
}

struct cu_served_table *cu_served_table_ref(struct cu_served_table *table)
{
    if (table)
        __atomic_add_fetch(&table->refs, 1, __ATOMIC_RELAXED);
    return table;
}

void cu_served_table_drop(struct cu_served_table *table)
{
    if (!table || __atomic_sub_fetch(&table->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    cu_fsmap_destroy(table->map);
    free(table->systems);
    free(table);
}
