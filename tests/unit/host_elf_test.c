/* SPDX-License-Identifier: BSD-3-Clause */
/* What programs say of where their parts are, whole and damaged. */
#include "host/elf.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define STRINGS 512u
#define BASE    0x400000u /* address of the file's first byte */

static struct program {
    Elf64_Ehdr head;
    Elf64_Phdr headers[3];
    Elf64_Dyn dynamic[3];
    char interpreter[32];
    char pad[STRINGS];
    char strings[64];
} program;

static void make(int64_t tag)
{
    memset(&program, 0, sizeof(program));
    memcpy(program.head.e_ident, ELFMAG, SELFMAG);
    program.head.e_ident[EI_CLASS] = ELFCLASS64;
    program.head.e_ident[EI_DATA] = ELFDATA2LSB;
    program.head.e_phoff = offsetof(struct program, headers);
    program.head.e_phentsize = sizeof(Elf64_Phdr);
    program.head.e_phnum = 3;
    program.headers[0] =
        (Elf64_Phdr){.p_type = PT_LOAD, .p_vaddr = BASE, .p_filesz = sizeof(program)};
    program.headers[1] = (Elf64_Phdr){.p_type = PT_DYNAMIC,
                                      .p_offset = offsetof(struct program, dynamic),
                                      .p_filesz = sizeof(program.dynamic)};
    program.headers[2] = (Elf64_Phdr){.p_type = PT_INTERP,
                                      .p_offset = offsetof(struct program, interpreter),
                                      .p_filesz = sizeof("/lib/ld.so")};
    strcpy(program.interpreter, "/lib/ld.so");
    program.dynamic[0].d_tag = DT_STRTAB;
    program.dynamic[0].d_un.d_ptr = BASE + offsetof(struct program, strings);
    program.dynamic[1].d_tag = tag;
    program.dynamic[1].d_un.d_val = 1;
    strcpy(program.strings + 1, "/a:$ORIGIN/b");
}

static int read_it(size_t size, struct cu_elf *elf)
{
    int fd = memfd_create("program", MFD_CLOEXEC), rc;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, &program, size), size);
    rc = cu_elf_read(fd, elf);
    close(fd);
    return rc;
}

static void what_it_says_is_found(void **state)
{
    static const int64_t tags[] = {DT_RUNPATH, DT_RPATH};
    struct cu_elf elf;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        make(tags[i]);
        assert_int_equal(read_it(sizeof(program), &elf), 0);
        assert_string_equal(elf.interpreter, "/lib/ld.so");
        assert_string_equal(elf.rpath, "/a:$ORIGIN/b");
        cu_elf_free(&elf);
    }
    make(DT_SONAME);
    program.head.e_phnum = 2;
    assert_int_equal(read_it(sizeof(program), &elf), 0);
    assert_string_equal(elf.interpreter, "");
    assert_string_equal(elf.rpath, "");
    cu_elf_free(&elf);
}

static void damaged_files_are_refused(void **state)
{
    unsigned seed = (unsigned)time(NULL);
    struct cu_elf elf;

    (void)state;
    print_message("seed %u\n", seed);
    make(DT_RUNPATH);
    program.head.e_ident[EI_CLASS] = ELFCLASS32;
    assert_int_equal(read_it(sizeof(program), &elf), -ENOEXEC);
    for (size_t size = 0; size < sizeof(program); size++) {
        make(DT_RUNPATH);
        if (read_it(size, &elf) == 0)
            cu_elf_free(&elf);
        else
            assert_null(elf.rpath);
    }
    for (int i = 0; i < 20000; i++) {
        make(DT_RUNPATH);
        for (int k = 1 + rand_r(&seed) % 4; k > 0; k--)
            ((unsigned char *)&program)[16 + (size_t)rand_r(&seed) % (sizeof(program) - 16)] =
                rand_r(&seed) % 2 == 0 ? 0xff : (unsigned char)rand_r(&seed);
        if (read_it(sizeof(program), &elf) == 0) {
            assert_non_null(elf.interpreter);
            assert_non_null(elf.rpath);
            cu_elf_free(&elf);
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_says_is_found),
        cmocka_unit_test(damaged_files_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
