/* SPDX-License-Identifier: BSD-3-Clause */
/* Which file systems show another ctime each time they are asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "storage/stamps.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

/* What the calls of statx(2) say, one after the other; the last one again and again. */
struct said {
    mode_t mode; /* 0: the call fails */
    uint64_t size;
    int64_t mtime, ctime;
};

static const struct said *answers;
static unsigned count, calls;

#define ANSWERS(...)                                                                               \
    do {                                                                                           \
        static const struct said these[] = {__VA_ARGS__};                                          \
        answers = these;                                                                           \
        count = sizeof(these) / sizeof(these[0]);                                                  \
        calls = 0;                                                                                 \
    } while (0)

int statx(int dir, const char *restrict path, int flags, unsigned mask, struct statx *restrict x)
{
    unsigned i = calls < count ? calls : count - 1;

    (void)dir, (void)mask;
    assert_true(flags & AT_STATX_FORCE_SYNC);
    assert_string_equal(path, "/fs/file");
    calls++;
    if (answers[i].mode == 0) {
        errno = ENOENT;
        return -1;
    }
    memset(x, 0, sizeof(*x));
    x->stx_mode = (uint16_t)answers[i].mode;
    x->stx_size = answers[i].size;
    x->stx_mtime.tv_sec = answers[i].mtime;
    x->stx_ctime.tv_sec = answers[i].ctime;
    return 0;
}

static struct cu_fsmap_mount mount_of(dev_t dev)
{
    return (struct cu_fsmap_mount){
        .info = {.dev = dev, .type = (char *)"fuse", .source = (char *)"x", .options = (char *)""}};
}

static bool drifts(struct cu_stamps *stamps, dev_t dev)
{
    struct cu_fsmap_mount mount = mount_of(dev);

    return cu_stamps_drift(stamps, &mount, "/fs/file");
}

static void what_differs_twice_drifts(void **state)
{
    struct cu_fsmap_mount mount = mount_of(1);
    struct cu_stamps stamps = {0};

    (void)state;
    ANSWERS({S_IFREG, 5, 10, 20}, {S_IFREG, 5, 10, 21}, {S_IFREG, 5, 10, 20});
    assert_false(cu_stamps_drift(&stamps, &mount, NULL));
    assert_int_equal(calls, 0);
    assert_true(drifts(&stamps, 1));
    assert_int_equal(calls, 3);
    assert_true(drifts(&stamps, 1)); /* for good */
    assert_true(cu_stamps_drift(&stamps, &mount, NULL));
    assert_int_equal(calls, 3);
}

static void a_change_is_no_drift(void **state)
{
    struct cu_stamps stamps = {0};

    (void)state;
    ANSWERS({S_IFREG, 5, 10, 20});
    assert_false(drifts(&stamps, 1));
    assert_int_equal(calls, 2);
    ANSWERS({S_IFREG, 5, 10, 20}, {S_IFREG, 5, 10, 21});
    assert_false(drifts(&stamps, 2));
    ANSWERS({S_IFREG, 5, 10, 20}, {S_IFREG, 5, 11, 21}, {S_IFREG, 5, 12, 22});
    assert_false(drifts(&stamps, 3));
    ANSWERS({S_IFREG, 5, 10, 20}, {S_IFREG, 6, 10, 21}, {S_IFREG, 7, 10, 22});
    assert_false(drifts(&stamps, 4));
    ANSWERS({S_IFREG, 5, 10, 20}, {S_IFREG, 5, 10, 21}, {S_IFREG, 5, 10, 22});
    for (dev_t dev = 1; dev <= 4; dev++)
        assert_false(drifts(&stamps, dev)); /* it is known */
    assert_int_equal(calls, 0);
}

static void only_a_file_tells(void **state)
{
    struct cu_stamps stamps = {0};

    (void)state;
    ANSWERS({S_IFDIR, 5, 10, 20});
    assert_false(drifts(&stamps, 1));
    ANSWERS({0, 0, 0, 0});
    assert_false(drifts(&stamps, 1));
    ANSWERS({S_IFREG, 5, 10, 20}, {0, 0, 0, 0});
    assert_false(drifts(&stamps, 1));
    ANSWERS({S_IFREG, 5, 10, 20}, {S_IFREG, 5, 10, 21}, {S_IFREG, 5, 10, 22});
    assert_true(drifts(&stamps, 1));
}

static void the_latest_are_remembered(void **state)
{
    struct cu_stamps stamps = {0};

    (void)state;
    ANSWERS({S_IFREG, 5, 10, 20}, {S_IFREG, 5, 10, 21}, {S_IFREG, 5, 10, 22});
    for (dev_t dev = 0; dev <= CU_STAMPS_MAX; dev++) {
        calls = 0;
        assert_true(drifts(&stamps, dev));
    }
    calls = 0;
    for (dev_t dev = 1; dev <= CU_STAMPS_MAX; dev++)
        assert_true(drifts(&stamps, dev));
    assert_int_equal(calls, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_differs_twice_drifts),
        cmocka_unit_test(a_change_is_no_drift),
        cmocka_unit_test(only_a_file_tells),
        cmocka_unit_test(the_latest_are_remembered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
