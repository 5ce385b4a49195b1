/* SPDX-License-Identifier: BSD-3-Clause */
/* A front that takes over from one that died goes on with whatever that left: right requests are
 * answered, wrong ones harm nobody. Needs a real FUSE device. */
#include "core/core.h"
#include "core/driver.h"
#include "front/front.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "own_mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

static char dir[64];
static int device = -1;
static struct cu_recovery *area;
static unsigned seed;

struct taker {
    uv_loop_t loop;
    struct cu_core *core;
    struct cu_driver driver;
    struct cu_front *front;
    unsigned wants; /* of storage */
};

static uint64_t port_now(void *context)
{
    (void)context;
    return uv_hrtime();
}

static void port_reply(void *context, uint64_t cookie, enum cu_core_where where,
                       const struct cu_value *value)
{
    cu_front_reply(((struct taker *)context)->front, cookie, where, value);
}

/* Storage has nothing. */
static int port_read(void *context, uint64_t id, const struct cu_request *request, bool direct)
{
    (void)id;
    (void)request;
    (void)direct;
    ((struct taker *)context)->wants++;
    return -ENOENT;
}

static const struct cu_driver_ports ports = {
    .now_ns = port_now,
    .reply = port_reply,
    .read = port_read,
};

static void on_kick(void *context)
{
    cu_driver_run(&((struct taker *)context)->driver);
}

static void begin(struct taker *t, bool resumes)
{
    const struct cu_core_config config = {
        .node_count = 1,
        .fanout = 2,
        .tree_count = 1,
        .cache_bytes = 64u << 20,
        .max_cacheable_bytes = 1u << 20,
        .chunk_bytes = 65536,
        .inline_bytes = 16384,
        .enoent_ttl_ns = 1000000,
        .storage_slots = 16,
        .orphan_slots = 2,
    };
    struct cu_front_config front = {
        .loop = &t->loop,
        .mount_dir = dir,
        .chunk_bytes = config.chunk_bytes,
        .cache_bytes = config.cache_bytes,
        .enoent_ttl_ns = config.enoent_ttl_ns,
        .device_fd = dup(device),
        .recovery = area,
        .resumes = resumes,
        .events = {.context = t, .kick = on_kick},
    };
    struct cu_error err;

    *t = (struct taker){0};
    assert_int_equal(cu_recovery_open(area), resumes);
    assert_int_equal(uv_loop_init(&t->loop), 0);
    t->core = cu_core_create(&config, uv_hrtime(), &err);
    assert_non_null(t->core);
    cu_driver_init(&t->driver, t->core, &ports, t);
    cu_core_mounted(t->core, uv_hrtime());
    front.core = t->core;
    t->front = cu_front_create(&front, &err);
    if (!t->front)
        fail_msg("%s", err.text);
}

static void end(struct taker *t)
{
    cu_front_destroy(t->front);
    cu_core_destroy(t->core);
    uv_run(&t->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&t->loop), 0);
}

static int setup(void **state)
{
    struct cu_error err = {""};
    struct taker first;

    (void)state;
    seed = (unsigned)time(NULL);
    print_message("seed %u\n", seed);
    own_mounts();
    strcpy(dir, "/tmp/cu-takeover-test-XXXXXX");
    if (!mkdtemp(dir))
        return -1;
    device = cu_front_mount(dir, false, &err);
    if (device < 0) {
        print_message("no mount is possible here: %s\n", err.text);
        return 0;
    }
    area = cu_recovery_create(CU_RECOVERY_BYTES_MIN);
    assert_non_null(area);
    /* The kernel's first request waits already. */
    begin(&first, false);
    while (cu_recovery_init(area, (char[CU_RECOVERY_INIT_MAX]){0}) == 0)
        uv_run(&first.loop, UV_RUN_ONCE);
    end(&first);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (device >= 0) {
        close(device);
        umount2(dir, MNT_DETACH);
    }
    cu_recovery_destroy(area);
    return rmdir(dir);
}

static void skip_without_mount(void)
{
    if (device < 0)
        skip();
}

/* A process asks, which its child does: the test must not wait for itself. */
static pid_t ask(const char *name)
{
    char path[128];
    struct stat st;
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid > 0)
        return pid;
    close(device);
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    _exit(stat(path, &st) < 0 && errno == ENOENT ? 0 : 1);
}

static unsigned recorded(void)
{
    struct cu_recovery_request request;
    uint32_t at = 0;
    unsigned n = 0;

    while (cu_recovery_next_request(area, &at, &request))
        n++;
    return n;
}

static void assert_ends(struct taker *t, pid_t pid)
{
    int status;

    while (waitpid(pid, &status, WNOHANG) == 0)
        uv_run(&t->loop, UV_RUN_NOWAIT);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* The kernel's next request, as a daemon reads it that then dies. */
static size_t read_request(void)
{
    ssize_t got = -1;

    while (got < 0) {
        got = read(device, cu_recovery_buffer(area), CU_RECOVERY_BUFFER_BYTES);
        assert_true(got > 0 || errno == EAGAIN || errno == EINTR);
    }
    return (size_t)got;
}

static void empty_buffer(void)
{
    memset(cu_recovery_buffer(area), 0, sizeof(struct fuse_in_header));
}

static void what_died_in_the_buffer_is_answered(void **state)
{
    struct taker t;
    pid_t pid;

    (void)state;
    skip_without_mount();
    pid = ask("in-the-buffer");
    read_request();
    begin(&t, true);
    assert_int_equal(cu_front_resume(t.front), 0);
    assert_int_equal(recorded(), 1);
    on_kick(&t);
    assert_int_equal(t.wants, 1);
    assert_int_equal(recorded(), 0);
    assert_ends(&t, pid);
    end(&t);
}

static void what_was_recorded_is_answered_and_twice_is_harmless(void **state)
{
    struct taker t;
    size_t size;
    pid_t pid;

    (void)state;
    skip_without_mount();
    pid = ask("recorded");
    size = read_request();
    for (int i = 0; i < 2; i++)
        assert_int_not_equal(cu_recovery_put_request(area, cu_recovery_buffer(area), size, 0), 0);
    begin(&t, true); /* it is in the buffer, too: that makes no third one */
    assert_int_equal(cu_front_resume(t.front), 0);
    assert_int_equal(recorded(), 2);
    on_kick(&t);
    assert_int_equal(recorded(), 0);
    assert_ends(&t, pid);
    end(&t);
}

static void a_request_that_ends_every_daemon_fails(void **state)
{
    const struct fuse_in_header *header;
    struct taker t;
    size_t size;
    pid_t pid;
    int status;

    (void)state;
    skip_without_mount();
    pid = ask("deadly");
    size = read_request();
    header = cu_recovery_buffer(area);
    assert_int_not_equal(cu_recovery_put_request(area, header, size, 3), 0);
    cu_recovery_set_trying(area, header->unique);
    empty_buffer();
    begin(&t, true);
    assert_int_equal(cu_front_resume(t.front), 0);
    assert_int_equal(recorded(), 0);
    while (waitpid(pid, &status, WNOHANG) == 0) {
        uv_run(&t.loop, UV_RUN_NOWAIT);
        on_kick(&t);
    }
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1); /* EIO */
    end(&t);
}

static void put_garbage(void)
{
    union {
        struct fuse_in_header header;
        uint8_t bytes[CU_RECOVERY_REQUEST_MAX];
    } r;
    size_t size = sizeof(r.header) + (size_t)rand_r(&seed) % (sizeof(r) - sizeof(r.header));

    for (size_t i = 0; i < sizeof(r); i++)
        r.bytes[i] = rand_r(&seed) % 3 == 0 ? 0 : (uint8_t)rand_r(&seed);
    r.header.len = rand_r(&seed) % 8 == 0 ? (uint32_t)rand_r(&seed) : (uint32_t)size;
    r.header.opcode = (uint32_t)rand_r(&seed) % (rand_r(&seed) % 8 == 0 ? 5000 : 53);
    r.header.nodeid = (uint32_t)rand_r(&seed) % 40;
    /* Numbers that the kernel has not given out yet. */
    r.header.unique = UINT64_C(1) << 60 | ((uint64_t)rand_r(&seed) << 1);
    if (rand_r(&seed) % 2 == 0)
        memcpy(cu_recovery_buffer(area), &r, sizeof(r));
    else
        cu_recovery_put_request(area, &r, size, (uint8_t)(rand_r(&seed) % 5));
}

static void put_nodes(void)
{
    for (uint64_t id = 2; id < 40; id++) {
        struct cu_attr attr = {
            .mode = (uint32_t[]){S_IFDIR, S_IFREG, S_IFLNK, S_IFIFO}[rand_r(&seed) % 4] | 0755,
            .ino = id,
            .size = rand_r(&seed) % 3 == 0 ? UINT64_MAX - 1 : (uint64_t)rand_r(&seed),
        };
        struct cu_recovery_node node = {
            .nodeid = id,
            .parent = (uint64_t)rand_r(&seed) % id,
            .lookups = (uint64_t)rand_r(&seed) % 3,
            .attr = &attr,
            .name = "some-name",
            .name_len = (uint8_t)(1 + rand_r(&seed) % 9),
        };

        cu_recovery_put_node(area, &node);
    }
}

static void garbage_harms_nobody(void **state)
{
    struct taker t;
    pid_t pid;

    (void)state;
    skip_without_mount();
    for (int round = 0; round < 400; round++) {
        put_nodes();
        for (int i = 0; i < 20; i++)
            put_garbage();
        begin(&t, true);
        assert_int_equal(cu_front_resume(t.front), 0);
        on_kick(&t);
        end(&t);
    }
    /* It serves all the same. */
    pid = ask("after");
    begin(&t, true);
    assert_int_equal(cu_front_resume(t.front), 0);
    assert_ends(&t, pid);
    end(&t);
}

static void a_damaged_beginning_is_refused(void **state)
{
    char init[CU_RECOVERY_INIT_MAX];
    struct taker t;
    size_t size;

    (void)state;
    skip_without_mount();
    size = cu_recovery_init(area, init);
    cu_recovery_set_init(area, "", 1);
    begin(&t, true);
    assert_int_equal(cu_front_resume(t.front), -EINVAL);
    end(&t);
    cu_recovery_set_init(area, init, size);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_died_in_the_buffer_is_answered),
        cmocka_unit_test(what_was_recorded_is_answered_and_twice_is_harmless),
        cmocka_unit_test(a_request_that_ends_every_daemon_fails),
        cmocka_unit_test(a_damaged_beginning_is_refused),
        cmocka_unit_test(garbage_harms_nobody),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
