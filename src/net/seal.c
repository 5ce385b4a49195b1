/* SPDX-License-Identifier: BSD-3-Clause */
/* Encryption as a layer of its own: plaintext is made into records, records into plaintext. It is
 * used by blocking programs and by the loop.
 *
 * Invariant: `in` holds the beginning of the unit that is expected next (stream header or record),
 * and never a whole one. A length is checked before it is used; no memory is allocated by it. */
#include "net/seal.h"

#include <assert.h>
#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_BYTES crypto_secretstream_xchacha20poly1305_HEADERBYTES
#define OVERHEAD     crypto_secretstream_xchacha20poly1305_ABYTES
#define LENGTH_BYTES 4u

_Static_assert(CU_SEAL_PLAIN_MAX + OVERHEAD == CU_SEAL_RECORD_MAX, "a full record");

struct cu_seal {
    /* Out. */
    crypto_secretstream_xchacha20poly1305_state push;
    uint8_t gathered[CU_SEAL_PLAIN_MAX];
    /* In. */
    crypto_secretstream_xchacha20poly1305_state pull;
    uint8_t key_receive[32];
    bool begun; /* the other side's header is here */
    size_t in_size;
    uint8_t in[LENGTH_BYTES + CU_SEAL_RECORD_MAX];
    uint8_t plain[CU_SEAL_PLAIN_MAX]; /* of a record, for cu_seal_feed */
};

struct cu_seal *cu_seal_new(const uint8_t key_send[32], const uint8_t key_receive[32],
                            struct cu_buf **header)
{
    struct cu_seal *seal = malloc(sizeof(*seal));

    *header = cu_buf_new(HEADER_BYTES);
    if (!seal || !*header) {
        cu_buf_unref(*header);
        *header = NULL;
        free(seal);
        return NULL;
    }
    crypto_secretstream_xchacha20poly1305_init_push(&seal->push, (*header)->data, key_send);
    memcpy(seal->key_receive, key_receive, sizeof(seal->key_receive));
    seal->begun = false;
    seal->in_size = 0;
    return seal;
}

void cu_seal_free(struct cu_seal *seal)
{
    if (!seal)
        return;
    sodium_memzero(seal, sizeof(*seal));
    free(seal);
}

uint8_t *cu_seal_room(struct cu_seal *seal)
{
    return seal->gathered;
}

struct cu_buf *cu_seal_record(struct cu_seal *seal, const void *plain, size_t size)
{
    struct cu_buf *record = cu_buf_new(LENGTH_BYTES + size + OVERHEAD);
    uint32_t length = (uint32_t)(size + OVERHEAD);

    assert(size > 0 && size <= CU_SEAL_PLAIN_MAX); /* the other end refuses what is longer */
    if (!record)
        return NULL;
    for (unsigned i = 0; i < LENGTH_BYTES; i++)
        record->data[i] = (uint8_t)(length >> (8 * i));
    crypto_secretstream_xchacha20poly1305_push(&seal->push, record->data + LENGTH_BYTES, NULL,
                                               plain, size, NULL, 0, 0);
    return record;
}

/* `to` has room for size bytes less the overhead. */
static int open_record(struct cu_seal *seal, const uint8_t *sealed, size_t size, uint8_t *to)
{
    return crypto_secretstream_xchacha20poly1305_pull(&seal->pull, to, NULL, NULL, sealed, size,
                                                      NULL, 0)
               ? -EBADMSG
               : 0;
}

/* Adds to `in` until it holds need bytes; false when the input ends before. */
static bool fill(struct cu_seal *seal, const uint8_t **bytes, size_t *size, size_t need)
{
    size_t take;

    assert(need <= sizeof(seal->in) && seal->in_size < sizeof(seal->in));
    if (seal->in_size >= need)
        return true;
    take = need - seal->in_size;
    if (take > *size)
        take = *size;
    memcpy(seal->in + seal->in_size, *bytes, take);
    seal->in_size += take;
    *bytes += take;
    *size -= take;
    return seal->in_size == need;
}

static int begin(struct cu_seal *seal)
{
    int r =
        crypto_secretstream_xchacha20poly1305_init_pull(&seal->pull, seal->in, seal->key_receive);

    sodium_memzero(seal->key_receive, sizeof(seal->key_receive));
    seal->begun = true;
    seal->in_size = 0;
    return r ? -EBADMSG : 0;
}

static size_t record_length(const uint8_t *at)
{
    return (size_t)at[0] | (size_t)at[1] << 8 | (size_t)at[2] << 16 | (size_t)at[3] << 24;
}

/* Takes bytes up to the end of the next record, which lies at *sealed until the next call: its
 * length; 0: the bytes end before; -EBADMSG. */
static int next_record(struct cu_seal *seal, const uint8_t **bytes, size_t *size,
                       const uint8_t **sealed)
{
    size_t length;
    int r;

    if (!seal->begun) {
        if (!fill(seal, bytes, size, HEADER_BYTES))
            return 0;
        r = begin(seal);
        if (r)
            return r;
    }
    if (!fill(seal, bytes, size, LENGTH_BYTES))
        return 0;
    length = record_length(seal->in);
    if (length <= OVERHEAD || length > CU_SEAL_RECORD_MAX)
        return -EBADMSG;
    if (seal->in_size == LENGTH_BYTES && *size >= length) { /* whole: opened where it lies */
        *sealed = *bytes;
        *bytes += length;
        *size -= length;
    } else if (fill(seal, bytes, size, LENGTH_BYTES + length)) {
        *sealed = seal->in + LENGTH_BYTES;
    } else {
        return 0;
    }
    seal->in_size = 0;
    return (int)length;
}

int cu_seal_feed(struct cu_seal *seal, const void *data, size_t size, cu_seal_fn deliver,
                 void *context)
{
    const uint8_t *bytes = data, *sealed;
    int length;

    while ((length = next_record(seal, &bytes, &size, &sealed)) > 0) {
        int r = open_record(seal, sealed, (size_t)length, seal->plain);

        if (r == 0)
            r = deliver(context, seal->plain, (size_t)length - OVERHEAD);
        if (r)
            return r;
    }
    return length;
}

int cu_seal_open(struct cu_seal *seal, const void *data, size_t size, uint8_t *to, size_t *opened)
{
    const uint8_t *bytes = data, *sealed;
    int length;

    *opened = 0;
    while ((length = next_record(seal, &bytes, &size, &sealed)) > 0) {
        int r = open_record(seal, sealed, (size_t)length, to + *opened);

        if (r)
            return r;
        *opened += (size_t)length - OVERHEAD;
    }
    return length;
}
