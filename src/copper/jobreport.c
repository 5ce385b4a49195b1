/* SPDX-License-Identifier: BSD-3-Clause */
#include "copper/jobreport.h"

#include "base/hostlist.h"
#include "control/surveyed.h"
#include "copper/advice.h"
#include "copper/cli.h"
#include "copper/jobreport_parts.h"
#include "copper/jobsearch.h"
#include "copper/latencies.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define INTERVAL_MAX_S 86400u /* of -I */

static void add_text(json_t *report, const json_t *facts, const char *name)
{
    json_object_set_new(report, name, json_string(cu_cli_text(facts, name)));
}

static void add_number(json_t *report, const char *name, uint64_t value)
{
    json_object_set_new(report, name, json_integer((json_int_t)value));
}

/* Seconds from the launch to the stop. */
static double seconds_of(const json_t *answer, const json_t *facts)
{
    uint64_t begin_ms = cu_cli_number(facts, "begin_ms"), now_ms = cu_cli_number(facts, "now_ms");

    if (begin_ms == 0 || now_ms < begin_ms)
        return (double)cu_cli_number(answer, "up_ms") / 1000;
    return (double)(now_ms - begin_ms) / 1000;
}

static void add_head(json_t *report, const json_t *answer, const json_t *facts)
{
    const char *network = cu_cli_text(answer, "network");

    add_number(report, "report", CU_JOBREPORT_VERSION);
    add_text(report, facts, "version");
    add_text(report, facts, "job");
    add_number(report, "begin_ms", cu_cli_number(facts, "begin_ms"));
    json_object_set_new(report, "seconds", json_real(seconds_of(answer, facts)));
    add_text(report, facts, "mount");
    if (network[0] != '\0')
        json_object_set_new(report, "network", json_string(network));
    add_number(report, "node_count", cu_cli_number(facts, "node_count"));
}

static json_t *past_trees(const json_t *answer)
{
    const json_t *bypassed = json_object_get(answer, "bypassed");

    return json_pack("{s:I, s:I, s:I}", "bytes", (json_int_t)cu_cli_number(bypassed, "bytes"),
                     "largest", (json_int_t)cu_cli_number(bypassed, "largest"), "advice_bytes",
                     (json_int_t)cu_cli_number(bypassed, "fits"));
}

static json_t *read_ahead(const json_t *counters)
{
    return json_pack("{s:I, s:I, s:I}", "sent", (json_int_t)cu_cli_number(counters, "read_ahead"),
                     "used", (json_int_t)cu_cli_number(counters, "read_ahead_used"), "wasted",
                     (json_int_t)cu_cli_number(counters, "read_ahead_wasted"));
}

static void add_figures(json_t *report, const json_t *answer, const struct cu_survey *survey,
                        const struct cu_hosts *hosts)
{
    json_t *counters = json_object_get(answer, "sum");
    json_t *missing = json_array(), *left = json_array();
    json_t *search = cu_jobsearch_make(survey, cu_cli_text(report, "mount"));
    json_t *nodes =
        cu_jobreport_nodes(survey, hosts, json_object_get(answer, "left_out"), missing, left);
    uint64_t interval_s =
        cu_cli_number(json_object_get(json_object_get(answer, "facts"), "options"), "snapshot_s");
    size_t rows = survey->limits.top > CU_JOBREPORT_ROWS ? survey->limits.top : CU_JOBREPORT_ROWS;

    add_number(report, "answered", survey->lists[CU_SURVEY_NODES].count);
    json_object_set_new(report, "missing", missing);
    json_object_set_new(report, "left_out", left);
    if (json_is_object(counters))
        json_object_set(report, "counters", counters);
    json_object_set_new(report, "latency", cu_latencies_expand(json_object_get(answer, "latency")));
    json_object_set_new(report, "classes", cu_jobreport_classes(survey));
    json_object_set_new(report, "timeline", cu_jobreport_timeline(survey));
    if (interval_s > 0 && interval_s <= INTERVAL_MAX_S)
        json_object_set_new(report, "interval", cu_jobreport_intervals(survey, interval_s));
    json_object_set_new(report, "nodes", nodes);
    json_object_set_new(report, "paths", cu_jobreport_paths(survey, rows));
    json_object_set_new(report, "distinct", cu_jobreport_distinct(survey, hosts));
    json_object_set_new(report, "past_trees", past_trees(answer));
    json_object_set_new(report, "read_ahead", read_ahead(counters));
    json_object_set_new(report, "search", search);
    json_object_set_new(report, "advice", cu_advice_make(answer, search));
}

/* The names, lists in short form with blanks between; so many. */
static int read_hosts(const char *lists, size_t count, struct cu_hosts *hosts)
{
    int rc = 0;

    hosts->names = calloc(count, sizeof(*hosts->names));
    if (!hosts->names)
        return -ENOMEM;
    while (rc == 0 && *lists != '\0') {
        size_t len = strcspn(lists, " ");

        rc = cu_hostlist_append(hosts, count, lists, len);
        lists += lists[len] == '\0' ? len : len + 1;
    }
    return rc == 0 && hosts->count != count ? -EBADMSG : rc;
}

json_t *cu_jobreport_make(const json_t *answer)
{
    json_t *facts = json_object_get(answer, "facts"), *options = json_object_get(facts, "options");
    const char *names = cu_cli_text(facts, "hosts");
    uint64_t count = cu_cli_number(facts, "node_count");
    const struct cu_survey_limits limits = {
        .nodes = (uint32_t)count,
        .trees = (uint32_t)cu_cli_number(options, "trees"),
        .top = (uint32_t)cu_cli_number(options, "top"),
    };
    struct cu_hosts hosts = {0};
    struct cu_survey *survey = NULL;
    json_t *report = NULL;

    if (count == 0 || count > CU_HOSTS_MAX || cu_cli_number(options, "trees") > CU_TREES_MAX ||
        cu_cli_number(options, "top") > 10000)
        return NULL;
    if (read_hosts(names, (size_t)count, &hosts) == 0)
        survey = cu_surveyed_read(json_object_get(answer, "survey"), &limits);
    if (survey)
        report = json_object();
    if (report) {
        add_head(report, answer, facts);
        json_object_set(report, "options", options);
        add_figures(report, answer, survey, &hosts);
    }
    cu_survey_free(survey);
    cu_parse_hosts_free(&hosts);
    return report;
}
