/* SPDX-License-Identifier: BSD-3-Clause */
/* Authentication of frames, for connections that are not encrypted (docs/protocol.md, "Frames").
 * Pure.
 *
 * Two steps. A payload is hashed with a key that all daemons of a job have (its digest), so that
 * one digest serves all the connections that the payload goes over; it is never sent in clear. A
 * frame's tag is Poly1305 over head, fields and digest under a key for this frame alone, the next
 * 32 bytes of the session key's ChaCha20 stream: so a frame that was forged, changed, repeated,
 * left out or moved has the wrong tag.
 *
 * The digest is NH over units of 1 KiB (universal hash, RFC 4418 5.2; two keys: 2^-64), then
 * Poly1305 over the results under a secret key; as in Adiantum (Crowley, Biggers 2018). It runs at
 * memory speed, which Poly1305 alone does not by a factor of ten. */
#ifndef CU_PROTO_AUTH_H
#define CU_PROTO_AUTH_H

#include <sodium.h>
#include <stddef.h>
#include <stdint.h>

#define CU_AUTH_TAG_BYTES    16u
#define CU_AUTH_DIGEST_BYTES 16u
#define CU_AUTH_UNIT_BYTES   1024u
#define CU_AUTH_AHEAD        16u /* keys that are made at once */

/* A job's digest key: secret. */
struct cu_auth_job {
    uint8_t nh[2][CU_AUTH_UNIT_BYTES];
    uint8_t poly[32];
};

/* One direction of one connection: secret. */
struct cu_auth {
    uint8_t key[32];
    uint64_t count; /* frames so far */
    uint8_t ahead[CU_AUTH_AHEAD][32];
};

void cu_auth_job_init(struct cu_auth_job *job, const uint8_t key[32]);
/* Of a payload of any size. */
void cu_auth_digest(const struct cu_auth_job *job, const void *bytes, size_t size,
                    uint8_t digest[CU_AUTH_DIGEST_BYTES]);

/* The same of a payload that comes bit by bit. */
struct cu_auth_sum {
    crypto_onetimeauth_state state; /* secret */
};
void cu_auth_sum_begin(struct cu_auth_sum *sum, const struct cu_auth_job *job);
/* size: a multiple of CU_AUTH_UNIT_BYTES in all calls but the last. */
void cu_auth_sum_add(struct cu_auth_sum *sum, const struct cu_auth_job *job, const void *bytes,
                     size_t size);
/* Clears sum. */
void cu_auth_sum_end(struct cu_auth_sum *sum, uint8_t digest[CU_AUTH_DIGEST_BYTES]);

/* key: the direction's session key, used for nothing else. */
void cu_auth_init(struct cu_auth *auth, const uint8_t key[32]);
/* The next frame's tag. digest: of its payload, NULL when it has none. */
void cu_auth_tag(struct cu_auth *auth, const void *begin, size_t size, const uint8_t *digest,
                 uint8_t tag[CU_AUTH_TAG_BYTES]);
/* Is this the next frame's tag? 0 or -EBADMSG; in constant time. */
__attribute__((warn_unused_result)) int cu_auth_check(struct cu_auth *auth, const void *begin,
                                                      size_t size, const uint8_t *digest,
                                                      const uint8_t tag[CU_AUTH_TAG_BYTES]);

#endif
