/* SPDX-License-Identifier: BSD-3-Clause */
/* Files read whole: small ones of the kernel, and others up to a bound. */
#include "host/readfile.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/copper-readfile.XXXXXX";

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    char path[64];

    (void)state;
    snprintf(path, sizeof(path), "%s/f", dir);
    (void)unlink(path);
    return rmdir(dir);
}

/* The file f in the directory, with that text. */
static void put(const char *text)
{
    char path[64];
    FILE *file;

    snprintf(path, sizeof(path), "%s/f", dir);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void white_space_at_the_end_is_cut(void **state)
{
    static const char *const texts[][2] = {
        {"", ""}, {"\n", ""}, {"max", "max"}, {"max\n", "max"}, {" a b \t\n\n", " a b"},
    };
    char text[16];

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        put(texts[i][0]);
        assert_int_equal(cu_readfile_small(dir, "/f", text, sizeof(text)), strlen(texts[i][1]));
        assert_string_equal(text, texts[i][1]);
    }
}

static void what_does_not_fit_is_an_error(void **state)
{
    char text[8];

    (void)state;
    put("1234567");
    assert_int_equal(cu_readfile_small(dir, "/f", text, sizeof(text)), 7);
    put("12345678"); /* no room for the NUL */
    assert_int_equal(cu_readfile_small(dir, "/f", text, sizeof(text)), -EFBIG);
    put("1234567\n"); /* nor for what would be cut */
    assert_int_equal(cu_readfile_small(dir, "/f", text, sizeof(text)), -EFBIG);
}

static void errors_of_the_file_are_told(void **state)
{
    static char far[2 * PATH_MAX];
    char text[8];

    (void)state;
    assert_int_equal(cu_readfile_small(dir, "/nothing", text, sizeof(text)), -ENOENT);
    assert_int_equal(cu_readfile_small(dir, "/", text, sizeof(text)), -EISDIR);
    memset(far, 'x', sizeof(far) - 1);
    far[0] = '/';
    assert_int_equal(cu_readfile_small(dir, far, text, sizeof(text)), -ENAMETOOLONG);
}

static void no_root_is_none(void **state)
{
    char text[64];

    (void)state;
    assert_true(cu_readfile_small(NULL, "/proc/self/comm", text, sizeof(text)) > 0);
    assert_true(cu_readfile_small("", "/proc/self/comm", text, sizeof(text)) > 0);
    assert_null(strchr(text, '\n'));
}

/* A descriptor of a file with that text. */
static int open_with(const char *text)
{
    char path[64];
    int fd;

    put(text);
    snprintf(path, sizeof(path), "%s/f", dir);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    return fd;
}

static void a_file_is_read_from_where_its_descriptor_stands(void **state)
{
    char *text = NULL;
    size_t size = 99;
    int fd = open_with("one\ntwo\n");

    (void)state;
    assert_int_equal(cu_readfile_all(fd, 100, &text, &size), 0);
    assert_int_equal(size, 8);
    assert_string_equal(text, "one\ntwo\n"); /* nothing is cut */
    free(text);
    assert_int_equal(cu_readfile_all(fd, 100, &text, &size), 0);
    assert_int_equal(size, 0);
    assert_string_equal(text, "");
    free(text);
    assert_int_equal(lseek(fd, 4, SEEK_SET), 4);
    assert_int_equal(cu_readfile_all(fd, 4, &text, &size), 0); /* as much as may be */
    assert_string_equal(text, "two\n");
    free(text);
    close(fd);
}

static void a_file_over_the_bound_is_not_read(void **state)
{
    char *text = dir;
    size_t size;
    int fd = open_with("12345");

    (void)state;
    assert_int_equal(cu_readfile_all(fd, 4, &text, &size), -EFBIG);
    assert_null(text);
    close(fd);
    fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    text = dir;
    assert_int_equal(cu_readfile_all(fd, 4, &text, &size), -EISDIR);
    assert_null(text);
    close(fd);
    assert_int_equal(cu_readfile_all(-1, 4, &text, &size), -EBADF);
}

/* Its reads are as short as a pipe's. */
static void a_stream_is_read_to_its_end(void **state)
{
    FILE *stream = popen("printf one; printf two; head -c 70000 /dev/zero", "re");
    char *text;
    size_t size;

    (void)state;
    assert_non_null(stream);
    assert_int_equal(cu_readfile_all(fileno(stream), 1 << 20, &text, &size), 0);
    assert_int_equal(size, 70006);
    assert_memory_equal(text, "onetwo", 7);
    free(text);
    assert_int_equal(pclose(stream), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(white_space_at_the_end_is_cut),
        cmocka_unit_test(what_does_not_fit_is_an_error),
        cmocka_unit_test(errors_of_the_file_are_told),
        cmocka_unit_test(no_root_is_none),
        cmocka_unit_test(a_file_is_read_from_where_its_descriptor_stands),
        cmocka_unit_test(a_file_over_the_bound_is_not_read),
        cmocka_unit_test(a_stream_is_read_to_its_end),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
