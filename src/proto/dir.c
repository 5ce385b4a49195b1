/* SPDX-License-Identifier: BSD-3-Clause */
/* A directory listing is one run of bytes, so that it is cached, hashed and sent as it is and needs
 * one small index to be searched. The builder makes it from what storage says in any order; the
 * index takes it from the wire and trusts nothing.
 *
 * Invariants: a listing is in strictly ascending order and no longer than CU_DIR_BYTES_MAX, so that
 * an offset fits in 32 bits. cu_dir_index_entry() reads only where cu_dir_index_build() has been.
 */
#include "proto/dir.h"

#include "base/grow.h"
#include "base/mem.h"
#include "base/path.h"
#include "proto/wire.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define DIR_TYPE_MAX 15 /* DT_* are four bits: S_IFMT >> 12 */

struct cu_dir_builder {
    unsigned char *data; /* entries in the order of arrival */
    size_t size;
    size_t capacity;
    uint32_t *offsets;
    size_t count;
    size_t count_capacity;
    size_t bytes_max;
};

static bool name_is_valid(const char *name, size_t len)
{
    if (len == 0 || len > CU_NAME_MAX)
        return false;
    if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
        return false;
    return !memchr(name, '/', len) && !memchr(name, '\0', len);
}

static int compare_names(const char *a, size_t a_len, const char *b, size_t b_len)
{
    int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

    if (order)
        return order;
    return (a_len > b_len) - (a_len < b_len);
}

/* Returns the entry at the reader; what it says is not checked yet. */
static struct cu_dirent read_entry(struct cu_reader *r)
{
    struct cu_dirent e;

    e.ino = cu_wire_get_u64(r);
    e.type = cu_wire_get_u8(r);
    e.name_len = cu_wire_get_u16(r);
    e.name = cu_wire_get_bytes(r, e.name_len);
    return e;
}

static struct cu_dirent entry_at(const unsigned char *data, size_t size, size_t offset)
{
    struct cu_reader r;

    cu_reader_init(&r, data + offset, size - offset);
    return read_entry(&r);
}

struct cu_dir_builder *cu_dir_builder_new(void)
{
    struct cu_dir_builder *b = calloc(1, sizeof(*b));

    if (b)
        b->bytes_max = CU_DIR_BYTES_MAX;
    return b;
}

void cu_dir_builder_bound(struct cu_dir_builder *b, size_t bytes_max)
{
    if (bytes_max < CU_DIR_BYTES_MAX)
        b->bytes_max = bytes_max;
}

int cu_dir_builder_add(struct cu_dir_builder *b, const struct cu_dirent *entry)
{
    size_t size = CU_DIR_ENTRY_HEAD + (size_t)entry->name_len;
    struct cu_writer w;
    void *moved;

    if (!name_is_valid(entry->name, entry->name_len) || entry->type > DIR_TYPE_MAX)
        return -EINVAL;
    if (size > b->bytes_max - b->size)
        return -E2BIG;
    moved = cu_grow(b->data, &b->capacity, b->size + size, 1024, 1);
    if (!moved)
        return -ENOMEM;
    b->data = moved;
    moved = cu_grow(b->offsets, &b->count_capacity, b->count + 1, 32, sizeof(*b->offsets));
    if (!moved)
        return -ENOMEM;
    b->offsets = moved;
    cu_writer_init(&w, b->data + b->size, size);
    cu_wire_put_u64(&w, entry->ino);
    cu_wire_put_u8(&w, entry->type);
    cu_wire_put_u16(&w, entry->name_len);
    cu_wire_put_bytes(&w, entry->name, entry->name_len);
    b->offsets[b->count++] = (uint32_t)b->size;
    b->size += size;
    return 0;
}

/* Equal names keep the order of arrival: qsort is not stable by itself. */
static int compare_offsets(const void *a, const void *b, void *builder)
{
    const struct cu_dir_builder *from = builder;
    uint32_t a_at = *(const uint32_t *)a, b_at = *(const uint32_t *)b;
    struct cu_dirent x = entry_at(from->data, from->size, a_at);
    struct cu_dirent y = entry_at(from->data, from->size, b_at);
    int order = compare_names(x.name, x.name_len, y.name, y.name_len);

    return order ? order : (a_at > b_at) - (a_at < b_at);
}

struct cu_buf *cu_dir_builder_finish(struct cu_dir_builder *b)
{
    struct cu_buf *out = cu_buf_new(b->size);
    struct cu_dirent last = {0};
    struct cu_writer w;

    if (!out)
        goto out;
    if (b->count)
        qsort_r(b->offsets, b->count, sizeof(*b->offsets), compare_offsets, b);
    cu_writer_init(&w, out->data, out->capacity);
    for (size_t i = 0; i < b->count; i++) {
        struct cu_dirent e = entry_at(b->data, b->size, b->offsets[i]);

        /* readdir(3) may name a file twice that is renamed meanwhile. */
        if (i && compare_names(last.name, last.name_len, e.name, e.name_len) == 0)
            continue;
        cu_wire_put_bytes(&w, b->data + b->offsets[i], CU_DIR_ENTRY_HEAD + (size_t)e.name_len);
        last = e;
    }
    out->size = w.at;
out:
    cu_dir_builder_free(b);
    return out;
}

void cu_dir_builder_free(struct cu_dir_builder *b)
{
    if (!b)
        return;
    free(b->data);
    free(b->offsets);
    free(b);
}

/* How many entries, or -EINVAL. */
static int64_t check_listing(const struct cu_buf *bytes)
{
    struct cu_dirent last = {0};
    struct cu_reader r;
    int64_t count = 0;

    if (bytes->size > CU_DIR_BYTES_MAX)
        return -EINVAL;
    cu_reader_init(&r, bytes->data, bytes->size);
    while (!cu_reader_done(&r)) {
        struct cu_dirent e = read_entry(&r);

        if (r.failed || e.type > DIR_TYPE_MAX || !name_is_valid(e.name, e.name_len))
            return -EINVAL;
        if (count && compare_names(last.name, last.name_len, e.name, e.name_len) >= 0)
            return -EINVAL;
        last = e;
        count++;
    }
    return count;
}

int cu_dir_index_build(struct cu_dir_index *index, const struct cu_buf *bytes)
{
    struct cu_reader r;
    int64_t count;

    *index = (struct cu_dir_index){.bytes = bytes};
    count = bytes ? check_listing(bytes) : 0;
    if (count < 0)
        return (int)count;
    if (count == 0)
        return 0;
    index->offsets = cu_mem_take((size_t)count * sizeof(*index->offsets));
    if (!index->offsets)
        return -ENOMEM;
    cu_reader_init(&r, bytes->data, bytes->size);
    for (index->count = 0; index->count < count; index->count++) {
        index->offsets[index->count] = (uint32_t)r.at;
        read_entry(&r);
    }
    return 0;
}

void cu_dir_index_free(struct cu_dir_index *index)
{
    cu_mem_give(index->offsets, index->count * sizeof(*index->offsets));
    *index = (struct cu_dir_index){0};
}

struct cu_dirent cu_dir_index_entry(const struct cu_dir_index *index, uint32_t i)
{
    assert(i < index->count);
    return entry_at(index->bytes->data, index->bytes->size, index->offsets[i]);
}

int64_t cu_dir_index_find(const struct cu_dir_index *index, const char *name, size_t name_len)
{
    uint32_t low = 0, high = index->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        struct cu_dirent e = cu_dir_index_entry(index, middle);
        int order = compare_names(name, name_len, e.name, e.name_len);

        if (order == 0)
            return middle;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

bool cu_dir_name_hides(const char *name, size_t name_len)
{
    static const char *const names[] = {
        ".snapshot",  /* NetApp, Isilon, VAST, Qumulo */
        ".snapshots", /* GPFS */
        "~snapshot",  /* NetApp by SMB */
        ".snap",      /* Ceph */
        ".zfs",       /* ZFS, also through NFS */
        ".lustre",    /* Lustre */
        ".ckpt",      /* EMC */
        ".ifsvar",    /* Isilon */
    };

    for (size_t i = 0; i < name_len; i++)
        if ((unsigned char)name[i] >= 0x80) /* listed in another form, or in another case */
            return true;
    if (name_len == 0 || (name[0] != '.' && name[0] != '~'))
        return false;
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strlen(names[i]) == name_len && memcmp(names[i], name, name_len) == 0)
            return true;
    return false;
}
