/* SPDX-License-Identifier: BSD-3-Clause */
/* By program headers alone, as the dynamic loader does. Begins anew each time: what it looks at is
 * a few kilobytes. */
#include "ahead/elfneeds.h"

#include <elf.h>
#include <endian.h>
#include <string.h>

#define HEADERS_MAX 64u
#define ENTRIES_MAX 512u /* of the dynamic section */
#define BATCH       32u

struct elf {
    const struct cu_elfneeds_file *file;
    Elf64_Phdr headers[HEADERS_MAX];
    size_t count;
    uint64_t strings; /* address of the string table */
    uint64_t runpath, rpath;
    uint64_t needed[CU_ELFNEEDS_MAX];
    uint32_t needed_count;
};

bool cu_elfneeds_is_elf(const void *bytes, size_t size)
{
    return size >= SELFMAG && memcmp(bytes, ELFMAG, SELFMAG) == 0;
}

static bool get(const struct elf *e, uint64_t offset, void *out, size_t len)
{
    const struct cu_elfneeds_file *file = e->file;

    return offset <= file->size && len <= file->size - offset &&
           file->get(file->context, offset, out, len);
}

static bool read_headers(struct elf *e)
{
    static const unsigned char data = __BYTE_ORDER == __LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB;
    Elf64_Ehdr head;

    if (!get(e, 0, &head, sizeof(head)) || !cu_elfneeds_is_elf(&head, sizeof(head)) ||
        head.e_ident[EI_CLASS] != ELFCLASS64 || head.e_ident[EI_DATA] != data ||
        head.e_phentsize != sizeof(Elf64_Phdr) || head.e_phnum == 0 || head.e_phnum > HEADERS_MAX)
        return false;
    e->count = head.e_phnum;
    return get(e, head.e_phoff, e->headers, e->count * sizeof(e->headers[0]));
}

/* False: that was the last entry. */
static bool note(struct elf *e, const Elf64_Dyn *entry)
{
    if (entry->d_tag == DT_STRTAB)
        e->strings = entry->d_un.d_ptr;
    else if (entry->d_tag == DT_RUNPATH)
        e->runpath = entry->d_un.d_val;
    else if (entry->d_tag == DT_RPATH)
        e->rpath = entry->d_un.d_val;
    else if (entry->d_tag == DT_NEEDED && e->needed_count < CU_ELFNEEDS_MAX)
        e->needed[e->needed_count++] = entry->d_un.d_val;
    return entry->d_tag != DT_NULL;
}

static bool read_dynamic(struct elf *e)
{
    Elf64_Dyn entries[BATCH];
    const Elf64_Phdr *h = NULL;
    uint64_t count;

    for (size_t i = 0; i < e->count && !h; i++)
        if (e->headers[i].p_type == PT_DYNAMIC)
            h = &e->headers[i];
    if (!h)
        return false;
    count = h->p_filesz / sizeof(entries[0]);
    if (count > ENTRIES_MAX)
        return false;
    for (uint64_t at = 0; at < count; at += BATCH) {
        size_t n = count - at < BATCH ? (size_t)(count - at) : BATCH;

        if (h->p_offset > e->file->size ||
            !get(e, h->p_offset + at * sizeof(entries[0]), entries, n * sizeof(entries[0])))
            return false;
        for (size_t i = 0; i < n; i++)
            if (!note(e, &entries[i]))
                return true;
    }
    return true;
}

/* The string at this place of the string table; "": there is none, or it is too long. */
static bool read_text(const struct elf *e, uint64_t at, char *out, size_t size)
{
    uint64_t address = e->strings + at, left;

    out[0] = '\0';
    for (size_t i = 0; i < e->count; i++) {
        const Elf64_Phdr *h = &e->headers[i];
        uint64_t offset;

        if (h->p_type != PT_LOAD || address < h->p_vaddr || address - h->p_vaddr >= h->p_filesz)
            continue;
        offset = h->p_offset + (address - h->p_vaddr);
        if (offset >= e->file->size)
            return true;
        left = e->file->size - offset;
        if (left < size)
            size = (size_t)left;
        if (!get(e, offset, out, size))
            return false;
        if (!memchr(out, '\0', size))
            out[0] = '\0';
        return true;
    }
    return true;
}

bool cu_elfneeds(const struct cu_elfneeds_file *file, struct cu_elfneeds *needs)
{
    struct elf e = {.file = file};
    uint64_t path;

    needs->count = 0;
    needs->runpath[0] = '\0';
    if (!read_headers(&e) || !read_dynamic(&e))
        return false;
    path = e.runpath ? e.runpath : e.rpath;
    if (path && !read_text(&e, path, needs->runpath, sizeof(needs->runpath)))
        return false;
    for (uint32_t i = 0; i < e.needed_count; i++) {
        char *name = needs->names[needs->count];

        if (!read_text(&e, e.needed[i], name, CU_ELFNEEDS_NAME))
            return false;
        if (name[0] && !strchr(name, '/'))
            needs->count++;
    }
    return true;
}
