/* SPDX-License-Identifier: BSD-3-Clause */
/* What a root reads before anybody asks: packages, and nothing of collections; within bounds. */
#include "ahead/readon.h"
#include "proto/dir.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define CHUNK (256u << 10)
#define MAX   1024

static struct fake {
    struct cu_readon *readon;
    struct cu_readon_load load;
    const char *listed; /* directory whose listing is held; NULL: none */
    struct cu_value listing;
    uint32_t count;
    char reads[MAX][128];
    char text[MAX * 32];
} fake;

static void on_read(void *context, const struct cu_ahead_want *want)
{
    const char *kind = want->kind == CU_KIND_ATTR  ? "attr"
                       : want->kind == CU_KIND_DIR ? "dir"
                                                   : "data";
    char *out = fake.reads[fake.count++ % MAX];
    int at = snprintf(out, 128, "%s %.*s", kind, (int)want->path_len, want->path);

    (void)context;
    if (want->kind == CU_KIND_DATA)
        snprintf(out + at, 128 - (size_t)at, " %u", (unsigned)want->chunk);
    else if (want->content)
        snprintf(out + at, 128 - (size_t)at, " content");
}

static struct cu_readon_load on_load(void *context)
{
    (void)context;
    return fake.load;
}

static const struct cu_value *on_held(void *context, const struct cu_ahead_want *want)
{
    (void)context;
    return fake.listed && want->kind == CU_KIND_DIR && strlen(fake.listed) == want->path_len &&
                   !memcmp(fake.listed, want->path, want->path_len)
               ? &fake.listing
               : NULL;
}

static bool on_absent(void *context, const struct cu_ahead_name *name)
{
    (void)context;
    (void)name;
    return false;
}

static int setup_with(uint64_t cache_bytes)
{
    struct cu_readon_config config = {
        .read = on_read,
        .load = on_load,
        .held = on_held,
        .absent = on_absent,
        .cache_bytes = cache_bytes,
        .chunk_bytes = CHUNK,
        .inline_bytes = 64u << 10,
    };

    memset(&fake, 0, sizeof(fake));
    fake.readon = cu_readon_create(&config);
    return fake.readon ? 0 : -1;
}

static int setup(void **state)
{
    (void)state;
    return setup_with(1u << 30);
}

static int teardown(void **state)
{
    (void)state;
    cu_readon_destroy(fake.readon);
    cu_value_clear(&fake.listing);
    return 0;
}

/* What was read since the last time, in order. */
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

static struct cu_buf *text_of(const char *text)
{
    struct cu_buf *buf = cu_buf_new(strlen(text));

    assert_non_null(buf);
    memcpy(buf->data, text, strlen(text));
    return buf;
}

static void attr(const char *path, const char *text, uint64_t size)
{
    struct cu_value value = {.attr = {.mode = S_IFREG | 0644, .size = size, .mtime = {5, 0}}};
    struct cu_ahead_want what = {
        .kind = CU_KIND_ATTR, .path = path, .path_len = strlen(path), .content = text != NULL};

    if (text && size == 0) {
        value.attr.size = strlen(text);
        value.content = text_of(text);
    }
    cu_readon_stored(fake.readon, &what, &value);
    cu_value_clear(&value);
}

static void add(struct cu_dir_builder *b, const char *name, uint8_t type)
{
    struct cu_dirent e = {.ino = 1, .type = type, .name_len = (uint16_t)strlen(name), .name = name};

    assert_int_equal(cu_dir_builder_add(b, &e), 0);
}

static struct cu_value listing_of(const char *const *names)
{
    struct cu_dir_builder *b = cu_dir_builder_new();
    struct cu_value value = {0};

    for (; *names; names++)
        add(b, *names, (*names)[0] == '@' ? DT_LNK : strchr(*names, '.') ? DT_REG : DT_DIR);
    value.bytes = cu_dir_builder_finish(b);
    assert_non_null(value.bytes);
    return value;
}

static void listed(const char *path, struct cu_value value)
{
    struct cu_ahead_want what = {.kind = CU_KIND_DIR, .path = path, .path_len = strlen(path)};

    cu_readon_stored(fake.readon, &what, &value);
    cu_value_clear(&value);
}

/* Python's habit is seen in another package first. */
static void learn(void)
{
    attr("/p/a.py", NULL, 10);
    attr("/p/__pycache__/a.cpython-311.pyc", NULL, 10);
    attr("/p/b.py", NULL, 10);
    attr("/p/__pycache__/b.cpython-311.pyc", NULL, 10);
    assert_string_equal(reads(), "");
}

static void a_package_is_read_when_its_first_file_was(void **state)
{
    static const char *const names[] = {"__init__.py", "one.py",    "sub",    "two.py",
                                        "data.txt",    "x.abi3.so", "y.x.py", "__pycache__",
                                        "@.py",        NULL};

    (void)state;
    learn();
    attr("/q/__pycache__/__init__.cpython-311.pyc", "code", 0);
    assert_string_equal(reads(), "dir /q");
    attr("/q/__pycache__/one.cpython-311.pyc", "code", 0);
    assert_string_equal(reads(), "");
    listed("/other", listing_of(names));
    assert_string_equal(reads(), "");
    listed("/q", listing_of(names));
    assert_string_equal(reads(), "attr /q/__init__.py\n"
                                 "attr /q/__pycache__/__init__.cpython-311.pyc content\n"
                                 "attr /q/one.py\n"
                                 "attr /q/__pycache__/one.cpython-311.pyc content\n"
                                 "attr /q/two.py\n"
                                 "attr /q/__pycache__/two.cpython-311.pyc content");
    listed("/q", listing_of(names));
    attr("/q/__pycache__/two.cpython-311.pyc", "code", 0);
    assert_string_equal(reads(), "");
}

static void a_listing_that_is_held_is_used(void **state)
{
    static const char *const names[] = {"one.py", NULL};

    (void)state;
    learn();
    fake.listed = "/";
    fake.listing = listing_of(names);
    attr("/__pycache__/one.cpython-311.pyc", "code", 0);
    assert_string_equal(reads(), "attr /one.py\nattr /__pycache__/one.cpython-311.pyc content");
}

/* Without a habit, the second file of a kind shows that the directory is read. */
static void files_beside_two_that_were_read_are_read(void **state)
{
    static const char *const names[] = {"A.pm", "B.pm", "C.pm", "d.pl", NULL};

    (void)state;
    attr("/perl/A.pm", "package A", 0);
    assert_string_equal(reads(), "");
    attr("/perl/d.pl", "1", 0); /* of another kind */
    assert_string_equal(reads(), "");
    attr("/perl/B.pm", "package B", 0);
    assert_string_equal(reads(), "dir /perl");
    listed("/perl", listing_of(names));
    assert_string_equal(reads(), "attr /perl/A.pm content\nattr /perl/B.pm content\n"
                                 "attr /perl/C.pm content");
}

static void what_only_looks_reads_nothing_on(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        char path[32];

        snprintf(path, sizeof(path), "/d/%d.c", i);
        attr(path, NULL, 10); /* ls -l, find: attributes alone */
    }
    assert_string_equal(reads(), "");
}

static void collections_and_programs_are_left_alone(void **state)
{
    struct cu_dir_builder *b = cu_dir_builder_new();
    struct cu_value value = {0}, failed = {.error = EACCES};
    char name[16];

    (void)state;
    for (int i = 0; i < 65; i++) {
        snprintf(name, sizeof(name), "%d.pm", i);
        add(b, name, DT_REG);
    }
    value.bytes = cu_dir_builder_finish(b);
    attr("/many/1.pm", "x", 0);
    attr("/many/2.pm", "x", 0);
    assert_string_equal(reads(), "dir /many");
    listed("/many", value);
    attr("/lib/a.so", "\177ELF...", 0);
    attr("/lib/b.so", "\177ELF...", 0);
    attr("/none/README", "x", 0);
    attr("/none/COPYING", "x", 0);
    assert_string_equal(reads(), "");
    attr("/closed/1.pm", "x", 0);
    attr("/closed/2.pm", "x", 0);
    assert_string_equal(reads(), "dir /closed");
    listed("/closed", failed);
    assert_string_equal(reads(), "");
}

static void a_file_of_medium_size_is_read_as_a_whole(void **state)
{
    (void)state;
    attr("/m/x.dat", "", CHUNK * 2 + 1);
    assert_string_equal(reads(), "data /m/x.dat 0\ndata /m/x.dat 1\ndata /m/x.dat 2");
    attr("/m/large.txt", "", 2u << 20);
    attr("/m/seen.txt", NULL, CHUNK);
    assert_string_equal(reads(), "");
}

static void what_is_not_used_ends_it(void **state)
{
    static const char *const names[] = {"1.pm", NULL};

    (void)state;
    fake.load.unused_bytes = 16u << 20;
    attr("/a/1.pm", "x", 0);
    attr("/a/2.pm", "x", 0);
    attr("/a/big.txt", "", CHUNK);
    assert_string_equal(reads(), "");
    fake.load.used_bytes = 80u << 20; /* most was right: it goes on */
    attr("/a/3.pm", "x", 0);
    assert_string_equal(reads(), "dir /a");
    fake.load.unused_bytes = 26u << 20;
    listed("/a", listing_of(names));
    assert_string_equal(reads(), "");
}

static void a_small_cache_is_not_filled(void **state)
{
    teardown(state);
    assert_int_equal(setup_with(8u << 20), 0);
    fake.load.unused_bytes = 1u << 20;
    attr("/a/1.pm", "x", 0);
    attr("/a/2.pm", "x", 0);
    assert_string_equal(reads(), "");
    fake.load.unused_bytes = 0;
    fake.load.requests = 64; /* count as a megabyte */
    attr("/a/3.pm", "x", 0);
    assert_string_equal(reads(), "");
    fake.load.requests = 0;
    fake.load.bytes = 1u << 20;
    attr("/a/4.pm", "x", 0);
    assert_string_equal(reads(), "");
    fake.load.bytes = 0;
    fake.load.requests = 63;
    attr("/a/5.pm", "x", 0);
    assert_string_equal(reads(), "dir /a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_package_is_read_when_its_first_file_was, setup, teardown),
        cmocka_unit_test_setup_teardown(a_listing_that_is_held_is_used, setup, teardown),
        cmocka_unit_test_setup_teardown(files_beside_two_that_were_read_are_read, setup, teardown),
        cmocka_unit_test_setup_teardown(what_only_looks_reads_nothing_on, setup, teardown),
        cmocka_unit_test_setup_teardown(collections_and_programs_are_left_alone, setup, teardown),
        cmocka_unit_test_setup_teardown(a_file_of_medium_size_is_read_as_a_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_not_used_ends_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_small_cache_is_not_filled, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
