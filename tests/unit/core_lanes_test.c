/* SPDX-License-Identifier: BSD-3-Clause */
/* The lanes of storage operations: what hangs holds up neither other files nor other file systems,
 * and has a bound. One root, driven by hand. */
#include "core_config.h"

#include "core/core.h"
#include "core/driver.h"
#include "core/lanes.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define S_NS      1000000000ull
#define READS_MAX 1024u

struct node {
    struct cu_core *core;
    struct cu_driver driver;
    uint64_t now;
    unsigned replies, reads;
    unsigned timeouts;            /* of the replies */
    uint64_t read_ids[READS_MAX]; /* the first, in order */
    enum cu_kind read_kinds[READS_MAX];
    char read_paths[READS_MAX][32];
};

static uint64_t port_now(void *context)
{
    return ((const struct node *)context)->now;
}

static void port_reply(void *context, uint64_t cookie, enum cu_core_where where,
                       const struct cu_value *value)
{
    (void)where;
    (void)cookie;
    ((struct node *)context)->replies++;
    ((struct node *)context)->timeouts += value->error == ETIMEDOUT;
}

static int port_read(void *context, uint64_t id, const struct cu_request *request, bool direct)
{
    struct node *n = context;

    (void)direct;
    assert_true(n->reads < READS_MAX);
    n->read_kinds[n->reads] = request->kind;
    snprintf(n->read_paths[n->reads], sizeof n->read_paths[0], "%.*s", (int)request->path_len,
             request->path);
    n->read_ids[n->reads++] = id;
    return 0;
}

static const struct cu_driver_ports ports = {
    .now_ns = port_now,
    .reply = port_reply,
    .read = port_read,
};

static void drain(struct node *n)
{
    cu_driver_run(&n->driver);
}

/* /A..., /B... lie on file systems of their own. */
static uint64_t space_of(void *context, const char *path, size_t path_len)
{
    (void)context;
    return path_len > 1 && path[1] >= 'A' && path[1] <= 'Z' ? (uint64_t)path[1] : 0;
}

static struct node *node_new(void)
{
    struct node *n = calloc(1, sizeof *n);
    struct cu_core_config config = small_core(0, 1);
    struct cu_error err;

    config.cache_bytes = 64 << 20;
    config.enoent_ttl_ns = S_NS;
    config.storage_slots = 16;
    config.orphan_slots = 4;
    config.space_of = space_of;
    n->now = 100 * S_NS;
    n->core = cu_core_create(&config, n->now, &err);
    assert_non_null(n->core);
    cu_driver_init(&n->driver, n->core, &ports, n);
    drain(n);
    return n;
}

static void node_free(struct node *n)
{
    cu_core_destroy(n->core);
    free(n);
}

/* The read with that number, counted from 0, ends. */
static void ends(struct node *n, unsigned number)
{
    struct cu_value v = {0};

    if (n->read_kinds[number] == CU_KIND_DATA)
        v.error = EIO;
    v.attr.mode = S_IFREG;
    cu_core_storage_done(n->core, n->read_ids[number], &v, n->now);
    drain(n);
}

static void want_chunks(struct node *n, const char *path, uint32_t count)
{
    struct cu_request data = {.kind = CU_KIND_DATA, .path = path, .path_len = strlen(path)};

    data.version.size = 8u << 20;
    for (data.chunk = 0; data.chunk < count; data.chunk++)
        assert_int_equal(cu_core_want(n->core, &data, 1, n->now), 0);
    drain(n);
}

static void want_files(struct node *n, const char *prefix, uint32_t count)
{
    char path[32];
    struct cu_request r = {.kind = CU_KIND_ATTR, .path = path};

    for (uint32_t i = 0; i < count; i++) {
        snprintf(path, sizeof path, "%s%u", prefix, i);
        r.path_len = strlen(path);
        assert_int_equal(cu_core_want(n->core, &r, 1, n->now), 0);
        drain(n);
    }
}

static void let_pass(struct node *n, uint64_t ns)
{
    n->now += ns;
    cu_core_tick(n->core, n->now);
    drain(n);
}

static void a_file_that_hangs_does_not_hold_the_lane(void **state)
{
    struct node *n = node_new();

    (void)state;
    want_chunks(n, "/hangs", 100);
    assert_int_equal(n->reads, 12);
    /* Others need not wait until that is noticed, and as many as there are go on after it. */
    want_files(n, "/other", 100);
    assert_int_equal(n->reads, 16);
    for (unsigned i = 0; i < 97; i++)
        ends(n, 12 + i);
    assert_int_equal(n->reads, 112);
    for (unsigned i = 0; i < 10; i++)
        let_pass(n, 5 * S_NS);
    assert_int_equal(n->reads, 112); /* of the one that hangs no more */
    want_files(n, "/more", 1);
    assert_int_equal(n->reads, 113);
    node_free(n);
}

static bool is_read(const struct node *n, const char *path)
{
    for (unsigned i = 0; i < n->reads; i++)
        if (strcmp(n->read_paths[i], path) == 0)
            return true;
    return false;
}

/* Chunks of a file, each of which holds a worker while the file is opened; and calls of all other
 * kinds. 64 such files hold up nobody, neither while they come nor later. */
static void many_files_that_hang_do_not_hold_the_lane(void **state)
{
    static const enum cu_kind kinds[] = {CU_KIND_ATTR, CU_KIND_DIR, CU_KIND_XATTR, CU_KIND_STATFS};
    struct node *n = node_new();
    char path[32];

    (void)state;
    for (unsigned i = 0; i < 64; i++) {
        struct cu_request r = {.path = path};

        snprintf(path, sizeof path, "/hangs%u", i);
        want_chunks(n, path, 16);
        r.path_len = strlen(path);
        for (unsigned k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
            r.kind = kinds[k];
            assert_int_equal(cu_core_want(n->core, &r, 1, n->now), 0);
        }
        drain(n);
    }
    want_files(n, "/first", 1);
    for (unsigned i = 0; i < 20 && !is_read(n, "/first0"); i++)
        let_pass(n, S_NS);
    assert_true(is_read(n, "/first0"));
    ends(n, n->reads - 1);
    for (unsigned i = 0; i < 10; i++)
        let_pass(n, 5 * S_NS);
    assert_true(n->reads <= CU_LANE_RUNNING_MAX(16));
    for (unsigned i = 0; i < 100; i++) { /* now at once */
        unsigned before = n->reads;

        snprintf(path, sizeof path, "/later%u", i);
        want_files(n, path, 1);
        assert_int_equal(n->reads, before + 1);
        ends(n, before);
        let_pass(n, S_NS);
    }
    assert_int_equal(n->timeouts, 0);
    node_free(n);
}

/* The places that are left for a large file where others hang. */
static void a_large_file_is_read_where_others_hang(void **state)
{
    struct node *n = node_new();
    unsigned before;

    (void)state;
    want_files(n, "/hangs", 5);
    for (unsigned i = 0; i < 6; i++)
        let_pass(n, S_NS);
    before = n->reads;
    want_chunks(n, "/large", 32);
    assert_int_equal(n->reads, before + 4);
    for (unsigned i = before; i < before + 32; i++)
        ends(n, i);
    assert_int_equal(n->replies, 32);
    node_free(n);
}

static void a_file_system_that_hangs_does_not_hold_the_lane(void **state)
{
    struct node *n = node_new();
    unsigned hang;

    (void)state;
    want_files(n, "/Hangs", 200);
    assert_int_equal(n->reads, 16);
    want_files(n, "/other", 3); /* at once */
    assert_int_equal(n->reads, 19);
    for (unsigned i = 0; i < 20; i++)
        let_pass(n, 5 * S_NS);
    hang = n->reads;
    assert_true(hang <= 16 + 128 + 3); /* a bound there is */
    want_files(n, "/another", 3);
    assert_int_equal(n->reads, hang + 3);
    /* It answers nothing, so that it may go on: nobody is refused. */
    for (unsigned i = 0; i < 100; i++)
        let_pass(n, 5 * S_NS);
    assert_int_equal(n->timeouts, 0);
    for (unsigned i = 0; i < n->reads; i++)
        ends(n, i);
    assert_int_equal(n->replies, 206);
    assert_int_equal(n->timeouts, 0);
    node_free(n);
}

/* Over the bound, of a file system that answers others: ETIMEDOUT after a minute. */
static void what_waits_too_long_behind_what_hangs_fails(void **state)
{
    struct node *n = node_new();
    unsigned hang, replies;

    (void)state;
    want_files(n, "/hangs", 100);
    for (unsigned i = 0; i < 10; i++)
        let_pass(n, S_NS);
    want_files(n, "/answers", 1);
    ends(n, n->reads - 1);
    want_files(n, "/hangs-too", 100);
    for (unsigned i = 0; i < 10; i++)
        let_pass(n, S_NS);
    hang = n->reads;
    want_files(n, "/waits", 10);
    for (unsigned i = 0; i < 20; i++)
        let_pass(n, S_NS);
    assert_int_equal(n->reads, hang);
    assert_int_equal(n->replies, 1);
    for (unsigned i = 0; i < 30; i++)
        let_pass(n, S_NS);
    replies = n->replies;
    assert_true(cu_core_deadline(n->core) < n->now + 60 * S_NS);
    for (unsigned i = 0; i < 30; i++)
        let_pass(n, S_NS);
    assert_true(n->timeouts >= 10 && n->replies > replies);
    assert_int_equal(n->timeouts, n->replies - 1);
    assert_int_equal(cu_core_counters(n->core)[CU_COUNT_storage_given_up], n->timeouts);
    assert_int_equal(n->reads, hang);
    node_free(n);
}

/* Two of them, and still others go on; all that may hang has a bound, for which there are threads.
 */
static void file_systems_that_hang_have_a_bound_together(void **state)
{
    struct node *n = node_new();
    unsigned hang;

    (void)state;
    want_files(n, "/A", 300);
    for (unsigned i = 0; i < 20; i++)
        let_pass(n, 5 * S_NS);
    assert_int_equal(n->reads, 16 + 128);
    want_files(n, "/B", 300);
    want_files(n, "/C", 3);
    for (unsigned i = 0; i < 20; i++)
        let_pass(n, 5 * S_NS);
    hang = n->reads;
    assert_true(hang <= CU_LANE_RUNNING_MAX(16));
    for (char c = 'D'; c <= 'Z'; c++) {
        char path[3] = {'/', c, 0};
        want_files(n, path, 100);
        let_pass(n, 5 * S_NS);
    }
    assert_true(n->reads <= CU_LANE_RUNNING_MAX(16));
    node_free(n);
}

/* Whoever was blocked is not forgotten, in whatever order the others end. */
static void all_that_was_blocked_runs_in_the_end(void **state)
{
    struct node *n = node_new();

    (void)state;
    want_chunks(n, "/a", 50);
    want_files(n, "/B", 50);
    want_chunks(n, "/c", 50);
    want_files(n, "/d", 50);
    for (unsigned done = 0; done < 200; done++) {
        assert_true(done < n->reads);
        ends(n, done);
    }
    assert_int_equal(n->replies, 200);
    assert_int_equal(n->reads, 200);
    node_free(n);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_hangs_does_not_hold_the_lane),
        cmocka_unit_test(many_files_that_hang_do_not_hold_the_lane),
        cmocka_unit_test(a_large_file_is_read_where_others_hang),
        cmocka_unit_test(a_file_system_that_hangs_does_not_hold_the_lane),
        cmocka_unit_test(what_waits_too_long_behind_what_hangs_fails),
        cmocka_unit_test(file_systems_that_hang_have_a_bound_together),
        cmocka_unit_test(all_that_was_blocked_runs_in_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
