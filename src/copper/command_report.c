/* SPDX-License-Identifier: BSD-3-Clause */
/* copper report: a job as one page for a browser, and as data for figures. */
#include "control/client.h"
#include "copper/cli.h"
#include "copper/hosts_answer.h"
#include "copper/jobreport.h"
#include "copper/progress.h"
#include "copper/report_csv.h"
#include "copper/report_job.h"
#include "copper/report_page.h"

#include <stdio.h>
#include <string.h>

#define PAGE "copper-report.html"

/* A job that runs. -1 with *job, or the exit status. */
static int ask(const char *mount, json_t **job)
{
    json_t *stats = NULL, *status = NULL;
    struct cu_error err;
    int rc;

    cu_progress_begin("asking");
    rc = cu_cli_call(mount, json_pack("{s:s}", "op", "status"), CU_CLIENT_ANSWER_MS, &status);
    if (rc >= 0)
        return rc;
    rc = cu_cli_call(mount,
                     json_pack("{s:s,s:b,s:b,s:b,s:b}", "op", "stats", "all", 1, "each", 1,
                               "latency", 1, "survey", 1),
                     CU_CLIENT_ANSWER_MS, &stats);
    if (rc < 0) {
        if (cu_hosts_answer_judge(mount, stats, &err) != 0)
            rc = cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
        else if (!(*job = cu_jobreport_make(stats)) && /* launched with -P */
                 !(*job = cu_report_job_make(stats, status)))
            rc = cu_cli_fail(CU_EXIT_FAILED, "out of memory");
        json_decref(stats);
    }
    json_decref(status);
    cu_progress_end();
    return rc;
}

static int write_page(const json_t *job, const char *path)
{
    struct cu_error err;

    if (strcmp(path, "-") == 0)
        return cu_report_page(job, stdout) == 0 ? CU_EXIT_OK : cu_cli_unwritten();
    if (cu_report_page_file(job, path, &err) != 0)
        return cu_cli_fail(CU_EXIT_FAILED, "report: %s", err.text);
    printf("%s\n", path);
    return CU_EXIT_OK;
}

static int run(const struct cu_command *command, int argc, char **argv)
{
    struct cu_cli_options options;
    struct cu_error err;
    json_t *job = NULL;
    int status = cu_cli_parse(command, argc, argv, &options);

    if (status >= 0)
        return status;
    if (argc - options.first > 1)
        return cu_cli_fail(CU_EXIT_USAGE, "report: \"%s\" is too much: see copper report --help",
                           argv[options.first + 1]);
    if (options.first < argc) {
        job = cu_report_job_read(argv[options.first], &err);
        if (!job)
            return cu_cli_fail(CU_EXIT_FAILED, "report: %s", err.text);
    } else {
        status = ask(options.mount, &job);
        if (status >= 0)
            return status;
    }
    status = CU_EXIT_OK;
    if (options.csv && cu_report_csv(job, options.csv, &err) != 0)
        status = cu_cli_fail(CU_EXIT_FAILED, "report: %s", err.text);
    if (status == CU_EXIT_OK && (options.output || !options.csv))
        status = write_page(job, options.output ? options.output : PAGE);
    json_decref(job);
    return status;
}

const struct cu_command cu_command_report = {
    .name = "report",
    .synopsis = "[-o FILE.html] [--csv DIR] [-v MOUNT] [DIR | job.json]",
    .summary = "Writes a page for a browser: what was saved, where time went, advice",
    .details =
        "Of a job that has ended: DIR is what its stop wrote, if its launch was told to record.\n"
        "Without DIR: of the job that runs here, all of it if it was told to record. The page is "
        "one\n"
        "file and needs no network (" PAGE "; - is standard output). With --csv alone\n"
        "no page is written.\n",
    .options = "vOC",
    .operands = true,
    .run = run,
};
