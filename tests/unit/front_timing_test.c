/* SPDX-License-Identifier: BSD-3-Clause */
/* Answers to the kernel are timed, each once, in the row of its operation and of where the answer
 * was. */
#include "front_node.h"

#include "core/latency.h"

#include <sys/ioctl.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <termios.h>

#define FILE_BYTES 3000000

static struct node node;
static struct cu_latency latency;

static void make(void)
{
    node_write(ROOT("/f"), FILE_BYTES, 0);
    node_write(ROOT("/small"), 10, 0);
    assert_int_equal(symlink("f", ROOT("/link")), 0);
}

static int setup(void **state)
{
    memset(&latency, 0, sizeof(latency));
    return node_setup_as(&node, state,
                         (struct node_config){.enoent_ttl_ms = 60000, .latency = &latency}, make);
}

static void copy_fn(struct node *n, void *arg)
{
    (void)n;
    memcpy(arg, &latency, sizeof(latency));
}

static uint64_t counted(const struct cu_latency *l, enum cu_latency_op op)
{
    uint64_t sum = 0;

    for (uint32_t where = 0; where < CU_WHERES; where++)
        sum += cu_histogram_count(&l->rows[op * CU_WHERES + where].us);
    return sum;
}

static void use_all(void)
{
    char bytes[4096];
    struct statvfs fs;
    struct termios term;
    struct stat st;
    int fd = open(MOUNT("/f"), O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0);
    while (read(fd, bytes, sizeof(bytes)) > 0)
        ;
    assert_int_equal(ioctl(fd, TCGETS, &term), -1);
    assert_true(lseek(fd, 0, SEEK_HOLE) >= 0);
    close(fd);
    assert_int_equal(lstat(MOUNT("/small"), &st), 0);
    assert_int_equal(lstat(MOUNT("/nothing"), &st), -1);
    assert_true(readlink(MOUNT("/link"), bytes, sizeof(bytes)) > 0);
    assert_true(getxattr(MOUNT("/small"), "user.x", bytes, sizeof(bytes)) < 0);
    assert_true(listxattr(MOUNT("/small"), bytes, sizeof(bytes)) >= 0);
    assert_int_equal(statvfs(MOUNT("/small"), &fs), 0);
    assert_int_equal(unlink(MOUNT("/small")), -1);
}

/* What is counted as a request is timed, no more and no less. */
static void each_answer_is_timed_once(void **state)
{
    static const struct {
        enum cu_latency_op op;
        enum cu_counter counter;
    } pairs[] = {
        {CU_LATENCY_LOOKUP, CU_COUNT_fuse_lookup},
        {CU_LATENCY_GETATTR, CU_COUNT_fuse_getattr},
        {CU_LATENCY_READLINK, CU_COUNT_fuse_readlink},
        {CU_LATENCY_READ, CU_COUNT_fuse_read},
        {CU_LATENCY_READDIR, CU_COUNT_fuse_readdir},
        {CU_LATENCY_GETXATTR, CU_COUNT_fuse_getxattr},
        {CU_LATENCY_LISTXATTR, CU_COUNT_fuse_listxattr},
        {CU_LATENCY_STATFS, CU_COUNT_fuse_statfs},
        {CU_LATENCY_IOCTL, CU_COUNT_fuse_ioctl},
    };
    static struct cu_latency l;
    uint64_t counters[CU_COUNTER_COUNT], all = 0;

    if (!*state)
        skip();
    use_all();
    node_counters(&node, counters);
    node_call(&node, copy_fn, &l);
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        assert_int_equal(counted(&l, pairs[i].op), counters[pairs[i].counter]);
    for (uint32_t op = 0; op < CU_LATENCY_OPS; op++)
        all += counted(&l, (enum cu_latency_op)op);
    assert_int_equal(all, node_requests(&node));
    assert_true(counted(&l, CU_LATENCY_LSEEK) == 1 && counted(&l, CU_LATENCY_IOCTL) == 1);
    assert_true(counted(&l, CU_LATENCY_READ) >= 3);
    for (uint32_t row = 0; row < CU_LATENCY_STORAGE; row++)
        assert_int_equal(l.rows[row].errors, 0);
    assert_int_equal(
        cu_histogram_count(&l.rows[CU_LATENCY_LOOKUP * CU_WHERES + CU_WHERE_PARENT].us), 0);
    assert_true(cu_histogram_count(&l.rows[CU_LATENCY_LOOKUP * CU_WHERES + CU_WHERE_STORAGE].us) >
                0);
    assert_int_equal(cu_histogram_count(&l.rows[CU_LATENCY_IOCTL * CU_WHERES + CU_WHERE_HERE].us),
                     1);
    assert_true(cu_histogram_count(&l.rows[CU_LATENCY_STORAGE].us) > 0);
    assert_int_equal(counters[CU_COUNT_requests_waiting], 0);
    assert_true(counters[CU_COUNT_requests_waiting_most] > 0);
    assert_int_equal(counters[CU_COUNT_storage_waiting], 0);
    assert_true(counters[CU_COUNT_storage_waiting_most] > 0);
}

static void *look(void *arg)
{
    struct stat st;

    (void)arg;
    assert_int_equal(lstat(MOUNT("/small"), &st), 0);
    return NULL;
}

static bool one_is_held(void *arg)
{
    (void)arg;
    return node_counter(&node, CU_COUNT_requests_waiting) == 1;
}

/* A time that the kernel waits is a time that counts, and the request is in the queue meanwhile. */
static void waiting_takes_time(void **state)
{
    static struct cu_latency l;
    struct timespec start, now;
    struct stat st;
    pthread_t thread;
    uint64_t us;

    if (!*state)
        skip();
    assert_int_equal(lstat(MOUNT(""), &st), 0);
    node_hold(&node, true);
    assert_int_equal(pthread_create(&thread, NULL, look, NULL), 0);
    assert_true(node_until(one_is_held, NULL));
    clock_gettime(CLOCK_MONOTONIC, &start);
    do {
        clock_gettime(CLOCK_MONOTONIC, &now);
        us = (uint64_t)(now.tv_sec - start.tv_sec) * 1000000 +
             (uint64_t)(now.tv_nsec / 1000 - start.tv_nsec / 1000);
    } while (us < 30000);
    node_hold(&node, false);
    pthread_join(thread, NULL);
    node_call(&node, copy_fn, &l);
    us = l.rows[CU_LATENCY_LOOKUP * CU_WHERES + CU_WHERE_STORAGE].us.max;
    assert_true(us >= 29000);
    assert_int_equal(node_counter(&node, CU_COUNT_requests_waiting), 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_answer_is_timed_once, setup, node_teardown),
        cmocka_unit_test_setup_teardown(waiting_takes_time, setup, node_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
