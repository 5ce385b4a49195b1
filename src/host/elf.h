/* SPDX-License-Identifier: BSD-3-Clause */
/* What a program or library (ELF, elf(5)) says of where its parts are. Files of any content: all is
 * checked. */
#ifndef CU_HOST_ELF_H
#define CU_HOST_ELF_H

#include <stdbool.h>

struct cu_elf {
    char *interpreter; /* owned; of PT_INTERP, "": none */
    char *rpath;       /* owned; of DT_RUNPATH, else DT_RPATH; "": none */
};

/* 0; -ENOEXEC: no ELF file of 64 bits in this machine's byte order, or a damaged one; -ENOMEM,
 * -errno: nothing to free. */
__attribute__((warn_unused_result)) int cu_elf_read(int fd, struct cu_elf *elf);
void cu_elf_free(struct cu_elf *elf);

#endif
