/* SPDX-License-Identifier: BSD-3-Clause */
/* What a message may say: the value at each bound, and the next one. */
#include "proto/msg_bounds.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void heads(void **state)
{
    struct cu_msg_head head = {.type = CU_MSG_PING, .id = 1};

    (void)state;
    assert_true(cu_msg_bounds_head(&head));
    head.meta_len = 1;
    assert_false(cu_msg_bounds_head(&head));
    head = (struct cu_msg_head){.type = CU_MSG_BYE, .id = 1}; /* pairs up with nothing */
    assert_false(cu_msg_bounds_head(&head));
    head.id = 0;
    assert_true(cu_msg_bounds_head(&head));
    head.error = 1;
    assert_false(cu_msg_bounds_head(&head));
    for (unsigned type = 0; type < 256; type++) {
        head = (struct cu_msg_head){.type = (uint8_t)type, .meta_len = UINT32_MAX};
        assert_false(cu_msg_bounds_head(&head));
        assert_int_equal(cu_msg_bounds_name(type)[0] == '?',
                         type < CU_MSG_WANT || type > CU_MSG_CHECKED);
    }
}

static void wants(void **state)
{
    struct cu_msg_want want = {.kind = CU_KIND_ATTR, .path = "/a", .path_len = 2};

    (void)state;
    assert_true(cu_msg_bounds_want(&want));
    want.flags = CU_WANT_CONTENT;
    assert_true(cu_msg_bounds_want(&want));
    want.kind = CU_KIND_DIR;
    assert_false(cu_msg_bounds_want(&want));
    for (enum cu_kind kind = CU_KIND_ATTR; kind < CU_KIND_COUNT; kind++) {
        struct cu_msg_want any = {.kind = kind, .path = "/a", .path_len = 2};

        any.flags = CU_WANT_LATER;
        assert_true(cu_msg_bounds_want(&any));
        any.flags = CU_WANT_NOW;
        assert_true(cu_msg_bounds_want(&any));
        any.flags = CU_WANT_LATER | CU_WANT_NOW;
        assert_false(cu_msg_bounds_want(&any));
        any.flags = CU_WANT_NOW << 1;
        assert_false(cu_msg_bounds_want(&any));
    }
    want.flags = 0;
    assert_true(cu_msg_bounds_want(&want));
    want.chunk = 1;
    assert_false(cu_msg_bounds_want(&want));
    want.kind = CU_KIND_DATA;
    assert_true(cu_msg_bounds_want(&want));
    want.tree = CU_TREES_MAX;
    assert_false(cu_msg_bounds_want(&want));
    want.tree = 0;
    want.version.mtime.nsec = 1000000000;
    assert_false(cu_msg_bounds_want(&want));
    want.version.mtime.nsec = 999999999;
    assert_true(cu_msg_bounds_want(&want));
    want.path = "a/"; /* not normal */
    assert_false(cu_msg_bounds_want(&want));
}

static void ready_and_refresh(void **state)
{
    uint8_t bits[2] = {0xff, 0x03};
    struct cu_msg msg = {.type = CU_MSG_READY};

    (void)state;
    msg.ready.bits = bits;
    msg.ready.count = 10;
    assert_true(cu_msg_bounds_msg(&msg));
    msg.ready.count = 9; /* a bit behind the last one */
    assert_false(cu_msg_bounds_msg(&msg));
    msg.ready.count = 8;
    msg.ready.first = CU_MSG_READY_MAX - 8;
    assert_true(cu_msg_bounds_msg(&msg));
    msg.ready.first++;
    assert_false(cu_msg_bounds_msg(&msg));
    msg = (struct cu_msg){.type = CU_MSG_REFRESH};
    msg.refresh.generation = 1;
    msg.refresh.path = "/";
    msg.refresh.path_len = 1;
    assert_true(cu_msg_bounds_msg(&msg));
    msg.refresh.generation = 0;
    assert_false(cu_msg_bounds_msg(&msg));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(heads),
        cmocka_unit_test(wants),
        cmocka_unit_test(ready_and_refresh),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
