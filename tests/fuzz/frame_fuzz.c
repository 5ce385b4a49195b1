/* SPDX-License-Identifier: BSD-3-Clause */
/* A peer's byte stream, cut as the first byte's low bits say: what comes out is the same as when
 * all of it comes at once, message for message, and so is the end. With its highest bit frames have
 * tags; that of the fixture's first two frames are in the corpus, and no others are right. */
#include "fuzz.h"

#include "base/hash.h"
#include "handshake_fixture.h"
#include "proto/frame.h"

struct heard {
    uint64_t count;
    uint64_t hash;
    int end;
};

static int on_message(void *context, const struct cu_msg *msg)
{
    struct heard *heard = context;
    struct cu_buf *head, *bulk;

    FUZZ_CHECK(cu_msg_encode(msg, &head, &bulk) == 0);
    heard->count++;
    heard->hash = heard->hash * 31 + cu_hash_bytes(head->data, head->size);
    if (bulk)
        heard->hash = heard->hash * 31 + cu_hash_bytes(bulk->data, bulk->size);
    cu_buf_unref(head);
    cu_buf_unref(bulk);
    return 0;
}

/* As the transport does: into a payload's own place where there is one. */
static struct heard feed(const uint8_t *bytes, size_t size, size_t cut, bool tags)
{
    const struct cu_handshake_config keys = fixture_config(false, false);
    struct cu_auth_job job;
    struct cu_frame frame;
    struct heard heard = {0};

    cu_frame_init(&frame);
    cu_auth_job_init(&job, keys.key);
    if (tags)
        cu_frame_authenticate(&frame, &job, keys.secret);
    while (size > 0 && heard.end == 0) {
        size_t part = size < cut ? size : cut, rest;
        unsigned char *at;
        void *copy;

        rest = cu_frame_rest(&frame, &at);
        if (rest > 0) {
            part = part < rest ? part : rest;
            memcpy(at, bytes, part);
            heard.end = cu_frame_filled(&frame, part, on_message, &heard);
        } else {
            copy = fuzz_copy(bytes, part);
            heard.end = cu_frame_feed(&frame, copy, part, on_message, &heard);
            free(copy);
        }
        bytes += part;
        size -= part;
    }
    cu_frame_clear(&frame);
    return heard;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct heard whole, cut;

    if (size < 2)
        return 0;
    whole = feed(data + 1, size - 1, size, data[0] >> 7);
    cut = feed(data + 1, size - 1, (size_t)(data[0] & 0x7f) + 1, data[0] >> 7);
    FUZZ_CHECK(whole.count == cut.count && whole.hash == cut.hash && whole.end == cut.end);
    return 0;
}
