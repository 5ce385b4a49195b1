/* SPDX-License-Identifier: BSD-3-Clause */
/* The messages between daemons, after the handshake (proto/handshake.h). docs/protocol.md draws
 * each byte by byte.
 *
 * A frame is a fixed head of CU_MSG_HEAD bytes, then `meta_len` bytes of fields, then `bulk_len`
 * bytes of payload. The payload stands last and has its length in the head, so that a receiver can
 * read it straight into the buffer in which it will be cached:
 *
 *   0 u32 meta_len   4 u32 bulk_len   8 u8 type   9 u8 flags (0)
 *   10 u16 error   12 u32 reserved (0)   16 u64 id
 *
 * Requests go from child to parent (WANT) and are answered once with the same id (ANSWER). */
#ifndef CU_PROTO_MSG_H
#define CU_PROTO_MSG_H

#include "proto/object.h"

#include <stddef.h>
#include <stdint.h>

#define CU_PROTOCOL_VERSION 5u
#define CU_MSG_HEAD         24u
#define CU_MSG_META_MAX     66560u                  /* a path and fixed fields */
#define CU_MSG_BULK_MAX     ((256u << 20) + 65536u) /* a listing at its bound */
#define CU_TREES_MAX        64u
#define CU_MSG_CHUNK_MAX    (16u << 20) /* DATA: bytes of one chunk */
#define CU_MSG_CONTENT_MAX  (1u << 20)  /* ATTR: a content that travels along */
#define CU_MSG_READY_MAX    100000u     /* READY: ranks in one message, and the highest rank */

enum cu_msg_type {
    CU_MSG_WANT = 1,     /* child asks its parent for an object */
    CU_MSG_ANSWER = 2,   /* parent answers */
    CU_MSG_JOIN = 3,     /* child tells for which trees this parent is its parent */
    CU_MSG_PING = 4,     /* are you alive? */
    CU_MSG_PONG = 5,     /* I am */
    CU_MSG_READY = 6,    /* child tells which ranks below it (and itself) are mounted and joined */
    CU_MSG_CONTROL = 7,  /* a command for a daemon or, with scope, all below it: JSON text */
    CU_MSG_RESULT = 8,   /* its result, gathered: JSON text */
    CU_MSG_BYE = 9,      /* the sender leaves in good order */
    CU_MSG_REFRESH = 10, /* either side: what was known of a path no longer counts */
    CU_MSG_CHECK = 11,   /* child asks whether many listings are still right (proto/check.h) */
    CU_MSG_CHECKED = 12, /* parent says so, of some or all */
};

#define CU_WANT_CONTENT 1u /* ATTR: send a small file's content along */
#define CU_WANT_HOME                                                                               \
    2u /* DATA: storage where the asker is does not have that file: from where its attributes are  \
        */
#define CU_WANT_LATER 4u /* nobody waits for it: all that somebody waits for goes first */
#define CU_WANT_NOW                                                                                \
    8u /* somebody waits now for what was wanted with CU_WANT_LATER and this id, or asked in a     \
        * CHECK: no want of its own, and never answered */

struct cu_msg_want {
    enum cu_kind kind;
    uint8_t flags; /* CU_WANT_* */
    uint8_t tree;
    uint32_t generation;       /* of the asker: what is older must not answer (refresh) */
    uint64_t chunk;            /* DATA; others zero */
    uint16_t piece;            /* DATA: of the chunk (proto/piece.h); others zero */
    struct cu_version version; /* DATA, HOLES: wanted; DIR: held, all zero when none; ATTR: known to
                                  be out of date, all zero when none; others zero */
    const char *path;          /* borrowed, in normal form, not NUL-terminated */
    uint16_t path_len;
};

struct cu_msg_answer {
    enum cu_kind kind;
    uint32_t generation;
    uint64_t key;          /* cu_object_key of what is answered */
    struct cu_value value; /* its error is also the head's error */
};

struct cu_msg {
    enum cu_msg_type type;
    uint64_t id; /* WANT/ANSWER, CONTROL/RESULT, PING/PONG pair up by it; 0 elsewhere */
    union {
        struct cu_msg_want want;
        struct cu_msg_answer answer; /* owns its buffers */
        struct {
            uint64_t trees; /* bit t: parent in tree t */
        } join;
        struct {
            uint32_t first;      /* rank of bit 0 */
            uint32_t count;      /* bits */
            const uint8_t *bits; /* (count + 7) / 8 bytes, bit 0 lowest, 0 past count; borrowed */
        } ready;
        struct {
            uint32_t generation; /* above 0 */
            const char *path;    /* borrowed, in normal form, not NUL-terminated */
            size_t path_len;
        } refresh;
        struct {
            uint32_t generation; /* CHECK: as in a WANT; CHECKED: 0 */
            uint8_t tree;        /* the same */
            uint16_t now;        /* CHECK: of the questions, somebody waits for the first ones;
                                    nobody for the rest, as with CU_WANT_LATER; CHECKED: 0 */
            struct cu_buf *list; /* owned reference: questions, or answers (proto/check.h) */
        } check;
        struct {
            struct cu_buf *json; /* owned reference, never empty; CONTROL and RESULT */
        } control;
    };
};

/* The fixed head, checked: known type, lengths within the type's bounds. */
struct cu_msg_head {
    uint32_t meta_len;
    uint32_t bulk_len;
    enum cu_msg_type type;
    uint16_t error;
    uint64_t id;
};

/* Encodes head and fields into one new buffer (*head, new reference, with room for a tag of
 * proto/auth.h behind its size) and names the payload that
 * follows on the wire (*bulk, new reference or NULL). 0, -ENOMEM, -EINVAL (a field that the decoder
 * would refuse; docs/protocol.md has the bounds). On error both are NULL. */
__attribute__((warn_unused_result)) int cu_msg_encode(const struct cu_msg *msg,
                                                      struct cu_buf **head, struct cu_buf **bulk);
/* Decodes CU_MSG_HEAD bytes. 0 or -EBADMSG. */
__attribute__((warn_unused_result)) int cu_msg_decode_head(const void *bytes,
                                                           struct cu_msg_head *head);
/* Decodes the fields. meta is head->meta_len bytes, borrowed: the paths and bits of the message
 * point into it. bulk is a buffer of head->bulk_len bytes (NULL when 0), borrowed: the message
 * takes references of its own. Hashes are handed on, not verified. 0, -EBADMSG, -ENOMEM. On error
 * msg owns nothing. */
__attribute__((warn_unused_result)) int cu_msg_decode(const struct cu_msg_head *head,
                                                      const void *meta, struct cu_buf *bulk,
                                                      struct cu_msg *msg);
/* Drops what the message owns. */
void cu_msg_clear(struct cu_msg *msg);
const char *cu_msg_type_name(enum cu_msg_type type);

#endif
