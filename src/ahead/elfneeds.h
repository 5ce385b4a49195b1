/* SPDX-License-Identifier: BSD-3-Clause */
/* Which libraries a program or library (ELF, elf(5)) needs, from those parts of the file that are
 * here. Files of any content: all is checked. Pure. */
#ifndef CU_AHEAD_ELFNEEDS_H
#define CU_AHEAD_ELFNEEDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CU_ELFNEEDS_MAX     128u
#define CU_ELFNEEDS_NAME    128u  /* with the NUL; longer ones are left out */
#define CU_ELFNEEDS_RUNPATH 1024u /* the same */

struct cu_elfneeds_file {
    void *context;
    uint64_t size;
    /* Copies bytes of the file, which are within it. False: they are not here yet. */
    bool (*get)(void *context, uint64_t offset, void *out, size_t len);
};

struct cu_elfneeds {
    char runpath[CU_ELFNEEDS_RUNPATH]; /* of DT_RUNPATH, else DT_RPATH; "": none */
    uint32_t count;
    char names[CU_ELFNEEDS_MAX][CU_ELFNEEDS_NAME];
};

bool cu_elfneeds_is_elf(const void *bytes, size_t size);
/* True: the result is complete. False: a part is not here yet, or it is no ELF file of 64 bits in
 * this machine's byte order, or a damaged one. */
bool cu_elfneeds(const struct cu_elfneeds_file *file, struct cu_elfneeds *needs);

#endif
