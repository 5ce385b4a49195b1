/* SPDX-License-Identifier: BSD-3-Clause */
/* Checking an answer to `stop` against the job's own host list. */
#ifndef CU_COPPER_STOP_ANSWER_H
#define CU_COPPER_STOP_ANSWER_H

#include "base/error.h"
#include "base/parse.h"

#include <jansson.h>

/* Which hosts of the job (known; spare: others that may have come after the launch went on without
 * them) an answer to `stop` leaves to be done one by one, into rest: the
 * silent ones, all when they are too many to be named. -EBADMSG with err, and all in rest, when the
 * answer cannot be true: it names a host that is not of the job, or one twice, or its numbers do
 * not make up the job. -ENOMEM with err. */
__attribute__((warn_unused_result)) int cu_stop_answer_silent(const struct cu_hosts *known,
                                                              size_t spare, const json_t *result,
                                                              struct cu_hosts *rest,
                                                              struct cu_error *err);

#endif
