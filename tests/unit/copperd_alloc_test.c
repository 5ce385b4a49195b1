/* SPDX-License-Identifier: BSD-3-Clause */
/* Memory runs out, at each allocation in turn: links end or messages are refused, operations fail
 * with ENOMEM; nothing is lost track of. (Leaks are the sanitizer's to find.) */
#include "tcp_node.h"

#include "fail_alloc.h"
#include "few_files.h"
#include "link_pair.h"
#include "storage/ops.h"
#include "storage/storage.h"

#include <fcntl.h>
#include <sys/stat.h>

static void a_transport_is_made_or_not(void **state)
{
    long n = 0;

    (void)state;
    for (bool hit = true; hit; n++) {
        struct cu_transport_config config;
        struct cu_transport *transport;
        struct node a;

        config = node_config(&a, 0);
        fail_alloc_at(n);
        transport = cu_transport_create("tcp", &config, NULL);
        hit = fail_alloc_hit();
        assert_int_equal(transport == NULL, hit);
        cu_transport_destroy(transport);
        uv_run(&loop, UV_RUN_DEFAULT);
    }
    assert_true(n > 1);
}

/* From connecting to an answered message, with allocation n failing. True when one failed. */
static bool talk(long n, bool encrypt)
{
    struct cu_transport_config config;
    struct cu_msg chunk = chunk_of(100000);
    struct cu_link *link;
    struct node a, b;
    bool sent = false, hit;
    int r = 0;

    config = node_config(&a, 0);
    config.identity.encrypt = encrypt;
    node_start(&a, &config);
    a.reaction = SEND_BACK;
    config = node_config(&b, 1);
    config.identity.encrypt = encrypt;
    node_start(&b, &config);
    fail_alloc_at(n);
    link = cu_transport_connect(b.transport, 0, "127.0.0.1", cu_transport_port(a.transport), 5000,
                                false);
    while (link && b.messages < 1 && !r && !a.unsent && a.downs + b.downs == 0) {
        if (b.ups && !sent) {
            sent = true;
            r = cu_link_send(b.link, &chunk);
            assert_true(r == 0 || r == -ENOMEM);
            continue;
        }
        uv_run(&loop, UV_RUN_ONCE);
    }
    hit = fail_alloc_hit();
    if (!hit) {
        assert_int_equal(b.messages, 1);
        assert_false(a.broken || b.broken);
    }
    cu_msg_clear(&chunk);
    pair_stop(&a, &b);
    uv_run(&loop, UV_RUN_DEFAULT);
    return hit;
}

static void a_talk_succeeds_or_ends(void **state)
{
    (void)state;
    for (int encrypt = 0; encrypt < 2; encrypt++) {
        long n = 0;

        while (talk(n, encrypt))
            n++;
        assert_true(n > 6);
    }
}

/* No memory, or no descriptor, for connections: those that come later are served. */
static void outlives(bool memory)
{
    rlim_t before = 0;
    struct cu_transport_config config;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct node a, b;
    int fds[3];
    char byte;

    config = node_config(&a, 0);
    node_start(&a, &config);
    config = node_config(&b, 1);
    node_start(&b, &config);
    address.sin_port = htons(cu_transport_port(a.transport));
    for (unsigned i = 0; i < 3; i++) {
        fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fds[i], (struct sockaddr *)&address, sizeof(address)), 0);
    }
    if (memory)
        fail_alloc_every(1);
    else
        before = few_files_begin();
    for (unsigned i = 0; i < 3; i++) {
        while (recv(fds[i], &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN)
            uv_run(&loop, UV_RUN_NOWAIT);
    }
    if (memory)
        fail_alloc_every(0);
    else
        few_files_end(before);
    assert_true(!memory || fail_alloc_hit());
    for (unsigned i = 0; i < 3; i++)
        close(fds[i]);
    (void)cu_transport_connect(b.transport, 0, "127.0.0.1", cu_transport_port(a.transport), 5000,
                               false);
    RUN_UNTIL(a.ups == 1 && b.ups == 1);
    pair_stop(&a, &b);
    uv_run(&loop, UV_RUN_DEFAULT);
}

static void a_listener_outlives_what_it_cannot_accept(void **state)
{
    (void)state;
    outlives(true);
    outlives(false);
}

static void a_pair_is_made_or_not(void **state)
{
    long n = 0;

    (void)state;
    for (bool hit = true; hit; n++) {
        struct cu_msg ping = {.type = CU_MSG_PING};
        struct node a, b;
        struct cu_transport_config a_config, b_config;
        struct cu_link *a_link, *b_link;
        int r;

        a_config = node_config(&a, 0);
        b_config = node_config(&b, 1);
        fail_alloc_at(n);
        r = link_pair(&loop, &a_config.events, 0, &b_config.events, 1, &a_link, &b_link);
        if (r == 0) {
            uv_run(&loop, UV_RUN_DEFAULT);
            r = cu_link_send(a_link, &ping);
            uv_run(&loop, UV_RUN_DEFAULT);
            cu_link_close(a_link);
            cu_link_close(b_link);
        }
        hit = fail_alloc_hit();
        assert_int_equal(r, hit ? -ENOMEM : 0);
        assert_int_equal(b.messages, !hit);
        uv_run(&loop, UV_RUN_DEFAULT);
    }
    assert_true(n > 2);
}

static void storage_is_made_or_not(void **state)
{
    struct cu_storage_config config = {
        .loop = &loop, .chunk_bytes = 4096, .hidden_paths = {"/a", "/b"}, .root = "/tmp"};
    long n = 0;

    (void)state;
    for (bool hit = true; hit; n++) {
        struct cu_storage *storage;

        fail_alloc_at(n);
        storage = cu_storage_create(&config, NULL, NULL, NULL);
        hit = fail_alloc_hit();
        assert_int_equal(storage == NULL, hit);
        cu_storage_destroy(storage);
        uv_run(&loop, UV_RUN_DEFAULT);
    }
    assert_true(n > 3);
}

/* An operation with allocation n failing: ENOMEM and nothing else, or an answer without its extras.
 */
static bool operate(long n, enum cu_kind kind, const char *path)
{
    struct cu_storage_env env = {.chunk_bytes = 4096, .inline_bytes = 4096, .root = ""};
    struct cu_storage_job job = {
        .kind = kind, .flags = CU_WANT_CONTENT, .path = path, .path_len = strlen(path)};
    bool hit;

    env.files = cu_fdcache_create(4);
    if (kind == CU_KIND_DATA) {
        struct stat st;

        assert_int_equal(lstat(path, &st), 0);
        job.version = cu_storage_version_of(&st);
    }
    fail_alloc_at(n);
    cu_storage_run(&env, &job);
    hit = fail_alloc_hit();
    if (!hit)
        assert_int_equal(job.value.error, 0);
    else if (job.value.error)
        assert_int_equal(job.value.error, ENOMEM);
    else
        assert_true(kind == CU_KIND_ATTR && !job.value.content);
    if (job.value.error)
        assert_null(job.value.bytes);
    cu_value_clear(&job.value);
    cu_fdcache_destroy(env.files);
    return hit;
}

static void an_operation_succeeds_or_fails_whole(void **state)
{
    char dir[] = "/tmp/cu-alloc-XXXXXX", file[64], link[64];
    const struct {
        enum cu_kind kind;
        const char *path;
    } operations[] = {{CU_KIND_ATTR, file},
                      {CU_KIND_ATTR, link},
                      {CU_KIND_DIR, dir},
                      {CU_KIND_DATA, file},
                      {CU_KIND_XATTR, file}};
    int fd;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(file, sizeof(file), "%s/file", dir);
    snprintf(link, sizeof(link), "%s/link", dir);
    fd = open(file, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, "content", 7), 7);
    close(fd);
    assert_int_equal(symlink("file", link), 0);
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++) {
        long n = 0;

        while (operate(n, operations[i].kind, operations[i].path))
            n++;
        assert_true(n > 0);
    }
    unlink(file);
    unlink(link);
    rmdir(dir);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, loop_setup, loop_teardown)
    static const struct CMUnitTest tests[] = {
        TEST(a_transport_is_made_or_not),
        TEST(a_talk_succeeds_or_ends),
        TEST(a_listener_outlives_what_it_cannot_accept),
        TEST(a_pair_is_made_or_not),
        TEST(storage_is_made_or_not),
        TEST(an_operation_succeeds_or_fails_whole),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
