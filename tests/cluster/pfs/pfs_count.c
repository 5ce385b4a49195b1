/* SPDX-License-Identifier: BSD-3-Clause */
/* Counts of operations: totals by kind, and a table by (kind, path, offset, bytes), one mutex. */
#include "pfs.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define BUCKETS (1U << 16)

struct entry {
    struct entry *next;
    uint64_t count;
    uint64_t offset;
    uint64_t bytes;
    enum cu_pfs_kind kind;
    char path[];
};

static const char *const names[CU_PFS_KINDS] = {
    [CU_PFS_LOOKUP] = "lookup",       [CU_PFS_MISS] = "miss",
    [CU_PFS_STAT] = "stat",           [CU_PFS_FSTAT] = "fstat",
    [CU_PFS_ACCESS] = "access",       [CU_PFS_OPEN] = "open",
    [CU_PFS_READ] = "read",           [CU_PFS_READDIR] = "readdir",
    [CU_PFS_READLINK] = "readlink",   [CU_PFS_GETXATTR] = "getxattr",
    [CU_PFS_LISTXATTR] = "listxattr", [CU_PFS_STATFS] = "statfs",
    [CU_PFS_CHANGE] = "change",       [CU_PFS_LSEEK] = "lseek",
    [CU_PFS_ENTRIES] = "entries",
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct entry *table[BUCKETS];    /* guarded by lock */
static uint64_t totals[CU_PFS_COUNTED]; /* guarded by lock */
static uint64_t read_bytes;             /* guarded by lock */
static bool paths_on = true;            /* guarded by lock */

const char *cu_pfs_kind_name(enum cu_pfs_kind kind)
{
    return names[kind];
}

enum cu_pfs_kind cu_pfs_kind_of(const char *name)
{
    unsigned kind = 0;

    while (kind < CU_PFS_KINDS && strcmp(names[kind], name) != 0)
        kind++;
    return (enum cu_pfs_kind)kind;
}

static uint32_t bucket_of(enum cu_pfs_kind kind, const char *path, uint64_t offset)
{
    uint64_t hash = 0xcbf29ce484222325U ^ (uint64_t)kind ^ (offset * 0x9e3779b97f4a7c15U);

    for (; *path; path++)
        hash = (hash ^ (unsigned char)*path) * 0x100000001b3U;
    return (uint32_t)(hash ^ (hash >> 32)) % BUCKETS;
}

static void count_path(enum cu_pfs_kind kind, const char *path, uint64_t offset, uint64_t bytes)
{
    struct entry **head = &table[bucket_of(kind, path, offset)];
    struct entry *entry = *head;
    size_t size = strlen(path) + 1;

    while (entry && (entry->kind != kind || entry->offset != offset || entry->bytes != bytes ||
                     strcmp(entry->path, path) != 0))
        entry = entry->next;
    if (!entry) {
        entry = calloc(1, sizeof *entry + size);
        if (!entry)
            abort(); /* a wrong count would be worse */
        *entry = (struct entry){.next = *head, .kind = kind, .offset = offset, .bytes = bytes};
        memcpy(entry->path, path, size);
        *head = entry;
    }
    entry->count++;
}

void cu_pfs_count(enum cu_pfs_kind kind, const char *path, uint64_t offset, uint64_t bytes)
{
    pthread_mutex_lock(&lock);
    totals[kind]++;
    if (kind == CU_PFS_READ)
        read_bytes += bytes;
    if (paths_on)
        count_path(kind, path, offset, bytes);
    pthread_mutex_unlock(&lock);
}

void cu_pfs_count_reset(void)
{
    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < BUCKETS; i++) {
        while (table[i]) {
            struct entry *entry = table[i];
            table[i] = entry->next;
            free(entry);
        }
    }
    memset(totals, 0, sizeof totals);
    read_bytes = 0;
    pthread_mutex_unlock(&lock);
}

void cu_pfs_count_totals(FILE *out)
{
    pthread_mutex_lock(&lock);
    fputc('{', out);
    for (unsigned kind = 0; kind < CU_PFS_COUNTED; kind++)
        fprintf(out, "\"%s\": %llu, ", names[kind], (unsigned long long)totals[kind]);
    fprintf(out, "\"read_bytes\": %llu}\n", (unsigned long long)read_bytes);
    pthread_mutex_unlock(&lock);
}

/* One line per path, whatever bytes it has: newline, tab and backslash as in C, others as they are.
 */
static void print_path(FILE *out, const char *path)
{
    for (; *path; path++) {
        if (*path == '\n')
            fputs("\\n", out);
        else if (*path == '\t')
            fputs("\\t", out);
        else if (*path == '\\')
            fputs("\\\\", out);
        else
            fputc(*path, out);
    }
    fputc('\n', out);
}

void cu_pfs_count_paths(FILE *out, uint64_t min)
{
    pthread_mutex_lock(&lock);
    for (unsigned i = 0; i < BUCKETS; i++) {
        for (const struct entry *entry = table[i]; entry; entry = entry->next) {
            if (entry->count < min)
                continue;
            fprintf(out, "%s\t%llu\t%llu\t%llu\t", names[entry->kind],
                    (unsigned long long)entry->count, (unsigned long long)entry->offset,
                    (unsigned long long)entry->bytes);
            print_path(out, entry->path);
        }
    }
    pthread_mutex_unlock(&lock);
}

void cu_pfs_count_set_paths(bool on)
{
    pthread_mutex_lock(&lock);
    paths_on = on;
    pthread_mutex_unlock(&lock);
}
