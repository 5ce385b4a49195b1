/* SPDX-License-Identifier: BSD-3-Clause */
/* MOUNT/.copper: a file of each lookup's moment, whatever storage has there; and the attributes
 * that tell where a file is from. */
#include "front_node.h"

#include "base/buf.h"
#include "front/special.h"

#include <dirent.h>
#include <sys/xattr.h>

#define TEXT_BYTES 100000

static struct node node;
static unsigned made; /* texts; by the loop thread */

/* Of one letter, longer each time. */
static struct cu_buf *metrics(void *context)
{
    struct cu_buf *text = cu_buf_new(TEXT_BYTES + made);

    (void)context;
    assert(text);
    memset(text->data, 'a' + (int)(made++ % 26), text->size);
    return text;
}

static void make(void)
{
    assert_int_equal(mkdir(ROOT("/.copper"), 0755), 0);
    node_write(ROOT("/.copper/metrics"), 10, 0);
    node_write(ROOT("/.copper/other"), 10, 0);
    assert_int_equal(mkdir(ROOT("/d"), 0755), 0);
    assert_int_equal(mkdir(ROOT("/d/.copper"), 0755), 0);
    node_write(ROOT("/large"), 20 * NODE_CHUNK_BYTES + 100, 0);
}

static int setup(void **state)
{
    const struct node_config config = {
        .hidden = CU_SPECIAL_PATH, .enoent_ttl_ms = 60000, .metrics = metrics};

    made = 0;
    return node_setup_as(&node, state, config, make);
}

static int open_metrics(void)
{
    int fd = open(MOUNT("/.copper/metrics"), O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

/* All of one letter, and as long as stat says: that letter. */
static char read_metrics(int fd)
{
    static char bytes[2 * TEXT_BYTES];
    struct stat st;
    ssize_t got;

    assert_int_equal(fstat(fd, &st), 0);
    got = pread(fd, bytes, sizeof(bytes), 0);
    assert_int_equal(got, st.st_size);
    assert_true(got >= TEXT_BYTES);
    for (ssize_t i = 0; i < got; i++)
        assert_int_equal(bytes[i], bytes[0]);
    return bytes[0];
}

static void an_open_file_keeps_its_state(void **state)
{
    int one, two;
    char first;

    if (!*state)
        skip();
    one = open_metrics();
    two = open_metrics();
    first = read_metrics(one);
    assert_int_not_equal(read_metrics(two), first);
    assert_int_equal(read_metrics(one), first);
    close(one);
    close(two);
    assert_int_not_equal(read_metrics(one = open_metrics()), first);
    close(one);
}

static void it_is_not_storages_and_in_no_listing(void **state)
{
    struct dirent *e;
    struct stat st;
    unsigned names = 0;
    DIR *dir;

    if (!*state)
        skip();
    assert_int_equal(lstat(MOUNT("/.copper/other"), &st), -1);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(lstat(MOUNT("/.copper/metrics/x"), &st), -1);
    assert_int_equal(errno, ENOTDIR);
    assert_int_equal(lstat(MOUNT("/.copper"), &st), 0);
    assert_int_equal(st.st_mode, S_IFDIR | 0500);
    assert_int_equal(lstat(MOUNT("/d/.copper"), &st), 0); /* only the one at the top */
    assert_int_equal(st.st_mode, S_IFDIR | 0755);
    assert_int_equal(getxattr(MOUNT("/.copper/metrics"), "user.copper.source", NULL, 0), -1);
    assert_int_equal(errno, ENODATA);
    assert_int_equal(listxattr(MOUNT("/.copper"), NULL, 0), 0);
    dir = opendir(MOUNT(""));
    assert_non_null(dir);
    while ((e = readdir(dir)))
        assert_string_not_equal(e->d_name, ".copper");
    closedir(dir);
    dir = opendir(MOUNT("/.copper"));
    assert_non_null(dir);
    while ((e = readdir(dir)))
        names++;
    assert_int_equal(names, 3);
    closedir(dir);
}

static void files_fn(struct node *n, void *arg)
{
    (void)n;
    *(unsigned *)arg = made;
}

/* The kernel gives files back that nobody has open; of those that are open the newest are kept. */
static void files_have_a_bound(void **state)
{
    static int fds[CU_SPECIAL_FILES_MAX * 2];
    unsigned count = 0, kept = 0;
    char byte;

    if (!*state)
        skip();
    for (size_t i = 0; i < CU_SPECIAL_FILES_MAX * 2; i++)
        fds[i] = open_metrics();
    for (size_t i = 0; i < CU_SPECIAL_FILES_MAX * 2; i++) {
        bool reads = pread(fds[i], &byte, 1, 70000) == 1;

        assert_true(reads || errno == ESTALE);
        kept += reads;
        assert_true(reads || i + CU_SPECIAL_FILES_MAX / 4 < CU_SPECIAL_FILES_MAX * 2);
        close(fds[i]);
    }
    assert_true(kept >= 1 && kept <= CU_SPECIAL_FILES_MAX);
    node_call(&node, files_fn, &count);
    assert_true(count >= CU_SPECIAL_FILES_MAX * 2);
    (void)read_metrics(fds[0] = open_metrics());
    close(fds[0]);
}

static const char *attribute(const char *path, const char *name)
{
    static char value[300];
    ssize_t len = getxattr(MOUNT(path), name, value, sizeof(value) - 1);

    assert_true(len >= 0);
    value[len] = '\0';
    return value;
}

static void what_is_cached_is_counted_by_piece(void **state)
{
    char bytes[4096];
    unsigned long cached;
    int fd;

    if (!*state)
        skip();
    assert_string_equal(attribute("/large", "user.copper.cached"), "0");
    assert_string_equal(attribute("/large", "user.copper.source"), "storage");
    assert_string_equal(attribute("/large", "user.copper.level"), "0");
    fd = open(MOUNT("/large"), O_RDONLY | O_CLOEXEC);
    assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM), 0);
    assert_int_equal(pread(fd, bytes, sizeof(bytes), 10 * NODE_CHUNK_BYTES + 8192), sizeof(bytes));
    cached = strtoul(attribute("/large", "user.copper.cached"), NULL, 10);
    assert_true(cached >= sizeof(bytes) && cached < 2 * NODE_CHUNK_BYTES);
    assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_NORMAL), 0);
    for (off_t at = 0; pread(fd, bytes, sizeof(bytes), at) > 0;)
        at += (off_t)sizeof(bytes);
    close(fd);
    assert_int_equal(strtoul(attribute("/large", "user.copper.cached"), NULL, 10),
                     20 * NODE_CHUNK_BYTES + 100);
    assert_int_equal(getxattr(MOUNT("/large"), "user.copper.cached", bytes, 1), -1);
    assert_int_equal(errno, ERANGE);
    assert_int_equal(getxattr(MOUNT("/large"), "user.copper", NULL, 0), -1);
    assert_int_equal(errno, ENODATA);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_open_file_keeps_its_state, setup, node_teardown),
        cmocka_unit_test_setup_teardown(it_is_not_storages_and_in_no_listing, setup, node_teardown),
        cmocka_unit_test_setup_teardown(files_have_a_bound, setup, node_teardown),
        cmocka_unit_test_setup_teardown(what_is_cached_is_counted_by_piece, setup, node_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
