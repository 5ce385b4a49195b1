/* SPDX-License-Identifier: BSD-3-Clause */
/* Encryption of a stream after the handshake: libsodium's crypto_secretstream_xchacha20poly1305
 * (https://doc.libsodium.org/secret-key_cryptography/secretstream), one stream a direction:
 *
 *   24 bytes stream header, then records:  u32 length | ciphertext (length bytes, 18..65536)
 *
 * A record that was changed, dropped, repeated or moved fails to open. Links without encryption
 * have no cu_seal and pay nothing. The two directions share nothing: a thread may seal while
 * another opens. */
#ifndef CU_NET_SEAL_H
#define CU_NET_SEAL_H

#include "base/buf.h"

#include <stddef.h>
#include <stdint.h>

#define CU_SEAL_RECORD_MAX 65536u /* ciphertext of one record */
#define CU_SEAL_PLAIN_MAX  65519u /* what goes into one */

struct cu_seal;

/* NULL: out of memory. *header is a new reference, to be sent first. */
struct cu_seal *cu_seal_new(const uint8_t key_send[32], const uint8_t key_receive[32],
                            struct cu_buf **header);
/* Wipes the keys. NULL does nothing. */
void cu_seal_free(struct cu_seal *seal);
/* CU_SEAL_PLAIN_MAX bytes, where what goes out in pieces may be gathered for cu_seal_record. */
uint8_t *cu_seal_room(struct cu_seal *seal);
/* A record of plain, 1 to CU_SEAL_PLAIN_MAX bytes; it must be sent. NULL: out of memory. */
struct cu_buf *cu_seal_record(struct cu_seal *seal, const void *plain, size_t size);

/* Called with decrypted bytes (borrowed). A value other than 0 stops and is returned by the
 * caller. */
typedef int (*cu_seal_fn)(void *context, const void *bytes, size_t size);
/* Takes all bytes. 0, -EBADMSG (forged or broken), or what deliver returned. */
__attribute__((warn_unused_result)) int cu_seal_feed(struct cu_seal *seal, const void *bytes,
                                                     size_t size, cu_seal_fn deliver,
                                                     void *context);
/* The same, but the decrypted bytes go to `to`, which has room for size + CU_SEAL_RECORD_MAX;
 * *opened: how many, which are right whatever is returned. 0 or -EBADMSG. */
__attribute__((warn_unused_result)) int cu_seal_open(struct cu_seal *seal, const void *bytes,
                                                     size_t size, uint8_t *to, size_t *opened);

#endif
