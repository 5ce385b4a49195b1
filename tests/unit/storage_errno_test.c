/* SPDX-License-Identifier: BSD-3-Clause */
/* Storage that answers with unusual errnos: each call gets all of them. */
#include "storage_tree.h"

#include <stdarg.h>
#include <sys/syscall.h>
#include <sys/xattr.h>

/* The calls of this program: those of paths below "/odd" fail with `wrong`, so many times. */
static int wrong;
static unsigned times, calls;

static bool fails(const char *path)
{
    if (!strstr(path, "/odd"))
        return false;
    calls++;
    if (times == 0)
        return false;
    times--;
    errno = wrong;
    return true;
}

int lstat(const char *path, struct stat *st)
{
    return fails(path) ? -1 : fstatat(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW);
}

ssize_t readlink(const char *path, char *to, size_t size)
{
    if (strstr(path, "/odd-empty"))
        return 0;
    return fails(path) ? -1 : readlinkat(AT_FDCWD, path, to, size);
}

int open(const char *path, int flags, ...)
{
    va_list args;
    int mode;

    va_start(args, flags);
    mode = flags & O_CREAT ? va_arg(args, int) : 0;
    va_end(args);
    return !(flags & O_CREAT) && fails(path) ? -1 : openat(AT_FDCWD, path, flags, mode);
}

ssize_t llistxattr(const char *path, char *list, size_t size)
{
    return fails(path) ? -1 : syscall(SYS_llistxattr, path, list, size);
}

#define FILES 600

/* Files that are open already are not opened: each attempt may have one of its own. */
static struct cu_version versions[FILES];

static int odd_setup(void **state)
{
    char name[16];

    times = 0;
    if (tree_setup(state))
        return -1;
    make_dir("/odd-dir");
    for (unsigned i = 0; i < FILES; i++) {
        snprintf(name, sizeof(name), "/odd%u", i);
        make_file(name, 9);
    }
    let_stamps_age();
    for (unsigned i = 0; i < FILES; i++) {
        snprintf(name, sizeof(name), "/odd%u", i);
        versions[i] = version_at(name);
    }
    return 0;
}

/* What the attempt of that kind says. */
static int attempt(enum cu_kind kind, unsigned file)
{
    char name[16];
    struct cu_request request;

    snprintf(name, sizeof(name), kind == CU_KIND_DIR ? "/odd-dir" : "/odd%u", file);
    request = request_of(kind, name);
    if (kind == CU_KIND_DATA || kind == CU_KIND_HOLES)
        request.version = versions[file];
    return run(&request);
}

static const enum cu_kind kinds[] = {CU_KIND_ATTR,  CU_KIND_DIR,    CU_KIND_DATA,
                                     CU_KIND_XATTR, CU_KIND_STATFS, CU_KIND_HOLES};

/* Every errno there is, and those of the kernel's own: an error that a process may have, and the
 * value once it is over. */
static void each_errno_of_each_call_is_told_and_forgotten(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        for (wrong = 1; wrong < FILES; wrong++) {
            int said;

            if (kinds[i] == CU_KIND_XATTR && (wrong == E2BIG || wrong == ERANGE))
                continue; /* of the list: what the kernel asks for is read all the same */
            times = UINT32_MAX;
            said = attempt(kinds[i], (unsigned)wrong);
            if (said <= 0 || said >= 512)
                fail_msg("kind %d: errno %d became %d", kinds[i], wrong, said);
            if (wrong < 134 && said != wrong && said != ESTALE && said != ENOTDIR)
                fail_msg("kind %d: errno %d became %d", kinds[i], wrong, said);
            times = 0;
            assert_int_equal(attempt(kinds[i], (unsigned)wrong), 0);
        }
    }
}

static void an_interrupted_call_is_made_again_and_not_for_ever(void **state)
{
    unsigned file = 0;

    (void)state;
    wrong = EINTR;
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        times = 3;
        assert_int_equal(attempt(kinds[i], file++), 0);
        assert_int_equal(times, 0);
        times = UINT32_MAX;
        calls = 0;
        assert_int_equal(attempt(kinds[i], file++), EINTR);
        assert_in_range(calls, 4, 64);
        times = 0;
    }
}

static void a_link_may_be_empty(void **state)
{
    (void)state;
    assert_int_equal(symlink("target", at("/odd-empty")), 0);
    assert_int_equal(run_kind(CU_KIND_ATTR, "/odd-empty"), 0);
    assert_true(S_ISLNK(done.value.attr.mode));
    assert_null(done.value.bytes);
    assert_int_equal(done.value.hash, 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, odd_setup, tree_teardown)
    static const struct CMUnitTest tests[] = {
        TEST(each_errno_of_each_call_is_told_and_forgotten),
        TEST(an_interrupted_call_is_made_again_and_not_for_ever),
        TEST(a_link_may_be_empty),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
