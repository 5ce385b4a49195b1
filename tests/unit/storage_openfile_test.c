/* SPDX-License-Identifier: BSD-3-Clause */
/* Opening files: what storage refuses only because of the daemon's own flags is no answer, and a
 * descriptor that has become useless is opened again. */
#include "storage_tree.h"

#include "storage/openfile.h"

#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>

/* Opening a path below "/odd" fails with `wrong` when one of these flags is among its own. */
static int refused, wrong;

int open(const char *path, int flags, ...)
{
    va_list args;
    int mode;

    va_start(args, flags);
    mode = flags & O_CREAT ? va_arg(args, int) : 0;
    va_end(args);
    if (!(flags & (O_CREAT | O_PATH)) && (flags & refused) && strstr(path, "/odd")) {
        errno = wrong;
        return -1;
    }
    return openat(AT_FDCWD, path, flags, mode);
}

static void flags_that_storage_refuses_are_left_out(void **state)
{
    static const struct {
        int flags, error;
    } refusals[] = {
        {O_NOATIME, EINVAL}, {O_NOATIME, EOPNOTSUPP}, {O_NONBLOCK, EAGAIN}, {O_NOATIME, EPERM}};

    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        char path[] = "/odd0";
        struct cu_version version;

        path[4] = (char)('0' + i);
        make_file(path, CHUNK + 9);
        version = version_at(path);
        refused = refusals[i].flags;
        wrong = refusals[i].error;
        assert_int_equal(run_chunk(path, version, 1), 0);
        check_bytes(done.value.bytes, done.value.hash, CHUNK, 9);
        refused = 0;
    }
}

static void a_read_waits_too(void **state)
{
    int no_atime_refused = 0, fd;
    uint32_t opens = 0;

    (void)state;
    make_file("/odd", 9);
    refused = O_NONBLOCK;
    wrong = EAGAIN;
    for (int i = 0; i < 2; i++) {
        fd = cu_openfile(at("/odd"), &no_atime_refused, &opens);
        assert_true(fd >= 0);
        assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
        close(fd);
        refused = 0;
    }
    assert_int_equal(opens, 3);
}

static void nothing_but_a_file_is_waited_for(void **state)
{
    int no_atime_refused = 0;
    uint32_t opens = 0;

    (void)state;
    assert_int_equal(mkfifo(at("/odd"), 0644), 0);
    refused = O_NONBLOCK;
    wrong = EAGAIN;
    assert_int_equal(cu_openfile(at("/odd"), &no_atime_refused, &opens), -EAGAIN);
    refused = 0;
    assert_int_equal(symlink("odd", at("/link")), 0);
    assert_int_equal(cu_openfile(at("/link"), &no_atime_refused, &opens), -ELOOP);
}

static int leased;

static void give_back(int signal)
{
    (void)signal;
    (void)fcntl(leased, F_SETLEASE, F_UNLCK);
}

/* As file servers do it for their clients: until somebody else wants the file. */
static pid_t hold_lease(const char *path)
{
    int ready[2];
    char byte;
    pid_t pid;

    assert_int_equal(pipe(ready), 0);
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        alarm(WATCHDOG_S);
        (void)signal(SIGIO, give_back);
        leased = openat(AT_FDCWD, path, O_RDWR | O_CLOEXEC);
        byte = leased >= 0 && fcntl(leased, F_SETLEASE, F_WRLCK) == 0;
        if (write(ready[1], &byte, 1) == 1)
            for (;;)
                pause();
        _exit(1);
    }
    close(ready[1]);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    assert_int_equal(byte, 1);
    return pid;
}

static void a_lease_of_another_process_is_waited_for(void **state)
{
    struct cu_version version;
    pid_t pid;

    (void)state;
    make_file("/file", 100);
    version = version_at("/file");
    pid = hold_lease(at("/file"));
    assert_int_equal(run_chunk("/file", version, 0), 0);
    check_bytes(done.value.bytes, done.value.hash, 0, 100);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/* The descriptor that storage holds of the file; it becomes one that gives nothing. */
static void spoil(const char *path)
{
    char link[64], target[512], wanted[512];
    int useless = open("/dev/null", O_WRONLY | O_CLOEXEC), spoilt = 0;

    snprintf(wanted, sizeof(wanted), "%s", at(path));
    for (int fd = 3; fd < 256; fd++) {
        ssize_t n;

        snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
        n = readlink(link, target, sizeof(target) - 1);
        target[n > 0 ? n : 0] = '\0';
        if (strcmp(target, wanted) == 0)
            spoilt += dup3(useless, fd, O_CLOEXEC) == fd;
    }
    close(useless);
    assert_int_equal(spoilt, 1);
}

static void a_descriptor_that_has_become_useless_is_opened_again(void **state)
{
    struct cu_request holes = request_of(CU_KIND_HOLES, "/file");

    (void)state;
    make_file("/file", 2 * CHUNK);
    holes.version = version_at("/file");
    assert_int_equal(run_chunk("/file", holes.version, 0), 0);
    spoil("/file");
    assert_int_equal(run_chunk("/file", holes.version, 1), 0);
    check_bytes(done.value.bytes, done.value.hash, CHUNK, CHUNK);
    spoil("/file");
    assert_int_equal(run(&holes), 0);
    assert_int_equal(counters[CU_COUNT_storage_open], 3);
    assert_int_equal(counters[CU_COUNT_storage_errors], 0);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, tree_setup, tree_teardown)
    static const struct CMUnitTest tests[] = {
        TEST(flags_that_storage_refuses_are_left_out),
        TEST(a_read_waits_too),
        TEST(nothing_but_a_file_is_waited_for),
        TEST(a_lease_of_another_process_is_waited_for),
        TEST(a_descriptor_that_has_become_useless_is_opened_again),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
