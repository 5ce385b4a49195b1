/* SPDX-License-Identifier: BSD-3-Clause */
/* What a root sends in one turn of its loop does not grow with its children, nor with what is
 * queued for them. The clock is the test's. */
#include "tcp_node.h"

#include "loop/turn.h"

#include <uv.h>

#define CHILDREN  8u
#define CHUNK     ((size_t)4 << 20)
#define WRITE_MAX ((uint64_t)1 << 20) /* of tcp_io.c */

static bool slow; /* each write takes as long as a turn has time */
static uint64_t late_ns;
static uint64_t turn_of_write;
static unsigned in_turn, most_in_turn;
static uint64_t most_bytes;

uint64_t __real_uv_hrtime(void);
uint64_t __wrap_uv_hrtime(void);
int __real_uv_try_write(uv_stream_t *stream, const uv_buf_t bufs[], unsigned count);
int __wrap_uv_try_write(uv_stream_t *stream, const uv_buf_t bufs[], unsigned count);
int __real_uv_write(uv_write_t *request, uv_stream_t *stream, const uv_buf_t bufs[], unsigned count,
                    uv_write_cb done);
int __wrap_uv_write(uv_write_t *request, uv_stream_t *stream, const uv_buf_t bufs[], unsigned count,
                    uv_write_cb done);

uint64_t __wrap_uv_hrtime(void)
{
    return __real_uv_hrtime() + late_ns;
}

static void note(const uv_buf_t bufs[], unsigned count)
{
    uint64_t bytes = 0;

    if (!slow)
        return;
    for (unsigned i = 0; i < count; i++)
        bytes += bufs[i].len;
    if (bytes > most_bytes)
        most_bytes = bytes;
    in_turn = turn_of_write == cu_turn_number(loop_turn) ? in_turn + 1 : 1;
    turn_of_write = cu_turn_number(loop_turn);
    if (in_turn > most_in_turn)
        most_in_turn = in_turn;
    late_ns += CU_TURN_NS;
}

int __wrap_uv_try_write(uv_stream_t *stream, const uv_buf_t bufs[], unsigned count)
{
    note(bufs, count);
    return __real_uv_try_write(stream, bufs, count);
}

/* After uv_try_write has found that the kernel takes no more. */
int __wrap_uv_write(uv_write_t *request, uv_stream_t *stream, const uv_buf_t bufs[], unsigned count,
                    uv_write_cb done)
{
    uint64_t bytes = 0;

    for (unsigned i = 0; i < count; i++)
        bytes += bufs[i].len;
    if (bytes > most_bytes)
        most_bytes = bytes;
    return __real_uv_write(request, stream, bufs, count, done);
}

static void many_children_take_one_turn_after_the_other(void **state)
{
    struct node root, children[CHILDREN];
    struct cu_link *links[CHILDREN];
    struct cu_transport_config config;
    struct cu_msg msg = chunk_of(CHUNK);
    struct cu_turn turn;
    unsigned all = 0;

    (void)state;
    cu_turn_init(&turn, &loop);
    loop_turn = &turn;
    config = node_config(&root, 0);
    node_start(&root, &config);
    loop_turn = NULL; /* only the root's turns count */
    for (uint32_t i = 0; i < CHILDREN; i++) {
        config = node_config(&children[i], i + 1);
        node_start(&children[i], &config);
        assert_non_null(cu_transport_connect(children[i].transport, 0, "127.0.0.1",
                                             cu_transport_port(root.transport), 5000, false));
        RUN_UNTIL(root.ups == (int)i + 1 && children[i].ups == 1);
        links[i] = root.link;
    }
    loop_turn = &turn;
    slow = true;
    for (uint32_t i = 0; i < CHILDREN; i++)
        assert_int_equal(cu_link_send(links[i], &msg), 0);
    do {
        uv_run(&loop, UV_RUN_ONCE);
        all = 0;
        for (uint32_t i = 0; i < CHILDREN; i++)
            all += children[i].messages == 1;
    } while (all < CHILDREN);
    slow = false;
    assert_in_range(most_in_turn, 1, 2); /* one when the turn's time was used up before it began */
    assert_in_range(most_bytes, 1, WRITE_MAX);
    for (uint32_t i = 0; i < CHILDREN; i++) {
        assert_int_equal(children[i].bytes, CHUNK);
        assert_false(children[i].broken);
        cu_transport_destroy(children[i].transport);
    }
    cu_transport_destroy(root.transport);
    cu_buf_unref(msg.answer.value.bytes);
    uv_close((uv_handle_t *)&turn.prepare, NULL);
    uv_run(&loop, UV_RUN_DEFAULT);
    loop_turn = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(many_children_take_one_turn_after_the_other, loop_setup,
                                        loop_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
