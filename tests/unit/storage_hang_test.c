/* SPDX-License-Identifier: BSD-3-Clause */
/* Storage that does not answer: what hangs holds up only itself. lstat(2) is replaced in this
 * program by one that waits, for paths that end in "hang", until the test lets it go. */
#include "storage_tree.h"

#include <netdb.h>
#include <semaphore.h>

static int gate[2]; /* a byte in it lets one call go on */
static int waiting; /* calls that hang; atomic */
static sem_t ended; /* a call has */

int lstat(const char *path, struct stat *st)
{
    size_t len = strlen(path);
    int r;

    if (len > 4 && strcmp(path + len - 4, "hang") == 0) {
        char byte;

        __atomic_add_fetch(&waiting, 1, __ATOMIC_SEQ_CST);
        while (read(gate[0], &byte, 1) != 1)
            continue;
    }
    r = fstatat(AT_FDCWD, path, st, AT_SYMLINK_NOFOLLOW);
    sem_post(&ended);
    return r;
}

static int gate_setup(void **state)
{
    waiting = 0;
    return sem_init(&ended, 0, 0) || pipe(gate) || tree_setup(state);
}

static int gate_teardown(void **state)
{
    int r = tree_teardown(state);

    close(gate[0]);
    close(gate[1]);
    return r;
}

static void wait_for_hanging(int count)
{
    while (__atomic_load_n(&waiting, __ATOMIC_SEQ_CST) < count)
        uv_run(&loop, UV_RUN_NOWAIT);
}

static void let_go(int count)
{
    char bytes[64] = {0};

    assert_int_equal(write(gate[1], bytes, (size_t)count), count);
}

static void what_hangs_holds_up_nobody_else(void **state)
{
    struct cu_request hanging = request_of(CU_KIND_ATTR, "/dir/hang");
    const char *oldest_path;
    uint64_t oldest_ns;

    (void)state;
    make_dir("/dir");
    make_file("/dir/hang", 7);
    submit(&hanging);
    for (int i = 0; i < 10; i++)
        assert_int_equal(run_kind(CU_KIND_DIR, "/dir"), 0);
    assert_int_equal(done.count, 10);
    wait_for_hanging(1);
    assert_int_equal(cu_storage_pending(storage, uv_hrtime(), &oldest_ns, &oldest_path), 1);
    assert_string_equal(oldest_path, "/dir/hang");
    assert_true(oldest_ns > 0);
    let_go(1);
    while (done.count < 11)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(done.value.attr.size, 7);
}

static void on_resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *found)
{
    (void)status;
    uv_freeaddrinfo(found);
    *(int *)request->data = 1;
}

/* With every worker at a call that hangs, names of hosts are still resolved. */
static void names_are_resolved_while_all_hang(void **state)
{
    struct cu_request hanging = request_of(CU_KIND_ATTR, "/hang");
    uv_getaddrinfo_t resolve;
    int resolved = 0;

    (void)state;
    make_file("/hang", 7);
    for (int i = 0; i < 20; i++)
        submit(&hanging);
    wait_for_hanging(3); /* libuv has 4 threads when nothing else is said */
    resolve.data = &resolved;
    assert_int_equal(uv_getaddrinfo(&loop, &resolve, on_resolved, "localhost", NULL, NULL), 0);
    while (!resolved)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(__atomic_load_n(&waiting, __ATOMIC_SEQ_CST), 3);
    let_go(20);
    while (done.count < 20)
        uv_run(&loop, UV_RUN_ONCE);
    assert_int_equal(counters[CU_COUNT_storage_stat], 20);
}

static void destroying_waits_for_nobody(void **state)
{
    struct cu_request hanging = request_of(CU_KIND_ATTR, "/hang");

    (void)state;
    make_file("/hang", 7);
    for (int i = 0; i < 5; i++)
        submit(&hanging);
    wait_for_hanging(3);
    cu_storage_destroy(storage); /* returns, though nothing has been let go */
    storage = NULL;
    uv_run(&loop, UV_RUN_NOWAIT);
    let_go(3);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(done.count, 0);
    assert_int_equal(waiting, 3); /* those that had not begun never do */
}

/* An operation that comes when the only worker has just found nothing more to do, and the loop does
 * not know that yet, is not forgotten. */
static void one_worker_forgets_nothing(void **state)
{
    struct cu_storage_config config = storage_config();
    struct cu_request request = request_of(CU_KIND_ATTR, "/");

    (void)state;
    cu_storage_destroy(storage);
    config.workers_max = 1;
    storage = cu_storage_create(&config, &done, on_done, NULL);
    while (sem_trywait(&ended) == 0)
        continue;
    for (unsigned i = 0; i < 2000; i++) {
        submit(&request);
        while (sem_wait(&ended) != 0)
            continue;
        for (volatile unsigned n = 0; n < i % 64 * 64; n++)
            continue; /* a moment later each time, but no processor is left to others for it */
        submit(&request);
        uv_run(&loop, UV_RUN_DEFAULT); /* until the worker, too, is known to be idle */
        assert_int_equal(done.count, 2 * (i + 1));
        while (sem_wait(&ended) != 0)
            continue;
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, gate_setup, gate_teardown)
    static const struct CMUnitTest tests[] = {
        TEST(what_hangs_holds_up_nobody_else),
        TEST(names_are_resolved_while_all_hang),
        TEST(destroying_waits_for_nobody),
        TEST(one_worker_forgets_nothing),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
