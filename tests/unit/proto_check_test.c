/* SPDX-License-Identifier: BSD-3-Clause */
/* Lists of questions and of answers: there and back, at their bounds, and damaged. */
#include "proto/check.h"

#include "fail_alloc.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const struct cu_version version = {4096, {1700000000, 5}, {1700000001, 999999999}};
static struct cu_check_writer writer;
static struct cu_check_reader reader;

static int add(const char *path, uint64_t id)
{
    return cu_check_add(&writer,
                        &(struct cu_check_question){id, version, path, (uint16_t)strlen(path)});
}

static int setup(void **state)
{
    (void)state;
    memset(&writer, 0, sizeof(writer));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cu_buf_unref(writer.list);
    return 0;
}

static void questions_come_back_in_order(void **state)
{
    static const char *const paths[] = {
        "/usr/lib/python3", "/usr/lib", "/usr/lib/python3/numpy", "/", "/opt/x", "/opt/x"};
    struct cu_check_question q;

    (void)state;
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(add(paths[i], i << 40 | 1), 0);
    assert_int_equal(writer.count, 6);
    assert_true(cu_check_is_valid(writer.list));
    cu_check_reader_init(&reader, writer.list);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(cu_check_next(&reader, &q), 1);
        assert_true(q.id == (i << 40 | 1));
        assert_true(cu_version_equal(&q.version, &version));
        assert_int_equal(q.path_len, strlen(paths[i]));
        assert_memory_equal(q.path, paths[i], q.path_len);
    }
    assert_int_equal(cu_check_next(&reader, &q), 0);
}

static void what_paths_share_is_sent_once(void **state)
{
    size_t first;

    (void)state;
    assert_int_equal(add("/usr/lib/python3/dist-packages/numpy/core", 1), 0);
    first = writer.list->size;
    assert_int_equal(add("/usr/lib/python3/dist-packages/numpy/linalg", 2), 0);
    assert_int_equal(writer.list->size - first, 8 + 32 + 4 + strlen("linalg"));
}

static void what_is_no_question_is_refused(void **state)
{
    struct cu_check_question q = {.id = 1, .path = "/a", .path_len = 2};

    (void)state;
    assert_int_equal(cu_check_add(&writer, &q), -EINVAL); /* no version */
    q.version = version;
    q.path = "a/";
    assert_int_equal(cu_check_add(&writer, &q), -EINVAL);
    assert_null(writer.list);
    assert_false(cu_check_is_valid(NULL));
}

static void a_list_is_bounded(void **state)
{
    char path[32];
    int rc = 0;

    (void)state;
    for (uint32_t i = 0; rc == 0; i++) {
        snprintf(path, sizeof(path), "/d/%u", i);
        rc = add(path, i);
    }
    assert_int_equal(rc, -ENOSPC);
    assert_int_equal(writer.count, CU_CHECK_MAX);
    assert_true(cu_check_is_valid(writer.list));
    assert_true(writer.list->size <= CU_CHECK_BYTES_MAX);
}

static void a_list_is_bounded_in_bytes(void **state)
{
    char path[CU_TREE_PATH_MAX];
    size_t len = 0;
    uint32_t i = 0;

    (void)state;
    while (len < 60000) {
        memset(path + len, 'x', 1000);
        path[len] = '/';
        len += 1000;
    }
    path[len] = '\0';
    do
        path[1] = (char)('a' + i);
    while (++i < 26 && add(path, i) == 0);
    assert_int_equal(writer.count, CU_CHECK_BYTES_MAX / 60044);
    assert_true(cu_check_is_valid(writer.list));
    assert_int_equal(add("/b", 1), 0); /* a short one still fits */
}

/* Every byte wrong in turn, and every cut: refused, or another list that is read to its end. */
static void damage_is_found_or_harmless(void **state)
{
    struct cu_buf *list;
    size_t size;

    (void)state;
    assert_int_equal(add("/usr/lib", 1), 0);
    assert_int_equal(add("/usr/share", 2), 0);
    list = writer.list;
    size = list->size;
    for (size_t i = 0; i < size; i++)
        for (unsigned bit = 0; bit < 8; bit++) {
            list->data[i] ^= (uint8_t)(1u << bit);
            (void)cu_check_is_valid(list);
            list->data[i] ^= (uint8_t)(1u << bit);
        }
    for (list->size = 0; list->size < size; list->size++)
        if (list->size != 8 + 32 + 4 + strlen("/usr/lib"))
            assert_false(cu_check_is_valid(list));
    assert_true(cu_check_is_valid(list));
    list->data[40] = 1; /* the first shares something with the one before it */
    assert_false(cu_check_is_valid(list));
}

static void answers_come_back(void **state)
{
    struct cu_buf *list = cu_buf_new(2 * CU_CHECK_ANSWER);
    struct cu_check_answer a;

    (void)state;
    list->size = 2 * CU_CHECK_ANSWER;
    cu_check_put_answer(list->data, (struct cu_check_answer){7, 1999});
    cu_check_put_answer(list->data + CU_CHECK_ANSWER, (struct cu_check_answer){8, CU_CHECK_ASK});
    assert_true(cu_check_answers_are_valid(list));
    assert_int_equal(cu_check_answers(list), 2);
    a = cu_check_get_answer(list, 0);
    assert_true(a.id == 7 && a.age_ms == 1999);
    a = cu_check_get_answer(list, 1);
    assert_true(a.id == 8 && a.age_ms == CU_CHECK_ASK);
    list->size--;
    assert_false(cu_check_answers_are_valid(list));
    list->size = 0;
    assert_false(cu_check_answers_are_valid(list));
    assert_false(cu_check_answers_are_valid(NULL));
    cu_buf_unref(list);
}

static void without_memory_the_list_is_as_it_was(void **state)
{
    (void)state;
    fail_alloc_at(0);
    assert_int_equal(add("/a", 1), -ENOMEM);
    assert_true(fail_alloc_hit());
    assert_null(writer.list);
    assert_int_equal(add("/a", 1), 0);
    assert_true(cu_check_is_valid(writer.list));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(questions_come_back_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(what_paths_share_is_sent_once, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_question_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(a_list_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(a_list_is_bounded_in_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(damage_is_found_or_harmless, setup, teardown),
        cmocka_unit_test(answers_come_back),
        cmocka_unit_test_setup_teardown(without_memory_the_list_is_as_it_was, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
