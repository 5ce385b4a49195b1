/* SPDX-License-Identifier: BSD-3-Clause */
/* The inode table: identity by version, paths, references, and that numbers are not given out
 * twice. */
#include "front/inode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static int freed;

static void on_free(void *context, struct cu_inode *inode)
{
    (void)context, (void)inode;
    freed++;
}

static int setup(void **state)
{
    static struct cu_inodes t;

    freed = 0;
    assert_int_equal(cu_inodes_init(&t, on_free, NULL), 0);
    *state = &t;
    return 0;
}

static int teardown(void **state)
{
    cu_inodes_free(*state);
    return 0;
}

static struct cu_attr file_attr(uint64_t ino, uint64_t size)
{
    return (struct cu_attr){.mode = S_IFREG | 0644, .ino = ino, .size = size};
}

static struct cu_attr dir_attr(uint64_t ino, int64_t mtime)
{
    return (struct cu_attr){.mode = S_IFDIR | 0755, .ino = ino, .mtime = {.sec = mtime}};
}

static struct cu_inode *enter(struct cu_inodes *t, struct cu_inode *parent, const char *name,
                              struct cu_attr attr)
{
    struct cu_inode *inode = cu_inodes_enter(t, parent, name, strlen(name), &attr);

    assert_non_null(inode);
    inode->lookups++;
    return inode;
}

static void root_is_there_and_stays(void **state)
{
    struct cu_inodes *t = *state;
    char path[CU_TREE_PATH_MAX];

    assert_ptr_equal(cu_inodes_get(t, CU_INODE_ROOT), t->root);
    assert_int_equal(cu_inode_path(t->root, path), 1);
    assert_string_equal(path, "/");
    cu_inodes_forget(t, CU_INODE_ROOT, 1000);
    assert_ptr_equal(cu_inodes_get(t, CU_INODE_ROOT), t->root);
    assert_int_equal(t->count, 1);
}

static void paths_are_built_by_walking_up(void **state)
{
    struct cu_inodes *t = *state;
    struct cu_inode *a = enter(t, t->root, "a", dir_attr(2, 0));
    struct cu_inode *b = enter(t, a, "b b", dir_attr(3, 0));
    struct cu_inode *c = enter(t, b, "\xff\n", file_attr(4, 1));
    char path[CU_TREE_PATH_MAX];

    assert_int_equal(cu_inode_path(c, path), 9);
    assert_string_equal(path, "/a/b b/\xff\n");
}

static void too_long_paths_are_refused(void **state)
{
    struct cu_inodes *t = *state;
    struct cu_inode *at = t->root;
    char name[CU_NAME_MAX + 1], path[CU_TREE_PATH_MAX];

    memset(name, 'n', 255);
    name[255] = '\0';
    for (uint64_t i = 0; i < 255; i++) /* 255 * 256 = 65,280 */
        at = enter(t, at, name, dir_attr(10 + i, 0));
    assert_int_equal(cu_inode_path(at, path), 65280);
    at = enter(t, at, name, dir_attr(400, 0)); /* 65,536: no room for the NUL */
    assert_int_equal(cu_inode_path(at, path), -ENAMETOOLONG);
    assert_int_equal(cu_inode_path(at->parent, path), 65280);
}

static void versions_of_a_file_are_nodes_of_their_own(void **state)
{
    struct cu_inodes *t = *state;
    struct cu_inode *old = enter(t, t->root, "f", file_attr(2, 10));
    struct cu_inode *same = enter(t, t->root, "f", file_attr(2, 10));
    struct cu_inode *new = enter(t, t->root, "f", file_attr(2, 11));
    struct cu_inode *renumbered = enter(t, t->root, "f", file_attr(3, 11));

    assert_ptr_equal(old, same);
    assert_int_equal(old->lookups, 2);
    assert_ptr_not_equal(old, new);
    assert_ptr_equal(renumbered, new);
    assert_int_equal(old->attr.size, 10);
    assert_null(cu_inodes_find_stale(t, t->root, "f", 1));
    old->stale = true;
    assert_ptr_equal(cu_inodes_find_stale(t, t->root, "f", 1), old);
    assert_null(cu_inodes_find_stale(t, t->root, "g", 1));
}

static void a_directory_that_changes_stays_itself(void **state)
{
    struct cu_inodes *t = *state;
    struct cu_inode *old = enter(t, t->root, "d", dir_attr(2, 100));

    assert_ptr_equal(enter(t, t->root, "d", dir_attr(2, 200)), old);
    assert_int_equal(old->attr.mtime.sec, 200);
    assert_ptr_equal(enter(t, t->root, "d", dir_attr(3, 200)), old); /* storage renumbers */
    /* the same numbers, but a file now */
    assert_ptr_not_equal(enter(t, t->root, "d", file_attr(2, 0)), old);
}

static void the_last_reference_frees_the_node_and_its_parents(void **state)
{
    struct cu_inodes *t = *state;
    struct cu_inode *d = enter(t, t->root, "d", dir_attr(2, 0));
    struct cu_inode *f = enter(t, d, "f", file_attr(3, 1));
    uint64_t d_id = d->nodeid, f_id = f->nodeid;

    assert_int_equal(t->count, 3);
    cu_inodes_forget(t, d_id, 1);
    assert_ptr_equal(cu_inodes_get(t, d_id), d); /* its child needs it */
    cu_inode_ref(f);
    cu_inodes_forget(t, f_id, 1);
    assert_ptr_equal(cu_inodes_get(t, f_id), f); /* a request needs it */
    assert_int_equal(freed, 0);
    cu_inodes_unref(t, f);
    assert_int_equal(freed, 2);
    assert_int_equal(t->count, 1);
    assert_null(cu_inodes_get(t, d_id));
    assert_null(cu_inodes_get(t, f_id));
    cu_inodes_forget(t, f_id, 1); /* a late one is ignored */
    assert_int_equal(t->count, 1);
}

static void numbers_are_never_given_out_twice(void **state)
{
    struct cu_inodes *t = *state;
    uint64_t last = CU_INODE_ROOT;

    for (int i = 0; i < 1000; i++) {
        struct cu_inode *f = enter(t, t->root, "f", file_attr(2, 1));

        assert_true(f->nodeid > last);
        last = f->nodeid;
        cu_inodes_forget(t, last, 1);
    }
    assert_int_equal(freed, 1000);
}

static void a_large_table_finds_everything(void **state)
{
    struct cu_inodes *t = *state;
    struct cu_inode *d = enter(t, t->root, "d", dir_attr(2, 0));
    enum { N = 20000 };
    uint64_t seen = 0, first = t->next_id;
    char name[16];

    for (uint64_t i = 0; i < N; i++) {
        snprintf(name, sizeof(name), "f%u", (unsigned)i);
        enter(t, d, name, file_attr(10 + i, i));
    }
    for (struct cu_inode *i = NULL; (i = cu_inodes_next(t, i));)
        seen++;
    assert_int_equal(seen, N + 2);
    assert_int_equal(t->count, N + 2);
    for (uint64_t i = 0; i < N; i++) {
        struct cu_inode *f = cu_inodes_get(t, first + i);

        snprintf(name, sizeof(name), "f%u", (unsigned)i);
        assert_non_null(f);
        assert_string_equal(f->name, name);
        assert_ptr_equal(cu_inodes_find(t, d, name, strlen(name)), f);
        if (i % 2)
            cu_inodes_forget(t, first + i, 1);
    }
    assert_int_equal(t->count, N / 2 + 2);
    assert_null(cu_inodes_find(t, d, "f1", 2));
    assert_non_null(cu_inodes_find(t, d, "f2", 2));
}

static void a_node_is_small(void **state)
{
    (void)state;
    assert_true(sizeof(struct cu_inode) < 250);
}

static void a_link_lets_go_of_its_target(void **state)
{
    struct cu_inodes *t = *state;
    struct cu_buf *target = cu_buf_copy("x", 1);
    struct cu_attr attr = {.mode = S_IFLNK | 0777, .ino = 9, .size = 1};
    struct cu_inode *l = enter(t, t->root, "l", attr);

    assert_non_null(target);
    l->link.target = cu_buf_ref(target);
    assert_int_equal(target->refs, 2);
    cu_inodes_forget(t, l->nodeid, 1);
    assert_int_equal(target->refs, 1);
    cu_buf_unref(target);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        T(root_is_there_and_stays),
        T(paths_are_built_by_walking_up),
        T(too_long_paths_are_refused),
        T(versions_of_a_file_are_nodes_of_their_own),
        T(a_directory_that_changes_stays_itself),
        T(the_last_reference_frees_the_node_and_its_parents),
        T(numbers_are_never_given_out_twice),
        T(a_large_table_finds_everything),
        T(a_node_is_small),
        T(a_link_lets_go_of_its_target),
#undef T
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
