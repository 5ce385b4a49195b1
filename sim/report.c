/* SPDX-License-Identifier: BSD-3-Clause */
/* One list of figures, two forms. */
#include "report.h"

#include <jansson.h>

struct sink {
    FILE *out;
    json_t *object; /* NULL: lines */
};

static void put(struct sink *sink, const char *name, double value, const char *unit)
{
    if (sink->object)
        json_object_set_new(sink->object, name, json_real(value));
    else
        fprintf(sink->out, "%s %.9g %s\n", name, value, unit);
}

static void finish(struct sink *sink)
{
    if (!sink->object)
        return;
    json_dumpf(sink->object, sink->out, JSON_INDENT(1));
    fputc('\n', sink->out);
    json_decref(sink->object);
}

static void put_runs(struct sink *sink, const struct cu_sim_config *c,
                     const struct cu_sim_result *r)
{
    char name[32];

    for (uint32_t i = 0; i < c->runs && i < 4; i++) {
        snprintf(name, sizeof name, "run%u", i + 1);
        put(sink, name, (double)r->run_ns[i] / 1e9, "s");
        snprintf(name, sizeof name, "run%u_median", i + 1);
        put(sink, name, (double)r->median_ns[i] / 1e9, "s");
    }
}

static void put_where(struct sink *sink, const struct cu_sim_result *r, uint64_t processes)
{
    char name[32];

    for (int i = 0; i < CU_SIM_WHERE_COUNT; i++) {
        snprintf(name, sizeof name, "where_%s", cu_sim_where_name((enum cu_sim_where)i));
        put(sink, name, (double)r->where_ns[i] / 1e9 / (double)processes, "s/process");
    }
}

static void put_counters(struct sink *sink, const struct cu_sim_result *r)
{
    for (int i = 0; i < CU_COUNTER_COUNT; i++)
        if (r->counters[i])
            put(sink, cu_counter_name((enum cu_counter)i), (double)r->counters[i], "count");
}

void cu_sim_report(FILE *out, const struct cu_sim_config *c, const struct cu_sim_result *r,
                   bool json)
{
    struct sink sink = {.out = out, .object = json ? json_object() : NULL};

    put(&sink, "nodes", c->nodes, "nodes");
    put(&sink, "processes", c->processes, "processes/node");
    put(&sink, "fanout", c->fanout, "children");
    put(&sink, "trees", c->trees, "trees");
    put(&sink, "chunk", c->chunk_bytes, "bytes");
    if (c->machine.threads > 1)
        put(&sink, "threads", (double)c->machine.threads, "threads/daemon");
    put(&sink, "ready", (double)r->ready_ns / 1e9, "s");
    if (r->replayed_ns)
        put(&sink, "replayed", (double)r->replayed_ns / 1e9, "s");
    put_runs(&sink, c, r);
    put(&sink, "storage_reads", (double)r->storage_reads, "operations");
    put(&sink, "unique_objects", (double)r->unique_objects, "objects");
    put(&sink, "storage_reads_direct", (double)r->storage_reads_direct, "operations");
    put(&sink, "storage_revalidations", (double)r->storage_revalidations, "operations");
    put(&sink, "requests", (double)r->requests, "requests");
    put(&sink, "longest", (double)r->longest_ns / 1e9, "s");
    put(&sink, "messages", (double)r->messages, "messages");
    put(&sink, "wire", (double)r->wire_bytes, "bytes");
    put(&sink, "busiest_cpu", (double)r->busiest_cpu_ppm / 1e4, "%");
    if (c->machine.threads > 1)
        put(&sink, "busiest_crew", (double)r->busiest_crew_ppm / 1e4, "%");
    put(&sink, "busiest_send", (double)r->busiest_tx_ppm / 1e4, "%");
    put(&sink, "busiest_receive", (double)r->busiest_rx_ppm / 1e4, "%");
    put(&sink, "metadata_busy", (double)r->mds_busy_ppm / 1e4, "%");
    put(&sink, "data_busy", (double)r->data_busy_ppm / 1e4, "%");
    put_where(&sink, r, (uint64_t)c->nodes * c->processes * (c->runs ? c->runs : 1));
    put(&sink, "cached_max", (double)r->cached_bytes_max, "bytes");
    put(&sink, "faults", (double)r->faults, "faults");
    put(&sink, "errors_seen", (double)r->errors_seen, "errors");
    put(&sink, "events", (double)r->events, "events");
    put(&sink, "violations", (double)r->violations, "violations");
    put_counters(&sink, r);
    if (json) {
        char hash[24];

        snprintf(hash, sizeof hash, "%016llx", (unsigned long long)r->trace_hash);
        json_object_set_new(sink.object, "trace_hash", json_string(hash));
    } else {
        fprintf(out, "trace_hash %016llx hash\n", (unsigned long long)r->trace_hash);
    }
    finish(&sink);
}

void cu_sim_seeds_add(struct cu_sim_seeds *sum, uint64_t seed, const struct cu_sim_result *result)
{
    sum->faults += result->faults;
    sum->storage_reads += result->storage_reads;
    sum->errors_seen += result->errors_seen;
    sum->events += result->events;
    if (result->longest_ns > sum->longest_ns)
        sum->longest_ns = result->longest_ns;
    if (!result->violations)
        return;
    if (sum->failed < sizeof sum->failed_first / sizeof *sum->failed_first)
        sum->failed_first[sum->failed] = seed;
    sum->failed++;
}

void cu_sim_report_seeds(FILE *out, const struct cu_sim_seeds *sum, bool json)
{
    struct sink sink = {.out = out, .object = json ? json_object() : NULL};

    put(&sink, "seeds", (double)sum->count, "seeds");
    put(&sink, "failed", (double)sum->failed, "seeds");
    put(&sink, "faults", (double)sum->faults, "faults");
    put(&sink, "longest", (double)sum->longest_ns / 1e9, "s");
    put(&sink, "storage_reads", (double)sum->storage_reads, "operations");
    put(&sink, "errors_seen", (double)sum->errors_seen, "errors");
    put(&sink, "events", (double)sum->events, "events");
    if (json) {
        json_t *seeds = json_array();

        for (uint64_t i = 0; i < sum->failed && i < 16; i++)
            json_array_append_new(seeds, json_integer((json_int_t)sum->failed_first[i]));
        json_object_set_new(sink.object, "failed_seeds", seeds);
    }
    finish(&sink);
}
