/* SPDX-License-Identifier: BSD-3-Clause */
/* Invariant: a name is in the bucket of its hash from its first reference to its last. */
#include "core/names.h"

#include "base/mem.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct cu_names {
    struct cu_table table;
};

static struct cu_name *name_of(struct cu_table_link *link)
{
    return link ? (struct cu_name *)((char *)link - offsetof(struct cu_name, link)) : NULL;
}

static uint64_t hash_of(const struct cu_table_link *link)
{
    return name_of((struct cu_table_link *)(uintptr_t)link)->hash;
}

struct cu_names *cu_names_new(void)
{
    struct cu_names *names = calloc(1, sizeof *names);

    if (!names)
        return NULL;
    if (cu_table_init(&names->table, hash_of) < 0) {
        free(names);
        return NULL;
    }
    return names;
}

void cu_names_free(struct cu_names *names)
{
    if (!names)
        return;
    assert(names->table.count == 0);
    cu_table_free(&names->table);
    free(names);
}

struct cu_name *cu_names_find(const struct cu_names *names, const char *path, size_t len,
                              uint64_t hash)
{
    struct cu_name *name = name_of(cu_table_chain(&names->table, hash));

    while (name && (name->hash != hash || name->len != len || memcmp(name->path, path, len) != 0))
        name = name_of(name->link.next);
    return name;
}

struct cu_name *cu_names_get(struct cu_names *names, const char *path, size_t len, uint64_t hash)
{
    struct cu_name *name = cu_names_find(names, path, len, hash);

    if (name)
        return cu_names_ref(name);
    name = cu_mem_take(sizeof *name + len + 1);
    if (!name)
        return NULL;
    name->hash = hash;
    name->refs = 1;
    name->len = (uint16_t)len;
    memcpy(name->path, path, len);
    name->path[len] = '\0';
    cu_table_add(&names->table, &name->link);
    return name;
}

struct cu_name *cu_names_ref(struct cu_name *name)
{
    name->refs++;
    return name;
}

void cu_names_put(struct cu_names *names, struct cu_name *name)
{
    assert(name->refs > 0);
    if (--name->refs > 0)
        return;
    cu_table_remove(&names->table, &name->link);
    cu_mem_give(name, sizeof *name + name->len + 1u);
}
