/* SPDX-License-Identifier: BSD-3-Clause */
/* The rules of the flight machine, over all pairs of state and event, and over random courses of
 * one node: what must hold whatever the table says. */
#include "core_config.h"

#include "core/core.h"
#include "core/flight.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

/* --- the table --------------------------------------------------------------------------- */

#define FOR_EACH_STATE(s) for (enum cu_flight_state s = 0; s < CU_FLIGHT_STATES; s++)
#define FOR_EACH_EVENT(e) for (enum cu_flight_event e = 0; e < CU_FLIGHT_EVENTS; e++)

static bool in_flight(enum cu_flight_state state)
{
    return state == CU_FLIGHT_ASKING || state == CU_FLIGHT_READING;
}

static bool is_want(enum cu_flight_event event)
{
    return event == CU_EVENT_WANT || event == CU_EVENT_EXPIRED;
}

/* What it needs is under way after this action. */
static bool is_under_way_after(enum cu_flight_action action)
{
    return action == CU_ACTION_START || action == CU_ACTION_RESTART || action == CU_ACTION_READ ||
           action == CU_ACTION_AGAIN;
}

static void who_wants_is_served_or_waits_for_a_flight(void **state)
{
    (void)state;
    FOR_EACH_STATE(s)
    {
        FOR_EACH_EVENT(e)
        {
            enum cu_flight_action a = cu_flight_action(s, e);

            if (is_want(e))
                assert_true(a == CU_ACTION_SERVE || a == CU_ACTION_WAIT || a == CU_ACTION_START);
            else /* nobody is there who could be served or wait */
                assert_true(a != CU_ACTION_SERVE && a != CU_ACTION_WAIT && a != CU_ACTION_START);
        }
    }
}

/* What somebody waits for now, while nobody did, overtakes; what is not under way needs nothing. */
static void only_what_is_under_way_is_hurried(void **state)
{
    (void)state;
    FOR_EACH_STATE(s)
    {
        FOR_EACH_EVENT(e)
        assert_int_equal(cu_flight_action(s, e) == CU_ACTION_NOW,
                         e == CU_EVENT_NOW && in_flight(s));
        if (!in_flight(s))
            assert_int_equal(cu_flight_action(s, CU_EVENT_NOW), CU_ACTION_IGNORE);
    }
}

static void an_object_has_one_flight(void **state)
{
    (void)state;
    FOR_EACH_STATE(s)
    {
        FOR_EACH_EVENT(e)
        {
            enum cu_flight_action a = cu_flight_action(s, e);

            if (a == CU_ACTION_START)
                assert_false(in_flight(s));
            if (a == CU_ACTION_WAIT || a == CU_ACTION_RESTART || a == CU_ACTION_AGAIN)
                assert_true(in_flight(s));
        }
    }
}

static void only_what_is_here_and_believed_is_served(void **state)
{
    (void)state;
    FOR_EACH_STATE(s)
    {
        FOR_EACH_EVENT(e)
        {
            if (cu_flight_action(s, e) == CU_ACTION_SERVE) {
                assert_int_equal(s, CU_FLIGHT_FILLED);
                assert_int_equal(e, CU_EVENT_WANT);
            }
        }
    }
    assert_int_equal(cu_flight_action(CU_FLIGHT_FILLED, CU_EVENT_WANT), CU_ACTION_SERVE);
}

/* Of the parent while it is asked, of storage while it is read, and of nobody at any other time. */
static void a_value_is_taken_of_who_was_asked(void **state)
{
    (void)state;
    FOR_EACH_STATE(s)
    {
        FOR_EACH_EVENT(e)
        {
            bool due = (s == CU_FLIGHT_ASKING && e == CU_EVENT_ANSWER) ||
                       (s == CU_FLIGHT_READING && e == CU_EVENT_STORED);

            assert_int_equal(cu_flight_action(s, e) == CU_ACTION_FILL, due);
        }
        if (s != CU_FLIGHT_ASKING) {
            assert_int_equal(cu_flight_action(s, CU_EVENT_ANSWER), CU_ACTION_IGNORE);
            assert_int_equal(cu_flight_action(s, CU_EVENT_BUSY), CU_ACTION_IGNORE);
        }
        if (s != CU_FLIGHT_READING)
            assert_int_equal(cu_flight_action(s, CU_EVENT_STORED), CU_ACTION_IGNORE);
        if (!in_flight(s))
            assert_int_equal(cu_flight_action(s, CU_EVENT_FAILED), CU_ACTION_IGNORE);
    }
}

static void a_flight_ends_only_by_telling_who_waits(void **state)
{
    (void)state;
    FOR_EACH_STATE(s)
    {
        FOR_EACH_EVENT(e)
        {
            enum cu_flight_action a = cu_flight_action(s, e);

            if (in_flight(s))
                assert_int_not_equal(a, CU_ACTION_REMOVE);
            else /* nobody waits */
                assert_true(a != CU_ACTION_FILL && a != CU_ACTION_FAIL);
        }
    }
}

/* Whatever the parent does, the flight goes on or ends; whatever storage does, it ends. So each
 * ends when the parent is silent, gone, busy or wrong, and storage returns. */
static void each_flight_comes_to_its_end(void **state)
{
    static const enum cu_flight_event of_parent[] = {
        CU_EVENT_ANSWER, CU_EVENT_BUSY, CU_EVENT_FAILED, CU_EVENT_CORRUPT, CU_EVENT_REROUTE};
    static const enum cu_flight_event of_storage[] = {CU_EVENT_STORED, CU_EVENT_FAILED,
                                                      CU_EVENT_CORRUPT};

    (void)state;
    for (size_t i = 0; i < sizeof(of_parent) / sizeof(of_parent[0]); i++) {
        enum cu_flight_action a = cu_flight_action(CU_FLIGHT_ASKING, of_parent[i]);

        assert_true(a == CU_ACTION_FILL || a == CU_ACTION_FAIL || is_under_way_after(a));
        /* The same parent is asked again only when it is another route's. */
        if (of_parent[i] != CU_EVENT_REROUTE)
            assert_int_not_equal(a, CU_ACTION_RESTART);
    }
    for (size_t i = 0; i < sizeof(of_storage) / sizeof(of_storage[0]); i++) {
        enum cu_flight_action a = cu_flight_action(CU_FLIGHT_READING, of_storage[i]);

        assert_true(a == CU_ACTION_FILL || a == CU_ACTION_FAIL);
    }
}

static void wrong_bytes_are_neither_kept_nor_served(void **state)
{
    (void)state;
    FOR_EACH_STATE(s)
    {
        enum cu_flight_action a = cu_flight_action(s, CU_EVENT_CORRUPT);

        if (s == CU_FLIGHT_ABSENT)
            assert_int_equal(a, CU_ACTION_IGNORE);
        else
            assert_true(a == CU_ACTION_READ || a == CU_ACTION_FAIL);
    }
}

static void what_was_known_before_a_refresh_does_not_count(void **state)
{
    (void)state;
    FOR_EACH_STATE(s)
    {
        enum cu_flight_action a = cu_flight_action(s, CU_EVENT_DROP);

        if (in_flight(s))
            assert_true(a == CU_ACTION_RESTART || a == CU_ACTION_AGAIN);
        else
            assert_true(a == (s == CU_FLIGHT_FILLED ? CU_ACTION_REMOVE : CU_ACTION_IGNORE));
    }
    /* A call to storage that is under way cannot be taken back: its result is thrown away. */
    assert_int_equal(cu_flight_action(CU_FLIGHT_READING, CU_EVENT_DROP), CU_ACTION_AGAIN);
}

static void memory_comes_from_all_but_flights(void **state)
{
    (void)state;
    FOR_EACH_STATE(s)
    assert_int_equal(cu_flight_action(s, CU_EVENT_EVICT),
                     in_flight(s) ? CU_ACTION_IGNORE : CU_ACTION_REMOVE);
}

static void another_route_concerns_flights_alone(void **state)
{
    (void)state;
    FOR_EACH_STATE(s)
    assert_int_equal(cu_flight_action(s, CU_EVENT_REROUTE),
                     in_flight(s) ? CU_ACTION_RESTART : CU_ACTION_IGNORE);
}

/* --- one node, random courses --------------------------------------------------------------- */

#define PATHS  6
#define STEPS  20000
#define WANTED (STEPS + 1)

struct course {
    struct cu_core *core;
    uint64_t now_ns, random;
    uint64_t reads[PATHS]; /* the id of the read that is out; 0: none */
    unsigned out;
    unsigned answered[WANTED]; /* by cookie */
    uint64_t last_cookie;
    uint32_t generation;
};

static uint32_t draw(struct course *c, uint32_t below)
{
    c->random = c->random * 6364136223846793005ull + 1442695040888963407ull;
    return (uint32_t)(c->random >> 33) % below;
}

static void take_effects(struct course *c)
{
    struct cu_effect e;

    while (cu_core_next_effect(c->core, &e)) {
        if (e.type == CU_EFFECT_REPLY) {
            assert_in_range(e.reply.cookie, 1, c->last_cookie);
            assert_int_equal(c->answered[e.reply.cookie]++, 0); /* once */
        } else if (e.type == CU_EFFECT_READ) {
            unsigned path = (unsigned)(e.read.request.path[1] - 'a');

            assert_in_range(path, 0, PATHS - 1);
            assert_int_equal(c->reads[path], 0); /* one flight */
            c->reads[path] = e.read.id;
            c->out++;
        }
        cu_effect_clear(&e);
    }
}

static void want_one(struct course *c)
{
    const char path[] = {'/', (char)('a' + (int)draw(c, PATHS)), 0};
    struct cu_request r = {.kind = CU_KIND_ATTR, .path = path, .path_len = 2};

    assert_int_equal(cu_core_want(c->core, &r, ++c->last_cookie, c->now_ns), 0);
}

/* A read comes back: with a value, with "no such file", or with a passing error. */
static void end_one_read(struct course *c)
{
    static const int errors[] = {0, 0, 0, ENOENT, EIO, ESTALE, ENOMEM};
    struct cu_value value = {.error = errors[draw(c, sizeof(errors) / sizeof(errors[0]))]};
    unsigned path = draw(c, PATHS);
    uint64_t id;

    while (c->reads[path] == 0)
        path = (path + 1) % PATHS;
    id = c->reads[path];
    c->reads[path] = 0;
    c->out--;
    if (value.error == 0) {
        value.attr.mode = S_IFREG | 0644;
        value.attr.size = draw(c, 100);
    }
    cu_core_storage_done(c->core, id, &value, c->now_ns);
}

static void step(struct course *c)
{
    uint32_t what = draw(c, 100);

    if (what < 45) {
        want_one(c);
    } else if (what < 85) {
        if (c->out > 0)
            end_one_read(c);
    } else if (what < 90) {
        cu_core_refresh(c->core, "/", 1, ++c->generation, c->now_ns);
    } else if (what < 95) {
        c->now_ns += draw(c, 3) * 1000000000ull; /* what does not exist is believed 2 s */
        cu_core_tick(c->core, c->now_ns);
    } else {
        cu_core_outside(c->core, draw(c, 2) ? 2u << 20 : 0); /* memory is needed, or is there */
    }
    take_effects(c);
}

static void each_who_wants_is_answered_once_and_each_object_has_one_flight(void **state)
{
    struct cu_core_config config = small_core(0, 1);
    struct cu_error err;

    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct course *c = calloc(1, sizeof(*c));

        assert_non_null(c);
        c->random = seed;
        c->now_ns = 100000000000ull;
        c->core = cu_core_create(&config, c->now_ns, &err);
        assert_non_null(c->core);
        take_effects(c);
        for (unsigned i = 0; i < STEPS; i++)
            step(c);
        while (c->out > 0) {
            end_one_read(c);
            take_effects(c);
        }
        assert_in_range(c->last_cookie, STEPS / 3, STEPS);
        for (uint64_t cookie = 1; cookie <= c->last_cookie; cookie++)
            assert_int_equal(c->answered[cookie], 1);
        cu_core_destroy(c->core);
        free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_wants_is_served_or_waits_for_a_flight),
        cmocka_unit_test(only_what_is_under_way_is_hurried),
        cmocka_unit_test(an_object_has_one_flight),
        cmocka_unit_test(only_what_is_here_and_believed_is_served),
        cmocka_unit_test(a_value_is_taken_of_who_was_asked),
        cmocka_unit_test(a_flight_ends_only_by_telling_who_waits),
        cmocka_unit_test(each_flight_comes_to_its_end),
        cmocka_unit_test(wrong_bytes_are_neither_kept_nor_served),
        cmocka_unit_test(what_was_known_before_a_refresh_does_not_count),
        cmocka_unit_test(memory_comes_from_all_but_flights),
        cmocka_unit_test(another_route_concerns_flights_alone),
        cmocka_unit_test(each_who_wants_is_answered_once_and_each_object_has_one_flight),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
