/* SPDX-License-Identifier: BSD-3-Clause */
/* One harness a decoder. Each feeds stranger's bytes to it and, where the decoder takes them,
 * demands that encoding gives the same bytes back. */
#ifndef CU_TESTS_FUZZ_H
#define CU_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The harness: libFuzzer calls it with what it makes up, replay.c with the files of the corpus. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);                \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

/* A copy of exactly this size, so that the sanitizer sees one byte too many; free() it. */
static inline void *fuzz_copy(const void *bytes, size_t size)
{
    unsigned char *copy = malloc(size ? size : 1);

    FUZZ_CHECK(copy);
    if (size)
        memcpy(copy, bytes, size);
    return copy;
}

/* The same as text, terminated. */
static inline char *fuzz_text(const void *bytes, size_t size)
{
    char *text = malloc(size + 1);

    FUZZ_CHECK(text);
    if (size)
        memcpy(text, bytes, size);
    text[size] = '\0';
    return text;
}

#endif
