/* SPDX-License-Identifier: BSD-3-Clause */
/* Sealed records: what goes in comes out, however the stream is cut, and nothing that was changed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "net/seal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Two ends of a sealed stream, and what the first has sent. */
struct sealed {
    struct cu_seal *a, *b;
    unsigned char *bytes;
    size_t size;
    unsigned char plain[200000], opened[300000];
    size_t opened_size;
};

static int on_opened(void *context, const void *bytes, size_t size)
{
    struct sealed *s = context;

    memcpy(s->opened + s->opened_size, bytes, size);
    s->opened_size += size;
    return 0;
}

static void put(struct sealed *s, struct cu_buf *buf)
{
    assert_non_null(buf);
    s->bytes = realloc(s->bytes, s->size + buf->size);
    assert_non_null(s->bytes);
    memcpy(s->bytes + s->size, buf->data, buf->size);
    s->size += buf->size;
    cu_buf_unref(buf);
}

static void sealed_start(struct sealed *s)
{
    static const uint8_t up[32] = {1}, down[32] = {2};
    struct cu_buf *header;

    s->bytes = NULL;
    s->size = s->opened_size = 0;
    s->b = cu_seal_new(down, up, &header);
    cu_buf_unref(header);
    s->a = cu_seal_new(up, down, &header);
    put(s, header);
    for (size_t i = 0; i < sizeof(s->plain); i++)
        s->plain[i] = (unsigned char)(i * 7 + i / 251);
    for (size_t at = 0, part; at < sizeof(s->plain); at += part) {
        struct cu_buf *record;

        part = sizeof(s->plain) - at;
        if (part > CU_SEAL_PLAIN_MAX)
            part = CU_SEAL_PLAIN_MAX;
        memcpy(cu_seal_room(s->a), s->plain + at, part);
        record = cu_seal_record(s->a, cu_seal_room(s->a), part);
        assert_true(record->size <= 4 + CU_SEAL_RECORD_MAX);
        put(s, record);
    }
}

static void sealed_stop(struct sealed *s)
{
    cu_seal_free(s->a);
    cu_seal_free(s->b);
    free(s->bytes);
}

static void feed(struct sealed *s, const uint8_t *bytes, size_t size)
{
    assert_int_equal(cu_seal_feed(s->b, bytes, size, on_opened, s), 0);
}

static void open_into_room(struct sealed *s, const uint8_t *bytes, size_t size)
{
    uint8_t *room = malloc(size + CU_SEAL_RECORD_MAX);
    size_t opened;

    assert_int_equal(cu_seal_open(s->b, bytes, size, room, &opened), 0);
    assert_int_equal(on_opened(s, room, opened), 0);
    free(room);
}

static void open_in_steps(void (*take)(struct sealed *s, const uint8_t *bytes, size_t size))
{
    static const size_t steps[] = {1, 5, 1000, 65536, 1u << 20};
    struct sealed s;

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        sealed_start(&s);
        for (size_t at = 0; at < s.size; at += steps[i])
            take(&s, s.bytes + at, s.size - at < steps[i] ? s.size - at : steps[i]);
        assert_int_equal(s.opened_size, sizeof(s.plain));
        assert_memory_equal(s.opened, s.plain, sizeof(s.plain));
        sealed_stop(&s);
    }
}

static void sealed_bytes_open_however_they_come(void **state)
{
    (void)state;
    open_in_steps(feed);
}

static void sealed_bytes_are_opened_into_room_that_is_given(void **state)
{
    (void)state;
    open_in_steps(open_into_room);
}

static void sealed_bytes_do_not_show_the_plain_ones(void **state)
{
    struct sealed s;

    (void)state;
    sealed_start(&s);
    for (size_t at = 0; at + 16 <= sizeof(s.plain); at += 1000)
        assert_null(memmem(s.bytes, s.size, s.plain + at, 16));
    sealed_stop(&s);
}

static void a_changed_bit_anywhere_is_found(void **state)
{
    static const size_t places[] = {0, 23, 24, 27, 28, 29, 100, 65535, 65570, 150000};
    struct sealed s;

    (void)state;
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        int r;

        sealed_start(&s);
        s.bytes[places[i]] ^= 0x40;
        r = cu_seal_feed(s.b, s.bytes, s.size, on_opened, &s);
        /* A length that has shrunk or grown is found when its record, as announced, is there. */
        assert_int_equal(r, -EBADMSG);
        assert_memory_equal(s.opened, s.plain, s.opened_size); /* what came before is right */
        assert_true(s.opened_size < sizeof(s.plain));
        sealed_stop(&s);
        sealed_start(&s);
        s.bytes[places[i]] ^= 0x40;
        assert_int_equal(cu_seal_open(s.b, s.bytes, s.size, s.opened, &s.opened_size), -EBADMSG);
        assert_memory_equal(s.opened, s.plain, s.opened_size);
        assert_true(s.opened_size < sizeof(s.plain));
        sealed_stop(&s);
    }
}

static void a_record_cannot_be_repeated(void **state)
{
    struct sealed s;
    size_t record;

    (void)state;
    sealed_start(&s);
    record = 4 + CU_SEAL_RECORD_MAX;
    assert_int_equal(cu_seal_feed(s.b, s.bytes, 24 + record, on_opened, &s), 0);
    assert_true(s.opened_size > 0);
    assert_int_equal(cu_seal_feed(s.b, s.bytes + 24, record, on_opened, &s), -EBADMSG);
    sealed_stop(&s);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(sealed_bytes_open_however_they_come),
        cmocka_unit_test(sealed_bytes_are_opened_into_room_that_is_given),
        cmocka_unit_test(sealed_bytes_do_not_show_the_plain_ones),
        cmocka_unit_test(a_changed_bit_anywhere_is_found),
        cmocka_unit_test(a_record_cannot_be_repeated),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
