/* Invariant: a name is in the bucket of its hash from its first reference to its last. */
#include "core/names.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS_START 256u

struct cu_names {
    struct cu_name **buckets;
    uint32_t bucket_count; /* power of two */
    uint32_t count;
};

struct cu_names *cu_names_new(void)
{
    struct cu_names *names = calloc(1, sizeof *names);

    if (!names)
        return NULL;
    names->bucket_count = BUCKETS_START;
    names->buckets = calloc(names->bucket_count, sizeof(struct cu_name *));
    if (!names->buckets) {
        free(names);
        return NULL;
    }
    return names;
}

void cu_names_free(struct cu_names *names)
{
    if (!names)
        return;
    assert(names->count == 0);
    free(names->buckets);
    free(names);
}

struct cu_name *cu_names_find(const struct cu_names *names, const char *path, size_t len,
                              uint64_t hash)
{
    struct cu_name *name = names->buckets[hash & (names->bucket_count - 1)];

    while (name && (name->hash != hash || name->len != len || memcmp(name->path, path, len) != 0))
        name = name->next;
    return name;
}

/* Without memory for more buckets chains grow longer: slower, not wrong. */
static void grow(struct cu_names *names)
{
    uint32_t wanted = names->bucket_count * 2;
    struct cu_name **buckets = calloc(wanted, sizeof(struct cu_name *));

    if (!buckets)
        return;
    for (uint32_t i = 0; i < names->bucket_count; i++) {
        while (names->buckets[i]) {
            struct cu_name *name = names->buckets[i];
            struct cu_name **bucket = &buckets[name->hash & (wanted - 1)];

            names->buckets[i] = name->next;
            name->next = *bucket;
            *bucket = name;
        }
    }
    free(names->buckets);
    names->buckets = buckets;
    names->bucket_count = wanted;
}

struct cu_name *cu_names_get(struct cu_names *names, const char *path, size_t len, uint64_t hash)
{
    struct cu_name *name = cu_names_find(names, path, len, hash), **bucket;

    if (name)
        return cu_names_ref(name);
    name = malloc(sizeof *name + len + 1);
    if (!name)
        return NULL;
    if (names->count >= names->bucket_count)
        grow(names);
    name->hash = hash;
    name->refs = 1;
    name->len = (uint16_t)len;
    memcpy(name->path, path, len);
    name->path[len] = '\0';
    bucket = &names->buckets[hash & (names->bucket_count - 1)];
    name->next = *bucket;
    *bucket = name;
    names->count++;
    return name;
}

struct cu_name *cu_names_ref(struct cu_name *name)
{
    name->refs++;
    return name;
}

void cu_names_put(struct cu_names *names, struct cu_name *name)
{
    struct cu_name **at = &names->buckets[name->hash & (names->bucket_count - 1)];

    if (--name->refs > 0)
        return;
    while (*at != name)
        at = &(*at)->next;
    *at = name->next;
    names->count--;
    free(name);
}
