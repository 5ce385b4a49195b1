/* SPDX-License-Identifier: BSD-3-Clause */
/* Checks: many listings at once whose time is over. CHECK carries a list of questions, "is this
 * still the version of this directory?"; CHECKED a list of answers. Each question has an id of its
 * own, that of the asker's flight, so neither side has to remember the message.
 *
 * Questions, without padding: u64 id, version (32 bytes), u16 bytes of the path that are those of
 * the path before, u16 bytes that follow, these bytes. Answers: u64 id, u32 age_ms. */
#ifndef CU_PROTO_CHECK_H
#define CU_PROTO_CHECK_H

#include "base/buf.h"
#include "base/path.h"
#include "proto/object.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CU_CHECK_MAX         8192u        /* questions in a message; of answers, too */
#define CU_CHECK_BYTES_MAX   (512u << 10) /* of questions */
#define CU_CHECK_ANSWER      12u          /* bytes of an answer */
#define CU_CHECK_ANSWERS_MAX (CU_CHECK_MAX * CU_CHECK_ANSWER)
#define CU_CHECK_ASK         UINT32_MAX /* instead of an age: not confirmed, ask for the listing */

struct cu_check_question {
    uint64_t id;
    struct cu_version version; /* never all zero */
    const char *path;          /* normal form, not NUL-terminated */
    uint16_t path_len;
};

struct cu_check_answer {
    uint64_t id;
    uint32_t age_ms; /* the version is right, as storage said so long ago; or CU_CHECK_ASK */
};

/* What makes a list of questions. All zero before the first. */
struct cu_check_writer {
    struct cu_buf *list; /* owned by the caller; NULL before the first */
    uint32_t count;
    char last[CU_TREE_PATH_MAX]; /* path of the latest question */
    uint16_t last_len;
};

/* Reads a list of questions. */
struct cu_check_reader {
    const struct cu_buf *list; /* borrowed */
    size_t at;
    uint32_t count;
    char path[CU_TREE_PATH_MAX];
    uint16_t path_len;
};

/* 0, -ENOSPC (the list is full, and as it was), -ENOMEM, -EINVAL (no path, or no version). */
__attribute__((warn_unused_result)) int cu_check_add(struct cu_check_writer *writer,
                                                     const struct cu_check_question *question);
void cu_check_reader_init(struct cu_check_reader *reader, const struct cu_buf *list);
/* 1: *question is the next one, its path good until the next call; 0: there are no more; -EBADMSG.
 */
__attribute__((warn_unused_result)) int cu_check_next(struct cu_check_reader *reader,
                                                      struct cu_check_question *question);
/* Is it a list of one question and more, within the bounds above? */
bool cu_check_is_valid(const struct cu_buf *list);

/* Answers. The room for them is the caller's: CU_CHECK_ANSWER bytes each. */
void cu_check_put_answer(void *bytes, struct cu_check_answer answer);
struct cu_check_answer cu_check_get_answer(const struct cu_buf *list, uint32_t index);
uint32_t cu_check_answers(const struct cu_buf *list);
bool cu_check_answers_are_valid(const struct cu_buf *list);

#endif
