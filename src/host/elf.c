/* SPDX-License-Identifier: BSD-3-Clause */
/* By program headers alone, as the dynamic loader does: sections may be stripped. */
#include "host/elf.h"

#include <elf.h>
#include <endian.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define HEADERS_MAX 256u
#define DYNAMIC_MAX 4096u /* entries */
#define TEXT_MAX    65536u

struct reader {
    int fd;
    const Elf64_Phdr *headers;
    size_t count;
};

static int read_at(int fd, uint64_t at, void *to, size_t size)
{
    ssize_t n = at > INT64_MAX ? 0 : pread(fd, to, size, (off_t)at);

    if (n < 0)
        return -errno;
    return (size_t)n == size ? 0 : -ENOEXEC;
}

/* The string there, up to a NUL; new memory. */
static int read_text(int fd, uint64_t at, size_t max, char **text)
{
    ssize_t n;

    *text = calloc(1, max + 1);
    if (!*text)
        return -ENOMEM;
    n = at > INT64_MAX ? 0 : pread(fd, *text, max, (off_t)at);
    if (n <= 0 || !memchr(*text, '\0', (size_t)n + 1))
        (*text)[0] = '\0';
    return 0;
}

/* Where in the file is what will be at this address? -1: nowhere. */
static int64_t place_of(const struct reader *r, uint64_t address)
{
    for (size_t i = 0; i < r->count; i++) {
        const Elf64_Phdr *h = &r->headers[i];

        if (h->p_type == PT_LOAD && address >= h->p_vaddr && address - h->p_vaddr < h->p_filesz &&
            h->p_offset <= INT64_MAX - (address - h->p_vaddr))
            return (int64_t)(h->p_offset + (address - h->p_vaddr));
    }
    return -1;
}

static const Elf64_Phdr *find(const struct reader *r, uint32_t type)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->headers[i].p_type == type)
            return &r->headers[i];
    return NULL;
}

static int read_rpath(const struct reader *r, char **rpath)
{
    const Elf64_Phdr *dynamic = find(r, PT_DYNAMIC);
    uint64_t strings = 0, found[2] = {0}; /* RUNPATH, RPATH */
    size_t count = dynamic ? dynamic->p_filesz / sizeof(Elf64_Dyn) : 0;
    Elf64_Dyn *entries;
    int64_t at = -1;
    int rc = 0;

    if (count > DYNAMIC_MAX)
        return -ENOEXEC;
    entries = calloc(count + 1, sizeof(*entries));
    if (!entries)
        return -ENOMEM;
    if (count > 0)
        rc = read_at(r->fd, dynamic->p_offset, entries, count * sizeof(*entries));
    for (size_t i = 0; rc == 0 && i < count && entries[i].d_tag != DT_NULL; i++) {
        if (entries[i].d_tag == DT_STRTAB)
            strings = entries[i].d_un.d_ptr;
        else if (entries[i].d_tag == DT_RUNPATH)
            found[0] = entries[i].d_un.d_val;
        else if (entries[i].d_tag == DT_RPATH)
            found[1] = entries[i].d_un.d_val;
    }
    free(entries);
    if (rc == 0 && (found[0] || found[1]))
        at = place_of(r, strings + (found[0] ? found[0] : found[1]));
    if (rc == 0)
        rc = at >= 0 ? read_text(r->fd, (uint64_t)at, TEXT_MAX, rpath) : 0;
    if (rc == 0 && !*rpath)
        *rpath = strdup("");
    return rc == 0 && !*rpath ? -ENOMEM : rc;
}

static int read_interpreter(const struct reader *r, char **interpreter)
{
    const Elf64_Phdr *header = find(r, PT_INTERP);

    if (!header || header->p_filesz > TEXT_MAX) {
        *interpreter = strdup("");
        return *interpreter ? 0 : -ENOMEM;
    }
    return read_text(r->fd, header->p_offset, header->p_filesz, interpreter);
}

int cu_elf_read(int fd, struct cu_elf *elf)
{
    static const unsigned char data = __BYTE_ORDER == __LITTLE_ENDIAN ? ELFDATA2LSB : ELFDATA2MSB;
    struct reader r = {.fd = fd};
    Elf64_Phdr *headers;
    Elf64_Ehdr head;
    int rc = read_at(fd, 0, &head, sizeof(head));

    *elf = (struct cu_elf){0};
    if (rc < 0)
        return rc;
    if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64 ||
        head.e_ident[EI_DATA] != data || head.e_phentsize != sizeof(Elf64_Phdr) ||
        head.e_phnum > HEADERS_MAX)
        return -ENOEXEC;
    headers = calloc(head.e_phnum + 1u, sizeof(*headers));
    if (!headers)
        return -ENOMEM;
    r.headers = headers;
    r.count = head.e_phnum;
    if (r.count > 0)
        rc = read_at(fd, head.e_phoff, headers, r.count * sizeof(*headers));
    if (rc == 0)
        rc = read_interpreter(&r, &elf->interpreter);
    if (rc == 0)
        rc = read_rpath(&r, &elf->rpath);
    free(headers);
    if (rc < 0)
        cu_elf_free(elf);
    return rc;
}

void cu_elf_free(struct cu_elf *elf)
{
    free(elf->interpreter);
    free(elf->rpath);
    *elf = (struct cu_elf){0};
}
