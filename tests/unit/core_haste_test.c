/* SPDX-License-Identifier: BSD-3-Clause */
/* What nobody waits for (CU_WANT_LATER) goes after all that somebody waits for: in what a node asks
 * of its parent, in what it works on for a child, and in storage's lanes. And somebody who comes to
 * wait for it (CU_WANT_NOW) makes it overtake in all three. */
#include "core_node.h"

#define WANTS 150u /* more than a window has room for */

static void kernel_wants(struct node *n, enum cu_kind kind, const char *path, uint8_t flags)
{
    struct cu_request r = request_of(kind, path);

    r.flags = flags;
    assert_int_equal(cu_core_want(n->core, &r, 1, n->now), 0);
    drain(n);
}

static void kernel_later(struct node *n, const char *path)
{
    kernel_wants(n, CU_KIND_ATTR, path, CU_WANT_LATER);
}

static uint64_t asked_now(const struct node *n)
{
    return n->core->counters[CU_COUNT_asked_now];
}

static void a_parent_is_told_and_told_anew_once(void **state)
{
    struct node *n = leaf_new();
    struct cu_value value = attr_value(4, 1);
    uint64_t id;

    (void)state;
    kernel_later(n, "/a");
    assert_int_equal(n->wants, 1);
    assert_int_equal(n->want.flags, CU_WANT_LATER);
    id = n->want_id;
    kernel_later(n, "/a"); /* nobody waits so far */
    assert_int_equal(n->wants, 1);
    want(n, CU_KIND_ATTR, "/a", 2);
    assert_int_equal(n->wants, 2);
    assert_int_equal(n->want.flags, CU_WANT_NOW);
    assert_int_equal(n->want_id, id);
    assert_int_equal(asked_now(n), 1);
    want(n, CU_KIND_ATTR, "/a", 3);
    assert_int_equal(n->wants, 2);
    answer(n, 0, CU_KIND_ATTR, id, &value);
    assert_int_equal(n->replies, 4);
    want(n, CU_KIND_ATTR, "/b", 4);
    assert_int_equal(n->want.flags, 0);
    kernel_later(n, "/b"); /* somebody waits, and goes on to */
    assert_int_equal(n->wants, 3);
    node_free(n);
}

/* Before the message has left, it is changed. */
static void what_has_not_left_is_sent_once(void **state)
{
    struct node *n = leaf_new();
    struct cu_request r = request_of(CU_KIND_ATTR, "/a");

    (void)state;
    r.flags = CU_WANT_LATER;
    assert_int_equal(cu_core_want(n->core, &r, 1, n->now), 0);
    r.flags = 0;
    assert_int_equal(cu_core_want(n->core, &r, 2, n->now), 0);
    drain(n);
    assert_int_equal(n->wants, 1);
    assert_int_equal(n->want.flags, 0);
    assert_int_equal(asked_now(n), 0);
    node_free(n);
}

static void what_is_asked_again_keeps_its_kind(void **state)
{
    struct node *n = leaf_new();

    (void)state;
    kernel_later(n, "/a");
    cu_core_refresh(n->core, "/", 1, 1, n->now);
    drain(n);
    assert_int_equal(n->wants, 2);
    assert_int_equal(n->want.flags, CU_WANT_LATER);
    want(n, CU_KIND_ATTR, "/a", 2);
    assert_int_equal(n->want.flags, CU_WANT_NOW);
    cu_core_refresh(n->core, "/", 1, 2, n->now);
    drain(n);
    assert_int_equal(n->wants, 4);
    assert_int_equal(n->want.flags, 0);
    cu_core_peer_down(n->core, cu_peer_parent(0), 0, n->now);
    kernel_later(n, "/b");
    cu_core_peer_up(n->core, cu_peer_parent(0), n->now);
    drain(n);
    node_free(n);
}

/* Of node 1 of three, which asks node 0 for node 2. */
static struct node *between(void)
{
    struct node *n = node_new(1, 3);

    cu_core_peer_up(n->core, cu_peer_parent(0), n->now);
    cu_core_peer_up(n->core, cu_peer_child(2), n->now);
    drain(n);
    return n;
}

static void it_goes_up_from_node_to_node(void **state)
{
    struct node *n = between();
    struct cu_value value = attr_value(4, 1), bytes = bytes_value("abcd");
    uint64_t id;

    (void)state;
    child_want(n, 2, CU_KIND_ATTR, "/a", CU_WANT_LATER, 7);
    assert_int_equal(n->want.flags, CU_WANT_LATER);
    id = n->want_id;
    child_want(n, 2, CU_KIND_ATTR, "/a", CU_WANT_NOW, 7);
    assert_int_equal(n->wants, 2);
    assert_int_equal(n->want.flags, CU_WANT_NOW);
    assert_int_equal(n->want_id, id);
    answer(n, 0, CU_KIND_ATTR, id, &value);
    assert_int_equal(n->answers, 1);
    child_want(n, 2, CU_KIND_ATTR, "/a", CU_WANT_NOW, 7); /* comes too late */
    child_want(n, 2, CU_KIND_ATTR, "/never", CU_WANT_NOW, 8);
    assert_int_equal(n->answers, 1);
    assert_int_equal(n->wants, 2);
    cu_buf_unref(bytes.bytes);
    node_free(n);
}

/* The attributes are here, and the want has gone on to the content. */
static void a_want_for_content_is_found_where_it_waits(void **state)
{
    struct node *n = between();
    struct cu_value value = attr_value(4, 1);

    (void)state;
    want(n, CU_KIND_ATTR, "/a", 1);
    answer(n, 0, CU_KIND_ATTR, n->want_id, &value);
    child_want(n, 2, CU_KIND_ATTR, "/a", CU_WANT_CONTENT | CU_WANT_LATER, 7);
    assert_int_equal(n->want.kind, CU_KIND_DATA);
    assert_int_equal(n->want.flags, CU_WANT_LATER);
    child_want(n, 2, CU_KIND_ATTR, "/a", CU_WANT_CONTENT | CU_WANT_NOW, 7);
    assert_int_equal(n->want.kind, CU_KIND_DATA);
    assert_int_equal(n->want.flags, CU_WANT_NOW);
    node_free(n);
}

/* And one that was hurried while it waited for the attributes stays so. */
static void what_follows_is_hurried_too(void **state)
{
    struct node *n = between();
    struct cu_value value = attr_value(4, 1);
    uint64_t id;

    (void)state;
    child_want(n, 2, CU_KIND_ATTR, "/a", CU_WANT_CONTENT | CU_WANT_LATER, 7);
    id = n->want_id;
    child_want(n, 2, CU_KIND_ATTR, "/a", CU_WANT_CONTENT | CU_WANT_NOW, 7);
    answer(n, 0, CU_KIND_ATTR, id, &value); /* the parent sent no content along */
    assert_int_equal(n->want.kind, CU_KIND_DATA);
    assert_int_equal(n->want.flags, 0);
    node_free(n);
}

static void storage_reads_it_last(void **state)
{
    struct node *n = node_new(0, 1);
    uint32_t slots = n->core->config.storage_slots;
    struct cu_value value = attr_value(4, 1);
    char path[16];

    (void)state;
    assert_true(slots >= 4);
    for (uint32_t i = 0; i < 2 * slots; i++) {
        snprintf(path, sizeof path, "/l%u", i);
        kernel_later(n, path);
    }
    assert_int_equal(n->reads, slots - slots / 4);
    want(n, CU_KIND_ATTR, "/asked", 1);
    assert_int_equal(n->reads, slots - slots / 4 + 1);
    assert_string_equal(n->path, "/asked");
    stored(n, &value); /* what is free now is kept free */
    assert_int_equal(n->reads, slots - slots / 4 + 1);
    want(n, CU_KIND_ATTR, path, 1); /* the last of those */
    assert_int_equal(n->reads, slots - slots / 4 + 2);
    assert_string_equal(n->path, path);
    stored(n, &value);
    assert_int_equal(n->reads, slots - slots / 4 + 2);
    node_free(n);
}

/* The root, with a child that replays: its window has room for what somebody waits for, and what is
 * parked there overtakes when somebody waits for it. */
static void a_window_has_room_for_what_somebody_waits_for(void **state)
{
    struct node *n = node_new(0, 2);
    struct cu_value value = attr_value(4, 1);
    const struct flow *flow;
    char path[16], last[16];

    (void)state;
    cu_core_peer_up(n->core, cu_peer_child(1), n->now);
    drain(n);
    flow = &cu_neighbors_find(n->core, 1)->flows[0];
    for (uint32_t i = 0; i < WANTS; i++) {
        snprintf(path, sizeof path, "/l%u", i);
        child_want(n, 1, CU_KIND_ATTR, path, CU_WANT_LATER, i);
    }
    assert_int_equal(flow->waiting[LINE_NOW], 0);
    assert_true(flow->waiting[LINE_LATER] > 0 && flow->wants + flow->waiting[LINE_LATER] == WANTS);
    strcpy(last, path);
    child_want(n, 1, CU_KIND_ATTR, "/asked", 0, WANTS);
    assert_string_equal(n->path, "/asked");
    child_want(n, 1, CU_KIND_ATTR, last, CU_WANT_NOW, WANTS - 1);
    stored(n, &value); /* of /asked: the lane is full without */
    assert_int_equal(n->answers, 1);
    assert_string_equal(n->path, last);
    assert_true(flow->wants + flow->waiting[LINE_LATER] == WANTS);
    cu_core_peer_down(n->core, cu_peer_child(1), 0, n->now);
    drain(n);
    assert_int_equal(n->core->parked_bytes, 0);
    node_free(n);
}

/* While somebody's wants fill the window, what nobody waits for waits, and comes afterwards. */
static void each_is_answered_once_in_the_end(void **state)
{
    struct node *n = node_new(0, 2);
    struct cu_value value = attr_value(4, 1);
    const uint32_t count = WANTS;
    char path[16];
    uint32_t hurried = 0;

    (void)state;
    cu_core_peer_up(n->core, cu_peer_child(1), n->now);
    drain(n);
    for (uint32_t i = 0; i < count; i++) {
        snprintf(path, sizeof path, "/f%u", i);
        child_want(n, 1, CU_KIND_ATTR, path, i % 2 ? CU_WANT_LATER : 0, i);
    }
    for (uint32_t i = 1; i < count; i += 6, hurried++) {
        snprintf(path, sizeof path, "/f%u", i);
        child_want(n, 1, CU_KIND_ATTR, path, CU_WANT_NOW, i);
    }
    assert_true(hurried > 0);
    for (unsigned before = 0; before < n->reads;) {
        uint32_t slots = n->core->slot_count;

        before = n->reads;
        for (uint32_t i = 0; i < slots; i++) {
            const struct flight *flight = n->core->slots[i].flight;

            if (flight && flight->issued)
                cu_core_storage_done(n->core, cu_slot_id(n->core, flight), &value, n->now);
            drain(n);
        }
    }
    assert_int_equal(n->answers, count);
    assert_int_equal(n->reads, count);
    assert_int_equal(n->core->flow_paths.count, 0);
    node_free(n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_parent_is_told_and_told_anew_once),
        cmocka_unit_test(what_has_not_left_is_sent_once),
        cmocka_unit_test(what_is_asked_again_keeps_its_kind),
        cmocka_unit_test(it_goes_up_from_node_to_node),
        cmocka_unit_test(a_want_for_content_is_found_where_it_waits),
        cmocka_unit_test(what_follows_is_hurried_too),
        cmocka_unit_test(storage_reads_it_last),
        cmocka_unit_test(a_window_has_room_for_what_somebody_waits_for),
        cmocka_unit_test(each_is_answered_once_in_the_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
