/* SPDX-License-Identifier: BSD-3-Clause */
/* The recovery area: what is put there is there for the next daemon, whenever the last one died;
 * what is damaged is left out and harms nobody. */
#include "front/recovery.h"

#include "front/inode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SMALL  CU_RECOVERY_BYTES_MIN
#define RECORD (4096u + CU_RECOVERY_BUFFER_BYTES + 64u) /* the first record */

static struct cu_recovery *area;

static int setup(void **state)
{
    (void)state;
    area = cu_recovery_create(SMALL);
    assert_non_null(area);
    assert_false(cu_recovery_open(area));
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    cu_recovery_destroy(area);
    return 0;
}

static uint8_t *memory(void)
{
    size_t size;

    return cu_recovery_memory(area, &size);
}

static uint32_t put(uint64_t nodeid, uint64_t parent, const char *name)
{
    struct cu_attr attr = {.mode = S_IFREG | 0644, .ino = nodeid, .size = nodeid * 3};
    struct cu_recovery_node node = {
        .nodeid = nodeid,
        .parent = parent,
        .lookups = 1,
        .attr = &attr,
        .name = name,
        .name_len = (uint8_t)strlen(name),
    };

    return cu_recovery_put_node(area, &node);
}

static unsigned count_nodes(void)
{
    struct cu_recovery_node node;
    uint32_t at = 0;
    unsigned n = 0;

    while (cu_recovery_next_node(area, &at, &node))
        n++;
    return n;
}

static unsigned count_requests(void)
{
    struct cu_recovery_request request;
    uint32_t at = 0;
    unsigned n = 0;

    while (cu_recovery_next_request(area, &at, &request))
        n++;
    return n;
}

static void records_come_back(void **state)
{
    struct cu_recovery_node node;
    struct cu_recovery_request request;
    uint32_t at = 0, handle;
    char init[CU_RECOVERY_INIT_MAX];

    (void)state;
    handle = put(7, 1, "seven");
    assert_int_not_equal(handle, 0);
    assert_int_not_equal(put(8, 7, ""), 0);
    cu_recovery_set_lookups(area, handle, 41);
    assert_int_not_equal(cu_recovery_put_request(area, "request", 7, 2), 0);
    cu_recovery_set_next_id(area, 9);
    cu_recovery_set_init(area, "init", 4);
    cu_recovery_set_trying(area, 12);
    cu_recovery_set_forgot(area);

    assert_true(cu_recovery_open(area));
    assert_true(cu_recovery_next_node(area, &at, &node));
    assert_int_equal(node.nodeid, 7);
    assert_int_equal(node.parent, 1);
    assert_int_equal(node.lookups, 41);
    assert_int_equal(node.name_len, 5);
    assert_memory_equal(node.name, "seven", 5);
    assert_int_equal(node.attr->size, 21);
    assert_true(cu_recovery_next_node(area, &at, &node));
    assert_int_equal(node.nodeid, 8);
    assert_false(cu_recovery_next_node(area, &at, &node));
    at = 0;
    assert_true(cu_recovery_next_request(area, &at, &request));
    assert_int_equal(request.size, 7);
    assert_int_equal(request.tries, 2);
    assert_memory_equal(request.bytes, "request", 7);
    assert_int_equal(cu_recovery_next_id(area), 9);
    assert_int_equal(cu_recovery_init(area, init), 4);
    assert_memory_equal(init, "init", 4);
    assert_int_equal(cu_recovery_trying(area), 12);
    assert_true(cu_recovery_forgot(area));
    assert_false(cu_recovery_incomplete(area));
}

static void dropped_records_are_gone_and_used_again(void **state)
{
    size_t used;

    (void)state;
    for (int i = 0; i < 100; i++)
        put((uint64_t)i + 2, 1, "a name of some length, but not too long");
    used = cu_recovery_used(area);
    for (int round = 0; round < 1000; round++) {
        uint32_t node = put(1000, 1, "short"), other = put(1001, 1, "as short");
        uint32_t request = cu_recovery_put_request(area, "r", 1, 0);

        cu_recovery_drop(area, node);
        cu_recovery_drop(area, request);
        cu_recovery_drop(area, other);
        if (round % 100 == 0)
            assert_true(cu_recovery_open(area)); /* the lists are made anew */
    }
    assert_true(cu_recovery_used(area) <= used + 1024);
    assert_int_equal(count_nodes(), 100);
    assert_int_equal(count_requests(), 0);
}

static void a_full_area_keeps_room_for_requests(void **state)
{
    unsigned nodes = 0;

    (void)state;
    while (put(nodes + 2, 1, "name") != 0)
        nodes++;
    assert_true(nodes > 1000);
    assert_true(cu_recovery_incomplete(area));
    assert_int_equal(cu_recovery_left_out(area), 1);
    assert_true(nodes * CU_RECOVERY_NODE_BYTES <= cu_recovery_size(area));
    assert_true((nodes + 1) * CU_RECOVERY_NODE_BYTES >= cu_recovery_size(area));
    for (int i = 0; i < 800; i++)
        assert_int_not_equal(cu_recovery_put_request(area, memory(), CU_RECOVERY_REQUEST_MAX, 0),
                             0);
    assert_int_equal(cu_recovery_put_request(area, memory(), CU_RECOVERY_REQUEST_MAX + 1, 0), 0);
    while (cu_recovery_put_request(area, memory(), 300, 0) != 0)
        ;
    assert_int_equal(cu_recovery_left_out(area), 2);
    assert_true(cu_recovery_open(area));
    assert_int_equal(cu_recovery_left_out(area), 0);
    assert_int_equal(count_nodes(), nodes);
    assert_true(count_requests() >= 800);
}

static void a_record_that_was_not_finished_is_left_out(void **state)
{
    (void)state;
    put(2, 1, "two");
    put(3, 1, "three");
    memset(memory() + RECORD, 0, 4); /* the kind, which is written last */
    memset(memory() + RECORD + 30, 0xff, 60);
    assert_true(cu_recovery_open(area));
    assert_int_equal(count_nodes(), 1);
    assert_false(cu_recovery_incomplete(area));
    assert_int_not_equal(put(4, 1, "four"), 0);
    assert_int_equal(count_nodes(), 2);
}

static void a_damaged_record_is_left_out(void **state)
{
    (void)state;
    put(2, 1, "two");
    put(3, 1, "three");
    memory()[RECORD + 40] ^= 1;
    assert_true(cu_recovery_open(area));
    assert_int_equal(count_nodes(), 1);
    assert_true(cu_recovery_incomplete(area));
}

static void a_damaged_size_ends_the_walk(void **state)
{
    (void)state;
    put(2, 1, "two");
    put(3, 1, "three");
    memory()[RECORD + 6] = 200;
    assert_true(cu_recovery_open(area));
    assert_int_equal(count_nodes(), 0);
    assert_true(cu_recovery_incomplete(area));
    assert_int_not_equal(put(4, 1, "four"), 0);
    assert_int_equal(count_nodes(), 1);
}

static void no_area_is_allowed(void **state)
{
    struct cu_recovery_node node = {.name = ""};
    uint32_t at = 0;

    (void)state;
    assert_false(cu_recovery_open(NULL));
    assert_int_equal(cu_recovery_put_node(NULL, &node), 0);
    assert_int_equal(cu_recovery_put_request(NULL, "", 0, 0), 0);
    cu_recovery_drop(NULL, 5);
    cu_recovery_set_lookups(NULL, 5, 1);
    cu_recovery_set_phase(NULL, CU_RECOVERY_SERVING);
    assert_int_equal(cu_recovery_phase(NULL), CU_RECOVERY_STARTING);
    assert_false(cu_recovery_next_node(NULL, &at, &node));
    assert_null(cu_recovery_buffer(NULL));
}

/* --- the inode table -------------------------------------------------------------------------- */

static struct cu_inode *look_up(struct cu_inodes *t, struct cu_inode *parent, const char *name,
                                uint32_t mode, uint64_t ino)
{
    struct cu_attr attr = {.mode = mode, .ino = ino, .size = ino};
    struct cu_inode *inode = cu_inodes_enter(t, parent, name, strlen(name), &attr);

    assert_non_null(inode);
    cu_inodes_looked_up(t, inode);
    return inode;
}

static void open_table(struct cu_inodes *t, bool restore)
{
    assert_int_equal(cu_inodes_init(t, NULL, NULL), 0);
    assert_int_equal(cu_inodes_keep(t, area, restore), 0);
}

/* As the process's end does, which tells nobody. */
static void abandon(struct cu_inodes *t)
{
    t->recovery = NULL;
    cu_inodes_free(t);
}

static void a_table_is_carried_on(void **state)
{
    struct cu_inodes t, next;
    struct cu_inode *a, *b, *c, *gone;
    struct cu_attr root = {.mode = S_IFDIR | 0755, .ino = 2};
    char path[CU_TREE_PATH_MAX];
    uint64_t last, c_id;

    (void)state;
    open_table(&t, false);
    cu_inodes_set_attr(&t, t.root, &root);
    gone = look_up(&t, t.root, "gone", S_IFREG, 5);
    a = look_up(&t, t.root, "a", S_IFDIR, 10);
    b = look_up(&t, a, "b", S_IFDIR, 11);
    cu_inodes_forget(&t, gone->nodeid,
                     1); /* its record is used again, for a child of what follows */
    c = look_up(&t, b, "c", S_IFREG, 12);
    look_up(&t, b, "c", S_IFREG, 12);
    look_up(&t, b, "c", S_IFREG, 13);   /* another version */
    cu_inodes_forget(&t, a->nodeid, 1); /* lives on by its children */
    last = look_up(&t, t.root, "last", S_IFREG, 20)->nodeid;
    cu_inodes_forget(&t, last, 1);
    look_up(&t, t.root, "a2", S_IFDIR, 30);
    root.ino = 3;
    cu_inodes_set_attr(&t, t.root, &root);

    assert_true(cu_recovery_open(area));
    open_table(&next, true);
    assert_int_equal(next.count, t.count);
    assert_int_equal(next.root->attr.ino, 3);
    assert_true(next.next_id > last);
    assert_int_equal(next.next_id, t.next_id);
    assert_non_null(cu_inodes_get(&next, c->nodeid));
    assert_int_equal(cu_inodes_get(&next, c->nodeid)->lookups, 2);
    assert_int_equal(cu_inodes_get(&next, c->nodeid)->attr.size, 12);
    assert_int_equal(cu_inode_path(cu_inodes_get(&next, c->nodeid), path), 6);
    assert_string_equal(path, "/a/b/c");
    assert_int_equal(cu_inodes_get(&next, a->nodeid)->lookups, 0);
    /* What is looked up now is what it was. */
    assert_int_equal(look_up(&next, cu_inodes_get(&next, b->nodeid), "c", S_IFREG, 12)->nodeid,
                     c->nodeid);
    c_id = c->nodeid;
    abandon(&t);

    /* And once more: what has no references any more is not carried on. */
    cu_inodes_forget(&next, c_id, 3);
    assert_null(cu_inodes_get(&next, c_id));
    assert_true(cu_recovery_open(area));
    open_table(&t, true);
    assert_int_equal(t.count, next.count);
    abandon(&t);
    abandon(&next);
}

static void what_cannot_be_is_left_out(void **state)
{
    struct cu_inodes t;

    (void)state;
    put(5, 9, "child before its parent");
    put(6, 77, "child of nobody");
    put(7, 1, "with/slash");
    put(8, 1, "..");
    put(9, 1, "");
    put(10, 1, "good");
    put(11, 10, "below a file");
    put(10, 1, "the same number");
    put(0, 0, "no number");
    put(UINT64_MAX, 1, "the last number");
    put(1, 0, "a root that is a file");
    cu_recovery_set_next_id(area, UINT64_MAX);
    assert_true(cu_recovery_open(area));
    open_table(&t, true);
    assert_int_equal(t.count, 2);
    assert_int_equal(t.next_id, 11);
    abandon(&t);
}

/* --- dying at any moment ---------------------------------------------------------------------- */

#define ACKED_MAX 4096u

/* Shared with the process that is killed: what its "kernel" was told. */
struct acked {
    uint32_t held[ACKED_MAX]; /* references that the kernel surely has, by ino */
    uint64_t nodeid[ACKED_MAX];
    int busy; /* it has begun, this time; atomic */
};

_Noreturn static void work(struct acked *acked, unsigned seed)
{
    struct cu_inodes t;
    struct cu_inode *dir;
    char name[32];

    if (cu_inodes_init(&t, NULL, NULL) < 0 || cu_inodes_keep(&t, area, true) < 0)
        _exit(1);
    dir = cu_inodes_find(&t, t.root, "dir", 3);
    if (!dir)
        dir = look_up(&t, t.root, "dir", S_IFDIR, 1);
    for (;;) {
        uint32_t ino = (uint32_t)rand_r(&seed) % ACKED_MAX;

        if (rand_r(&seed) % 3 != 0) {
            struct cu_inode *inode;

            snprintf(name, sizeof(name), "%0*u", 1 + (int)(ino % 20), ino);
            inode = look_up(&t, dir, name, S_IFREG, ino);
            acked->nodeid[ino] = inode->nodeid;
            __atomic_store_n(&acked->held[ino], acked->held[ino] + 1, __ATOMIC_RELEASE);
            __atomic_store_n(&acked->busy, 1, __ATOMIC_RELEASE);
        } else if (acked->held[ino] > 0) {
            uint32_t count = acked->held[ino];

            __atomic_store_n(&acked->held[ino], 0, __ATOMIC_RELEASE);
            cu_inodes_forget(&t, acked->nodeid[ino], count);
        }
    }
}

static void nothing_that_was_told_is_lost_whenever_it_dies(void **state)
{
    struct acked *acked =
        mmap(NULL, sizeof(*acked), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    unsigned seed = (unsigned)time(NULL), alive = 0;

    (void)state;
    print_message("seed %u\n", seed);
    assert_ptr_not_equal(acked, MAP_FAILED);
    for (unsigned round = 0; round < 40; round++) {
        struct timespec moment = {.tv_nsec = 500000 + rand_r(&seed) % 5000000};
        struct cu_inodes t;
        int status;
        pid_t pid;

        acked->busy = 0;
        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0)
            work(acked, seed + round);
        while (!__atomic_load_n(&acked->busy, __ATOMIC_ACQUIRE))
            assert_int_equal(waitpid(pid, &status, WNOHANG), 0);
        nanosleep(&moment, NULL);
        kill(pid, SIGKILL);
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFSIGNALED(status));
        assert_true(cu_recovery_open(area));
        assert_false(cu_recovery_incomplete(area));
        open_table(&t, true);
        for (uint32_t ino = 0; ino < ACKED_MAX; ino++) {
            const struct cu_inode *inode = cu_inodes_get(&t, acked->nodeid[ino]);

            if (acked->held[ino] == 0)
                continue;
            alive++;
            assert_non_null(inode);
            assert_true(inode->lookups >= acked->held[ino]);
            assert_int_equal(inode->attr.ino, ino);
            assert_true(inode->nodeid < t.next_id);
        }
        abandon(&t);
        assert_true(cu_recovery_open(area));
    }
    assert_true(alive > 0);
    munmap(acked, sizeof(*acked));
}

/* --- garbage ---------------------------------------------------------------------------------- */

static void use(unsigned *seed)
{
    struct cu_recovery_request request;
    char init[CU_RECOVERY_INIT_MAX];
    struct cu_inodes t;
    uint32_t at = 0;

    if (!cu_recovery_open(area))
        return;
    (void)cu_recovery_init(area, init);
    while (cu_recovery_next_request(area, &at, &request))
        assert_true(request.size <= 512);
    open_table(&t, true);
    for (int i = 0; i < 50; i++) {
        char name[8];

        snprintf(name, sizeof(name), "%d", rand_r(seed) % 100);
        look_up(&t, t.root, name, S_IFREG, (uint64_t)i);
        cu_recovery_drop(area, cu_recovery_put_request(area, name, sizeof(name), 0));
    }
    cu_inodes_free(&t);
}

static void garbage_harms_nobody(void **state)
{
    unsigned seed = (unsigned)time(NULL);
    uint8_t *bytes = memory();

    (void)state;
    print_message("seed %u\n", seed);
    for (int round = 0; round < 3000; round++) {
        size_t range = round % 2 ? 64 : 40000;

        for (uint64_t i = 0; i < 30; i++) {
            put(i + 2, (uint64_t)rand_r(&seed) % (i + 2), "name");
            cu_recovery_put_request(area, bytes, (size_t)rand_r(&seed) % 480, 0);
        }
        for (int i = rand_r(&seed) % 30; i >= 0; i--) {
            size_t at = (size_t)rand_r(&seed) % range;

            /* the head but its magic number, or the records */
            at = rand_r(&seed) % 4 == 0 ? 8 + at % 600 : RECORD - 64 + at;
            bytes[at] = (uint8_t)rand_r(&seed);
        }
        use(&seed);
    }
    for (int round = 0; round < 20; round++) {
        for (size_t i = 8; i < SMALL; i++)
            bytes[i] = (uint8_t)rand_r(&seed);
        use(&seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(records_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(dropped_records_are_gone_and_used_again, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_area_keeps_room_for_requests, setup, teardown),
        cmocka_unit_test_setup_teardown(a_record_that_was_not_finished_is_left_out, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_damaged_record_is_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(a_damaged_size_ends_the_walk, setup, teardown),
        cmocka_unit_test_setup_teardown(no_area_is_allowed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_table_is_carried_on, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_is_left_out, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_that_was_told_is_lost_whenever_it_dies, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(garbage_harms_nobody, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
