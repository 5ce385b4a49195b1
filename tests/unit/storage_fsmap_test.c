/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a path lies, which mounts are not served, and which inode numbers the others have, from
 * mount tables as text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "storage/fsmap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#define FUSE (CU_FS_PARTIAL | CU_FS_UNSTAMPED | CU_FS_SIZELESS | CU_FS_UNNUMBERED)
#define ROOT "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n"

static struct cu_fsmap *map_with(const char *text, const char *main, const char *rules,
                                 int (*backing)(dev_t dev, char *path))
{
    struct cu_fsmap_config config = {
        .text = text, .size = strlen(text), .main = main, .rules = rules, .backing = backing};
    struct cu_fsmap *map = cu_fsmap_create(&config);

    assert_non_null(map);
    return map;
}

static struct cu_fsmap *map_of(const char *text)
{
    return map_with(text, "/", NULL, NULL);
}

static const struct cu_fsmap_mount *find(const struct cu_fsmap *map, const char *path)
{
    return cu_fsmap_find(map, path, strlen(path));
}

static void lies_on(const struct cu_fsmap *map, const char *path, uint32_t id)
{
    const struct cu_fsmap_mount *m = find(map, path);

    assert_non_null(m);
    if (m->info.id != id)
        fail_msg("%s lies on %u, not on %u", path, m->info.id, id);
}

static unsigned traits(const struct cu_fsmap *map, const char *path)
{
    return find(map, path)->traits;
}

static void a_path_lies_on_the_deepest_mount(void **state)
{
    struct cu_fsmap *map = map_of(ROOT "30 27 0:40 / /lus rw - lustre 10.0.0.1@o2ib:/fs rw\n"
                                       "31 30 0:41 / /lus/a/b rw - tmpfs tmpfs rw\n"
                                       "32 27 0:42 / /odd\\040name\\134x rw - tmpfs t rw\n");

    (void)state;
    lies_on(map, "/", 27);
    lies_on(map, "/usr/lib", 27);
    lies_on(map, "/lus", 30);
    lies_on(map, "/lustre", 27);
    lies_on(map, "/lus/a", 30);
    lies_on(map, "/lus/a/b", 31);
    lies_on(map, "/lus/a/b/c/d", 31);
    lies_on(map, "/lus/a/bc", 30);
    lies_on(map, "/odd name\\x/f", 32);
    assert_int_equal(find(map, "/lus/x")->info.dev, makedev(0, 40));
    cu_fsmap_destroy(map);
}

/* A mount covers what was mounted below its point before; mounts stand on top of each other. */
static void covered_mounts_do_not_count(void **state)
{
    struct cu_fsmap *map = map_of(ROOT "30 27 0:40 / /a/b rw - nfs4 server:/x rw\n"
                                       "31 27 0:41 / /a rw - tmpfs first rw\n"
                                       "32 31 0:42 / /a rw - tmpfs second rw\n"
                                       "33 32 0:43 / /a/c rw - tmpfs third rw\n"
                                       "34 31 0:44 / /a/d rw - tmpfs covered rw\n");

    (void)state;
    lies_on(map, "/a", 32);
    lies_on(map, "/a/b/f", 32);
    lies_on(map, "/a/c/f", 33);
    lies_on(map, "/a/d/f", 32);
    assert_false(cu_fsmap_at(map, 1)->visible);
    assert_false(cu_fsmap_at(map, 2)->visible);
    assert_true(cu_fsmap_at(map, 3)->visible);
    cu_fsmap_destroy(map);
}

static void the_kernels_own_and_views_are_not_served_wherever_they_are(void **state)
{
    static const char *const types[] = {
        "proc",    "sysfs",  "devpts", "devtmpfs",   "cgroup",     "cgroup2",  "debugfs",
        "tracefs", "bpf",    "mqueue", "securityfs", "nsfs",       "efivarfs", "configfs",
        "fusectl", "pstore", "nfsd",   "rpc_pipefs", "fuse.copper"};
    char text[512];

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        struct cu_fsmap *map;

        snprintf(text, sizeof(text),
                 ROOT
                 "30 27 0:40 /sub /mnt/x rw - %s none rw\n31 30 0:41 / /mnt/x/y rw - tmpfs t rw\n",
                 types[i]);
        map = map_of(text);
        assert_true(traits(map, "/mnt/x") & CU_FS_NOT_SERVED);
        assert_true(traits(map, "/mnt/x/f") & CU_FS_NOT_SERVED);
        /* to come to what is mounted below it, one goes through it */
        assert_true(traits(map, "/mnt/x/y/f") & CU_FS_NOT_SERVED);
        assert_false(traits(map, "/mnt") & CU_FS_NOT_SERVED);
        cu_fsmap_destroy(map);
    }
}

static int backing_in_view(dev_t dev, char *path)
{
    if (dev != makedev(7, 3))
        return -1;
    strcpy(path, "/tmp/alice/copper/lus/image.sqsh");
    return 0;
}

static void what_is_made_of_a_view_is_not_served(void **state)
{
    static const char text[] = ROOT
        "30 27 0:40 / /tmp/alice/copper ro - fuse.copper copper ro,user_id=1000\n"
        "31 27 0:41 / /mnt/over rw - overlay overlay "
        "rw,lowerdir=/x:/tmp/alice/copper/lus,upperdir=/u\n"
        "32 27 7:3 / /mnt/image ro - squashfs /dev/loop3 ro\n"
        "33 27 0:43 / /mnt/bindfs rw - fuse.bindfs /tmp/alice/copper/usr rw\n"
        "34 27 0:44 / /mnt/twice rw - overlay overlay rw,lowerdir=/mnt/over/a,upperdir=/u2\n"
        "35 27 0:45 / /mnt/good rw - overlay overlay "
        "rw,lowerdir=/tmp/alice/copperplate,upperdir=/u\n"
        "36 27 7:4 / /mnt/good2 ro - squashfs /dev/loop4 ro\n"
        "37 27 0:47 / /dev rw - devtmpfs devtmpfs rw\n"
        "38 27 0:40 /lus /mnt/bind ro - fuse.copper copper ro,user_id=1000\n"
        "39 27 0:48 / /mnt/new rw - overlay none rw,lowerdir+=/a,lowerdir+=/tmp/alice/copper/b\n";
    struct cu_fsmap *map = map_with(text, "/", NULL, backing_in_view);

    (void)state;
    assert_true(traits(map, "/mnt/over/f") & CU_FS_COPPER);
    assert_true(traits(map, "/mnt/image/f") & CU_FS_COPPER);
    assert_true(traits(map, "/mnt/bindfs/f") & CU_FS_COPPER);
    assert_true(traits(map, "/mnt/twice/f") & CU_FS_COPPER);
    assert_true(traits(map, "/mnt/bind/f") & CU_FS_COPPER);
    assert_true(traits(map, "/mnt/new/f") & CU_FS_COPPER);
    assert_false(traits(map, "/mnt/good/f") & CU_FS_NOT_SERVED);
    assert_false(traits(map, "/mnt/good2/f") & CU_FS_NOT_SERVED); /* though /dev is the kernel's */
    cu_fsmap_destroy(map);
}

/* Two tables of two nodes: device numbers, ids and order differ, names do not. */
static void spaces_are_the_same_on_all_nodes(void **state)
{
    struct cu_fsmap *a = map_of(ROOT "30 27 0:40 / /one rw - squashfs /dev/loop0 ro\n"
                                     "31 27 0:41 / /two rw - squashfs /dev/loop1 ro\n"
                                     "32 27 254:0 /srv /bound rw - ext4 /dev/vda rw\n"
                                     "33 27 0:41 /part /three rw - squashfs /dev/loop1 ro\n");
    struct cu_fsmap *b = map_of("9 1 0:99 / / rw,relatime - ext4 /dev/sda1 rw,discard\n"
                                "18 9 0:41 / /two rw - squashfs /dev/loop7 ro\n"
                                "17 9 0:77 / /one rw - squashfs /dev/loop9 ro\n");

    (void)state;
    assert_int_equal(find(a, "/usr")->space, 0);
    assert_int_equal(find(b, "/usr")->space, 0);
    assert_int_equal(find(a, "/one/f")->space, find(b, "/one/f")->space);
    assert_int_equal(find(a, "/two/f")->space, find(b, "/two/f")->space);
    assert_int_equal(find(a, "/two")->root_ino, find(b, "/two")->root_ino);
    assert_true(find(a, "/one/f")->space != find(a, "/two/f")->space);
    assert_int_equal(find(a, "/bound/f")->space, 0);
    assert_true(find(a, "/bound")->root_ino != find(a, "/three")->root_ino);
    assert_true(find(a, "/two")->root_ino != find(a, "/three")->root_ino);
    cu_fsmap_destroy(a);
    cu_fsmap_destroy(b);
}

/* btrfs says one device for all subvolumes that are mounted; each has numbers of its own. */
static void subvolumes_are_file_systems(void **state)
{
    struct cu_fsmap *map =
        map_of("27 1 0:30 /@ / rw - btrfs /dev/vda rw,subvolid=256,subvol=/@\n"
               "28 27 0:30 /@home /home rw - btrfs /dev/vda rw,subvolid=257,subvol=/@home\n"
               "29 27 0:30 /@home/bob /bob rw - btrfs /dev/vda rw,subvolid=257,subvol=/@home\n");

    (void)state;
    assert_int_equal(find(map, "/usr")->space, 0);
    assert_true(find(map, "/home/f")->space != 0);
    cu_fsmap_destroy(map);
}

static void numbers_of_two_spaces_never_meet(void **state)
{
    const uint64_t spaces[] = {UINT64_C(0x123456789abcdef0), UINT64_C(0x923456799abcdef0), 0};
    static const uint64_t inos[] = {
        0,          1,          2,          UINT32_MAX,       1ull << 32,
        1ull << 48, 1ull << 63, UINT64_MAX, (1ull << 63) | 2, 0x9234567900000002};
    uint64_t seen[64];
    size_t n = 0;

    (void)state;
    for (size_t s = 0; s < 2; s++)
        for (size_t i = 0; i < sizeof(inos) / sizeof(inos[0]); i++)
            seen[n++] = cu_fsmap_number(spaces[s], inos[i]);
    for (size_t i = 0; i < sizeof(inos) / sizeof(inos[0]); i++)
        assert_int_equal(cu_fsmap_number(0, inos[i]), inos[i]);
    for (size_t i = 0; i < n; i++) {
        assert_true(seen[i] != 0);
        for (size_t k = 0; k < i; k++)
            assert_true(seen[i] != seen[k]);
    }
    /* what fits keeps its lower half, which is what people see */
    assert_int_equal((uint32_t)cu_fsmap_number(spaces[0], 4711), 4711);
}

static void listings_are_believed_by_type(void **state)
{
    static const struct {
        const char *type, *options;
        unsigned traits;
    } cases[] = {
        {"ext4", "rw", CU_FS_FOLD_FLAG | CU_FS_LOCAL},
        {"xfs", "rw", CU_FS_PROBE | CU_FS_LOCAL},
        {"lustre", "rw", 0},
        {"gpfs", "rw", 0},
        {"squashfs", "ro", 0},
        {"nfs4", "rw", CU_FS_PROBE | CU_FS_AUTOMOUNT},
        {"vfat", "rw", CU_FS_PARTIAL | CU_FS_UNNUMBERED},
        {"cifs", "rw,serverino,soft", CU_FS_PARTIAL | CU_FS_AUTOMOUNT},
        {"cifs", "rw,noserverino", CU_FS_PARTIAL | CU_FS_AUTOMOUNT | CU_FS_UNNUMBERED},
        {"autofs", "rw", FUSE | CU_FS_AUTOMOUNT},
        {"fuse.s3fs", "rw", FUSE},
        {"fuseblk", "rw", FUSE},
        {"fuse", "rw", FUSE},
        {"fuse.dfuse", "rw", 0},
        {"fuse.cvmfs2", "ro", CU_FS_UNNUMBERED},
        {"fuse.squashfuse", "ro", CU_FS_UNNUMBERED},
        {"fuse.squashfuse_ll", "ro", 0},
        {"overlay", "rw", CU_FS_PROBE | CU_FS_PROBE_NUMBERS},
        {"ceph", "rw,acl", 0},
        {"ceph", "rw,snapdirname=.backup,acl", CU_FS_PARTIAL},
        {"a_new_one", "rw", CU_FS_PROBE},
    };
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct cu_fsmap *map;

        snprintf(text, sizeof(text), ROOT "30 27 0:40 / /m rw - %s src %s\n", cases[i].type,
                 cases[i].options);
        map = map_of(text);
        if (traits(map, "/m/f") != cases[i].traits)
            fail_msg("%s %s", cases[i].type, cases[i].options);
        cu_fsmap_destroy(map);
    }
}

static void the_site_has_the_last_word(void **state)
{
    static const char text[] = ROOT "30 27 0:40 / /a rw - fuse.s3fs bucket rw\n"
                                    "31 27 0:41 / /b rw - fuse.s3fs bucket rw\n"
                                    "32 31 0:42 / /b/c rw - nfs4 s:/x rw\n"
                                    "33 27 0:43 / /proc rw - proc proc rw\n"
                                    "34 27 0:44 / /o rw - overlay o rw\n"
                                    "35 27 0:45 / /u rw - overlay o rw\n";
    struct cu_fsmap *map = map_with(
        text, "/",
        "/o:numbered,/u:unnumbered,fuse.s3fs:unstamped,/b:trusted,/b/c:untrusted,proc:trusted,"
        "/b:numbered,nfs4:numbered,/b/c:unnumbered",
        NULL);

    (void)state;
    assert_int_equal(traits(map, "/a/f"), CU_FS_UNSTAMPED | CU_FS_SIZELESS | CU_FS_UNNUMBERED);
    assert_int_equal(traits(map, "/b/f"), CU_FS_SIZELESS);
    assert_int_equal(traits(map, "/b/c/f"),
                     CU_FS_PARTIAL | CU_FS_UNSTAMPED | CU_FS_AUTOMOUNT | CU_FS_UNNUMBERED);
    assert_int_equal(traits(map, "/proc/1"), CU_FS_KERNEL);
    assert_int_equal(traits(map, "/o/f"), CU_FS_PROBE);
    assert_int_equal(traits(map, "/u/f"), CU_FS_PROBE | CU_FS_UNNUMBERED);
    cu_fsmap_destroy(map);
}

static void mount_points_are_known_as_entries(void **state)
{
    struct cu_fsmap *map = map_of(ROOT "30 27 0:40 / /srv/x rw - tmpfs t rw\n"
                                       "31 30 0:41 / /srv/x rw - tmpfs u rw\n"
                                       "32 27 0:42 / /srv/p rw - proc proc rw\n");
    const struct cu_fsmap_mount *root = find(map, "/");

    (void)state;
    assert_true(cu_fsmap_points(map, root, "/srv", 4) != 0);
    assert_int_equal(cu_fsmap_points(map, root, "/usr", 4), 0);
    assert_int_equal(cu_fsmap_points(map, find(map, "/srv/x"), "/srv/x", 6), 0);
    assert_int_equal(cu_fsmap_point(map, root, "/srv/x", 6)->info.id, 31);
    assert_true(cu_fsmap_point(map, root, "/srv/p", 6)->traits & CU_FS_KERNEL);
    assert_null(cu_fsmap_point(map, root, "/srv/y", 6));
    cu_fsmap_destroy(map);
}

/* A listing is another one when something is mounted in it, though no stamp moves. */
static void mount_points_tell_listings_apart(void **state)
{
    static const char *const texts[] = {
        ROOT,
        ROOT "30 27 0:40 / /srv/x rw - tmpfs t rw\n",
        ROOT "30 27 0:40 / /srv/y rw - tmpfs t rw\n",
        ROOT "30 27 0:40 / /srv/x rw - tmpfs t rw\n31 27 0:40 / /srv/y rw - tmpfs t rw\n",
        ROOT "30 27 0:40 / /srv/x rw - proc t rw\n",
        ROOT "30 27 0:40 / /srv/x rw - tmpfs t rw\n31 30 0:41 / /srv/x rw - fuse.copper t rw\n",
    };
    uint64_t points[6];

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        struct cu_fsmap *map = map_of(texts[i]);

        points[i] = cu_fsmap_points(map, find(map, "/"), "/srv", 4);
        cu_fsmap_destroy(map);
        for (size_t k = 0; k < i && i < 5; k++)
            assert_true(points[i] != points[k]);
    }
    assert_int_equal(points[4], points[5]); /* neither is shown */
}

static void nonsense_is_left_out(void **state)
{
    static const char *const texts[] = {
        "",
        "\n\n",
        "x",
        "1 2 3 4 5 6 - 7\n",
        "30 27 0:40 / relative rw - tmpfs t rw\n",
        "30 30 0:40 / /loop rw - tmpfs t rw\n",
        "27 28 0:1 / / rw - tmpfs t rw\n28 27 0:1 / / rw - tmpfs t rw\n",
        "27 1 0:1 / / rw - tmpfs t rw\n28 29 0:1 / /a rw - tmpfs t rw\n29 28 0:1 / /a rw - t t r\n",
        "27 1 0:1 / / rw -",
        "27 1 0:1 / / rw - ",
        "27 1 0:1 / / rw - t",
        "30 27 0:40 / /a\\0 rw - tmpfs t rw\\",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct cu_fsmap *map = map_of(texts[i]);

        (void)find(map, "/a/b");
        (void)cu_fsmap_points(map, find(map, "/a"), "/a", 2);
        cu_fsmap_destroy(map);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_path_lies_on_the_deepest_mount),
        cmocka_unit_test(covered_mounts_do_not_count),
        cmocka_unit_test(the_kernels_own_and_views_are_not_served_wherever_they_are),
        cmocka_unit_test(what_is_made_of_a_view_is_not_served),
        cmocka_unit_test(spaces_are_the_same_on_all_nodes),
        cmocka_unit_test(subvolumes_are_file_systems),
        cmocka_unit_test(numbers_of_two_spaces_never_meet),
        cmocka_unit_test(listings_are_believed_by_type),
        cmocka_unit_test(the_site_has_the_last_word),
        cmocka_unit_test(mount_points_are_known_as_entries),
        cmocka_unit_test(mount_points_tell_listings_apart),
        cmocka_unit_test(nonsense_is_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
