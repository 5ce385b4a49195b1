/* SPDX-License-Identifier: BSD-3-Clause */
/* Parts of a host list: how many, and what travels to the first host of one. */
#include "copper/remote_part.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int file_with(const void *bytes, size_t size)
{
    int fd = memfd_create("test", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

static void as_many_as_the_root_of_the_hosts(void **state)
{
    static const struct {
        size_t hosts;
        const char *text;
        size_t count;
    } cases[] = {
        {1, NULL, 0},      {256, NULL, 0},  {257, NULL, 17},   {10624, NULL, 104},
        {100000, "", 317}, {10624, "0", 0}, {10624, "1", 0},   {4, "2", 2},
        {4, "9", 4},       {1, "2", 0},     {10624, "64", 64},
    };
    size_t count;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(cu_part_count(cases[i].hosts, cases[i].text, &count), 0);
        assert_int_equal(count, cases[i].count);
    }
    assert_int_equal(cu_part_count(4, "x", &count), -EINVAL);
    assert_int_equal(cu_part_count(4, "-1", &count), -EINVAL);
}

static void what_is_written_is_read(void **state)
{
    char text[] = "node[08-11],other", input[100000], path[64], *copy = malloc(sizeof(input));
    struct cu_hosts hosts;
    struct cu_part part;
    struct cu_error err;
    int from, fd;

    (void)state;
    for (size_t i = 0; i < sizeof(input); i++)
        input[i] = (char)(i % 251); /* zeros and newlines, too */
    from = file_with(input, sizeof(input));
    snprintf(path, sizeof(path), "/proc/self/fd/%d", from);
    assert_int_equal(cu_parse_hosts(text, strlen(text), &hosts, &err), 0);
    fd = cu_part_write(&hosts, 1, 3, "ssh -o BatchMode=yes", path);
    assert_true(fd >= 0);
    assert_int_equal(cu_part_read(fd, &part, &err), 0);
    assert_int_equal(part.hosts.count, 3);
    assert_string_equal(part.hosts.names[0], "node09");
    assert_string_equal(part.hosts.names[2], "node11");
    assert_int_equal(part.self, 0);
    assert_string_equal(part.shell, "ssh -o BatchMode=yes");
    assert_non_null(copy);
    assert_int_equal(pread(part.input_fd, copy, sizeof(input), 0), sizeof(input));
    assert_int_equal(pread(part.input_fd, copy + 1, 1, sizeof(input)), 0);
    assert_memory_equal(copy, input, sizeof(input));
    cu_part_free(&part);
    cu_parse_hosts_free(&hosts);
    free(copy);
    close(from);
    close(fd);
}

/* A shell's start-up file may have read some of it, or this is another version's. */
static void what_is_broken_is_refused(void **state)
{
    static const char *const broken[] = {
        "",
        "exit 93\ncopper-part 1\nshell ssh\nself a\nhosts a,b\n\n",
        "copper-part 1\nshell ssh\nself a\nhosts a,b\n\n",
        "copper-part 2\nshell ssh\nself a\nhosts a,b\n\n",
        "exit 93\ncopper-part 2\n",
        "exit 93\ncopper-part 2\nshell ssh\nself a\nhosts a,b\n",
        "exit 93\ncopper-part 2\n\n",
        "exit 93\ncopper-part 2\nshell \nself a\nhosts a,b\n\n",
        "exit 93\ncopper-part 2\nself a\nhosts a,b\n\n",
        "exit 93\ncopper-part 2\nshell ssh\nself c\nhosts a,b\n\n",
        "exit 93\ncopper-part 2\nshell ssh\nself a\nhosts a,-oProxyCommand=x\n\n",
        "exit 93\ncopper-part 2\nshell ssh\nself a\nhosts a[1-\n\n",
        "-part 1\nshell ssh\nself a\nhosts a,b\n\nid 1",
    };
    struct cu_part part;
    struct cu_error err;

    (void)state;
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        int fd = file_with(broken[i], strlen(broken[i]));

        assert_true(cu_part_read(fd, &part, &err) < 0);
        assert_true(err.text[0] != '\0');
        assert_null(part.shell);
        assert_int_equal(part.input_fd, -1);
        close(fd);
    }
}

static void a_head_without_end_is_refused(void **state)
{
    size_t size = 2 << 20;
    char *text = malloc(size);
    struct cu_part part;
    struct cu_error err;
    int fd;

    (void)state;
    assert_non_null(text);
    memset(text, 'x', size);
    memcpy(text, "exit 93\ncopper-part 2\nshell ", strlen("exit 93\ncopper-part 2\nshell "));
    fd = file_with(text, size);
    assert_int_equal(cu_part_read(fd, &part, &err), -E2BIG);
    close(fd);
    free(text);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_many_as_the_root_of_the_hosts),
        cmocka_unit_test(what_is_written_is_read),
        cmocka_unit_test(what_is_broken_is_refused),
        cmocka_unit_test(a_head_without_end_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
