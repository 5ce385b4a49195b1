/* SPDX-License-Identifier: BSD-3-Clause */
/* A string is read page by page: what is behind it may not be there. */
#include "host/watch_memory.h"

#include "base/grow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#define PAGE     4096u
#define TEXT_MAX 8192u
#define VECTOR   64u /* pointers at a time */

static ssize_t read_some(pid_t pid, uint64_t at, void *to, size_t size)
{
    struct iovec local = {to, size}, remote = {(void *)(uintptr_t)at, size};
    ssize_t n = process_vm_readv(pid, &local, 1, &remote, 1, 0);

    return n < 0 ? -errno : n;
}

int cu_watch_read(pid_t pid, uint64_t at, void *to, size_t size)
{
    ssize_t n = read_some(pid, at, to, size);

    if (n < 0)
        return (int)n;
    return (size_t)n == size ? 0 : -EFAULT;
}

int cu_watch_read_text(pid_t pid, uint64_t at, char *to, size_t size)
{
    size_t len = 0;

    while (len < size) {
        size_t part = PAGE - (size_t)((at + len) % PAGE);
        const char *end;
        ssize_t n;

        if (part > size - len)
            part = size - len;
        n = read_some(pid, at + len, to + len, part);
        if (n <= 0)
            return n < 0 ? (int)n : -EFAULT;
        end = memchr(to + len, '\0', (size_t)n);
        if (end)
            return (int)(end - to);
        len += (size_t)n;
    }
    return -ENAMETOOLONG;
}

static int append(pid_t pid, uint64_t at, size_t max, struct cu_watch_words *words)
{
    char text[TEXT_MAX];
    int len = cu_watch_read_text(pid, at, text, sizeof(text));
    char *more;

    if (len == -ENAMETOOLONG)
        return 0; /* left out */
    if (len < 0)
        return len;
    if (words->size + (size_t)len + 1 > max)
        return -E2BIG;
    more = cu_grow(words->bytes, &words->capacity, words->size + (size_t)len + 1, TEXT_MAX, 1);
    if (!more)
        return -ENOMEM;
    words->bytes = more;
    memcpy(more + words->size, text, (size_t)len + 1);
    words->size += (size_t)len + 1;
    return 0;
}

static void read_vector(pid_t pid, uint64_t at, size_t max, struct cu_watch_words *words)
{
    uint64_t pointers[VECTOR];

    for (;;) {
        /* Up to the end of the page: what is behind it may not be there. */
        size_t part = (PAGE - (size_t)(at % PAGE)) / sizeof(pointers[0]);

        if (part == 0)
            part = 1;
        if (part > VECTOR)
            part = VECTOR;
        if (cu_watch_read(pid, at, pointers, part * sizeof(pointers[0])) < 0)
            return;
        for (size_t i = 0; i < part; i++)
            if (pointers[i] == 0 || append(pid, pointers[i], max, words) < 0)
                return;
        at += part * sizeof(pointers[0]);
    }
}

void cu_watch_read_words(pid_t pid, uint64_t arguments, uint64_t environment,
                         struct cu_watch_words *words)
{
    if (arguments)
        read_vector(pid, arguments, CU_WATCH_WORDS_MAX, words);
    words->arguments_size = words->size;
    if (environment)
        read_vector(pid, environment, words->size + CU_WATCH_WORDS_MAX, words);
}
