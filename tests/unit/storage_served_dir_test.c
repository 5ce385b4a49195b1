/* SPDX-License-Identifier: BSD-3-Clause */
/* Entries of directories, from mount tables as text: their numbers, and the versions of listings
 * with mount points in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "proto/msg.h"
#include "storage/served.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

#define ROOT "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n"

static struct cu_fsmap *map_of(const char *text, const char *rules)
{
    struct cu_fsmap_config config = {
        .text = text, .size = strlen(text), .main = "/", .rules = rules};
    struct cu_fsmap *map = cu_fsmap_create(&config);

    assert_non_null(map);
    return map;
}

static struct cu_served_place place_of(const struct cu_fsmap *map, const char *path)
{
    struct cu_served_place place = {.map = map, .path = path, .len = strlen(path)};

    place.mount = cu_fsmap_find(map, path, place.len);
    assert_non_null(place.mount);
    place.traits = place.mount->traits;
    return place;
}

/* As stat and as its directory's listing show it. */
static uint64_t number_of(const struct cu_fsmap *map, const char *dir, const char *name,
                          uint64_t ino)
{
    struct cu_served_place at = place_of(map, dir), place;
    struct stat st = {.st_dev = at.mount->info.dev, .st_ino = 77, .st_mode = S_IFDIR};
    uint64_t number =
        cu_served_entry(&at, cu_served_entries(NULL, &at, &st), name, strlen(name), ino);
    char path[64];

    snprintf(path, sizeof(path), "%s/%s", strcmp(dir, "/") == 0 ? "" : dir, name);
    place = place_of(map, path);
    st.st_ino = ino;
    assert_true(cu_served_number(NULL, &place, &st) == number);
    return number;
}

static void where_numbers_do_not_hold_paths_do(void **state)
{
    struct cu_fsmap *map = map_of(ROOT "30 27 0:40 / /cvmfs rw - fuse.cvmfs2 x rw\n"
                                       "31 27 0:41 / /lus rw - lustre x rw\n",
                                  NULL);
    struct cu_fsmap *other = map_of(ROOT "50 27 0:99 / /cvmfs rw - fuse x rw\n", NULL);

    (void)state;
    /* One number for two files, or two for one. */
    assert_true(number_of(map, "/cvmfs", "a", 5) != number_of(map, "/cvmfs", "b", 5));
    assert_true(number_of(map, "/cvmfs", "a", 5) == number_of(other, "/cvmfs", "a", 6));
    assert_true(number_of(map, "/cvmfs/a", "b", 5) == number_of(other, "/cvmfs/a", "b", 5));
    assert_true(number_of(map, "/cvmfs/a", "b", 5) != number_of(map, "/cvmfs", "b", 5));
    assert_true(number_of(map, "/lus", "a", 5) == number_of(map, "/lus", "b", 5));
    assert_true(number_of(map, "/lus", "a", 5) != number_of(map, "/lus", "a", 6));
    assert_int_equal(number_of(map, "/", "a", 5), 5);
    cu_fsmap_destroy(map);
    cu_fsmap_destroy(other);
}

/* A container's "/" may be of that kind, too. */
static void the_top_directory_has_a_number_in_any_case(void **state)
{
    struct cu_fsmap *map = map_of("27 1 0:50 / / rw - fuse.fuse-overlayfs x rw\n", NULL);
    struct cu_served_place top = place_of(map, "/");
    struct stat st = {.st_dev = top.mount->info.dev, .st_ino = 1, .st_mode = S_IFDIR};
    uint64_t first = cu_served_number(NULL, &top, &st);

    (void)state;
    st.st_ino = 2;
    assert_true(first > UINT32_MAX);
    assert_true(cu_served_number(NULL, &top, &st) == first);
    assert_true(number_of(map, "/", "a", 5) == number_of(map, "/", "a", 6));
    cu_fsmap_destroy(map);
}

/* Ceph's snapshots: directories of devices of their own, in no mount table. As stat shows them. */
static void a_snapshot_is_listed_with_its_own_number(void **state)
{
    struct cu_fsmap *map = map_of(ROOT "31 27 0:41 / /lus.none rw - ceph x rw\n"
                                       "32 27 0:42 / /cvmfs.none rw - fuse.cvmfs2 x rw\n",
                                  NULL);
    struct cu_served *served = cu_served_create("/", NULL);
    struct cu_served_place dir = place_of(map, "/lus.none/d"), numbered;
    dev_t own = dir.mount->info.dev;
    struct stat st = {.st_dev = own + 7, .st_ino = 5, .st_mode = S_IFDIR};
    struct cu_served_place snap = place_of(map, "/lus.none/d/.snap");
    struct cu_served_place one = place_of(map, "/lus.none/d/.snap/one");

    (void)state;
    assert_non_null(served);
    assert_true(cu_served_strays(&dir, own, ".snap", 5, DT_DIR));
    assert_true(cu_served_strays(&dir, own, ".snapshot", 9, DT_UNKNOWN));
    assert_false(cu_served_strays(&dir, own, "plain", 5, DT_DIR)); /* costs nothing */
    assert_false(cu_served_strays(&dir, own, "\xc3\xa4", 2, DT_DIR));
    assert_true(cu_served_strays(&snap, 0, "one", 3, DT_DIR));
    assert_false(cu_served_strays(&snap, 0, "file", 4, DT_REG));
    numbered = place_of(map, "/cvmfs.none");
    assert_false(cu_served_strays(&numbered, own, ".snap", 5, DT_DIR));
    assert_true(cu_served_entry_number(&snap, "one", 3, &st) ==
                cu_served_number(served, &one, &st));
    st.st_dev = own; /* back in the file system itself */
    assert_true(cu_served_entry_number(&snap, "one", 3, &st) ==
                cu_served_number(served, &one, &st));
    cu_served_destroy(served);
    cu_fsmap_destroy(map);
}

static void a_mount_point_is_listed_with_its_roots_number(void **state)
{
    struct cu_fsmap *map = map_of(ROOT "30 27 0:40 / /a rw - fuse.sshfs x rw\n"
                                       "31 30 0:41 / /a/b rw - fuse.sshfs x rw\n",
                                  NULL);
    struct cu_served_place in = place_of(map, "/a"), root = place_of(map, "/a/b");
    struct stat st = {.st_dev = root.mount->info.dev, .st_ino = 1, .st_mode = S_IFDIR};
    uint64_t number = 0;

    (void)state;
    assert_true(cu_served_point(&in, "b", 1, &number));
    assert_true(number == cu_served_number(NULL, &root, &st));
    assert_false(cu_served_point(&in, "c", 1, &number));
    cu_fsmap_destroy(map);
}

/* Over the wire, and unchanged. */
static void travels(struct cu_version version)
{
    struct cu_msg out = {0}, in = {.type = CU_MSG_ANSWER,
                                   .answer = {.kind = CU_KIND_DIR, .value = {.version = version}}};
    struct cu_buf *frame, *bulk;
    struct cu_msg_head head;

    in.answer.value.bytes = cu_buf_new(0);
    assert_non_null(in.answer.value.bytes);
    assert_int_equal(cu_msg_encode(&in, &frame, &bulk), 0);
    assert_int_equal(cu_msg_decode_head(frame->data, &head), 0);
    assert_int_equal(cu_msg_decode(&head, frame->data + CU_MSG_HEAD, bulk, &out), 0);
    assert_true(cu_version_equal(&out.answer.value.version, &version));
    cu_msg_clear(&out);
    cu_msg_clear(&in);
    cu_buf_unref(frame);
    cu_buf_unref(bulk);
}

static void a_listing_travels_whatever_is_mounted_in_it(void **state)
{
    const struct cu_version dir = {4096, {1, 2}, {3, 4}};
    const struct cu_version empty = {INT64_MAX, {1, 2}, {3, 4}};

    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        travels(cu_served_version(dir, UINT64_C(1) << bit));
        travels(cu_served_version(empty, UINT64_MAX << bit));
    }
    for (unsigned i = 0; i < 64; i++) {
        char text[256];
        struct cu_fsmap *map;
        struct cu_served_place place;
        struct cu_version version;

        snprintf(text, sizeof(text), ROOT "30 27 0:40 / /srv/%u rw - tmpfs t rw\n", i);
        map = map_of(text, NULL);
        place = place_of(map, "/srv");
        version = cu_served_version(dir, cu_served_points(&place));
        assert_false(cu_version_equal(&version, &dir));
        travels(version);
        cu_fsmap_destroy(map);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(where_numbers_do_not_hold_paths_do),
        cmocka_unit_test(the_top_directory_has_a_number_in_any_case),
        cmocka_unit_test(a_snapshot_is_listed_with_its_own_number),
        cmocka_unit_test(a_mount_point_is_listed_with_its_roots_number),
        cmocka_unit_test(a_listing_travels_whatever_is_mounted_in_it),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
