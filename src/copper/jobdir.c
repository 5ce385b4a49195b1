/* SPDX-License-Identifier: BSD-3-Clause */
/* Files are replaced by a rename, job.json last: who finds it finds all. */
#include "copper/jobdir.h"

#include "copper/cli.h"
#include "copper/jobreport.h"
#include "copper/jobtables.h"
#include "copper/report_page.h"
#include "host/replace.h"
#include "host/rundir.h"
#include "host/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int write_json(const json_t *report, FILE *out)
{
    if (json_dumpf(report, out, JSON_COMPACT) != 0)
        return -EIO;
    putc('\n', out);
    return 0;
}

static const struct file {
    const char *name;
    void (*table)(FILE *out, const json_t *report);
    int (*whole)(const json_t *report, FILE *out); /* 0 or -errno: for lack of memory, too */
    const char *member; /* without this one of the report there is no such file; NULL: always */
} files[] = {
    {"nodes.csv", cu_jobtables_nodes, NULL, NULL},
    {"timeline.csv", cu_jobtables_timeline, NULL, NULL},
    {"interval.csv", cu_jobtables_intervals, NULL, "interval"},
    {"paths.csv", cu_jobtables_paths, NULL, NULL},
    {"search.csv", cu_jobtables_search, NULL, NULL},
    {"latency.csv", cu_jobtables_latency, NULL, NULL},
    {"summary.md", cu_jobtables_summary, NULL, NULL},
    {"report.html", NULL, cu_report_page, NULL},
    {"job.json", NULL, write_json, NULL}, /* the last */
};

/* 0 or -errno. */
static int write_text(const struct file *file, const json_t *report, FILE *out)
{
    errno = 0;
    if (file->whole)
        return file->whole(report, out);
    file->table(out, report);
    return ferror(out) ? errno != 0 ? -errno : -EIO : 0;
}

/* 0 or -errno. */
static int write_file(int dir_fd, const struct file *file, const json_t *report)
{
    struct cu_replace replace;
    int fd = cu_replace_begin(&replace, dir_fd, file->name), rc = 0;
    FILE *out = fd < 0 ? NULL : fdopen(fd, "w");

    if (fd < 0)
        return fd;
    if (!out) {
        rc = -errno;
        close(fd);
    } else {
        rc = write_text(file, report, out);
        if (fclose(out) != 0 && rc == 0)
            rc = -errno;
    }
    return cu_replace_end(&replace, rc);
}

int cu_jobdir_open(const char *parent, const char *job, char path[CU_PATH_MAX],
                   struct cu_trust_dir *dir, struct cu_error *err)
{
    char cwd[CU_PATH_MAX];
    struct stat st;
    int rc;

    if (!parent)
        parent = getcwd(cwd, sizeof(cwd)) ? cwd : "/tmp";
    if (snprintf(path, CU_PATH_MAX, "%s/copper-%.8s", parent, job) >= CU_PATH_MAX)
        return cu_error_set(err, -ENAMETOOLONG, "%s: the name is too long", parent);
    rc = cu_trust_open_dir(path, CU_TRUST_LINKS, true, dir, err);
    if (rc != 0)
        return rc;
    if (fstat(dir->fd, &st) == 0 && st.st_uid == geteuid())
        return 0;
    close(dir->fd);
    return cu_error_set(err, -EPERM, "%s: belongs to another user", path);
}

json_t *cu_jobdir_keep(const char *parent, const json_t *answer)
{
    json_t *report = cu_jobreport_make(answer);
    char path[CU_PATH_MAX];
    struct cu_trust_dir dir = {.fd = -1};
    struct cu_error err = {""};
    json_t *advice;
    int rc;

    if (!report && json_object_get(answer, "survey"))
        cu_cli_fail(CU_EXIT_FAILED, "the report is not kept: it cannot be read, or out of memory");
    if (!report)
        return NULL;
    rc = cu_jobdir_open(parent, cu_cli_text(report, "job"), path, &dir, &err);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && rc == 0; i++) {
        if (files[i].member && !json_object_get(report, files[i].member))
            continue;
        rc = write_file(dir.fd, &files[i], report);
        if (rc != 0)
            cu_error_set(&err, rc, "%s/%s: %s", path, files[i].name, cu_trust_file_error(rc));
    }
    if (rc == 0)
        cu_cli_say(stdout, "report: %s/report.html", path);
    else
        cu_cli_fail(CU_EXIT_FAILED, "the report is not kept: %s", err.text);
    if (dir.fd >= 0)
        close(dir.fd);
    advice = json_incref(json_object_get(report, "advice"));
    json_decref(report);
    return advice;
}

int cu_jobdir_note(struct cu_job *job)
{
    char run[CU_PATH_MAX], usual[CU_PATH_MAX + 8], cwd[CU_PATH_MAX], ms[24];
    struct timespec now;
    int rc;

    clock_gettime(CLOCK_REALTIME, &now);
    snprintf(ms, sizeof(ms), "%lld", (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000);
    rc = cu_job_set(job, "begin_ms", ms, NULL, NULL);
    if (rc != 0 || cu_rundir_usual(getuid(), run) != 0)
        return rc;
    snprintf(usual, sizeof(usual), "%s/logs", run);
    if (strcmp(job->log_dir, usual) == 0 && getcwd(cwd, sizeof(cwd)))
        rc = cu_job_set(job, "report_dir", cwd, NULL, NULL);
    return rc == -ENOMEM ? rc : 0; /* a name that cannot be one: it goes where the logs go */
}
