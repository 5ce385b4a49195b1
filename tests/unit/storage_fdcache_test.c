/* SPDX-License-Identifier: BSD-3-Clause */
/* The cache of open files, by itself: who opens, who waits, what is closed when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "storage/fdcache.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <uv.h>

#define READERS 8

static struct cu_fdcache *cache;
static int opens; /* atomic */
static int open_result;
static uv_sem_t opening, go_on;

static int open_null(void *context, const char *path, const struct cu_version *version)
{
    (void)context;
    (void)path;
    (void)version;
    __atomic_add_fetch(&opens, 1, __ATOMIC_SEQ_CST);
    return open_result ? open_result : open("/dev/null", O_RDONLY | O_CLOEXEC);
}

/* Tells that it is under way, and waits to be let on. */
static int open_slowly(void *context, const char *path, const struct cu_version *version)
{
    uv_sem_post(&opening);
    uv_sem_wait(&go_on);
    return open_null(context, path, version);
}

static int setup(void **state)
{
    (void)state;
    opens = 0;
    open_result = 0;
    cache = cu_fdcache_create(2);
    return cache ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    cu_fdcache_destroy(cache);
    return 0;
}

static struct cu_fdcache_file *acquire(const char *path, uint64_t ino)
{
    struct cu_version version = {.size = ino};
    struct cu_fdcache_file *file = NULL;

    assert_int_equal(cu_fdcache_acquire(cache, path, &version, false, open_null, NULL, &file), 0);
    assert_true(cu_fdcache_fd(file) >= 0);
    return file;
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

static void one_version_is_opened_once(void **state)
{
    struct cu_fdcache_file *a = acquire("/a", 1), *b = acquire("/a", 1), *c = acquire("/a", 2);

    (void)state;
    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, c);
    assert_int_equal(opens, 2);
    cu_fdcache_release(cache, a, true);
    cu_fdcache_release(cache, b, true);
    cu_fdcache_release(cache, c, true);
    a = acquire("/a", 1);
    assert_int_equal(opens, 2);
    cu_fdcache_release(cache, a, true);
}

static void what_is_out_of_date_is_not_handed_out(void **state)
{
    struct cu_fdcache_file *a = acquire("/a", 1), *b = acquire("/a", 1), *c;
    int fd = cu_fdcache_fd(a);

    (void)state;
    cu_fdcache_release(cache, a, false);
    assert_true(is_open(fd)); /* b still reads */
    c = acquire("/a", 1);
    assert_ptr_not_equal(b, c);
    assert_int_equal(opens, 2);
    cu_fdcache_release(cache, b, true);
    assert_false(is_open(fd));
    cu_fdcache_release(cache, c, true);
}

/* For a thread that must not wait: only what is open already, and said not to block. */
static void a_try_opens_nothing(void **state)
{
    struct cu_version version = {.size = 1}, other = {.size = 2};
    struct cu_fdcache_file *file = NULL, *tried;
    int fd;

    (void)state;
    assert_null(cu_fdcache_try(cache, "/a", 2, &version));
    file = acquire("/a", 1);
    assert_null(cu_fdcache_try(cache, "/a", 2, &version)); /* may block */
    cu_fdcache_release(cache, file, false);
    assert_int_equal(cu_fdcache_acquire(cache, "/a", &version, true, open_null, NULL, &file), 0);
    fd = cu_fdcache_fd(file);
    assert_null(cu_fdcache_try(cache, "/a", 2, &other));
    assert_null(cu_fdcache_try(cache, "/ab", 3, &version));
    assert_null(cu_fdcache_try(cache, "/a", 1, &version));
    tried = cu_fdcache_try(cache, "/ab", 2, &version); /* does not look behind the path */
    assert_ptr_equal(tried, file);
    assert_int_equal(opens, 2);
    cu_fdcache_release(cache, file, false); /* out of date, and still in use */
    assert_true(is_open(fd));
    cu_fdcache_untry(cache, tried);
    assert_false(is_open(fd));
    assert_null(cu_fdcache_try(cache, "/a", 2, &version));
    assert_int_equal(cu_fdcache_acquire(cache, "/a", &version, true, open_null, NULL, &file), 0);
    cu_fdcache_release(cache, file, true);
    tried = cu_fdcache_try(cache, "/a", 2, &version);
    assert_ptr_equal(tried, file);
    cu_fdcache_untry(cache, tried);
    assert_true(is_open(cu_fdcache_fd(file)));
}

static void files_in_use_stay_open(void **state)
{
    struct cu_fdcache_file *files[4];
    int fds[4];
    char path[16];

    (void)state;
    for (int i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "/%d", i);
        files[i] = acquire(path, 1);
        fds[i] = cu_fdcache_fd(files[i]);
    }
    for (int i = 0; i < 4; i++)
        assert_true(is_open(fds[i])); /* though it is two more than are kept */
    for (int i = 0; i < 4; i++)
        cu_fdcache_release(cache, files[i], true);
    assert_false(is_open(fds[0]) || is_open(fds[1]));
    assert_true(is_open(fds[2]) && is_open(fds[3]));
}

static void a_sweep_closes_what_is_idle(void **state)
{
    struct cu_fdcache_file *a = acquire("/a", 1), *b = acquire("/b", 1);
    int fd = cu_fdcache_fd(b);
    uint64_t before = uv_hrtime();

    (void)state;
    cu_fdcache_release(cache, b, true);
    assert_int_equal(cu_fdcache_sweep(cache, before), 2); /* used since */
    assert_true(is_open(fd));
    assert_int_equal(cu_fdcache_sweep(cache, UINT64_MAX), 1);
    assert_false(is_open(fd));
    assert_true(is_open(cu_fdcache_fd(a)));
    cu_fdcache_release(cache, a, true);
    assert_int_equal(cu_fdcache_sweep(cache, UINT64_MAX), 0);
}

static void read_once(void *context)
{
    struct cu_version version = {.size = 1};
    struct cu_fdcache_file *file;
    int *result = context;

    *result = cu_fdcache_acquire(cache, "/a", &version, false, open_slowly, NULL, &file);
    if (*result == 0)
        cu_fdcache_release(cache, file, true);
}

/* All want the file while the first is opening it. */
static void read_at_once(int expected)
{
    uv_thread_t threads[READERS];
    int results[READERS];

    assert_int_equal(uv_sem_init(&opening, 0), 0);
    assert_int_equal(uv_sem_init(&go_on, 0), 0);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(uv_thread_create(&threads[i], read_once, &results[i]), 0);
    uv_sem_wait(&opening);
    for (int i = 0; i < READERS; i++)
        uv_sem_post(&go_on); /* enough for all, if a failed attempt is made again */
    for (int i = 0; i < READERS; i++) {
        uv_thread_join(&threads[i]);
        assert_int_equal(results[i], expected);
    }
    uv_sem_destroy(&opening);
    uv_sem_destroy(&go_on);
}

static void readers_at_once_share_one_opening(void **state)
{
    (void)state;
    read_at_once(0);
    assert_int_equal(opens, 1);
}

static void a_failure_is_told_to_all_and_not_kept(void **state)
{
    (void)state;
    open_result = -EACCES;
    read_at_once(-EACCES);
    assert_true(opens >= 1);
    open_result = 0;
    opens = 0;
    cu_fdcache_release(cache, acquire("/a", 1), true);
    assert_int_equal(opens, 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    static const struct CMUnitTest tests[] = {
        TEST(one_version_is_opened_once),
        TEST(what_is_out_of_date_is_not_handed_out),
        TEST(a_try_opens_nothing),
        TEST(files_in_use_stay_open),
        TEST(a_sweep_closes_what_is_idle),
        TEST(readers_at_once_share_one_opening),
        TEST(a_failure_is_told_to_all_and_not_kept),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
