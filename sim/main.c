/* copper-sim: one run with its figures, or many seeds with faults and their verdict. */
#include "base/error.h"
#include "base/parse.h"
#include "core/tree.h"
#include "report.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "usage: copper-sim run   [options]   one run without faults; prints `name value unit`\n"
    "       copper-sim seeds [options]   many runs with faults; prints what a checker finds\n"
    "  --nodes N --fanout K --trees T --processes P   (fan-out 0: the default for N)\n"
    "  --machine FILE --set NAME=VALUE                machine parameters (sim/machines)\n"
    "  --trace FILE --runs R                          workload; without: random from the seed\n"
    "  --chunk BYTES --inline BYTES --ahead BYTES --cache BYTES --leaf-cache BYTES --max BYTES\n"
    "  --ttl MS --slots N --orphan-slots N --list-after N --content always|never|predict\n"
    "  --scale BYTES       content of chunks is cut to so many bytes (lengths stay)\n"
    "  --direct            the baseline: every process straight to storage\n"
    "  --original          the baseline: the original Copper's published algorithm\n"
    "  --exact             storage reads must equal unique objects; sets --ttl to a year\n"
    "  --seed S            of a run\n"
    "  --from S --count C  seeds\n"
    "  --no-faults --plant NAME --verbose --json\n";

struct options {
    struct cu_sim_config config;
    uint64_t from, count;
    const char *machine;
    bool json;
    int argc;
    char **argv;
};

enum {
    OPT_NODES = 256,
    OPT_FANOUT,
    OPT_TREES,
    OPT_PROCESSES,
    OPT_MACHINE,
    OPT_SET,
    OPT_TRACE,
    OPT_RUNS,
    OPT_CHUNK,
    OPT_INLINE,
    OPT_AHEAD,
    OPT_CACHE,
    OPT_LEAF,
    OPT_MAX,
    OPT_TTL,
    OPT_SLOTS,
    OPT_ORPHANS,
    OPT_LIST,
    OPT_CONTENT,
    OPT_SCALE,
    OPT_EXACT,
    OPT_SEED,
    OPT_FROM,
    OPT_COUNT,
    OPT_CALM,
    OPT_DIRECT,
    OPT_ORIGINAL,
    OPT_PLANT,
    OPT_VERBOSE,
    OPT_JSON,
    OPT_HELP,
};

static const struct option long_options[] = {
    {"nodes", 1, NULL, OPT_NODES},
    {"fanout", 1, NULL, OPT_FANOUT},
    {"trees", 1, NULL, OPT_TREES},
    {"processes", 1, NULL, OPT_PROCESSES},
    {"machine", 1, NULL, OPT_MACHINE},
    {"set", 1, NULL, OPT_SET},
    {"trace", 1, NULL, OPT_TRACE},
    {"runs", 1, NULL, OPT_RUNS},
    {"chunk", 1, NULL, OPT_CHUNK},
    {"inline", 1, NULL, OPT_INLINE},
    {"ahead", 1, NULL, OPT_AHEAD},
    {"cache", 1, NULL, OPT_CACHE},
    {"leaf-cache", 1, NULL, OPT_LEAF},
    {"max", 1, NULL, OPT_MAX},
    {"ttl", 1, NULL, OPT_TTL},
    {"slots", 1, NULL, OPT_SLOTS},
    {"orphan-slots", 1, NULL, OPT_ORPHANS},
    {"list-after", 1, NULL, OPT_LIST},
    {"content", 1, NULL, OPT_CONTENT},
    {"scale", 1, NULL, OPT_SCALE},
    {"exact", 0, NULL, OPT_EXACT},
    {"seed", 1, NULL, OPT_SEED},
    {"from", 1, NULL, OPT_FROM},
    {"count", 1, NULL, OPT_COUNT},
    {"no-faults", 0, NULL, OPT_CALM},
    {"direct", 0, NULL, OPT_DIRECT},
    {"original", 0, NULL, OPT_ORIGINAL},
    {"plant", 1, NULL, OPT_PLANT},
    {"verbose", 0, NULL, OPT_VERBOSE},
    {"json", 0, NULL, OPT_JSON},
    {"help", 0, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static int bad(const char *what, const char *value)
{
    fprintf(stderr, "copper-sim: %s: wrong value \"%s\"\n", what, value);
    return -1;
}

static int set_parameter(struct cu_sim_config *c, const char *text)
{
    char name[64];
    const char *equal = strchr(text, '=');

    if (!equal || (size_t)(equal - text) >= sizeof name)
        return bad("--set", text);
    memcpy(name, text, (size_t)(equal - text));
    name[equal - text] = '\0';
    return cu_sim_machine_set(&c->machine, name, equal + 1) < 0 ? bad("--set", text) : 0;
}

static int set_plant(struct cu_sim_config *c, const char *text)
{
    for (int i = 0; i < CU_SIM_PLANT_COUNT; i++) {
        if (strcmp(text, cu_sim_plant_name((enum cu_sim_plant)i)) == 0) {
            c->plant = (enum cu_sim_plant)i;
            return 0;
        }
    }
    return bad("--plant", text);
}

static int set_content(struct cu_sim_config *c, const char *text)
{
    c->content_always = strcmp(text, "always") == 0;
    c->content_never = strcmp(text, "never") == 0;
    if (!c->content_always && !c->content_never && strcmp(text, "predict") != 0)
        return bad("--content", text);
    return 0;
}

/* Numbers, with suffixes K, M, G where they help. */
static int set_number(struct options *o, int opt, const char *text)
{
    struct cu_sim_config *c = &o->config;
    uint64_t v;

    if (cu_parse_size(text, &v) < 0)
        return bad("option", text);
    switch (opt) {
#define SET(name, field)                                                                           \
    case name:                                                                                     \
        c->field = (__typeof__(c->field))v;                                                        \
        return 0;
        SET(OPT_NODES, nodes)
        SET(OPT_FANOUT, fanout)
        SET(OPT_TREES, trees)
        SET(OPT_PROCESSES, processes)
        SET(OPT_RUNS, runs)
        SET(OPT_CHUNK, chunk_bytes)
        SET(OPT_INLINE, inline_bytes)
        SET(OPT_AHEAD, ahead_bytes)
        SET(OPT_CACHE, cache_bytes)
        SET(OPT_LEAF, leaf_cache_bytes)
        SET(OPT_MAX, max_cacheable_bytes)
        SET(OPT_SLOTS, storage_slots)
        SET(OPT_ORPHANS, orphan_slots)
        SET(OPT_LIST, list_after)
        SET(OPT_SCALE, scaled_bytes)
        SET(OPT_SEED, seed)
#undef SET
    case OPT_TTL:
        c->enoent_ttl_ns = v * 1000000;
        return 0;
    case OPT_FROM:
        o->from = v;
        return 0;
    default:
        o->count = v;
        return 0;
    }
}

static int set(struct options *o, int opt, const char *text)
{
    struct cu_sim_config *c = &o->config;
    struct cu_error err;

    switch (opt) {
    case OPT_MACHINE:
        if (cu_sim_machine_load(&c->machine, text, &err) == 0)
            return 0;
        fprintf(stderr, "copper-sim: %s\n", err.text);
        return -1;
    case OPT_SET:
        return set_parameter(c, text);
    case OPT_TRACE:
        c->trace = text;
        return 0;
    case OPT_CONTENT:
        return set_content(c, text);
    case OPT_EXACT:
        c->exact = true;
        c->enoent_ttl_ns = 365ull * 86400 * 1000000000;
        return 0;
    case OPT_CALM:
        c->faults = false;
        return 0;
    case OPT_DIRECT:
        c->direct = true;
        return 0;
    case OPT_ORIGINAL:
        c->original = true;
        return 0;
    case OPT_PLANT:
        return set_plant(c, text);
    case OPT_VERBOSE:
        c->verbose = true;
        return 0;
    case OPT_JSON:
        o->json = true;
        return 0;
    case '?':
        fputs(usage, stderr);
        return -1;
    default:
        return set_number(o, opt, text);
    }
}

static int parse(struct options *o)
{
    int opt;

    while ((opt = getopt_long(o->argc - 1, o->argv + 1, "", long_options, NULL)) != -1) {
        if (opt == OPT_HELP) {
            fputs(usage, stdout);
            exit(0);
        }
        if (set(o, opt, optarg) < 0)
            return -1;
    }
    return 0;
}

static int one_run(struct options *o)
{
    struct cu_sim_result result;
    struct cu_error err;

    if (cu_sim_run(&o->config, &result, &err) < 0) {
        fprintf(stderr, "copper-sim: %s\n", err.text);
        return 2;
    }
    if (o->config.fanout == 0)
        o->config.fanout = cu_tree_default_fanout(o->config.nodes);
    cu_sim_report(stdout, &o->config, &result, o->json);
    if (result.violations)
        fprintf(stderr, "violation: %s\n", result.first);
    return result.violations != 0;
}

/* The command that shows it again: the same options with this seed alone. */
static void print_replay(const struct options *o, uint64_t seed)
{
    printf("replay: copper-sim seeds");
    for (int i = 2; i < o->argc; i++) {
        if ((strcmp(o->argv[i], "--from") == 0 || strcmp(o->argv[i], "--count") == 0) &&
            i + 1 < o->argc)
            i++;
        else
            printf(" %s", o->argv[i]);
    }
    printf(" --from %llu --count 1 --verbose\n", (unsigned long long)seed);
}

static int many_seeds(struct options *o)
{
    struct cu_sim_result result;
    uint64_t failed = 0, longest = 0, faults = 0, reads = 0, errors = 0;
    struct cu_error err;

    for (uint64_t seed = o->from; seed < o->from + o->count; seed++) {
        o->config.seed = seed;
        if (cu_sim_run(&o->config, &result, &err) < 0) {
            fprintf(stderr, "copper-sim: %s\n", err.text);
            return 2;
        }
        faults += result.faults;
        reads += result.storage_reads;
        errors += result.errors_seen;
        longest = result.longest_ns > longest ? result.longest_ns : longest;
        if (o->config.verbose)
            printf("seed %llu hash %016llx\n", (unsigned long long)seed,
                   (unsigned long long)result.trace_hash);
        if (!result.violations)
            continue;
        failed++;
        printf("FAILED seed %llu: %llu violations; first: %s\n", (unsigned long long)seed,
               (unsigned long long)result.violations, result.first);
        print_replay(o, seed);
        fflush(stdout);
    }
    printf("seeds %llu seeds\nfailed %llu seeds\nfaults %llu faults\nlongest %.3f s\n"
           "storage_reads %llu operations\nerrors_seen %llu errors\n",
           (unsigned long long)o->count, (unsigned long long)failed, (unsigned long long)faults,
           (double)longest / 1e9, (unsigned long long)reads, (unsigned long long)errors);
    return failed != 0;
}

int main(int argc, char **argv)
{
    struct options o = {.count = 1, .from = 1, .argc = argc, .argv = argv};
    bool seeds = argc > 1 && strcmp(argv[1], "seeds") == 0;

    cu_sim_config_init(&o.config);
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    if (argc < 2 || (!seeds && strcmp(argv[1], "run") != 0)) {
        fputs(usage, stderr);
        return 2;
    }
    if (seeds) { /* small chunks and files: many flights, little memory */
        o.config.faults = true;
        o.config.processes = 2;
        o.config.fanout = CU_SIM_DRAWN;
        o.config.trees = CU_SIM_DRAWN;
        o.config.enoent_ttl_ns = CU_SIM_DRAWN;
        o.config.chunk_bytes = 4096;
        o.config.inline_bytes = 2048;
        o.config.max_cacheable_bytes = 24576;
        o.config.ahead_bytes = 16384;
        o.config.cache_bytes = 64ull << 20;
    }
    if (parse(&o) < 0)
        return 2;
    return seeds ? many_seeds(&o) : one_run(&o);
}
