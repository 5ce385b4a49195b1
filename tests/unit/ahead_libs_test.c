/* SPDX-License-Identifier: BSD-3-Clause */
/* Where libraries are looked for, and what is read of them. */
#include "ahead/libs.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define CHUNK (256u << 10)
#define MAX   256

static struct fake {
    struct cu_libs *libs;
    bool full;
    const char *absent, *held; /* paths; NULL: none */
    struct cu_value value;     /* of held */
    struct cu_buf *parts[256]; /* chunks that are held */
    struct cu_value part;
    uint32_t count;
    char reads[MAX][96];
    char text[MAX * 64];
} fake;

static bool on_room(void *context)
{
    (void)context;
    return !fake.full;
}

static void on_read(void *context, const struct cu_ahead_want *want)
{
    char *out = fake.reads[fake.count++ % MAX];

    (void)context;
    if (want->kind == CU_KIND_DATA)
        snprintf(out, 96, "%.*s %u", (int)want->path_len, want->path, (unsigned)want->chunk);
    else
        snprintf(out, 96, "%.*s", (int)want->path_len, want->path);
}

static const struct cu_value *on_held(void *context, const struct cu_ahead_want *want)
{
    (void)context;
    if (want->kind == CU_KIND_DATA) {
        fake.part.bytes = want->chunk < 256 ? fake.parts[want->chunk] : NULL;
        return fake.part.bytes ? &fake.part : NULL;
    }
    return fake.held && want->kind == CU_KIND_ATTR && strcmp(want->path, fake.held) == 0
               ? &fake.value
               : NULL;
}

static bool on_absent(void *context, const struct cu_ahead_name *name)
{
    (void)context;
    return fake.absent && strcmp(name->path, fake.absent) == 0;
}

static int setup(void **state)
{
    struct cu_libs_ports ports = {
        .room = on_room, .read = on_read, .held = on_held, .absent = on_absent};

    (void)state;
    memset(&fake, 0, sizeof(fake));
    fake.libs = cu_libs_create(&ports, CHUNK);
    return fake.libs ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    cu_libs_destroy(fake.libs);
    return 0;
}

static const char *reads(void)
{
    size_t at = 0;

    fake.text[0] = '\0';
    for (uint32_t i = 0; i < fake.count; i++)
        at += (size_t)snprintf(fake.text + at, sizeof(fake.text) - at, "%s%s", i ? "\n" : "",
                               fake.reads[i]);
    fake.count = 0;
    return fake.text;
}

static void needs(const char *path, const char *runpath, const char *name)
{
    cu_libs_needs(fake.libs, path, strlen(path), runpath, name);
}

static void file(const char *path, uint64_t size)
{
    struct cu_value value = {.attr = {.mode = S_IFREG | 0755, .size = size, .mtime = {5, 0}}};

    cu_libs_named(fake.libs, path, strlen(path), &value);
}

static void failed(const char *path)
{
    struct cu_value value = {.error = ENOENT};

    cu_libs_named(fake.libs, path, strlen(path), &value);
}

static void leads(const char *path, const char *target)
{
    struct cu_value value = {.attr = {.mode = S_IFLNK | 0777, .size = strlen(target)}};

    value.bytes = cu_buf_copy(target, strlen(target));
    assert_non_null(value.bytes);
    cu_libs_named(fake.libs, path, strlen(path), &value);
    cu_buf_unref(value.bytes);
}

static void one_place_after_the_other_is_looked_at(void **state)
{
    (void)state;
    needs("/p/bin/x", "/r:$ORIGIN/../lib:${ORIGIN}:$LIB/y", "libA.so.1");
    assert_string_equal(reads(), "/p/lib/libA.so.1"); /* "/r" may be out of the view */
    file("/other/libA.so.1", 10);
    failed("/p/bin/libA.so.1"); /* not asked yet */
    assert_string_equal(reads(), "");
    fake.absent = "/p/bin/libA.so.1";
    failed("/p/lib/libA.so.1"); /* the next is known to be absent, and the last */
    assert_string_equal(reads(), "");
    needs("/p/bin/x", "", "libA.so.1"); /* once */
    assert_string_equal(reads(), "");
}

static void links_are_followed(void **state)
{
    (void)state;
    needs("/lib/a.so", "", "libB.so.1");
    assert_string_equal(reads(), "/lib/libB.so.1");
    leads("/lib/libB.so.1", "../far/libB.so.1.2");
    assert_string_equal(reads(), "/far/libB.so.1.2");
    leads("/far/libB.so.1.2", "../end/libB");
    assert_string_equal(reads(), "/end/libB");
    file("/end/libB", CHUNK + 1);
    assert_string_equal(reads(), "/end/libB 0\n/end/libB 1");
    needs("/lib/a.so", "", "out");
    leads("/lib/out", "/etc/alternatives/out"); /* perhaps out of the view */
    assert_string_equal(reads(), "/lib/out");
    needs("/lib/a.so", "", "loop");
    for (int i = 0; i < 20; i++)
        leads("/lib/loop", "loop");
    fake.count = 0;
    leads("/lib/loop", "loop"); /* over */
    assert_string_equal(reads(), "");
}

static void of_a_large_one_both_ends_are_read(void **state)
{
    (void)state;
    needs("/l/a.so", "", "big");
    assert_string_equal(reads(), "/l/big");
    file("/l/big", 100 * CHUNK);
    assert_string_equal(reads(), "/l/big 0\n/l/big 1\n/l/big 2\n/l/big 3\n/l/big 98\n/l/big 99");
}

static void where_others_were_found_it_is_looked_for_too(void **state)
{
    (void)state;
    needs("/one/a.so", "", "x");
    file("/one/x", 1);
    assert_string_equal(reads(), "/one/x\n/one/x 0");
    needs("/two/b.so", "", "y");
    failed("/two/y");
    assert_string_equal(reads(), "/two/y\n/one/y");
}

static void what_is_held_is_not_asked_for(void **state)
{
    (void)state;
    fake.held = "/l/x";
    fake.value.attr = (struct cu_attr){.mode = S_IFREG | 0755, .size = 7};
    needs("/l/a.so", "", "x");
    assert_string_equal(reads(), "/l/x 0");
    fake.full = true;
    needs("/l/a.so", "", "y");
    assert_string_equal(reads(), "");
    fake.full = false;
    needs("/l/a.so", "", "y");
    assert_string_equal(reads(), "/l/y");
}

/* The bytes of this program tell what it needs. */
static void a_program_tells_what_it_needs(void **state)
{
    struct cu_ahead_want what = {.kind = CU_KIND_DATA, .path = "/bin/x", .path_len = 6};
    FILE *in = fopen("/proc/self/exe", "re");
    uint32_t count = 0;
    size_t size = 0;

    (void)state;
    assert_non_null(in);
    do {
        assert_true(count < 256);
        fake.parts[count] = cu_buf_new(CHUNK);
        assert_non_null(fake.parts[count]);
        fake.parts[count]->size = fread(fake.parts[count]->data, 1, CHUNK, in);
        size += fake.parts[count]->size;
    } while (fake.parts[count++]->size == CHUNK);
    fclose(in);
    what.version.size = size;
    cu_libs_bytes(fake.libs, &what, fake.parts[0]);
    assert_non_null(strstr(reads(), "/bin/libcmocka.so"));
    for (uint32_t i = 0; i < count; i++)
        cu_buf_unref(fake.parts[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_place_after_the_other_is_looked_at, setup, teardown),
        cmocka_unit_test_setup_teardown(links_are_followed, setup, teardown),
        cmocka_unit_test_setup_teardown(of_a_large_one_both_ends_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(where_others_were_found_it_is_looked_for_too, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_is_held_is_not_asked_for, setup, teardown),
        cmocka_unit_test_setup_teardown(a_program_tells_what_it_needs, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
