/* SPDX-License-Identifier: BSD-3-Clause */
/* Reading on at a root, without a recipe: what storage has answered tells what the same program
 * will ask for next, and the root reads it in parallel before anybody asks. Only storage is asked
 * earlier; nothing is sent to a node that does not ask. Rules:
 *
 *   - A file of a package was read: the other files of its kind in this directory are read, too,
 *     with their content where they are small. Of one kind are names that are equal from their
 *     first dot on. Packages have few files: a directory with many is a collection, from which
 *     programs take some.
 *   - Where files of one kind follow those of another (habit.h: foo.py, then
 *     __pycache__/foo.cpython-311.pyc), the package is the directory of the first kind.
 *   - The libraries that a program or library needs (libs.h).
 *   - A file of medium size whose content somebody wants with its attributes: its chunks.
 *
 * Invariant: nothing is read on while the bytes that were read and that nobody has asked for are
 * over a fixed amount and a share of those that were asked for, or a share of the cache. So what is
 * wasted is bounded, and a program that does not read packages soon stops this. Pure; one thread at
 * a time. */
#ifndef CU_AHEAD_READON_H
#define CU_AHEAD_READON_H

#include "ahead/ahead.h"

struct cu_readon;

struct cu_readon_load {
    uint32_t requests;     /* under way */
    uint64_t bytes;        /* of chunks under way */
    uint64_t used_bytes;   /* read on, and then asked for */
    uint64_t unused_bytes; /* read on, and not asked for so far */
};

/* The ports must not call back into the module. */
struct cu_readon_config {
    void *context;
    /* Begins to read an object from storage; nobody waits for it. Does nothing when it is here,
     * under way, or read by another node. */
    void (*read)(void *context, const struct cu_ahead_want *want);
    struct cu_readon_load (*load)(void *context);
    /* What is held here, borrowed until the next port is called; NULL: nothing that is fresh. */
    const struct cu_value *(*held)(void *context, const struct cu_ahead_want *want);
    /* As in struct cu_ahead_ports. */
    bool (*absent)(void *context, const struct cu_ahead_name *name);
    uint64_t cache_bytes;
    uint32_t chunk_bytes;
    uint32_t inline_bytes; /* content of up to so many bytes comes with attributes */
};

/* NULL: out of memory. */
struct cu_readon *cu_readon_create(const struct cu_readon_config *config);
/* NULL does nothing. */
void cu_readon_destroy(struct cu_readon *r);
/* Storage has answered this node, which reads for all of a tree. what: as it was asked for. */
void cu_readon_stored(struct cu_readon *r, const struct cu_ahead_want *what,
                      const struct cu_value *value);
/* The program or library at path needs this one. For a driver whose files have no such bytes. */
void cu_readon_needs(struct cu_readon *r, const char *path, size_t path_len, const char *name);

#endif
