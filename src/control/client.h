/* SPDX-License-Identifier: BSD-3-Clause */
/* A blocking conversation with one daemon, with time limits: over the control socket of this node
 * or over a peer port with the job's key. */
#ifndef CU_CONTROL_CLIENT_H
#define CU_CONTROL_CLIENT_H

#include "base/error.h"
#include "control/channel.h"
#include "proto/job.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define CU_CLIENT_OPEN_MS                                                                          \
    2000 /* a daemon that lives answers within this, or is as good as dead                         \
          */
#define CU_CLIENT_ANSWER_MS 10000 /* for what the daemons of a whole job gather */
#define CU_CLIENT_END_MS    5000  /* from the answer to a `stop` to the end of all daemons */

struct cu_client {
    struct cu_channel channel;
    bool peer;      /* frames of proto/msg.h rather than lines */
    bool relayed;   /* lines, to the daemon of another host of the job (copper/relay.h) */
    uint64_t id;    /* of the last request */
    char name[352]; /* "node3 port 20017 (10.0.0.3)" for messages */
};

/* The daemon of this node. -ENOENT when there is none (no socket, or no process listens on it). */
__attribute__((warn_unused_result)) int
cu_client_open_here(const char *mount_dir, struct cu_client *client, struct cu_error *err);
/* The daemon with this rank. -ECONNREFUSED when no process listens there. */
__attribute__((warn_unused_result)) int cu_client_open_rank(const struct cu_job *job, uint32_t rank,
                                                            int timeout_ms,
                                                            struct cu_client *client,
                                                            struct cu_error *err);
/* Any daemon of the job: tries many ranks, all addresses of each. -ENOENT when none answers. */
__attribute__((warn_unused_result)) int
cu_client_open_any(const struct cu_job *job, struct cu_client *client, struct cu_error *err);
void cu_client_close(struct cu_client *client);

__attribute__((warn_unused_result)) int cu_client_send(struct cu_client *client,
                                                       const json_t *request, struct cu_error *err);
/* The answer to the last request, a new reference: 0 also when it says "ok": false. -ETIMEDOUT,
 * -ECONNRESET, -EBADMSG with err. */
__attribute__((warn_unused_result)) int cu_client_receive(struct cu_client *client, int timeout_ms,
                                                          json_t **result, struct cu_error *err);
/* The same, but "ok": false becomes -EREMOTEIO with the daemon's error text. */
__attribute__((warn_unused_result)) int cu_client_take(struct cu_client *client, int timeout_ms,
                                                       json_t **result, struct cu_error *err);
/* Sends and takes; "ok": false becomes -EREMOTEIO with the daemon's error text. */
__attribute__((warn_unused_result)) int cu_client_call(struct cu_client *client,
                                                       const json_t *request, int timeout_ms,
                                                       json_t **result, struct cu_error *err);

/* After the answer to a `stop`: waits until the daemon has closed the connection. It does so when
 * it has ended, and the daemons through which the request was handed up have ended, too. False when
 * it does not within CU_CLIENT_END_MS. */
__attribute__((warn_unused_result)) bool cu_client_await_end(struct cu_client *client);

/* Reads and decodes the job description that the launch host keeps. -ENOENT when there is none. On
 * error job is empty. */
__attribute__((warn_unused_result)) int cu_client_read_job(const char *path, struct cu_job *job,
                                                           struct cu_error *err);

#endif
