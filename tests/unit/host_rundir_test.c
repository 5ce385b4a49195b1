/* SPDX-License-Identifier: BSD-3-Clause */
/* Where a node keeps the files of a job, and whom it does not trust there. */
#include "host/rundir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char base[64], run[128];

static int make_base(void **state)
{
    (void)state;
    strcpy(base, "/tmp/copper-run-test-XXXXXX");
    if (mkdtemp(base) == NULL)
        return -1;
    snprintf(run, sizeof(run), "%s/run", base);
    return setenv("COPPER_RUN_DIR", run, 1);
}

static int remove_base(void **state)
{
    char command[128];

    (void)state;
    unsetenv("COPPER_RUN_DIR");
    snprintf(command, sizeof(command), "rm -rf %s", base);
    return system(command);
}

static void makes_it_private(void **state)
{
    char out[CU_PATH_MAX];
    struct cu_error err;
    struct stat st;

    (void)state;
    assert_int_equal(cu_rundir_make(geteuid(), out, &err), 0);
    assert_string_equal(out, run);
    assert_int_equal(lstat(run, &st), 0);
    assert_int_equal(st.st_mode, S_IFDIR | 0700);
    assert_int_equal(cu_rundir_make(geteuid(), out, &err), 0); /* there already */
}

static void assert_refused(uid_t uid, int expected)
{
    char out[CU_PATH_MAX];
    struct cu_error err = {.text = ""};

    assert_int_equal(cu_rundir_make(uid, out, &err), expected);
    assert_non_null(strstr(err.text, run));
}

static void refuses_a_link(void **state)
{
    char target[128];

    (void)state;
    snprintf(target, sizeof(target), "%s/target", base);
    assert_int_equal(mkdir(target, 0700), 0);
    assert_int_equal(symlink(target, run), 0);
    assert_refused(geteuid(), -EPERM);
    assert_int_equal(unlink(run), 0);
    assert_int_equal(symlink("nowhere", run), 0);
    assert_refused(geteuid(), -EPERM);
}

static void refuses_a_file(void **state)
{
    (void)state;
    close(open(run, O_CREAT | O_WRONLY, 0600));
    assert_refused(geteuid(), -EPERM);
}

static void refuses_what_others_can_enter(void **state)
{
    static const mode_t modes[] = {0755, 0710, 0701, 0770, 01777};
    struct stat st;

    (void)state;
    assert_int_equal(mkdir(run, 0700), 0);
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        assert_int_equal(chmod(run, modes[i]), 0);
        assert_refused(geteuid(), -EPERM);
        assert_int_equal(stat(run, &st), 0);
        assert_int_equal(st.st_mode & 07777, modes[i]); /* told, not repaired */
    }
}

static void refuses_a_directory_of_another(void **state)
{
    (void)state;
    assert_int_equal(mkdir(run, 0700), 0);
    assert_refused(geteuid() + 1, -EPERM);
}

static void tells_what_cannot_be_made(void **state)
{
    char out[CU_PATH_MAX];
    struct cu_error err;

    (void)state;
    strcat(run, "/sub");
    setenv("COPPER_RUN_DIR", run, 1);
    assert_refused(geteuid(), -ENOENT);
    setenv("COPPER_RUN_DIR", "relative/dir", 1);
    assert_int_equal(cu_rundir_make(geteuid(), out, &err), -EINVAL);
    assert_string_equal(err.text, "COPPER_RUN_DIR: \"relative/dir\" is not an absolute path");
}

static void names_the_run_directory(void **state)
{
    char out[CU_PATH_MAX];
    struct stat st;

    (void)state;
    setenv("COPPER_RUN_DIR", "/a//b/../c/", 1);
    assert_int_equal(cu_rundir_path(77, out), 0);
    assert_string_equal(out, "/a/c");
    setenv("COPPER_RUN_DIR", "", 1);
    assert_int_equal(cu_rundir_path(4000000001u, out), 0);
    assert_string_equal(out, "/tmp/copper-4000000001");
    assert_int_equal(lstat(out, &st), -1);
}

static void names_files_by_mount(void **state)
{
    char a[CU_PATH_MAX], b[CU_PATH_MAX], longest[CU_PATH_MAX];

    (void)state;
    assert_int_equal(cu_rundir_file("/r", "/tmp/x/copper", "job", a), 0);
    assert_memory_equal(a, "/r/", 3);
    assert_int_equal(strspn(a + 3, "0123456789abcdef"), 16);
    assert_string_equal(a + 19, ".job");
    assert_int_equal(cu_rundir_file("/r", "/tmp//x/./copper/", "job", b), 0);
    assert_string_equal(a, b);
    assert_int_equal(cu_rundir_file("/r", "/tmp/y/copper", "job", b), 0);
    assert_string_not_equal(a, b);
    assert_int_equal(cu_rundir_file("/r", "copper", "job", b), -EINVAL);
    memset(longest, 'r', sizeof(longest));
    longest[0] = '/';
    longest[108 - 22 - 1] = '\0'; /* "/" 16 digits ".sock" and the NUL are left of sun_path's 108 */
    assert_int_equal(cu_rundir_file(longest, "/m", "sock", b), 0);
    assert_int_equal(strlen(b), 107);
    longest[108 - 22 - 1] = 'r';
    longest[108 - 22] = '\0';
    assert_int_equal(cu_rundir_file(longest, "/m", "sock", b), -ENAMETOOLONG);
    assert_int_equal(cu_rundir_file(longest, "/m", "lock", b), 0);
    longest[108 - 22] = 'r';
    longest[CU_PATH_MAX - 10] = '\0';
    assert_int_equal(cu_rundir_file(longest, "/m", "lock", b), -ENAMETOOLONG);
}

static void mount_of_a_job(void **state)
{
    static const char *const jobs[] = {"SLURM_JOB_ID", "SLURM_HET_JOB_ID", "PBS_JOBID",
                                       "FLUX_JOB_ID",  "LSB_JOBID",        "OAR_JOB_ID",
                                       "JOB_ID",       "COBALT_JOBID"};
    char out[CU_PATH_MAX];

    (void)state;
    for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++)
        unsetenv(jobs[i]);
    setenv("USER", "alice", 1);
    assert_int_equal(cu_rundir_mount("/tmp/%u/c", 1, out), 0);
    assert_string_equal(out, "/tmp/alice/c");
    assert_int_equal(cu_rundir_mount("/tmp/100%/c%x", 1, out), 0);
    assert_string_equal(out, "/tmp/100%/c%x");
    assert_int_equal(cu_rundir_mount("/tmp/%j", 1, out), 0);
    assert_string_equal(out, "/tmp/%j");
    setenv("PBS_JOBID", "12[3].site/x", 1);
    assert_int_equal(cu_rundir_mount("/tmp/%u//%j/%j", 1, out), 0);
    assert_string_equal(out, "/tmp/alice/12[3].site_x/12[3].site_x");
    setenv("SLURM_JOB_ID", "..", 1);
    assert_int_equal(cu_rundir_mount("/tmp/%j", 1, out), 0);
    assert_string_equal(out, "/tmp/%j"); /* no name of a directory */
    setenv("SLURM_JOB_ID", "18", 1);
    setenv("SLURM_HET_JOB_ID", "17", 1); /* a component */
    setenv("COPPER_MOUNT", "/tmp/%u/c-%j", 1);
    assert_int_equal(cu_rundir_default_mount(1, out), 0);
    assert_string_equal(out, "/tmp/alice/c-17");
    assert_int_equal(cu_rundir_mount("%j", 1, out), -EINVAL);
    for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++)
        unsetenv(jobs[i]);
    unsetenv("COPPER_MOUNT");
}

static void default_mount(void **state)
{
    static const char *const no_names[] = {"", ".", "..", "a/b", "/"};
    char out[CU_PATH_MAX], expected[CU_PATH_MAX];
    const struct passwd *entry = getpwuid(geteuid());

    (void)state;
    unsetenv("COPPER_MOUNT");
    setenv("USER", "alice", 1);
    assert_int_equal(cu_rundir_default_mount(4000000001u, out), 0);
    assert_string_equal(out, "/tmp/alice/copper");
    for (size_t i = 0; i < sizeof(no_names) / sizeof(no_names[0]); i++) {
        setenv("USER", no_names[i], 1);
        assert_int_equal(cu_rundir_default_mount(4000000001u, out), 0);
        assert_string_equal(out, "/tmp/4000000001/copper");
    }
    unsetenv("USER");
    if (entry != NULL) {
        snprintf(expected, sizeof(expected), "/tmp/%s/copper", entry->pw_name);
        assert_int_equal(cu_rundir_default_mount(geteuid(), out), 0);
        assert_string_equal(out, expected);
    }
    setenv("COPPER_MOUNT", "/scratch//me/./mnt", 1);
    assert_int_equal(cu_rundir_default_mount(geteuid(), out), 0);
    assert_string_equal(out, "/scratch/me/mnt");
    setenv("COPPER_MOUNT", "mnt", 1);
    assert_int_equal(cu_rundir_default_mount(geteuid(), out), -EINVAL);
    unsetenv("COPPER_MOUNT");
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, make_base, remove_base)
    const struct CMUnitTest tests[] = {
        CASE(makes_it_private),
        CASE(refuses_a_link),
        CASE(refuses_a_file),
        CASE(refuses_what_others_can_enter),
        CASE(refuses_a_directory_of_another),
        CASE(tells_what_cannot_be_made),
        CASE(names_the_run_directory),
        CASE(names_files_by_mount),
        CASE(default_mount),
        CASE(mount_of_a_job),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
