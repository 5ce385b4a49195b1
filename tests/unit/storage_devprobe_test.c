/* SPDX-License-Identifier: BSD-3-Clause */
/* Real directories, below mounts that exist in the text of a mount table only. */
#include "storage/devprobe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static char top[] = "/tmp/devprobe.XXXXXX";
static unsigned dev_major, dev_minor; /* of top */

static const char *at(const char *name)
{
    static char path[256];

    snprintf(path, sizeof(path), "%s%s", top, name);
    return path;
}

static void make_file(const char *name)
{
    int fd = open(at(name), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    close(fd);
}

static int set_up(void **state)
{
    struct stat st;

    (void)state;
    if (!mkdtemp(top) || stat(top, &st))
        return -1;
    dev_major = major(st.st_dev);
    dev_minor = minor(st.st_dev);
    return 0;
}

static int tear_down(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -r '%s'", top);
    return system(command); /* NOLINT(cert-env33-c): a path of our own */
}

/* Of a mount with that device on top; more: further mounts. */
static int tried(unsigned major_number, unsigned minor_number, const char *more)
{
    char text[1024];
    struct cu_fsmap_config config = {.text = text, .main = "/"};
    struct cu_fsmap *map;
    int found;

    snprintf(text, sizeof(text),
             "27 1 254:0 / / rw - ext4 /dev/vda rw\n30 27 %u:%u / %s rw - overlay o rw\n%s",
             major_number, minor_number, top, more);
    config.size = strlen(text);
    map = cu_fsmap_create(&config);
    assert_non_null(map);
    found = cu_devprobe_try(map, cu_fsmap_find(map, top, strlen(top)));
    cu_fsmap_destroy(map);
    return found;
}

static void a_file_tells(void **state)
{
    char more[512];

    (void)state;
    assert_int_equal(tried(dev_major, dev_minor, ""), -ENODATA);
    assert_int_equal(mkdir(at("/a"), 0755), 0);
    assert_int_equal(mkdir(at("/a/b"), 0755), 0);
    assert_int_equal(mkdir(at("/closed"), 0), 0);
    assert_int_equal(tried(0, 12345, ""), -ENODATA); /* a directory does not */
    make_file("/a/b/file");
    assert_int_equal(tried(dev_major, dev_minor, ""), 0);
    assert_int_equal(tried(0, 12345, ""), 1);
    /* What is mounted below is another file system, and may hang. */
    snprintf(more, sizeof(more), "31 30 0:50 / %s rw - nfs4 s:/ rw\n", at("/a"));
    assert_int_equal(tried(0, 12345, more), -ENODATA);
    assert_int_equal(symlink("nowhere", at("/link")), 0);
    assert_int_equal(tried(0, 12345, more), 1);
    assert_int_equal(tried(dev_major, dev_minor, more), 0);
}

static void it_is_bounded(void **state)
{
    char name[64];

    (void)state;
    assert_int_equal(unlink(at("/link")), 0);
    assert_int_equal(unlink(at("/a/b/file")), 0);
    for (unsigned i = 0; i < 200; i++) {
        snprintf(name, sizeof(name), "/a/d%u", i);
        assert_int_equal(mkdir(at(name), 0755), 0);
        strcat(name, "/x");
        assert_int_equal(mkdir(at(name), 0755), 0);
        strcat(name, "/file");
        make_file(name);
    }
    assert_int_equal(tried(0, 12345, ""), -ENODATA);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_tells),
        cmocka_unit_test(it_is_bounded),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
