/* SPDX-License-Identifier: BSD-3-Clause */
/* What this program itself needs, read from its file as far as parts of it are here; and files of
 * any content. */
#include "ahead/elfneeds.h"

#include <elf.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static unsigned char *bytes;
static size_t size;
static size_t missing_from, missing_to; /* bytes that are not here */

static bool get(void *context, uint64_t offset, void *out, size_t len)
{
    (void)context;
    assert_true(offset <= size && len <= size - offset);
    if (offset < missing_to && offset + len > missing_from)
        return false;
    memcpy(out, bytes + offset, len);
    return true;
}

static int setup(void **state)
{
    FILE *in = fopen("/proc/self/exe", "re");
    long end;

    (void)state;
    if (!in || fseek(in, 0, SEEK_END) != 0 || (end = ftell(in)) <= 0)
        return -1;
    size = (size_t)end;
    bytes = malloc(size);
    rewind(in);
    if (!bytes || fread(bytes, 1, size, in) != size)
        return -1;
    fclose(in);
    missing_from = missing_to = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(bytes);
    return 0;
}

static bool look(struct cu_elfneeds *needs)
{
    return cu_elfneeds(&(struct cu_elfneeds_file){.size = size, .get = get}, needs);
}

static bool has(const struct cu_elfneeds *needs, const char *name)
{
    for (uint32_t i = 0; i < needs->count; i++)
        if (strncmp(needs->names[i], name, strlen(name)) == 0)
            return true;
    return false;
}

static void it_tells_what_this_program_needs(void **state)
{
    struct cu_elfneeds needs;

    (void)state;
    assert_true(cu_elfneeds_is_elf(bytes, size));
    assert_true(look(&needs));
    assert_true(needs.count >= 2 && has(&needs, "libcmocka.so") && has(&needs, "libc.so"));
}

/* The start is here, the rest comes later. */
static void parts_may_be_missing(void **state)
{
    struct cu_elfneeds needs;

    (void)state;
    missing_from = 4096;
    missing_to = size;
    assert_false(look(&needs));
    missing_to = 0;
    assert_true(look(&needs));
    missing_from = 0;
    missing_to = 1;
    assert_false(look(&needs));
}

static void any_content_is_taken(void **state)
{
    Elf64_Ehdr head;
    Elf64_Phdr *headers;
    struct cu_elfneeds needs;

    (void)state;
    memcpy(&head, bytes, sizeof(head));
    headers = (Elf64_Phdr *)(void *)(bytes + head.e_phoff);
    srand(1);
    for (int i = 0; i < 20000; i++) {
        size_t at = i % 2 ? (size_t)rand() % 1024 : 0;

        for (unsigned h = 0; !(i % 2) && h < head.e_phnum; h++)
            if (headers[h].p_type == PT_DYNAMIC)
                at = headers[h].p_offset + (size_t)rand() % headers[h].p_filesz;
        if (at >= size)
            continue;
        unsigned char old = bytes[at];

        bytes[at] = (unsigned char)rand();
        (void)look(&needs);
        assert_true(needs.count <= CU_ELFNEEDS_MAX);
        bytes[at] = old;
    }
    assert_true(look(&needs));
    for (size = 0; size < 2048; size += 7)
        (void)look(&needs);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_tells_what_this_program_needs, setup, teardown),
        cmocka_unit_test_setup_teardown(parts_may_be_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(any_content_is_taken, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
