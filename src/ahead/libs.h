/* SPDX-License-Identifier: BSD-3-Clause */
/* Reads on the libraries that programs and libraries need (readon.h). When the bytes of one are
 * here, it tells which others it needs, and where it looks for them first, by $ORIGIN; else they
 * are looked for beside it, and in the directories in which libraries were found lately. Of what is
 * found, the parts are read that a loader reads. Pure; one thread at a time. */
#ifndef CU_AHEAD_LIBS_H
#define CU_AHEAD_LIBS_H

#include "ahead/ahead.h"

struct cu_libs;

struct cu_libs_ports {
    void *context;
    bool (*room)(void *context);
    void (*read)(void *context, const struct cu_ahead_want *want);
    /* What is held here, borrowed until the next port is called; NULL: nothing. */
    const struct cu_value *(*held)(void *context, const struct cu_ahead_want *want);
    /* Is it known that there is no such name? */
    bool (*absent)(void *context, const struct cu_ahead_name *name);
};

/* NULL: out of memory. */
struct cu_libs *cu_libs_create(const struct cu_libs_ports *ports, uint32_t chunk_bytes);
void cu_libs_destroy(struct cu_libs *l); /* NULL does nothing */
/* Storage has told the attributes at path, or an error. */
void cu_libs_named(struct cu_libs *l, const char *path, size_t path_len,
                   const struct cu_value *value);
/* Storage has told this chunk of a file; what: DATA, with the file's version. */
void cu_libs_bytes(struct cu_libs *l, const struct cu_ahead_want *what, const struct cu_buf *bytes);
/* The program or library at path needs this one. runpath: as in the file, "": none. */
void cu_libs_needs(struct cu_libs *l, const char *path, size_t path_len, const char *runpath,
                   const char *name);

#endif
