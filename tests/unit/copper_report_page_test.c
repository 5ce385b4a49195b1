/* SPDX-License-Identifier: BSD-3-Clause */
/* The page of a report: whatever names there are, they stay data. */
#include "copper/report_page.h"

#include <dirent.h>
#include <errno.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* The page of this job; owned by the caller. */
static char *page_of(const json_t *job)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    assert_int_equal(cu_report_page(job, out), 0);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(strlen(text), size);
    return text;
}

static unsigned count(const char *text, const char *word)
{
    unsigned n = 0;

    for (; (text = strstr(text, word)) != NULL; text++)
        n++;
    return n;
}

/* What stands between the two, as a new string. */
static char *between(const char *text, const char *begin, const char *end)
{
    const char *from = strstr(text, begin);

    assert_non_null(from);
    from += strlen(begin);
    assert_non_null(strstr(from, end));
    return strndup(from, (size_t)(strstr(from, end) - from));
}

static void what_is_in_the_data_comes_back_and_ends_no_element(void **state)
{
    static const char *const names[] = {
        "</script><img src=x onerror=alert(1)>",
        "</SCRIPT ><script>alert(1)</script>",
        "<!--<script>",
        "]]>--!>&amp;&lt;",
        "a\xe2\x80\xa8"
        "b\xe2\x80\xa9\xf0\x9f\x90\x8d",
        "\"\\\b\f\n\r\t\x01\x7f'`${x}",
    };
    json_t *job = json_object(), *list = json_array(), *back;
    char *page, *empty, *data;

    (void)state;
    json_object_set_new(job, "list", list);
    empty = page_of(job);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        json_array_append_new(list, json_string(names[i]));
        json_object_set_new(job, names[i], json_real(0.1));
    }
    page = page_of(job);
    assert_int_equal(count(page, "<script"), count(empty, "<script"));
    assert_int_equal(count(page, "</script"), count(empty, "</script"));
    assert_int_equal(count(page, "<!--"), count(empty, "<!--"));
    assert_int_equal(count(page, "<img"), 0);
    data = between(page, " id=\"data\">", "</script>");
    assert_null(strpbrk(data, "<>&"));
    for (const char *p = data; *p != '\0'; p++)
        assert_in_range(*p, 0x20, 0x7f);
    back = json_loads(data, 0, NULL);
    assert_true(json_equal(back, job));
    assert_non_null(strstr(data, ":0.1"));
    json_decref(back);
    json_decref(job);
    free(data);
    free(page);
    free(empty);
}

/* Only what the digests in the policy are of is run and used. */
static void the_policy_is_of_the_code_that_is_there(void **state)
{
    json_t *job = json_object();
    char *page = page_of(job), *again = page_of(job);
    char *parts[] = {between(page, "<script>", "</script>"), between(page, "<style>", "</style>")};
    const char *const named[] = {"script-src", "style-src"};

    (void)state;
    assert_string_equal(page, again);
    assert_int_equal(count(page, "default-src 'none'"), 1);
    assert_int_equal(count(page, "unsafe"), 0);
    assert_int_equal(count(page, "http-equiv"), 1);
    for (int i = 0; i < 2; i++) {
        unsigned char digest[crypto_hash_sha256_BYTES];
        char text[64], wanted[128];

        crypto_hash_sha256(digest, (const unsigned char *)parts[i], strlen(parts[i]));
        sodium_bin2base64(text, sizeof(text), digest, sizeof(digest),
                          sodium_base64_VARIANT_ORIGINAL);
        snprintf(wanted, sizeof(wanted), "%s 'sha256-%s'", named[i], text);
        assert_int_equal(count(page, wanted), 1);
        free(parts[i]);
    }
    assert_int_equal(count(page, "<script"), 2);
    assert_int_equal(count(page, "Permission is hereby granted"), 1);
    assert_int_equal(count(page, "src=\"http") + count(page, "@import") + count(page, "url("), 0);
    json_decref(job);
    free(page);
    free(again);
}

static unsigned files_in(const char *dir)
{
    DIR *d = opendir(dir);
    unsigned n = 0;

    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static void a_file_is_whole_or_as_it_was(void **state)
{
    char dir[] = "/tmp/copper-report-XXXXXX", path[64];
    json_t *job = json_object(), *inner = json_object();
    struct cu_error err;
    struct stat st;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/page.html", dir);
    umask(027);
    assert_int_equal(cu_report_page_file(job, path, &err), 0);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_true(st.st_size > 50000);
    /* One that cannot be written: it has no end. */
    json_object_set_new(job, "x", inner);
    json_object_set(inner, "x", job);
    assert_int_equal(cu_report_page_file(job, path, &err), -EIO);
    assert_non_null(strstr(err.text, path));
    assert_int_equal(files_in(dir), 1);
    assert_int_equal(stat(path, &st), 0);
    assert_true(st.st_size > 50000);
    snprintf(path, sizeof(path), "%s/none/page.html", dir);
    json_object_clear(inner);
    assert_int_equal(cu_report_page_file(job, path, &err), -ENOENT);
    json_decref(job);
    snprintf(path, sizeof(path), "%s/page.html", dir);
    unlink(path);
    rmdir(dir);
}

static void a_directory_need_not_be_listed(void **state)
{
    char dir[] = "/tmp/copper-report-XXXXXX", path[64];
    json_t *job = json_object();
    struct cu_error err;
    bool root = geteuid() == 0; /* whom no mode keeps out */

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/page.html", dir);
    assert_int_equal(chmod(dir, 0300), 0);
    if (root) {
        assert_int_equal(chown(dir, 65534, (gid_t)-1), 0);
        assert_int_equal(seteuid(65534), 0);
    }
    assert_int_equal(cu_report_page_file(job, path, &err), 0);
    if (root)
        assert_int_equal(seteuid(0), 0);
    json_decref(job);
    assert_int_equal(unlink(path), 0);
    rmdir(dir);
}

/* Through a link, so that a page which replaces it replaces no device. */
static void what_is_no_file_is_written_to(void **state)
{
    char dir[] = "/tmp/copper-report-page.XXXXXX", path[64];
    json_t *job = json_object();
    struct cu_error err;
    struct stat st;

    (void)state;
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/device", dir);
    assert_int_equal(symlink("/dev/full", path), 0);
    assert_int_equal(cu_report_page_file(job, path, &err), -ENOSPC);
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    unlink(path);
    assert_int_equal(symlink("/dev/null", path), 0);
    assert_int_equal(cu_report_page_file(job, path, &err), 0);
    assert_int_equal(lstat(path, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    unlink(path);
    rmdir(dir);
    json_decref(job);
}

static void a_full_disk_is_told(void **state)
{
    json_t *job = json_object();
    FILE *out = fopen("/dev/full", "w");

    (void)state;
    assert_non_null(out);
    assert_int_equal(cu_report_page(job, out), -EIO);
    fclose(out);
    json_decref(job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_in_the_data_comes_back_and_ends_no_element),
        cmocka_unit_test(the_policy_is_of_the_code_that_is_there),
        cmocka_unit_test(a_file_is_whole_or_as_it_was),
        cmocka_unit_test(a_directory_need_not_be_listed),
        cmocka_unit_test(what_is_no_file_is_written_to),
        cmocka_unit_test(a_full_disk_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
