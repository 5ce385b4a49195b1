/* SPDX-License-Identifier: BSD-3-Clause */
/* Paths that were given to a stage, and lists of them: links on the way, and what stands in a list.
 */
#include "ahead_stage.h"

static void links_on_the_way_are_followed(void **state)
{
    (void)state;
    begin("/a/x/../y", 1u << 30, false);
    run();
    dir("/");
    link_to("/a", "../b/./c"); /* above the top is the top */
    dir("/b");
    dir("/b/c");
    link_to("/b/c/x", "/z");
    dir("/z");
    file("/y", 0); /* x/.. is what is above /z */
    file("/y", 0);
    assert_true(cu_stage_figures(left.stage).over);
    assert_int_equal(cu_stage_figures(left.stage).errors, 0);
    end(NULL);
    begin("/home/view/x", 1u << 30, false); /* leads through the mount */
    run();
    dir("/");
    dir("/home");
    link_to("/home/view", "/tmp/m");
    dir("/tmp");
    file("/x", 0);
    file("/x", 0);
    assert_true(cu_stage_figures(left.stage).over);
    end(NULL);
    begin("/loop", 1u << 30, false);
    run();
    dir("/");
    while (left.count > 0)
        link_to("/loop", "loop");
    assert_int_equal(cu_stage_figures(left.stage).error, ELOOP);
}

static void give_manifest_of(const char *text, size_t size)
{
    struct cu_value value = {.attr = {.mode = S_IFREG, .size = size, .blocks = 1}};

    begin("/m/list", 1u << 30, true);
    run();
    dir("/");
    dir("/m");
    answer("attr /m/list", &value);
    value.content = cu_buf_copy(text, size);
    answer("attr /m/list", &value);
    cu_buf_unref(value.content);
}

static void give_manifest(const char *text)
{
    give_manifest_of(text, strlen(text));
}

static void a_manifest_names_paths(void **state)
{
    struct cu_value value = {.attr = {.mode = S_IFREG, .size = FAKE_CHUNK + 3, .blocks = 999}};
    char *text = calloc(1, FAKE_CHUNK + 3);

    (void)state;
    give_manifest("# comment\n\n/x\r\nrel\n/y");
    assert_int_equal(left.count, 3);
    file("/x", 0);
    file("/x", 0);
    dir("/m");
    file("/m/rel", 0);
    file("/m/rel", 0);
    failed("attr /y", ENOENT);
    assert_true(cu_stage_figures(left.stage).over);
    assert_int_equal(cu_stage_figures(left.stage).errors, 1);
    end(NULL);

    begin("/l", 1u << 30, true); /* in chunks */
    run();
    dir("/");
    answer("attr /l", &value);
    answer("attr /l", &value);
    memset(text, '\n', FAKE_CHUNK + 3);
    memcpy(text + FAKE_CHUNK - 1, "/x\n", 3);
    value = (struct cu_value){.bytes = cu_buf_copy(text + FAKE_CHUNK, 3)};
    answer("data /l 1", &value);
    cu_buf_unref(value.bytes);
    value.bytes = cu_buf_copy(text, FAKE_CHUNK);
    answer("data /l 0", &value);
    cu_buf_unref(value.bytes);
    file("/x", 0);
    file("/x", 0);
    assert_true(cu_stage_figures(left.stage).over);
    assert_int_equal(cu_stage_figures(left.stage).errors, 0);
    free(text);
}

/* As find(1) -print0 writes it: any byte may stand in a name. */
static void a_manifest_with_a_nul_behind_each_path(void **state)
{
    static const char text[] = "/a\nb\0#c\0\0/d\r\n\0e";

    (void)state;
    give_manifest_of(text, sizeof(text) - 1);
    assert_int_equal(left.count, 4);
    for (int i = 0; i < 2; i++)
        file("/a\nb", 0);
    dir("/m");
    dir("/m");
    for (int i = 0; i < 2; i++) {
        file("/m/#c", 0);
        file("/d\r\n", 0);
        file("/m/e", 0);
    }
    assert_true(cu_stage_figures(left.stage).over);
    assert_int_equal(cu_stage_figures(left.stage).errors, 0);
    assert_int_equal(cu_stage_figures(left.stage).objects, 5); /* the manifest is one */
    end(NULL);
    give_manifest_of("/x\0", 3);
    file("/x", 0);
    file("/x", 0);
    assert_true(cu_stage_figures(left.stage).over);
    assert_int_equal(cu_stage_figures(left.stage).errors, 0);
}

/* Links lead to the same directory, too. */
static void a_manifest_names_a_path_several_times(void **state)
{
    static const char *const names[] = {"f", "sub", NULL};
    char want[80], *path;

    (void)state;
    give_manifest("/d/f\n/d\n/d/sub\n/l/sub\n/d/f\n");
    while (left.count > 0) {
        snprintf(want, sizeof(want), "%.70s", left.wants[0]);
        path = strchr(want, '/');
        assert_non_null(path);
        if (strcmp(want, "attr /d/f") == 0)
            file(path, 5);
        else if (strcmp(want, "attr /l") == 0)
            link_to(path, "d");
        else if (want[0] == 'a')
            dir(path);
        else if (strcmp(want, "data /d/f 0") == 0)
            chunk("/d/f", 0, 0);
        else
            list(path, strcmp(path, "/d") == 0 ? names : names + 2);
    }
    assert_int_equal(left.count, 0);
    assert_true(cu_stage_figures(left.stage).over);
    assert_int_equal(cu_stage_figures(left.stage).bytes, 5);
    assert_int_equal(cu_stage_figures(left.stage).errors, 0);
    /* the manifest; file; two directories with their listings */
    assert_int_equal(cu_stage_figures(left.stage).objects, 6);
    assert_int_equal(cu_stage_figures(left.stage).objects_done, 6);
}

static void a_manifest_that_is_none(void **state)
{
    (void)state;
    begin("/l", 1u << 30, true);
    run();
    dir("/");
    dir("/l");
    dir("/l");
    assert_true(cu_stage_figures(left.stage).over);
    assert_int_equal(cu_stage_figures(left.stage).error, EINVAL);
    end(NULL);
    begin("/l", 1u << 30, true);
    run();
    dir("/");
    file("/l", FAKE_CHUNK);
    file("/l", FAKE_CHUNK);
    chunk("/l", 0, EIO);
    assert_true(cu_stage_figures(left.stage).over);
    assert_int_equal(cu_stage_figures(left.stage).error, EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(links_on_the_way_are_followed, end),
        cmocka_unit_test_teardown(a_manifest_names_paths, end),
        cmocka_unit_test_teardown(a_manifest_with_a_nul_behind_each_path, end),
        cmocka_unit_test_teardown(a_manifest_names_a_path_several_times, end),
        cmocka_unit_test_teardown(a_manifest_that_is_none, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
