/* SPDX-License-Identifier: BSD-3-Clause */
/* The FUSE front when things go wrong: files that change, processes that are killed, a storage that
 * does not answer, a mount that is taken away. */
#include "front_node.h"

#include <signal.h>
#include <sys/wait.h>

static struct node node;

static int setup(void **state)
{
    struct node_config config = {.enoent_ttl_ms = 60000, .chunk_bytes = 4096};
    struct cu_error err = {0};
    char root[PATH_MAX], mount_dir[PATH_MAX];

    *state = NULL;
    if (!node_can_mount())
        return 0;
    node_base_make();
    assert_int_equal(mkdir(ROOT("/d"), 0755), 0);
    assert_int_equal(mkdir(ROOT("/other"), 0755), 0);
    node_write(ROOT("/d/file"), 8u << 20, 1);
    node_write(ROOT("/other/file"), 10, 1);
    config.root = strcpy(root, ROOT(""));
    config.mount = strcpy(mount_dir, MOUNT(""));
    if (node_start(&node, &config, &err) < 0)
        fail_msg("%s", err.text);
    *state = &node;
    return 0;
}

static int teardown(void **state)
{
    if (!*state)
        return 0;
    if (node.front)
        node_stop(&node);
    node_base_remove();
    return 0;
}

#define NEED_MOUNT                                                                                 \
    do {                                                                                           \
        if (!*state)                                                                               \
            skip();                                                                                \
    } while (0)

static bool is_mounted(void)
{
    char line[4 * PATH_MAX];
    bool found = false;
    FILE *f = fopen("/proc/self/mountinfo", "re");

    assert_non_null(f);
    while (fgets(line, sizeof(line), f))
        found = found || strstr(line, MOUNT(""));
    fclose(f);
    return found;
}

static bool is_new(void *arg)
{
    struct stat st;

    return stat(MOUNT("/d/file"), &st) == 0 && st.st_size == *(off_t *)arg;
}

/* --- files that change ------------------------------------------------------------------------ */

/* Reads what the kernel cannot have yet, from the end, until an error comes. */
static int read_until_error(int fd)
{
    char byte;

    for (off_t at = (8 << 20) - 4096; at > (2 << 20); at -= 512 * 1024)
        if (pread(fd, &byte, 1, at) < 0)
            return errno;
    return 0;
}

static void a_changed_file_is_stale_and_then_new(void **state)
{
    int fd;
    char byte;
    off_t size = 5000;

    NEED_MOUNT;
    fd = open(MOUNT("/d/file"), O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, 0), 1);
    node_write(ROOT("/d/new"), (size_t)size, 7);
    assert_int_equal(rename(ROOT("/d/new"), ROOT("/d/file")), 0);
    assert_int_equal(read_until_error(fd), ESTALE);
    assert_true(node_until(is_new, &size));
    assert_int_equal(pread(fd, &byte, 1, 0), 1); /* what was read stays what it was */
    assert_int_equal((unsigned char)byte, node_byte(0, 1));
    close(fd);
    fd = open(MOUNT("/d/file"), O_RDONLY | O_CLOEXEC);
    assert_int_equal(pread(fd, &byte, 1, 4999), 1);
    assert_int_equal((unsigned char)byte, node_byte(4999, 7));
    close(fd);
}

static void a_truncated_file_ends_in_no_zeros(void **state)
{
    int fd;
    char byte;

    NEED_MOUNT;
    fd = open(MOUNT("/d/file"), O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pread(fd, &byte, 1, 0), 1);
    assert_int_equal(truncate(ROOT("/d/file"), 1 << 20), 0);
    assert_int_equal(read_until_error(fd), ESTALE);
    close(fd);
}

static void a_deleted_file_is_stale(void **state)
{
    int fd;
    char byte;

    NEED_MOUNT;
    fd = open(MOUNT("/other/file"), O_RDONLY | O_CLOEXEC);
    assert_int_equal(pread(fd, &byte, 1, 0), 1);
    close(fd);
    fd = open(MOUNT("/d/file"), O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(unlink(ROOT("/d/file")), 0);
    assert_int_equal(read_until_error(fd), ESTALE);
    close(fd);
}

static bool is_gone(void *arg)
{
    (void)arg;
    return access(MOUNT("/other/file"), F_OK) < 0 && errno == ENOENT;
}

static bool is_there(void *arg)
{
    return access(MOUNT(arg), F_OK) == 0;
}

static void refresh_reaches_the_kernel(void **state)
{
    off_t size = 77;

    NEED_MOUNT;
    assert_int_equal(access(MOUNT("/d/file"), F_OK), 0);
    assert_int_equal(access(MOUNT("/other/file"), F_OK), 0);
    assert_int_equal(access(MOUNT("/d/later"), F_OK), -1);
    node_write(ROOT("/d/file"), (size_t)size, 2);
    node_write(ROOT("/d/later"), 1, 2);
    assert_int_equal(unlink(ROOT("/other/file")), 0);
    assert_int_equal(access(MOUNT("/other/file"), F_OK), 0); /* the job's snapshot */
    assert_int_equal(access(MOUNT("/d/later"), F_OK), -1);
    node_refresh(&node, "/d");
    assert_true(node_until(is_new, &size));
    assert_true(node_until(is_there, (void *)"/d/later"));
    assert_int_equal(access(MOUNT("/other/file"), F_OK), 0);
    node_refresh(&node, "/");
    assert_true(node_until(is_gone, NULL));
}

/* --- a storage that does not answer ----------------------------------------------------------- */

static pid_t child_that_stats(const char *path)
{
    pid_t pid = fork();
    struct stat st;

    assert_true(pid >= 0);
    if (pid == 0) {
        for (int fd = 3; fd < 256; fd++)
            close(fd); /* the connection must end with this test, not with its child */
        _exit(stat(path, &st) == 0 ? 0 : errno);
    }
    return pid;
}

static bool storage_was_asked(void *arg)
{
    struct node_held {
        uint32_t count;
    } *want = arg;

    return node_counter(&node, CU_COUNT_fuse_lookup) >= want->count;
}

static void wait_for_lookups(uint64_t before, uint32_t more)
{
    struct {
        uint32_t count;
    } want = {(uint32_t)before + more};

    assert_true(node_until(storage_was_asked, &want));
}

/* A process that stats path, which waits for storage until node_hold ends. */
static pid_t child_that_waits(const char *path)
{
    uint64_t before = node_counter(&node, CU_COUNT_fuse_lookup);
    pid_t pid;

    node_hold(&node, true);
    pid = child_that_stats(path);
    wait_for_lookups(before, 1);
    return pid;
}

static void a_killed_process_goes_at_once(void **state)
{
    int status;
    pid_t pid;

    NEED_MOUNT;
    assert_int_equal(access(MOUNT("/d"), F_OK), 0);
    pid = child_that_waits(MOUNT("/d/file"));
    assert_int_equal(kill(pid, SIGTERM), 0); /* its default is to end */
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    node_hold(&node, false);
    assert_int_equal(access(MOUNT("/d/file"), F_OK), 0);
}

static void on_signal(int number)
{
    (void)number;
}

static void a_handled_signal_is_not_seen_by_stat(void **state)
{
    struct sigaction action = {.sa_handler = on_signal}, before_action;
    uint64_t before;
    int status;
    pid_t pid;

    NEED_MOUNT;
    assert_int_equal(access(MOUNT("/d"), F_OK), 0);
    before = node_counter(&node, CU_COUNT_fuse_lookup);
    node_hold(&node, true);
    sigaction(SIGUSR1, &action, &before_action);
    pid = child_that_stats(MOUNT("/d/file"));
    sigaction(SIGUSR1, &before_action, NULL);
    wait_for_lookups(before, 1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(kill(pid, SIGUSR1), 0);
    node_hold(&node, false);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void forget_fn(struct node *n, void *arg)
{
    cu_front_forget(n->front, arg, strlen(arg), true);
}

/* The kernel holds /d's lock for the lookup that waits; whoever notifies waits for that lock. */
static void notifying_does_not_stop_the_loop(void **state)
{
    int status;
    pid_t pid;

    NEED_MOUNT;
    assert_int_equal(access(MOUNT("/d/file"), F_OK), 0);
    assert_int_equal(access(MOUNT("/other"), F_OK), 0);
    pid = child_that_waits(MOUNT("/d/another"));
    node_call(&node, forget_fn, (void *)"/d/file");
    assert_int_equal(access(MOUNT("/other"), F_OK), 0);
    assert_true(node_requests(&node) > 0);
    node_hold(&node, false);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(WEXITSTATUS(status), ENOENT);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void stopping_frees_those_who_wait(void **state)
{
    int status;
    pid_t pid;

    NEED_MOUNT;
    assert_int_equal(access(MOUNT("/d/file"), F_OK), 0);
    pid = child_that_waits(MOUNT("/d/another"));
    node_call(&node, forget_fn, (void *)"/d/file"); /* the notifier may be stuck now, too */
    node_stop(&node);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), ENOTCONN);
    assert_false(is_mounted());
}

static void stopping_unmounts_though_it_is_busy(void **state)
{
    char byte;
    int fd;

    NEED_MOUNT;
    fd = open(MOUNT("/d/file"), O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_true(is_mounted());
    node_stop(&node);
    assert_false(is_mounted());
    assert_int_equal(pread(fd, &byte, 1, 4 << 20), -1);
    close(fd);
}

static bool was_told(void *arg)
{
    (void)arg;
    return atomic_load(&node.unmounted);
}

static void an_unmount_by_others_is_noticed(void **state)
{
    NEED_MOUNT;
    assert_int_equal(access(MOUNT("/d/file"), F_OK), 0);
    assert_int_equal(umount2(MOUNT(""), 0), 0);
    assert_true(node_until(was_told, NULL));
    node_stop(&node);
}

static void a_directory_that_is_not_there_is_named(void **state)
{
    struct cu_front_config config = {.mount_dir = "/nowhere/at-all"};
    struct cu_core_config core = {.node_count = 1,
                                  .fanout = 2,
                                  .tree_count = 1,
                                  .cache_bytes = 1u << 20,
                                  .chunk_bytes = 4096,
                                  .max_cacheable_bytes = 1,
                                  .storage_slots = 1,
                                  .orphan_slots = 1};
    struct cu_error err = {0};
    uv_loop_t loop;

    NEED_MOUNT;
    uv_loop_init(&loop);
    config.loop = &loop;
    config.core = cu_core_create(&core, 1, &err);
    assert_non_null(config.core);
    assert_null(cu_front_create(&config, &err));
    assert_non_null(strstr(err.text, "/nowhere/at-all"));
    cu_core_destroy(config.core);
    assert_int_equal(uv_loop_close(&loop), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(a_changed_file_is_stale_and_then_new),
        T(a_truncated_file_ends_in_no_zeros),
        T(a_deleted_file_is_stale),
        T(refresh_reaches_the_kernel),
        T(a_killed_process_goes_at_once),
        T(a_handled_signal_is_not_seen_by_stat),
        T(notifying_does_not_stop_the_loop),
        T(stopping_frees_those_who_wait),
        T(stopping_unmounts_though_it_is_busy),
        T(an_unmount_by_others_is_noticed),
        T(a_directory_that_is_not_there_is_named),
#undef T
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
