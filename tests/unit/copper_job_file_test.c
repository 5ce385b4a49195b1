/* SPDX-License-Identifier: BSD-3-Clause */
/* The job's file at the worst moments between two launches, and between a stop and a launch. */
#include "copper/job_file.h"

#include <errno.h>
#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/cu-job-file-XXXXXX";
static struct cu_job_file other; /* of the other launch */
static uint8_t other_id[CU_JOB_ID_BYTES];
static bool
    other_comes; /* before the next lock: it removes the dead job's file and makes its own */

/* A job for whose daemons nobody listens. */
static int create(struct cu_job_file *file, uint8_t id[CU_JOB_ID_BYTES], struct cu_error *err)
{
    struct cu_job job;
    int rc;

    assert_int_equal(cu_job_init(&job, "/nowhere/mnt", dir), 0);
    assert_int_equal(cu_parse_hosts("localhost", 9, &job.hosts, err), 0);
    rc = cu_job_file_create(&job, 0, file, err);
    memcpy(id, job.id, sizeof(job.id));
    cu_job_free(&job);
    return rc;
}

int __wrap_flock(int fd, int operation);
int __real_flock(int fd, int operation);

int __wrap_flock(int fd, int operation)
{
    struct cu_error err;

    if (other_comes) {
        other_comes = false;
        assert_int_equal(create(&other, other_id, &err), 0);
    }
    return __real_flock(fd, operation);
}

static void a_dead_jobs_file_is_replaced(void **state)
{
    struct cu_job_file dead, file;
    uint8_t id[CU_JOB_ID_BYTES];
    struct cu_error err;
    struct stat st;

    (void)state;
    assert_int_equal(create(&dead, id, &err), 0);
    cu_job_file_close(&dead, false);
    assert_int_equal(create(&file, id, &err), 0);
    assert_int_equal(stat(file.path, &st), 0);
    assert_int_equal(create(&dead, id, &err), -EEXIST); /* while that launch is under way */
    cu_job_file_close(&file, true);
    assert_int_equal(stat(file.path, &st), -1);
}

/* The second one has opened the dead job's file when the first one has replaced it. */
static void two_launches_do_not_both_replace_it(void **state)
{
    uint8_t id[CU_JOB_ID_BYTES];
    struct cu_job_file file;
    struct stat mine, there;
    struct cu_error err;

    (void)state;
    assert_int_equal(create(&file, id, &err), 0);
    cu_job_file_close(&file, false);
    other_comes = true;
    assert_int_equal(create(&file, id, &err), -EEXIST);
    assert_false(other_comes);
    assert_non_null(strstr(err.text, "a launch on this mount is under way"));
    assert_int_equal(fstat(other.fd, &mine), 0);
    assert_int_equal(stat(other.path, &there), 0);
    assert_int_equal(mine.st_ino, there.st_ino);
    cu_job_file_close(&other, true);
}

/* A stop takes some seconds, in which the next job may have been launched. */
static void a_stop_removes_its_own_jobs_file_only(void **state)
{
    uint8_t stopped[CU_JOB_ID_BYTES], next[CU_JOB_ID_BYTES];
    struct cu_job_file file;
    struct cu_error err;
    struct stat st;

    (void)state;
    assert_int_equal(create(&file, stopped, &err), 0);
    cu_job_file_close(&file, false);
    assert_int_equal(create(&file, next, &err), 0);
    cu_job_file_close(&file, false);
    cu_job_file_remove(file.path, stopped);
    assert_int_equal(stat(file.path, &st), 0);
    cu_job_file_remove(file.path, next);
    assert_int_equal(stat(file.path, &st), -1);
    cu_job_file_remove(file.path, next); /* harmless */
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static int set_up(void **state)
{
    (void)state;
    return mkdtemp(dir) && setenv("COPPER_RUN_DIR", dir, 1) == 0 ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    return nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dead_jobs_file_is_replaced),
        cmocka_unit_test(two_launches_do_not_both_replace_it),
        cmocka_unit_test(a_stop_removes_its_own_jobs_file_only),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
