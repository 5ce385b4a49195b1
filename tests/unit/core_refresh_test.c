/* SPDX-License-Identifier: BSD-3-Clause */
/* Refreshes travel from peer to peer as what they are: a path stays a path, whoever missed one
 * hears of it, chunks of files stay, and a large table is gone through in steps. */
#include "core_config.h"

#include "core/core.h"
#include "core/driver.h"

#include "base/hash.h"
#include "base/path.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

#define READ_IDS 8u

struct told {
    struct cu_peer peer;
    uint32_t generation;
    char path[32];
};

static struct {
    struct cu_core *core;
    struct cu_driver driver;
    uint64_t now;
    unsigned reads, replies, answers;
    uint64_t read_id, read_ids[READ_IDS]; /* the last, the latest */
    unsigned forgets, told_count;
    char forgot[8][32];
    bool pages;
    struct told told[64];
} n;

static uint64_t port_now(void *context)
{
    (void)context;
    return n.now;
}

static void port_reply(void *context, uint64_t cookie, enum cu_core_where where,
                       const struct cu_value *value)
{
    (void)where;
    (void)context;
    (void)cookie;
    (void)value;
    n.replies++;
}

static int port_read(void *context, uint64_t id, const struct cu_request *request, bool direct)
{
    (void)context;
    (void)request;
    (void)direct;
    n.read_id = n.read_ids[n.reads++ % READ_IDS] = id;
    return 0;
}

static void port_forget(void *context, const char *path, size_t path_len, bool pages)
{
    (void)context;
    assert_true(n.forgets < 8);
    snprintf(n.forgot[n.forgets++], 32, "%.*s", (int)path_len, path);
    n.pages = pages;
}

static int port_send(void *context, struct cu_peer peer, struct cu_msg *msg, uint64_t *queued)
{
    struct told *told = &n.told[n.told_count];

    (void)context;
    (void)queued;
    if (msg->type == CU_MSG_ANSWER)
        n.answers++;
    if (msg->type == CU_MSG_REFRESH) {
        assert_true(n.told_count++ < 64);
        *told = (struct told){.peer = peer, .generation = msg->refresh.generation};
        snprintf(told->path, sizeof(told->path), "%.*s", (int)msg->refresh.path_len,
                 msg->refresh.path);
    }
    return 0;
}

static const struct cu_driver_ports ports = {
    .now_ns = port_now,
    .reply = port_reply,
    .send = port_send,
    .read = port_read,
    .forget = port_forget,
};

static void drain(void)
{
    cu_driver_run(&n.driver);
}

/* The root of four. */
static int begin(void **state)
{
    struct cu_core_config config = small_core(0, 4);
    struct cu_error err;

    config.fanout = 3;
    config.cache_bytes = 64u << 20;
    (void)state;
    memset(&n, 0, sizeof(n));
    n.now = 1000 * MS;
    n.core = cu_core_create(&config, n.now, &err);
    assert_non_null(n.core);
    cu_driver_init(&n.driver, n.core, &ports, NULL);
    cu_core_tick(n.core, n.now);
    drain();
    return 0;
}

static int end(void **state)
{
    (void)state;
    cu_core_destroy(n.core);
    return 0;
}

static struct cu_request request_of(enum cu_kind kind, const char *path)
{
    return (struct cu_request){.kind = kind, .path = path, .path_len = strlen(path)};
}

/* Had storage to be asked? Answers it. */
static bool reads(enum cu_kind kind, const char *path)
{
    struct cu_request request = request_of(kind, path);
    struct cu_value value = {.attr = {.mode = S_IFREG | 0644, .nlink = 1, .size = 5}};
    unsigned before = n.reads;

    if (kind == CU_KIND_DATA) {
        request.version.size = 5;
        value = (struct cu_value){.bytes = cu_buf_copy("bytes", 5)};
        value.hash = cu_hash_bytes("bytes", 5);
        value.version = request.version;
    }
    assert_int_equal(cu_core_want(n.core, &request, 1, n.now), 0);
    drain();
    if (n.reads > before) {
        cu_core_storage_done(n.core, n.read_id, &value, n.now);
        drain();
    }
    cu_value_clear(&value);
    return n.reads > before;
}

static void up(uint32_t rank)
{
    cu_core_peer_up(n.core, cu_peer_child(rank), n.now);
    drain();
}

static void hears(uint32_t rank, uint32_t generation, const char *path)
{
    struct cu_msg msg = {.type = CU_MSG_REFRESH, .refresh = {generation, path, strlen(path)}};

    cu_core_message(n.core, cu_peer_child(rank), &msg, n.now);
    drain();
}

static void a_path_stays_a_path_on_its_way(void **state)
{
    (void)state;
    up(1);
    up(2);
    assert_true(reads(CU_KIND_ATTR, "/a/x"));
    assert_true(reads(CU_KIND_ATTR, "/b/y"));
    assert_false(reads(CU_KIND_ATTR, "/a/x"));
    hears(1, 1, "/a");
    assert_int_equal(cu_core_generation(n.core), 1);
    assert_int_equal(n.forgets, 1);
    assert_string_equal(n.forgot[0], "/a");
    assert_false(n.pages);
    assert_true(reads(CU_KIND_ATTR, "/a/x"));
    assert_false(reads(CU_KIND_ATTR, "/b/y"));
    assert_int_equal(n.told_count, 2); /* who told is told, too: it may have a second connection */
    assert_string_equal(n.told[0].path, "/a");
    assert_true(n.told[0].peer.side == CU_CHILD);
    hears(2, 1, "/a");
    cu_core_refresh(n.core, "/a", 2, 1, n.now); /* the command itself comes last */
    drain();
    assert_int_equal(n.told_count, 2);
    assert_int_equal(n.forgets, 1);
    assert_false(reads(CU_KIND_ATTR, "/a/x"));
}

/* Storage answers a request for a listing, or a name, and those for listings that are renewed with
 * it. True: it was asked. */
static bool answers(enum cu_kind kind, const char *path, const struct cu_value *value)
{
    struct cu_request request = request_of(kind, path);
    unsigned before = n.reads;

    assert_int_equal(cu_core_want(n.core, &request, 1, n.now), 0);
    drain();
    for (unsigned i = before; i < n.reads; i++) {
        cu_core_storage_done(n.core, n.read_ids[i % READ_IDS], value, n.now);
        drain();
    }
    return n.reads > before;
}

static bool is_absent(const char *path)
{
    return cu_core_absent(n.core, path, strlen(path), cu_path_parent_len(path, strlen(path)),
                          n.now);
}

/* A name that a refresh names is looked up on storage, whatever was known to keep it from being
 * found: a listing, or the absence of a directory, or a file there. What is beside stays. */
static void what_is_on_the_way_hides_nothing(void **state)
{
    const struct cu_value dir = {.attr = {.mode = S_IFDIR | 0755, .nlink = 2}};
    const struct cu_value file = {.attr = {.mode = S_IFREG | 0644, .nlink = 1}};
    const struct cu_value none = {.error = ENOENT};
    struct cu_value listing = {.bytes = cu_buf_new(0), .version = {.size = 1}};

    (void)state;
    listing.hash = cu_buf_hash(listing.bytes);
    assert_true(answers(CU_KIND_DIR, "/", &listing));
    assert_true(answers(CU_KIND_DIR, "/a", &listing));
    assert_true(answers(CU_KIND_DIR, "/beside", &listing));
    assert_true(answers(CU_KIND_ATTR, "/", &dir));
    assert_true(answers(CU_KIND_ATTR, "/a", &dir));
    assert_true(answers(CU_KIND_ATTR, "/a/b", &none));
    assert_true(answers(CU_KIND_ATTR, "/a/x", &none));
    assert_true(is_absent("/a/b") && is_absent("/beside/b") && is_absent("/b"));
    cu_core_refresh(n.core, "/a/b", 4, 1, n.now);
    drain();
    assert_true(!is_absent("/a/b") && is_absent("/beside/b") && !is_absent("/b"));
    assert_false(answers(CU_KIND_ATTR, "/", &dir));
    assert_false(answers(CU_KIND_ATTR, "/a/x", &none));
    assert_true(answers(CU_KIND_ATTR, "/a", &dir));
    assert_true(answers(CU_KIND_ATTR, "/a/b", &file));
    listing.unchanged = true; /* its version was asked for */
    assert_true(answers(CU_KIND_DIR, "/a", &listing));
    assert_false(answers(CU_KIND_DIR, "/a", &listing));
    cu_core_refresh(n.core, "/a/b/c/d", 8, 2, n.now);
    drain();
    assert_true(answers(CU_KIND_ATTR, "/a/b", &dir));
    assert_true(answers(CU_KIND_DIR, "/a", &listing));
    assert_false(answers(CU_KIND_ATTR, "/a", &dir));
    assert_true(answers(CU_KIND_ATTR, "/a/b/c", &none));
    assert_false(answers(CU_KIND_ATTR, "/a/b/c", &none));
    cu_core_refresh(n.core, "/a/b/c/d", 8, 3, n.now);
    drain();
    assert_true(answers(CU_KIND_ATTR, "/a/b/c", &dir));
    assert_false(answers(CU_KIND_ATTR, "/a/x", &none));
    cu_buf_unref(listing.bytes);
}

static void two_at_once_are_two(void **state)
{
    (void)state;
    assert_true(reads(CU_KIND_ATTR, "/c"));
    cu_core_refresh(n.core, "/a", 2, 1, n.now);
    cu_core_refresh(n.core, "/b", 2, 2, n.now);
    drain();
    assert_int_equal(n.forgets, 2);
    assert_string_equal(n.forgot[0], "/a");
    assert_string_equal(n.forgot[1], "/b");
    assert_false(reads(CU_KIND_ATTR, "/c"));
}

static void who_missed_one_is_told_when_it_connects(void **state)
{
    (void)state;
    cu_core_refresh(n.core, "/a", 2, 1, n.now);
    cu_core_refresh(n.core, "/b", 2, 2, n.now);
    drain();
    up(3);
    assert_int_equal(n.told_count, 2);
    assert_int_equal(n.told[0].peer.rank, 3);
    assert_int_equal(n.told[0].generation, 1);
    assert_string_equal(n.told[1].path, "/b");
    /* Nobody knows any more what 3 to 8 were of. */
    assert_true(reads(CU_KIND_ATTR, "/z"));
    hears(3, 9, "/c");
    assert_int_equal(cu_core_generation(n.core), 9);
    assert_true(reads(CU_KIND_ATTR, "/z"));
    assert_string_equal(n.forgot[n.forgets - 2], "/");
    assert_int_equal(n.told_count, 3); /* that is nobody else's business */
    assert_string_equal(n.told[2].path, "/c");
}

static void a_want_that_overtakes_the_news_gets_nothing_old(void **state)
{
    struct cu_msg want = {.type = CU_MSG_WANT, .id = 5};
    struct cu_msg join = {.type = CU_MSG_JOIN, .join = {.trees = 1}};

    (void)state;
    up(1);
    cu_core_message(n.core, cu_peer_child(1), &join, n.now);
    assert_true(reads(CU_KIND_ATTR, "/a"));
    assert_true(reads(CU_KIND_ATTR, "/b"));
    want.want = (struct cu_msg_want){.kind = CU_KIND_ATTR, .path = "/a", .path_len = 2};
    cu_core_message(n.core, cu_peer_child(1), &want, n.now);
    drain();
    assert_int_equal(n.answers, 1);
    want.id++;
    want.want.generation = 1;
    cu_core_message(n.core, cu_peer_child(1), &want, n.now);
    drain();
    assert_int_equal(n.answers, 1); /* storage is asked */
    assert_int_equal(n.reads, 3);
    assert_int_equal(n.forgets, 0);
    assert_false(reads(CU_KIND_ATTR, "/b"));
}

static void chunks_stay_as_they_are_of_one_version(void **state)
{
    (void)state;
    assert_true(reads(CU_KIND_DATA, "/f"));
    cu_core_refresh(n.core, "/", 1, 1, n.now);
    drain();
    assert_false(reads(CU_KIND_DATA, "/f"));
    cu_core_refresh(n.core, "/", 1, 0, n.now);
    drain();
    assert_true(n.pages);
    assert_true(reads(CU_KIND_DATA, "/f"));
    assert_int_equal(cu_core_generation(n.core), 1);
    up(2);
    assert_int_equal(n.told_count, 1); /* of a drop nobody else hears */
}

static void a_large_table_is_gone_through_in_steps(void **state)
{
    enum { COUNT = 20000 };
    uint64_t *cached = &cu_core_counters(n.core)[CU_COUNT_cached_objects];
    char path[32];

    (void)state;
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(path, sizeof(path), "/%c/%u", i % 2 ? 'a' : 'b', i);
        assert_true(reads(CU_KIND_ATTR, path));
    }
    cu_core_refresh(n.core, "/a", 2, 1, n.now);
    drain();
    assert_int_equal(*cached, COUNT);
    assert_true(cu_core_deadline(n.core) <= n.now);
    assert_true(reads(CU_KIND_ATTR, "/a/1")); /* at once right, though not swept yet */
    assert_false(reads(CU_KIND_ATTR, "/a/1"));
    assert_false(reads(CU_KIND_ATTR, "/b/2"));
    for (unsigned i = 0; i < 5; i++)
        cu_core_tick(n.core, n.now);
    cu_core_refresh(n.core, "/b/4", 4, 2, n.now); /* in the middle of it */
    drain();
    for (unsigned i = 0; cu_core_deadline(n.core) <= n.now; i++) {
        assert_true(i < 100);
        cu_core_tick(n.core, n.now);
    }
    assert_int_equal(*cached, COUNT / 2); /* half of it, /a/1, and not /b/4 */
    assert_true(reads(CU_KIND_ATTR, "/b/4"));
    assert_false(reads(CU_KIND_ATTR, "/a/1"));
    assert_true(reads(CU_KIND_ATTR, "/a/3"));
}

enum { SLICE = 2000 }; /* objects that one call may let go: buckets have one, on average */

/* What a call lets go of the objects that are held. */
static void counts(uint64_t *held, uint64_t *most)
{
    uint64_t now = cu_core_counters(n.core)[CU_COUNT_cached_objects];

    if (*held - now > *most)
        *most = *held - now;
    *held = now;
}

/* A turn of the loop is one tick: whatever is asked for, it takes one slice. */
static void no_call_takes_more_than_a_slice(void **state)
{
    enum { COUNT = 20000, REFRESHES = 100 };
    uint64_t held, most = 0;
    char path[32];

    (void)state;
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(path, sizeof(path), "/%u/x", i);
        assert_true(reads(CU_KIND_ATTR, path));
    }
    held = cu_core_counters(n.core)[CU_COUNT_cached_objects];
    for (unsigned i = 0; i <= REFRESHES; i++) {
        snprintf(path, sizeof(path), "/%u", i);
        if (i == REFRESHES)
            cu_core_refresh(n.core, "/", 1, i + 1, n.now);
        else
            cu_core_refresh(n.core, path, strlen(path), i + 1, n.now);
        counts(&held, &most);
        n.forgets = 0;
        drain();
        cu_core_tick(n.core, n.now);
        counts(&held, &most);
    }
    for (unsigned i = 0; cu_core_deadline(n.core) <= n.now; i++) {
        assert_true(i < 200);
        cu_core_tick(n.core, n.now);
        counts(&held, &most);
    }
    assert_int_equal(held, 0);
    assert_in_range(most, 1, SLICE);
}

/* The sweep comes to its end although refreshes go on and on. */
static void a_sweep_is_not_begun_anew(void **state)
{
    enum { COUNT = 20000 };
    uint64_t *cached = &cu_core_counters(n.core)[CU_COUNT_cached_objects];
    char path[32];

    (void)state;
    for (unsigned i = 0; i < COUNT; i++) {
        snprintf(path, sizeof(path), "/%u", i);
        assert_true(reads(CU_KIND_ATTR, path));
    }
    cu_core_refresh(n.core, "/", 1, 1, n.now);
    for (unsigned i = 2; i < 100; i++) {
        snprintf(path, sizeof(path), "/none/%u", i);
        cu_core_refresh(n.core, path, strlen(path), i, n.now);
        n.forgets = 0;
        drain();
        cu_core_tick(n.core, n.now);
    }
    assert_int_equal(*cached, 0);
}

static void refresh_many(unsigned count)
{
    char path[32];

    for (unsigned i = 0; i < 6000; i++) {
        snprintf(path, sizeof(path), "/%u", i);
        assert_true(reads(CU_KIND_ATTR, path));
    }
    assert_true(reads(CU_KIND_DATA, "/f"));
    for (unsigned i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "/%u", i);
        cu_core_refresh(n.core, path, strlen(path), i + 1, n.now);
        n.forgets = 0;
        drain();
    }
}

/* More than are told, while the sweep has no turn: nothing is missed, and nothing else forgotten.
 */
static void many_refreshes_in_a_row(void **state)
{
    char path[32];

    (void)state;
    refresh_many(900);
    for (unsigned i = 0; i < 1800; i++) {
        snprintf(path, sizeof(path), "/%u", i);
        assert_int_equal(reads(CU_KIND_ATTR, path), i < 900);
    }
}

/* More than are kept: nothing is missed, and chunks stay. */
static void more_refreshes_in_a_row_than_are_kept(void **state)
{
    char path[32];

    (void)state;
    refresh_many(3000);
    assert_false(reads(CU_KIND_DATA, "/f"));
    for (unsigned i = 0; i < 3000; i += 7) {
        snprintf(path, sizeof(path), "/%u", i);
        assert_true(reads(CU_KIND_ATTR, path));
        assert_false(reads(CU_KIND_ATTR, path));
    }
    for (unsigned i = 0; cu_core_deadline(n.core) <= n.now; i++) {
        assert_true(i < 100);
        cu_core_tick(n.core, n.now);
    }
    assert_false(reads(CU_KIND_ATTR, "/7"));
    assert_false(reads(CU_KIND_DATA, "/f"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_path_stays_a_path_on_its_way),
        TEST(what_is_on_the_way_hides_nothing),
        TEST(two_at_once_are_two),
        TEST(who_missed_one_is_told_when_it_connects),
        TEST(a_want_that_overtakes_the_news_gets_nothing_old),
        TEST(chunks_stay_as_they_are_of_one_version),
        TEST(a_large_table_is_gone_through_in_steps),
        TEST(no_call_takes_more_than_a_slice),
        TEST(a_sweep_is_not_begun_anew),
        TEST(many_refreshes_in_a_row),
        TEST(more_refreshes_in_a_row_than_are_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
