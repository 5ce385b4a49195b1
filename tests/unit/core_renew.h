/* SPDX-License-Identifier: BSD-3-Clause */
/* CHECKs of a node and of its children about the same few directories. */
#ifndef CU_TESTS_CORE_RENEW_H
#define CU_TESTS_CORE_RENEW_H

#include "core_node.h"

#include "proto/check.h"

#define DIRS 6u

static const char *const dirs[DIRS] = {"/lib", "/lib/a", "/lib/b", "/lib/c", "/opt", "/opt/x"};

static inline void use(struct node *leaf, const char *path)
{
    want(leaf, CU_KIND_DIR, path, 1);
}

/* Sends CHECKED with the answers to the last CHECK: age_ms, but `odd` for the question of that
 * number (-1: none). */
static inline void confirm(struct node *leaf, uint32_t age_ms, int odd, uint32_t odd_age_ms)
{
    static struct cu_check_reader reader;
    struct cu_msg msg = {.type = CU_MSG_CHECKED};
    struct cu_check_question q;
    struct cu_buf *list = cu_buf_new(DIRS * CU_CHECK_ANSWER);

    list->size = 0;
    cu_check_reader_init(&reader, leaf->list);
    for (int i = 0; cu_check_next(&reader, &q) == 1; i++) {
        cu_check_put_answer(list->data + list->size,
                            (struct cu_check_answer){q.id, i == odd ? odd_age_ms : age_ms});
        list->size += CU_CHECK_ANSWER;
    }
    msg.check.list = list;
    cu_core_message(leaf->core, cu_peer_parent(0), &msg, leaf->now);
    drain(leaf);
    cu_buf_unref(list);
}

static inline unsigned questions(const struct node *leaf, const char *first)
{
    static struct cu_check_reader reader;
    struct cu_check_question q;
    unsigned count = 0;

    cu_check_reader_init(&reader, leaf->list);
    while (cu_check_next(&reader, &q) == 1) {
        if (count++ == 0) {
            assert_int_equal(q.path_len, strlen(first));
            assert_memory_equal(q.path, first, q.path_len);
        }
        assert_true(q.version.size == 9);
    }
    return count;
}

/* With ids from `id` on; the caller's. */
static inline struct cu_buf *questions_of(uint64_t size, uint64_t id)
{
    static struct cu_check_writer writer;

    writer = (struct cu_check_writer){0};
    for (unsigned i = 0; i < DIRS; i++)
        assert_int_equal(cu_check_add(&writer,
                                      &(struct cu_check_question){
                                          .id = id + i,
                                          .version = {.size = size},
                                          .path = dirs[i],
                                          .path_len = (uint16_t)strlen(dirs[i]),
                                      }),
                         0);
    return writer.list;
}

/* Nobody waits for any of them. */
static inline void child_check(struct node *node, uint32_t rank, uint64_t size, uint64_t id)
{
    struct cu_msg msg = {.type = CU_MSG_CHECK};

    msg.check.list = questions_of(size, id);
    cu_core_message(node->core, cu_peer_child(rank), &msg, node->now);
    drain(node);
    cu_buf_unref(msg.check.list);
}

static inline unsigned confirmed(const struct node *node, uint32_t *asks)
{
    unsigned count = 0;

    *asks = 0;
    for (uint32_t i = 0; i < cu_check_answers(node->list); i++) {
        if (cu_check_get_answer(node->list, i).age_ms == CU_CHECK_ASK)
            ++*asks;
        else
            count++;
    }
    return count;
}

#endif
