/* SPDX-License-Identifier: BSD-3-Clause */
/* What the names cost that the kernel holds: it is counted, and bounded where the kernel gives back
 * those that nobody uses, which nobody notices. */
#include "front_node.h"

#include "front/inode.h"

#include <sys/mman.h>

#define FILES     6000u
#define BYTES_MAX (512u << 10) /* fewer names than half of the files */

static struct node node;

/* A process that may not mount. */
static atomic_bool powerless;
int __real_mount(const char *from, const char *to, const char *type, unsigned long flags,
                 const void *data);
int __wrap_mount(const char *from, const char *to, const char *type, unsigned long flags,
                 const void *data);

int __wrap_mount(const char *from, const char *to, const char *type, unsigned long flags,
                 const void *data)
{
    if (atomic_load(&powerless)) {
        errno = EPERM;
        return -1;
    }
    return __real_mount(from, to, type, flags, data);
}

/* How many names are taken back in one turn of the loop. */
static unsigned in_turn, in_turn_most, in_all; /* the loop's; read when it stands */

void __real_cu_inodes_forget(struct cu_inodes *t, uint64_t nodeid, uint64_t count);
void __wrap_cu_inodes_forget(struct cu_inodes *t, uint64_t nodeid, uint64_t count);

void __wrap_cu_inodes_forget(struct cu_inodes *t, uint64_t nodeid, uint64_t count)
{
    in_all++;
    if (++in_turn > in_turn_most)
        in_turn_most = in_turn;
    __real_cu_inodes_forget(t, nodeid, count);
}

static uv_check_t turn;

static void on_turn(uv_check_t *check)
{
    (void)check;
    in_turn = 0;
}

static void watch_fn(struct node *n, void *arg)
{
    (void)arg;
    in_turn = in_turn_most = in_all = 0;
    uv_check_init(&n->loop, &turn);
    uv_check_start(&turn, on_turn);
    uv_unref((uv_handle_t *)&turn);
}

static void unwatch_fn(struct node *n, void *arg)
{
    (void)n, (void)arg;
    uv_close((uv_handle_t *)&turn, NULL);
}

static void make(void)
{
    char name[32];

    for (unsigned i = 0; i < FILES; i++) {
        snprintf(name, sizeof(name), "/f%u", i);
        node_write(ROOT(name), i % 7, i);
    }
    assert_int_equal(mkdir(ROOT("/home"), 0755), 0);
    assert_int_equal(mkdir(ROOT("/home/inner"), 0755), 0);
    assert_int_equal(mkdir(ROOT("/mounted"), 0755), 0);
    node_write(ROOT("/read"), 50000, 1);
    node_write(ROOT("/mapped"), 50000, 2);
}

static int set_up(void **state, bool old_kernel)
{
    const struct node_config config = {
        .enoent_ttl_ms = 1000, .name_bytes_max = BYTES_MAX, .old_kernel = old_kernel};

    return node_setup_as(&node, state, config, make);
}

static int set_up_old(void **state)
{
    return set_up(state, true);
}

static int set_up_new(void **state)
{
    return set_up(state, false);
}

static void can_prune_fn(struct node *n, void *arg)
{
    *(bool *)arg = cu_front_can_prune(n->front);
}

static void inodes_fn(struct node *n, void *arg)
{
    *(uint64_t *)arg = cu_front_inodes(n->front);
}

static uint64_t inodes(void)
{
    uint64_t count;

    node_call(&node, inodes_fn, &count);
    return count;
}

static void all_are_there(void)
{
    char name[32];
    struct stat st;

    for (unsigned i = 0; i < FILES; i++) {
        snprintf(name, sizeof(name), "/f%u", i);
        assert_int_equal(stat(MOUNT(name), &st), 0);
        assert_int_equal(st.st_size, i % 7);
    }
}

static void forgot_fn(struct node *n, void *arg)
{
    uint64_t failures;

    *(bool *)arg = cu_front_forgot(n->front, &failures) && failures == 0;
}

static bool has_forgotten(void *arg)
{
    bool forgot;

    (void)arg;
    node_call(&node, forgot_fn, &forgot);
    return forgot;
}

static bool is_bounded(void *arg)
{
    (void)arg;
    return node_counter(&node, CU_COUNT_inode_bytes) <= BYTES_MAX;
}

static void names_are_counted_where_the_kernel_cannot_be_asked(void **state)
{
    if (!*state)
        skip();
    atomic_store(&powerless, true);
    for (unsigned round = 0; round < 2; round++)
        all_are_there();
    atomic_store(&powerless, false);
    assert_true(inodes() >= FILES);
    assert_true(node_counter(&node, CU_COUNT_inode_bytes) > FILES * sizeof(struct stat));
    assert_int_equal(node_counter(&node, CU_COUNT_recovery_full), 0);
}

/* --- the recovery area ------------------------------------------------------------------------ */

#define LONG_NAME "/%0240u" /* so many of which find no room in the smallest area */

static struct cu_recovery *area;

static void make_long(void)
{
    char name[256];

    for (unsigned i = 0; i < FILES; i++) {
        snprintf(name, sizeof(name), LONG_NAME, i);
        node_write(ROOT(name), i % 7, i);
    }
}

static int set_up_area(void **state)
{
    struct node_config config = {.enoent_ttl_ms = 1000};

    area = cu_recovery_create(CU_RECOVERY_BYTES_MIN);
    assert_non_null(area);
    assert_false(cu_recovery_open(area));
    config.recovery = area;
    return node_setup_as(&node, state, config, make_long);
}

static int tear_down_area(void **state)
{
    int rc = node_teardown(state);

    cu_recovery_destroy(area);
    return rc;
}

/* Names are served as before, and each record that found no room is counted. */
static void what_finds_no_room_in_the_recovery_area_is_counted(void **state)
{
    uint64_t full = 0;
    unsigned kept = 0;

    if (!*state)
        skip();
    for (unsigned i = 0; i < FILES; i++) {
        char name[256];
        struct stat st;

        snprintf(name, sizeof(name), LONG_NAME, i);
        assert_int_equal(stat(MOUNT(name), &st), 0);
        assert_int_equal(st.st_size, i % 7);
        full = node_counter(&node, CU_COUNT_recovery_full);
        kept += full == 0;
    }
    assert_in_range(kept, 1, FILES - 1);
    assert_in_range(full, FILES - kept, 2 * (FILES - kept));
    assert_in_range(node_counter(&node, CU_COUNT_recovery_bytes), 1u << 20, CU_RECOVERY_BYTES_MIN);
}

static bool few_are_left(void *arg)
{
    (void)arg;
    return inodes() < 100;
}

/* As it does when it is short of memory. */
static void names_that_come_back_at_once_are_taken_bit_by_bit(void **state)
{
    if (!*state)
        skip();
    atomic_store(&powerless, true);
    all_are_there();
    atomic_store(&powerless, false);
    node_call(&node, watch_fn, NULL);
    assert_int_equal(
        __real_mount(NULL, MOUNT(""), NULL, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL),
        0);
    assert_true(node_until(few_are_left, NULL));
    node_call(&node, unwatch_fn, NULL);
    assert_true(in_all >= FILES);
    assert_in_range(in_turn_most, 1, 3000);
    all_are_there();
}

/* One who uses a name keeps it: an open file, a mapping, a working directory, an open directory,
 * what is mounted. */
static void idle_names_are_given_back(void **state, bool old)
{
    char cwd[PATH_MAX];
    unsigned char byte;
    void *map;
    int file, mapped, dir, home;
    bool can;

    if (!*state)
        skip();
    assert_int_equal(access(MOUNT("/home"), F_OK), 0); /* INIT is over */
    node_call(&node, can_prune_fn, &can);
    if (!can && !old)
        skip();
    file = open(MOUNT("/read"), O_RDONLY);
    mapped = open(MOUNT("/mapped"), O_RDONLY);
    dir = open(MOUNT("/home"), O_RDONLY | O_DIRECTORY);
    home = open(".", O_RDONLY | O_DIRECTORY);
    assert_true(file >= 0 && mapped >= 0 && dir >= 0 && home >= 0);
    map = mmap(NULL, 50000, PROT_READ, MAP_PRIVATE, mapped, 0);
    assert_true(map != MAP_FAILED);
    close(mapped);
    assert_int_equal(chdir(MOUNT("/home/inner")), 0);
    assert_int_equal(__real_mount("none", MOUNT("/mounted"), "tmpfs", 0, NULL), 0);
    for (unsigned round = 0; round < 2; round++)
        all_are_there();
    assert_true(node_counter(&node, CU_COUNT_names_asked_back) > 0);
    assert_true(node_until(is_bounded, NULL));
    assert_true(inodes() < FILES / 2);
    assert_non_null(getcwd(cwd, sizeof(cwd)));
    assert_string_equal(cwd, MOUNT("/home/inner"));
    assert_int_equal(fchdir(home), 0);
    assert_int_equal(umount2(MOUNT("/mounted"), MNT_DETACH), 0); /* it still was there */
    assert_int_equal(umount2(MOUNT("/mounted"), MNT_DETACH), -1);
    assert_int_equal(faccessat(dir, "inner", F_OK, 0), 0);
    for (unsigned i = 0; i < 50000; i += 4096) {
        assert_int_equal(pread(file, &byte, 1, i), 1);
        assert_int_equal(byte, node_byte(i, 1));
        assert_int_equal(((unsigned char *)map)[i], node_byte(i, 2));
    }
    munmap(map, 50000);
    close(file);
    close(dir);
    close(home);
}

static void idle_names_are_given_back_one_by_one(void **state)
{
    idle_names_are_given_back(state, false);
}

static void idle_names_are_given_back_by_an_old_kernel(void **state)
{
    idle_names_are_given_back(state, true);
}

/* Names that go and a refresh that goes through all of them. */
static void a_refresh_is_not_held_up(void **state)
{
    if (!*state)
        skip();
    for (unsigned round = 0; round < 2; round++) {
        node_refresh(&node, "/");
        all_are_there();
    }
    assert_true(node_until(has_forgotten, NULL));
    assert_int_equal(node_counter(&node, CU_COUNT_no_memory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(names_are_counted_where_the_kernel_cannot_be_asked,
                                        set_up_old, node_teardown),
        cmocka_unit_test_setup_teardown(what_finds_no_room_in_the_recovery_area_is_counted,
                                        set_up_area, tear_down_area),
        cmocka_unit_test_setup_teardown(names_that_come_back_at_once_are_taken_bit_by_bit,
                                        set_up_old, node_teardown),
        cmocka_unit_test_setup_teardown(idle_names_are_given_back_one_by_one, set_up_new,
                                        node_teardown),
        cmocka_unit_test_setup_teardown(idle_names_are_given_back_by_an_old_kernel, set_up_old,
                                        node_teardown),
        cmocka_unit_test_setup_teardown(a_refresh_is_not_held_up, set_up_new, node_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
