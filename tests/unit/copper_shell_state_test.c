/* SPDX-License-Identifier: BSD-3-Clause */
/* What a shell may have set. */
#include "copper/shell_state.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char *path_after(const char *path)
{
    if (path)
        setenv("PATH", path, 1);
    else
        unsetenv("PATH");
    cu_shell_state_settle();
    return getenv("PATH");
}

static void the_systems_directories_are_in_path(void **state)
{
    (void)state;
    assert_string_equal(path_after(NULL), "/usr/local/bin:/usr/bin:/bin");
    assert_string_equal(path_after(""), "/usr/local/bin:/usr/bin:/bin");
    assert_string_equal(path_after("/a b/bin"), "/a b/bin:/usr/local/bin:/usr/bin:/bin");
    assert_string_equal(path_after("/bin:/x:/usr/bin"), "/bin:/x:/usr/bin:/usr/local/bin");
    assert_string_equal(path_after("/usr/bin/x:/y/bin"),
                        "/usr/bin/x:/y/bin:/usr/local/bin:/usr/bin:/bin");
    assert_string_equal(path_after("/usr/local/bin:/usr/bin:/bin"), "/usr/local/bin:/usr/bin:/bin");
}

static void the_owner_can_use_what_is_made(void **state)
{
    (void)state;
    umask(0777);
    cu_shell_state_settle();
    assert_int_equal(umask(0), 077);
    cu_shell_state_settle();
    assert_int_equal(umask(0022), 0);
}

static void a_deleted_working_directory_is_left(void **state)
{
    char dir[] = "/tmp/shell_state.XXXXXX", here[4096];

    (void)state;
    assert_non_null(mkdtemp(dir));
    assert_int_equal(chdir(dir), 0);
    cu_shell_state_settle();
    assert_string_equal(getcwd(here, sizeof(here)), dir);
    assert_int_equal(rmdir(dir), 0);
    cu_shell_state_settle();
    assert_string_equal(getcwd(here, sizeof(here)), "/");
}

static void a_limit_of_files_is_an_error(void **state)
{
    struct rlimit none = {0, 0}, before;
    FILE *file = tmpfile();

    (void)state;
    assert_non_null(file);
    cu_shell_state_settle();
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    none.rlim_max = before.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    assert_int_equal(write(fileno(file), "x", 1), -1);
    assert_int_equal(errno, EFBIG);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_systems_directories_are_in_path),
        cmocka_unit_test(the_owner_can_use_what_is_made),
        cmocka_unit_test(a_deleted_working_directory_is_left),
        cmocka_unit_test(a_limit_of_files_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
