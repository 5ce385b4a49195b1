/* SPDX-License-Identifier: BSD-3-Clause */
/* A stage asks for a whole tree: each object once, within its window and its room, whatever comes
 * as an answer. */
#include "ahead_stage.h"

/* Down to /d, which is a directory. */
static void enter(uint64_t room)
{
    begin("/d", room, false);
    run();
    dir("/");
    dir("/d");
    dir("/d");
}

static void a_tree_is_walked_and_loaded(void **state)
{
    static const char *const top[] = {"a", "b", "link", NULL}, *const none[] = {NULL};
    struct cu_stage_figures f;

    (void)state;
    enter(1u << 30);
    assert_string_equal(left.wants[0], "dir /d");
    list("/d", top);
    dir("/d/b");
    link_to("/d/link", "/elsewhere");
    assert_false(cu_stage_figures(left.stage).walked);
    file("/d/a", 2 * FAKE_CHUNK + 5);
    list("/d/b", none);
    f = cu_stage_figures(left.stage);
    assert_true(f.walked && !f.over);
    assert_int_equal(f.bytes, 2 * FAKE_CHUNK + 5);
    assert_int_equal(f.bytes_done, 0);
    chunk("/d/a", 1, 0);
    chunk("/d/a", 0, 0);
    chunk("/d/a", 2, 0);
    f = cu_stage_figures(left.stage);
    assert_true(f.over);
    assert_int_equal(f.bytes_done, f.bytes);
    assert_int_equal(f.objects, 6); /* /d and its three names, two listings */
    assert_int_equal(f.objects_done, f.objects);
    assert_int_equal(f.errors, 0);
    assert_int_equal(left.homes, 0);
}

static void content_that_came_along_is_not_asked_for(void **state)
{
    static const char *const top[] = {"a", "e", NULL};
    struct cu_value value = {.attr = {.mode = S_IFREG, .size = 3, .blocks = 1}};

    (void)state;
    enter(1u << 30);
    list("/d", top);
    value.content = cu_buf_copy("abc", 3);
    answer("attr /d/a", &value);
    cu_buf_unref(value.content);
    file("/d/e", 0);
    assert_true(cu_stage_figures(left.stage).over);
    assert_int_equal(cu_stage_figures(left.stage).bytes_done, 3);
}

static void a_large_file_comes_through_its_tree(void **state)
{
    (void)state;
    begin("/f", 1u << 30, false);
    run();
    dir("/");
    file("/f", 5 * FAKE_CHUNK);
    file("/f", 5 * FAKE_CHUNK);
    assert_int_equal(left.count, 5);
    assert_int_equal(left.homes, 5);
}

static void errors_are_counted_and_the_first_is_named(void **state)
{
    static const char *const top[] = {"a", "b", "c", "gone", NULL};
    struct cu_stage_figures f;

    (void)state;
    enter(1u << 30);
    list("/d", top);
    failed("attr /d/gone", ENOENT); /* was listed, and is no more */
    file("/d/a", FAKE_CHUNK);
    dir("/d/b");
    failed("attr /d/c", EIO);
    failed("dir /d/b", EACCES);
    chunk("/d/a", 0, EACCES);
    f = cu_stage_figures(left.stage);
    assert_true(f.over);
    assert_int_equal(f.errors, 3);
    assert_int_equal(f.error, EIO);
    assert_string_equal(f.error_path, "/d/c");
    assert_int_equal(f.bytes, f.bytes_done);
    end(NULL);
    begin("/none", 1u << 30, false);
    run();
    dir("/");
    failed("attr /none", ENOENT);
    f = cu_stage_figures(left.stage);
    assert_true(f.over);
    assert_int_equal(f.errors, 1);
}

static void a_file_that_changes_is_begun_again(void **state)
{
    struct cu_stage_figures f;

    (void)state;
    begin("/f", 1u << 30, false);
    run();
    dir("/");
    file("/f", 2 * FAKE_CHUNK);
    file("/f", 2 * FAKE_CHUNK);
    chunk("/f", 0, 0);
    chunk("/f", 1, ESTALE);
    file("/f", FAKE_CHUNK);
    chunk("/f", 0, 0);
    f = cu_stage_figures(left.stage);
    assert_true(f.over);
    assert_int_equal(f.errors, 0);
    assert_int_equal(f.bytes, FAKE_CHUNK);
    assert_int_equal(f.bytes_done, FAKE_CHUNK);
    end(NULL);
    begin("/f", 1u << 30, false); /* and again, but not for ever */
    run();
    dir("/");
    file("/f", 5);
    for (int i = 0; i < 4; i++) {
        file("/f", 5);
        chunk("/f", 0, ESTALE);
    }
    f = cu_stage_figures(left.stage);
    assert_true(f.over);
    assert_int_equal(f.error, ESTALE);
}

static void holes_are_left_out(void **state)
{
    struct cu_value value = {.attr = {.mode = S_IFREG, .size = 100 * FAKE_CHUNK, .blocks = 8}};
    struct cu_value holes = {0};

    (void)state;
    begin("/s", 10 * FAKE_CHUNK, false);
    run();
    dir("/");
    answer("attr /s", &value);
    answer("attr /s", &value);
    assert_int_equal(cu_holes_append(&holes.bytes, (struct cu_hole){0, 50 * FAKE_CHUNK + 7}), 0);
    assert_int_equal(
        cu_holes_append(&holes.bytes, (struct cu_hole){51 * FAKE_CHUNK, 100 * FAKE_CHUNK}), 0);
    answer("holes /s", &holes);
    cu_buf_unref(holes.bytes);
    assert_int_equal(left.count, 1);
    chunk("/s", 50, 0);
    assert_true(cu_stage_figures(left.stage).over);
    assert_int_equal(cu_stage_figures(left.stage).bytes_done, 8 * 512);
}

static void what_has_no_room_is_counted_and_not_asked_for(void **state)
{
    static const char *const top[] = {"a", "b", "c", NULL};
    struct cu_stage_figures f;

    (void)state;
    enter(3 * FAKE_CHUNK);
    list("/d", top);
    file("/d/a", 2 * FAKE_CHUNK);
    file("/d/b", 2 * FAKE_CHUNK);
    file("/d/c", FAKE_CHUNK / 2);
    assert_int_equal(left.count, 3);
    chunk("/d/a", 0, 0);
    chunk("/d/a", 1, 0);
    chunk("/d/c", 0, 0);
    f = cu_stage_figures(left.stage);
    assert_true(f.over);
    assert_int_equal(f.over_files, 1);
    assert_int_equal(f.over_bytes, 2 * FAKE_CHUNK);
    assert_true(f.held <= 3 * FAKE_CHUNK);
}

static void names_alone_end_it_when_they_have_no_room(void **state)
{
    char names[3000][12];
    const char *list_of[3001];
    struct cu_stage_figures f;

    (void)state;
    for (int i = 0; i < 3000; i++) {
        snprintf(names[i], sizeof(names[i]), "%d", i);
        list_of[i] = names[i];
    }
    list_of[3000] = NULL;
    enter(400000);
    list("/d", list_of);
    while (left.count > 0) {
        char want[160];

        strcpy(want, left.wants[0]);
        answer(want, &(struct cu_value){.attr = {.mode = S_IFDIR | 0755}});
    }
    f = cu_stage_figures(left.stage);
    assert_true(f.over);
    assert_int_equal(f.error, ENOSPC);
    assert_true(f.held < 1000000);
}

static void no_more_than_a_window_is_under_way(void **state)
{
    static const char *const top[] = {"a", NULL};
    uint64_t bytes = 3 * FAKE_CHUNK;

    (void)state;
    enter(UINT64_C(1) << 40);
    list("/d", top);
    cu_stage_answer(
        left.stage, left.tags[0],
        &(struct cu_value){
            .attr = {.mode = S_IFREG, .size = UINT64_C(1) << 35, .blocks = UINT64_C(1) << 26}});
    left.count = 0;
    (void)cu_stage_run(left.stage, 100, &bytes); /* as much as the caller allows */
    assert_int_equal(left.count, 3);
    assert_int_equal(bytes, 0);
    run();
    assert_in_range(left.count, 64, 128);
}

/* A listing of another node. */
static void anything_may_stand_in_a_listing(void **state)
{
    static const unsigned char bad[][16] = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
                                            {0, 0, 0, 0, 0, 0, 0, 0, 0, 200, 0, 'a'},
                                            {0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 'a', '/', 'b'},
                                            {0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0},
                                            {1}};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct cu_value value = {.bytes = cu_buf_copy(bad[i], i == 4 ? 1 : 14)};

        enter(1u << 30);
        answer("dir /d", &value);
        cu_buf_unref(value.bytes);
        assert_true(cu_stage_figures(left.stage).over);
        assert_int_equal(cu_stage_figures(left.stage).error, EIO);
        end(NULL);
    }
    enter(1u << 30);
}

static void it_may_end_at_any_moment(void **state)
{
    static const char *const top[] = {"a", "b", "c", NULL};

    (void)state;
    for (int moment = 0; moment < 8; moment++) {
        begin("/d", 1u << 30, false);
        run();
        if (moment > 0)
            dir("/");
        if (moment > 1)
            dir("/d");
        if (moment > 2)
            dir("/d");
        if (moment > 3)
            list("/d", top);
        if (moment > 4)
            file("/d/a", 300 * FAKE_CHUNK);
        if (moment > 5)
            dir("/d/b");
        if (moment > 6)
            chunk("/d/a", 0, EIO);
        end(NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_tree_is_walked_and_loaded, end),
        cmocka_unit_test_teardown(content_that_came_along_is_not_asked_for, end),
        cmocka_unit_test_teardown(a_large_file_comes_through_its_tree, end),
        cmocka_unit_test_teardown(errors_are_counted_and_the_first_is_named, end),
        cmocka_unit_test_teardown(a_file_that_changes_is_begun_again, end),
        cmocka_unit_test_teardown(holes_are_left_out, end),
        cmocka_unit_test_teardown(what_has_no_room_is_counted_and_not_asked_for, end),
        cmocka_unit_test_teardown(names_alone_end_it_when_they_have_no_room, end),
        cmocka_unit_test_teardown(no_more_than_a_window_is_under_way, end),
        cmocka_unit_test_teardown(anything_may_stand_in_a_listing, end),
        cmocka_unit_test_teardown(it_may_end_at_any_moment, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
