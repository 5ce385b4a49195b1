/* SPDX-License-Identifier: BSD-3-Clause */
/* A frame as it comes from a peer that has proven the key but is broken: head, fields, payload. */
#include "fuzz.h"

#include "proto/dir.h"
#include "proto/msg.h"
#include "proto/xattr.h"

/* What the core does with a payload before it believes it. */
static void open_payload(const struct cu_msg *msg)
{
    const struct cu_buf *bytes = msg->type == CU_MSG_ANSWER ? msg->answer.value.bytes : NULL;
    struct cu_dir_index index;
    struct cu_xattr pair;
    size_t at = 0;

    if (!bytes)
        return;
    if (msg->answer.kind == CU_KIND_DIR && cu_dir_index_build(&index, bytes) == 0)
        cu_dir_index_free(&index);
    if (msg->answer.kind == CU_KIND_XATTR)
        while (cu_xattr_next(bytes, &at, &pair) == 1)
            ;
}

static void encodes_to(const struct cu_msg *msg, const unsigned char *bytes, size_t size,
                       const struct cu_buf *payload)
{
    struct cu_buf *head, *bulk;

    FUZZ_CHECK(cu_msg_encode(msg, &head, &bulk) == 0);
    FUZZ_CHECK(head->size == size && memcmp(head->data, bytes, size) == 0);
    FUZZ_CHECK(bulk == payload);
    cu_buf_unref(head);
    cu_buf_unref(bulk);
}

/* The fuzzer cuts and grows inputs; the lengths in the head follow, else few inputs get past it. */
static void fit_bulk_len(unsigned char *frame, uint32_t bulk_len)
{
    for (int i = 0; i < 4; i++)
        frame[4 + i] = (unsigned char)(bulk_len >> (8 * i));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cu_buf *bulk = NULL;
    unsigned char *frame, *meta;
    struct cu_msg_head head;
    struct cu_msg msg;

    if (size < CU_MSG_HEAD)
        return 0;
    frame = fuzz_copy(data, size);
    if (cu_msg_decode_head(frame, &head) || head.meta_len > size - CU_MSG_HEAD)
        goto out;
    head.bulk_len = (uint32_t)(size - CU_MSG_HEAD - head.meta_len);
    fit_bulk_len(frame, head.bulk_len);
    if (head.bulk_len) {
        bulk = cu_buf_copy(frame + size - head.bulk_len, head.bulk_len);
        FUZZ_CHECK(bulk);
    }
    meta = fuzz_copy(frame + CU_MSG_HEAD, head.meta_len);
    if (cu_msg_decode(&head, meta, bulk, &msg) == 0) {
        encodes_to(&msg, frame, CU_MSG_HEAD + head.meta_len, bulk);
        open_payload(&msg);
        cu_msg_clear(&msg);
    }
    FUZZ_CHECK(!bulk || bulk->refs == 1);
    free(meta);
    cu_buf_unref(bulk);
out:
    free(frame);
    return 0;
}
