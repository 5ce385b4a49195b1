/* SPDX-License-Identifier: BSD-3-Clause */
/* Makes one allocation fail: a test that includes this is linked with --wrap
 * (tests/unit/CMakeLists.txt). For one file of a program. Loop until nothing failed:
 *
 *   for (long n = 0; fail_alloc_at(n), rc = work(), fail_alloc_hit(); n++)
 *       assert_int_equal(rc, -ENOMEM);
 */
#ifndef CU_TEST_FAIL_ALLOC_H
#define CU_TEST_FAIL_ALLOC_H

#include <stdbool.h>
#include <stddef.h>

static long fail_alloc_countdown = -1; /* -1: none fails */
static long fail_alloc_step;           /* from fail_alloc_every; 0: once */
static bool fail_alloc_done;
static _Thread_local bool fail_alloc_inside; /* of cu_mem_take, which counts as one */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t max);
void *__real_cu_mem_take(size_t size);
void *__real_cu_mem_zero(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t max);
void *__wrap_cu_mem_take(size_t size);
void *__wrap_cu_mem_zero(size_t size);

/* Allocation n from now on fails, once. */
__attribute__((unused)) static void fail_alloc_at(long n)
{
    fail_alloc_countdown = n;
    fail_alloc_done = false;
}

/* Did one fail? Switches off. */
static bool fail_alloc_hit(void)
{
    fail_alloc_countdown = -1;
    return fail_alloc_done;
}

/* Every n-th allocation fails from now on; 0: none. */
__attribute__((unused)) static void fail_alloc_every(long n)
{
    fail_alloc_step = n;
    fail_alloc_countdown = n - 1;
}

static bool fail_alloc_now(void)
{
    if (fail_alloc_inside || fail_alloc_countdown < 0 || fail_alloc_countdown-- > 0)
        return false;
    if (fail_alloc_step > 0)
        fail_alloc_countdown = fail_alloc_step - 1;
    fail_alloc_done = true;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fail_alloc_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fail_alloc_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fail_alloc_now() ? NULL : __real_realloc(old, size);
}

char *__wrap_strdup(const char *text)
{
    return fail_alloc_now() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t max)
{
    return fail_alloc_now() ? NULL : __real_strndup(text, max);
}

static void *fail_alloc_mem(void *(*take)(size_t size), size_t size)
{
    void *at;

    if (fail_alloc_now())
        return NULL;
    fail_alloc_inside = true;
    at = take(size);
    fail_alloc_inside = false;
    return at;
}

void *__wrap_cu_mem_take(size_t size)
{
    return fail_alloc_mem(__real_cu_mem_take, size);
}

void *__wrap_cu_mem_zero(size_t size)
{
    return fail_alloc_mem(__real_cu_mem_zero, size);
}

#endif
