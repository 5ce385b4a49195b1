/* SPDX-License-Identifier: BSD-3-Clause */
/* Lines of a text in credentials. Where munged does not run, that is an error with its reason, and
 * the text stays what it was; what a credential does between hosts: tests/system/launch_slurm.bats.
 */
#include "host/munge.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEXT "exit 93\ncopper-job 3\nid 00\nkey abcdef\nmount /m\nhosts 1\nkeyhole\n"

static void a_text_without_a_credential_stays(void **state)
{
    char *text = strdup(TEXT), *before = text;
    size_t size = strlen(text);

    (void)state;
    assert_int_equal(cu_munge_open_line(&text, &size, "key", NULL), 0);
    assert_ptr_equal(text, before);
    assert_int_equal(size, strlen(TEXT));
    free(text);
}

static void a_text_without_the_line_is_refused(void **state)
{
    struct cu_error err = {.text = ""};

    (void)state;
    assert_null(cu_munge_seal_line("exit 93\ncopper-job 3\nkeyhole 1\nhosts 0\n", "key", &err));
    assert_non_null(strstr(err.text, "no line \"key\""));
}

/* There and back where there is munged; else the reason, and nothing is lost or shown. */
static void a_line_goes_there_and_back(void **state)
{
    struct cu_error err = {.text = ""};
    char *sealed = cu_munge_seal_line(TEXT, "key", &err);
    size_t size;

    (void)state;
    if (!sealed) {
        assert_non_null(strstr(err.text, "MUNGE"));
        assert_null(strstr(err.text, "abcdef"));
        return;
    }
    assert_null(strstr(sealed, "abcdef"));
    assert_non_null(strstr(sealed, "\nid 00\nmunge MUNGE:"));
    assert_non_null(strstr(sealed, ":\nmount /m\nhosts 1\nkeyhole\n"));
    for (int times = 0; times < 2; times++) { /* also when munged has seen it before */
        char *text = strdup(sealed);

        size = strlen(text);
        assert_int_equal(cu_munge_open_line(&text, &size, "key", &err), 0);
        assert_int_equal(size, strlen(TEXT));
        assert_memory_equal(text, TEXT, size);
        free(text);
    }
    free(sealed);
}

static void what_is_no_credential_is_refused(void **state)
{
    static const char broken[] = "exit 93\ncopper-job 3\nmunge MUNGE:AwUFAACVRRld:\nhosts 0";
    struct cu_error err = {.text = ""};
    size_t size = strlen(broken);
    char *text = strdup(broken);
    int rc;

    (void)state;
    rc = cu_munge_open_line(&text, &size, "key", &err);
    assert_true(rc == -EBADMSG || rc == -ENOENT);
    assert_non_null(strstr(err.text, "MUNGE"));
    assert_string_equal(text, broken);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_without_a_credential_stays),
        cmocka_unit_test(a_text_without_the_line_is_refused),
        cmocka_unit_test(a_line_goes_there_and_back),
        cmocka_unit_test(what_is_no_credential_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
