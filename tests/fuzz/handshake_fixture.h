/* SPDX-License-Identifier: BSD-3-Clause */
/* Two ends of one job with secrets that do not change, so that a whole honest handshake can stand
 * in the corpus. */
#ifndef CU_TESTS_HANDSHAKE_FIXTURE_H
#define CU_TESTS_HANDSHAKE_FIXTURE_H

#include "proto/handshake.h"

#include <string.h>

static inline struct cu_handshake_config fixture_config(bool server, bool encrypt)
{
    struct cu_handshake_config config = {
        .rank = server ? 3 : 7, .role = CU_ROLE_PEER, .encrypt = encrypt};

    memset(config.key, 0x11, sizeof(config.key));
    memset(config.job_id, 0x22, sizeof(config.job_id));
    memset(config.secret, server ? 0x44 : 0x33, sizeof(config.secret));
    memset(config.instance, 0x55, sizeof(config.instance));
    memset(config.address, 0x66, sizeof(config.address));
    config.port = 0x7788;
    return config;
}

#endif
