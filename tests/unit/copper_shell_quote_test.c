/* SPDX-License-Identifier: BSD-3-Clause */
/* A word reaches the program at the other end as it was: asked of real shells. */
#include "copper/shell_quote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const words[] = {
    "/opt/copper/bin/copperd",
    "--node",
    "a b",
    "a;touch x",
    "$(id)",
    "`id`",
    "it's",
    "\"quoted\"",
    "back\\slash",
    "wow!",
    "*",
    "~",
    "#",
    "",
    "a=b",
    "{a,b}",
    "&",
    "|x",
    "<in",
    "\t",
    "'",
    "!!",
    "\\'",
};

/* What printf prints in that shell for the quoted word. */
static void read_back(const char *shell, const char *word)
{
    char command[512], got[256];
    char *quoted = cu_shell_quote(word);
    FILE *in;
    size_t n;
    int fds[2];

    assert_non_null(quoted);
    snprintf(command, sizeof(command), "printf '<%%s>' %s", quoted);
    free(quoted);
    assert_int_equal(pipe(fds), 0);
    fflush(NULL);
    if (fork() == 0) {
        dup2(fds[1], 1);
        execlp(shell, shell, "-c", command, (char *)NULL);
        _exit(127);
    }
    close(fds[1]);
    in = fdopen(fds[0], "r");
    n = fread(got, 1, sizeof(got) - 1, in);
    got[n] = '\0';
    fclose(in);
    snprintf(command, sizeof(command), "<%s>", word);
    assert_string_equal(got, command);
}

/* *state: the shell's path. */
static void words_stay_words(void **state)
{
    const char *shell = *state;

    if (access(shell, X_OK) != 0) {
        print_message("needs %s\n", shell);
        skip();
    }
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        read_back(shell, words[i]);
}

static void plain_words_stay_as_they_are(void **state)
{
    char *quoted = cu_shell_quote("/opt/copper-1.0/bin/copperd");

    (void)state;
    assert_string_equal(quoted, "/opt/copper-1.0/bin/copperd");
    free(quoted);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(words_stay_words, "/bin/sh"),
        cmocka_unit_test_prestate(words_stay_words, "/bin/bash"),
        cmocka_unit_test_prestate(words_stay_words, "/usr/bin/tcsh"),
        cmocka_unit_test_prestate(words_stay_words, "/usr/bin/fish"),
        cmocka_unit_test_prestate(words_stay_words, "/usr/bin/zsh"),
        cmocka_unit_test(plain_words_stay_as_they_are),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
