/* SPDX-License-Identifier: BSD-3-Clause */
/* Overload and lack of memory, on one node driven by hand: a child that asks for everything at once
 * and takes nothing holds a window and no more; and whichever allocation fails, each request has
 * exactly one answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core_config.h"

#include "base/hash.h"
#include "core/driver.h"
#include "core/state.h"
#include "fail_alloc.h"
#include "proto/dir.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define CHUNK  65536u
#define CACHE  (64u << 20)
#define WINDOW (4u * CHUNK) /* CACHE / 8 / fan-out is smaller: the least there is */
#define IDS    200000u

struct node {
    struct cu_core *core;
    struct cu_driver driver;
    uint64_t now;
    uint64_t queued; /* what the child has not taken */
    bool slow;       /* it takes nothing */
    bool hold_reads; /* storage does not answer */
    struct cu_list reads;
    uint8_t *answered; /* by id: how often */
    uint32_t answers, refused, replies, disconnects;
    uint8_t replied[64]; /* by cookie */
    int reply_error;
};

struct read {
    struct cu_list link;
    uint64_t id;
    enum cu_kind kind;
    uint64_t size;
    uint64_t chunk;
};

static struct cu_buf *chunk_bytes, *small_bytes, *listing;
static uint64_t chunk_hash, small_hash, listing_hash;

static int setup(void **state)
{
    struct cu_dir_builder *b = cu_dir_builder_new();
    struct cu_dirent entry = {.ino = 1, .type = 8, .name_len = 1, .name = "x"};

    (void)state;
    chunk_bytes = cu_buf_new(CHUNK);
    memset(chunk_bytes->data, 'c', CHUNK);
    chunk_hash = cu_hash_bytes(chunk_bytes->data, CHUNK);
    small_bytes = cu_buf_copy("hello", 5);
    small_hash = cu_hash_bytes("hello", 5);
    assert_int_equal(cu_dir_builder_add(b, &entry), 0);
    listing = cu_dir_builder_finish(b);
    listing_hash = cu_hash_bytes(listing->data, listing->size);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cu_buf_unref(chunk_bytes);
    cu_buf_unref(small_bytes);
    cu_buf_unref(listing);
    return 0;
}

static void storage_answers(struct node *n, const struct read *read)
{
    struct cu_value v = {0};

    if (read->kind == CU_KIND_ATTR) {
        v.attr.mode = S_IFREG | 0644;
        v.attr.ino = 7;
        v.attr.size = 5;
    } else if (read->kind == CU_KIND_DIR) {
        v.version = (struct cu_version){.size = 9, .mtime = {.nsec = 5}};
        v.bytes = listing;
        v.hash = listing_hash;
    } else {
        v.bytes = read->size == 5 ? small_bytes : chunk_bytes;
        v.hash = read->size == 5 ? small_hash : chunk_hash;
    }
    cu_core_storage_done(n->core, read->id, &v, n->now);
}

static void note_answer(struct node *n, const struct cu_msg *msg)
{
    n->answers++;
    n->refused += msg->answer.value.error == EBUSY;
    if (n->answered)
        n->answered[msg->id]++;
    if (msg->answer.value.bytes)
        n->queued += msg->answer.value.bytes->size;
}

static uint64_t port_now(void *context)
{
    return ((const struct node *)context)->now;
}

static void port_reply(void *context, uint64_t cookie, enum cu_core_where where,
                       const struct cu_value *value)
{
    struct node *n = context;

    (void)where;
    n->replies++;
    n->replied[cookie]++;
    n->reply_error = value->error;
}

static int port_send(void *context, struct cu_peer peer, struct cu_msg *msg, uint64_t *queued)
{
    struct node *n = context;

    (void)peer;
    if (msg->type == CU_MSG_ANSWER)
        note_answer(n, msg);
    if (!n->slow)
        n->queued = 0;
    *queued = n->queued;
    return 0;
}

static int port_read(void *context, uint64_t id, const struct cu_request *request, bool direct)
{
    struct node *n = context;
    struct read *read = __real_malloc(sizeof(*read));

    (void)direct;
    *read = (struct read){
        .id = id, .kind = request->kind, .size = request->version.size, .chunk = request->chunk};
    cu_list_init(&read->link);
    cu_list_push_back(&n->reads, &read->link);
    return 0;
}

static void port_disconnect(void *context, struct cu_peer peer)
{
    (void)peer;
    ((struct node *)context)->disconnects++;
}

static bool storage_step(struct node *n)
{
    struct cu_list *link = n->hold_reads ? NULL : cu_list_pop_front(&n->reads);
    struct read *read;

    if (!link)
        return false;
    read = CU_LIST_ENTRY(link, struct read, link);
    storage_answers(n, read);
    free(read);
    return true;
}

/* Storage goes on when nothing else does. */
static bool port_poll(void *context)
{
    return storage_step(context);
}

static const struct cu_driver_ports ports = {
    .now_ns = port_now,
    .reply = port_reply,
    .send = port_send,
    .read = port_read,
    .disconnect = port_disconnect,
    .poll = port_poll,
};

/* Until nothing moves any more. */
static void drain(struct node *n)
{
    cu_driver_run(&n->driver);
}

/* A root with the child 1. */
static void node_start_with(struct node *n, uint32_t fanout)
{
    struct cu_core_config config = small_core(0, 2);
    struct cu_error err;

    config.fanout = fanout;
    config.storage_slots = 64;
    config.cache_bytes = CACHE;
    config.max_cacheable_bytes = 1u << 30;
    config.chunk_bytes = CHUNK;
    config.enoent_ttl_ns = S_NS;
    config.start_grace_ns = S_NS;
    *n = (struct node){.now = 100 * S_NS};
    cu_list_init(&n->reads);
    n->core = cu_core_create(&config, n->now, &err);
    assert_non_null(n->core);
    cu_driver_init(&n->driver, n->core, &ports, n);
    cu_core_peer_up(n->core, cu_peer_child(1), n->now);
    drain(n);
}

static void node_start(struct node *n)
{
    node_start_with(n, 64);
}

static void node_stop(struct node *n)
{
    while (!cu_list_empty(&n->reads))
        free(CU_LIST_ENTRY(cu_list_pop_front(&n->reads), struct read, link));
    cu_core_destroy(n->core);
    free(n->answered);
}

static void child_wants(struct node *n, enum cu_kind kind, const char *path, uint64_t size,
                        uint32_t chunk, uint64_t id)
{
    struct cu_msg msg = {.type = CU_MSG_WANT, .id = id};

    msg.want.kind = kind;
    msg.want.path = path;
    msg.want.path_len = (uint16_t)strlen(path);
    msg.want.version.size = size;
    msg.want.chunk = chunk;
    cu_core_message(n->core, cu_peer_child(1), &msg, n->now);
}

static void each_once(const struct node *n, uint32_t ids)
{
    for (uint32_t i = 0; i < ids; i++)
        assert_int_equal(n->answered[i], 1);
}

static void a_child_that_takes_nothing_holds_a_window(void **state)
{
    const uint32_t ids = 20000;
    struct node n;

    (void)state;
    node_start(&n);
    n.answered = calloc(ids, 1);
    n.slow = true;
    for (uint32_t i = 0; i < ids; i++) {
        child_wants(&n, CU_KIND_DATA, "/f", 1u << 30, i % 8, i);
        drain(&n);
    }
    assert_true(n.queued >= WINDOW && n.queued <= 2 * WINDOW);
    assert_true(n.answers < ids);
    assert_int_equal(n.refused, 0);
    /* It wakes up: everything comes, each once. */
    n.slow = false;
    n.queued = 0;
    cu_core_child_queued(n.core, 1, 0, n.now);
    drain(&n);
    assert_int_equal(n.answers, ids);
    each_once(&n, ids);
    node_stop(&n);
}

static bool reads(const struct node *n, enum cu_kind kind)
{
    cu_list_for_each (link, &n->reads) {
        if (CU_LIST_ENTRY(link, struct read, link)->kind == kind)
            return true;
    }
    return false;
}

/* Storage answers what is of this kind. */
static void answer_kind(struct node *n, enum cu_kind kind)
{
    cu_list_for_each_safe (link, &n->reads) {
        struct read *read = CU_LIST_ENTRY(link, struct read, link);

        if (read->kind != kind)
            continue;
        cu_list_remove(link);
        storage_answers(n, read);
        free(read);
    }
    drain(n);
}

static const struct flow *flow(const struct node *n)
{
    return &cu_neighbors_find(n->core, 1)->flows[0];
}

/* Until the deadlines of so many seconds have passed. */
static void wait_for(struct node *n, unsigned seconds)
{
    for (uint64_t end = n->now + seconds * S_NS; n->now < end;) {
        uint64_t at = cu_core_deadline(n->core);

        n->now = at < end && at > n->now ? at : end;
        cu_core_tick(n->core, n->now);
        drain(n);
    }
}

/* Many files hang, with more wants than fit into the window: another one waits for 10 s once, and
 * then not at all. */
static void what_hangs_takes_no_room_in_the_window(void **state)
{
    const uint32_t files = 40, chunks = 8, ids = files * chunks + 300;
    const uint64_t window = CACHE / 8 / 2;
    uint32_t id = 0;
    struct node n;
    char path[32];

    (void)state;
    node_start_with(&n, 2);
    n.answered = calloc(ids, 1);
    n.hold_reads = true;
    for (uint32_t i = 0; i < files; i++) {
        snprintf(path, sizeof(path), "/hangs%u", i);
        for (uint32_t chunk = 0; chunk < chunks; chunk++)
            child_wants(&n, CU_KIND_DATA, path, 1u << 30, chunk, id++);
    }
    child_wants(&n, CU_KIND_ATTR, "/other", 0, 0, id++);
    drain(&n);
    assert_false(reads(&n, CU_KIND_ATTR)); /* the window is full */
    assert_true(flow(&n)->bytes >= window && flow(&n)->bytes < window + CHUNK);
    wait_for(&n, 10);
    answer_kind(&n, CU_KIND_ATTR);
    assert_int_equal(n.answered[files * chunks], 1);
    for (uint32_t i = 0; i < 200; i++) { /* one after the other, at once */
        if (i % 20 == 0)
            wait_for(&n, 10);
        snprintf(path, sizeof(path), "/other%u", i);
        child_wants(&n, CU_KIND_ATTR, path, 0, 0, id);
        drain(&n);
        answer_kind(&n, CU_KIND_ATTR);
        assert_int_equal(n.answered[id++], 1);
    }
    assert_int_equal(n.refused, 0);
    assert_true(flow(&n)->bytes <= FLOW_WINDOWS_MAX * window + CHUNK);
    n.hold_reads = false;
    drain(&n);
    wait_for(&n, 10);
    each_once(&n, id);
    assert_int_equal(flow(&n)->wants + flow(&n)->bytes, 0);
    assert_int_equal(n.core->flow_paths.count, 0);
    node_stop(&n);
}

/* More and more files hang: no window is left, and the child is told. */
static void when_all_windows_hang_others_are_refused(void **state)
{
    struct node n;
    char path[32];
    uint32_t id = 0;

    (void)state;
    node_start(&n);
    n.answered = calloc(1000, 1);
    n.hold_reads = true;
    while (n.refused == 0) {
        assert_true(id < 1000);
        snprintf(path, sizeof(path), "/hangs%u", id);
        child_wants(&n, CU_KIND_DATA, path, 1u << 30, 0, id++);
        drain(&n);
        wait_for(&n, 3);
    }
    assert_int_equal(n.answered[id - 1], 1); /* that one, not one that hangs */
    assert_true(flow(&n)->bytes <= FLOW_WINDOWS_MAX * WINDOW + CHUNK);
    n.hold_reads = false;
    drain(&n);
    wait_for(&n, 10);
    each_once(&n, id);
    child_wants(&n, CU_KIND_DATA, "/well", 1u << 30, 0, id++);
    drain(&n);
    each_once(&n, id);
    assert_int_equal(n.refused, 1);
    node_stop(&n);
}

static void a_flood_is_parked_then_refused(void **state)
{
    char path[32];
    struct mallinfo2 before, after;
    struct node n;

    (void)state;
    node_start(&n);
    n.answered = calloc(IDS, 1);
    n.hold_reads = true;
    before = mallinfo2();
    for (uint32_t i = 0; i < IDS; i++) {
        snprintf(path, sizeof(path), "/some/directory/f%u", i);
        child_wants(&n, CU_KIND_ATTR, path, 0, 0, i);
        drain(&n);
    }
    after = mallinfo2();
    assert_true(after.uordblks - before.uordblks < 16u << 20);
    assert_true(n.refused > 0 && n.refused == n.answers);
    assert_true(IDS - n.refused > 15000); /* many are borne */
    n.hold_reads = false;
    drain(&n);
    each_once(&n, IDS);
    node_stop(&n);
}

static void what_a_lost_child_wanted_is_let_go(void **state)
{
    char path[32];
    struct node n;

    (void)state;
    node_start(&n);
    n.hold_reads = true;
    for (uint32_t i = 0; i < 5000; i++) {
        snprintf(path, sizeof(path), "/f%u", i);
        child_wants(&n, CU_KIND_ATTR, path, 0, 0, i);
    }
    drain(&n);
    cu_core_peer_down(n.core, cu_peer_child(1), 0, n.now);
    drain(&n);
    assert_int_equal(n.core->parked_bytes, 0);
    cu_core_peer_up(n.core, cu_peer_child(1), n.now);
    n.hold_reads = false;
    drain(&n);
    assert_int_equal(n.answers, 0);
    child_wants(&n, CU_KIND_ATTR, "/new", 0, 0, 1);
    drain(&n);
    assert_int_equal(n.answers, 1);
    node_stop(&n);
}

static int kernel_wants(struct node *n, enum cu_kind kind, const char *path, uint64_t cookie)
{
    struct cu_request r = {.kind = kind, .path = path, .path_len = strlen(path)};
    int rc;

    if (kind == CU_KIND_DATA)
        r.version.size = 5;
    rc = cu_core_want(n->core, &r, cookie, n->now);
    assert_true(rc == 0 || rc == -ENOMEM);
    n->replied[cookie] = (uint8_t)(rc == -ENOMEM); /* its answer */
    return rc;
}

/* Wants of the kernel and of the child, twice each, reading ahead, a refresh between. Each is
 * answered exactly once; a child whose answer cannot even be made is let go. */
static void scenario(struct node *n)
{
    static const enum cu_kind kinds[] = {CU_KIND_ATTR, CU_KIND_DIR, CU_KIND_DATA};
    struct cu_request ahead = {.kind = CU_KIND_DATA, .path = "/a", .path_len = 2, .chunk = 1};
    uint32_t wanted = 0;
    uint64_t cookie = 0;

    ahead.version.size = 1u << 20;
    for (int round = 0; round < 2; round++) {
        for (unsigned k = 0; k < 3; k++) {
            kernel_wants(n, kinds[k], "/a", cookie++);
            kernel_wants(n, kinds[k], "/a", cookie++);
            child_wants(n, kinds[k], "/a", 5, 0, wanted++);
            child_wants(n, kinds[k], "/b", 5, 0, wanted++);
            if (k == 1)
                (void)cu_core_absent(n->core, "/a/y", 4, 2, n->now);
        }
        cu_core_prefetch(n->core, &ahead, n->now);
        drain(n);
        cu_core_refresh(n->core, "/", 1, cu_core_generation(n->core) + 1, n->now);
    }
    drain(n);
    for (uint64_t i = 0; i < cookie; i++)
        assert_int_equal(n->replied[i], 1);
    for (uint32_t i = 0; i < wanted; i++)
        assert_true(n->answered[i] == 1 || (n->answered[i] == 0 && n->disconnects > 0));
}

static void whichever_allocation_fails_each_request_has_one_answer(void **state)
{
    bool hit = true;

    (void)state;
    for (long at = 0; hit; at++) {
        struct node n;

        node_start(&n);
        n.answered = calloc(64, 1);
        fail_alloc_at(at);
        scenario(&n);
        hit = fail_alloc_hit();
        /* It was one request's misfortune: the node serves on. */
        n.replies = 0;
        assert_int_equal(kernel_wants(&n, CU_KIND_ATTR, "/after", 40), 0);
        drain(&n);
        assert_int_equal(n.replies, 1);
        assert_int_equal(n.reply_error, 0);
        node_stop(&n);
    }
}

static void every_nth_allocation_fails(void **state)
{
    (void)state;
    for (long every = 2; every < 9; every++) {
        struct node n;

        node_start(&n);
        n.answered = calloc(64, 1);
        fail_alloc_every(every);
        scenario(&n);
        fail_alloc_every(0);
        n.replies = 0;
        assert_int_equal(kernel_wants(&n, CU_KIND_ATTR, "/after", 40), 0);
        drain(&n);
        assert_int_equal(n.reply_error, 0);
        node_stop(&n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_child_that_takes_nothing_holds_a_window),
        cmocka_unit_test(what_hangs_takes_no_room_in_the_window),
        cmocka_unit_test(when_all_windows_hang_others_are_refused),
        cmocka_unit_test(a_flood_is_parked_then_refused),
        cmocka_unit_test(what_a_lost_child_wanted_is_let_go),
        cmocka_unit_test(whichever_allocation_fails_each_request_has_one_answer),
        cmocka_unit_test(every_nth_allocation_fails),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
