/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of questions about versions. Paths of one import have most of their bytes in common, so a
 * question holds only what differs from the one before. Invariant: what add makes, next reads. */
#include "proto/check.h"

#include "proto/fields.h"
#include "proto/wire.h"

#include <errno.h>
#include <string.h>

#define FIXED       (8u + CU_FIELDS_VERSION_BYTES + 4u)
#define START_BYTES 4096u

static uint16_t shared_of(const struct cu_check_writer *writer,
                          const struct cu_check_question *question)
{
    uint16_t most = writer->last_len < question->path_len ? writer->last_len : question->path_len;
    uint16_t shared = 0;

    while (shared < most && writer->last[shared] == question->path[shared])
        shared++;
    return shared;
}

int cu_check_add(struct cu_check_writer *writer, const struct cu_check_question *question)
{
    uint16_t shared = shared_of(writer, question);
    size_t size = FIXED + question->path_len - shared, used = writer->list ? writer->list->size : 0;
    struct cu_writer w;
    int rc;

    if (cu_version_is_none(&question->version) ||
        !cu_path_is_normal(question->path, question->path_len))
        return -EINVAL;
    if (writer->count >= CU_CHECK_MAX || used + size > CU_CHECK_BYTES_MAX)
        return -ENOSPC;
    rc = cu_buf_room(&writer->list, size, START_BYTES);
    if (rc < 0)
        return rc;
    cu_writer_init(&w, writer->list->data + used, size);
    cu_wire_put_u64(&w, question->id);
    cu_fields_put_version(&w, &question->version);
    cu_wire_put_u16(&w, shared);
    cu_wire_put_u16(&w, (uint16_t)(question->path_len - shared));
    cu_wire_put_bytes(&w, question->path + shared, question->path_len - shared);
    writer->list->size += size;
    writer->count++;
    memcpy(writer->last + shared, question->path + shared, question->path_len - shared);
    writer->last_len = question->path_len;
    return 0;
}

void cu_check_reader_init(struct cu_check_reader *reader, const struct cu_buf *list)
{
    reader->list = list;
    reader->at = 0;
    reader->count = 0;
    reader->path_len = 0;
}

int cu_check_next(struct cu_check_reader *reader, struct cu_check_question *question)
{
    const struct cu_buf *list = reader->list;
    uint16_t shared, rest;
    const void *bytes;
    struct cu_reader r;

    if (!list || reader->at >= list->size)
        return 0;
    cu_reader_init(&r, list->data + reader->at, list->size - reader->at);
    question->id = cu_wire_get_u64(&r);
    cu_fields_get_version(&r, &question->version);
    shared = cu_wire_get_u16(&r);
    rest = cu_wire_get_u16(&r);
    bytes = cu_wire_get_bytes(&r, rest);
    if (r.failed || ++reader->count > CU_CHECK_MAX || shared > reader->path_len ||
        (size_t)shared + rest >= CU_TREE_PATH_MAX ||
        !cu_fields_version_is_valid(&question->version) || cu_version_is_none(&question->version))
        return -EBADMSG;
    memcpy(reader->path + shared, bytes, rest);
    reader->path_len = (uint16_t)(shared + rest);
    reader->at += r.at;
    if (!cu_path_is_normal(reader->path, reader->path_len))
        return -EBADMSG;
    question->path = reader->path;
    question->path_len = reader->path_len;
    return 1;
}

bool cu_check_is_valid(const struct cu_buf *list)
{
    struct cu_check_question question;
    struct cu_check_reader reader;
    int rc;

    if (!list || list->size == 0 || list->size > CU_CHECK_BYTES_MAX)
        return false;
    cu_check_reader_init(&reader, list);
    do
        rc = cu_check_next(&reader, &question);
    while (rc > 0);
    return rc == 0;
}

void cu_check_put_answer(void *bytes, struct cu_check_answer answer)
{
    struct cu_writer w;

    cu_writer_init(&w, bytes, CU_CHECK_ANSWER);
    cu_wire_put_u64(&w, answer.id);
    cu_wire_put_u32(&w, answer.age_ms);
}

struct cu_check_answer cu_check_get_answer(const struct cu_buf *list, uint32_t index)
{
    struct cu_check_answer answer;
    struct cu_reader r;

    cu_reader_init(&r, list->data + (size_t)index * CU_CHECK_ANSWER, CU_CHECK_ANSWER);
    answer.id = cu_wire_get_u64(&r);
    answer.age_ms = cu_wire_get_u32(&r);
    return answer;
}

uint32_t cu_check_answers(const struct cu_buf *list)
{
    return (uint32_t)(list->size / CU_CHECK_ANSWER);
}

bool cu_check_answers_are_valid(const struct cu_buf *list)
{
    return list && list->size > 0 && list->size <= CU_CHECK_ANSWERS_MAX &&
           list->size % CU_CHECK_ANSWER == 0;
}
