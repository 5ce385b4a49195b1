/* SPDX-License-Identifier: BSD-3-Clause */
/* Options are rows of a table: name, value, which command takes it, bounds, where it goes, and what
 * --help says. */
#include "options.h"

#include "base/parse.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define BOTH (CU_SIM_RUN | CU_SIM_SEEDS)

enum kind {
    NUMBER,
    DIRECTORY,
    MILLISECONDS,
    FLAG,
    MACHINE,
    PARAMETER,
    TRACE,
    CONTENT,
    EXACT,
    CALM,
    PLANT
};

struct row {
    const char *name;
    const char *value; /* NULL: takes none */
    unsigned commands;
    enum kind kind;
    size_t offset, size; /* NUMBER, FLAG: of the field in struct cu_sim_options */
    uint64_t min, max;
    const char *help;
};

#define AT(field)                                                                                  \
    offsetof(struct cu_sim_options, field), sizeof(((struct cu_sim_options *)NULL)->field)
#define N32 UINT32_MAX
#define N64 (1ull << 50)

/* clang-format off */
static const struct row table[] = {
    {"nodes", "N", BOTH, NUMBER, AT(config.nodes), 1, 100000, "nodes of the job"},
    {"processes", "P", BOTH, NUMBER, AT(config.processes), 1, 1000, "processes on each node"},
    {"fanout", "K", BOTH, NUMBER, AT(config.fanout), 0, 100000,
     "children of a node; 0: the default for N"},
    {"trees", "T", BOTH, NUMBER, AT(config.trees), 1, 64, "trees, each with a root of its own"},
    {"trace", "FILE", BOTH, TRACE, 0, 0, 0, 0,
     "what processes do (sim/traces); given again: every other process does that"},
    {"recipe", NULL, CU_SIM_RUN, FLAG, AT(config.recipe), 0, 0,
     "all nodes ask for what the first trace touches, from their start on"},
    {"recipe-wait", NULL, CU_SIM_RUN, FLAG, AT(config.recipe_wait), 0, 0,
     "with --recipe: processes start when it is there"},
    {"stage", "DIR", CU_SIM_RUN, DIRECTORY, 0, 0, 0, 0,
     "all nodes stage this directory of the trace from their start on; processes wait for it"},
    {"runs", "R", CU_SIM_RUN, NUMBER, AT(config.runs), 1, 4,
     "the trace so many times, by new processes"},
    {"machine", "FILE", BOTH, MACHINE, 0, 0, 0, 0, "parameters of a machine (sim/machines)"},
    {"set", "NAME=VALUE", BOTH, PARAMETER, 0, 0, 0, 0, "one of them"},
    {"threads", "N", BOTH, NUMBER, AT(config.machine.threads), 1, 17,
     "of a daemon: its loop and a crew, which receives and writes large payloads"},
    {"seed", "S", CU_SIM_RUN, NUMBER, AT(config.seed), 0, UINT64_MAX,
     "of start times and, without a trace, of the workload"},
    {"from", "S", CU_SIM_SEEDS, NUMBER, AT(from), 0, UINT64_MAX, "first seed"},
    {"count", "C", CU_SIM_SEEDS, NUMBER, AT(count), 1, UINT64_MAX, "how many seeds"},
    {"direct", NULL, CU_SIM_RUN, FLAG, AT(config.direct), 0, 0,
     "instead of Copper: every process straight to storage"},
    {"original", NULL, CU_SIM_RUN, FLAG, AT(config.original), 0, 0,
     "instead of Copper: the original's published algorithm"},
    {"exact", NULL, CU_SIM_RUN, EXACT, 0, 0, 0, 0,
     "storage reads must equal unique objects (--ttl is a year)"},
    {"chunk", "BYTES", BOTH, NUMBER, AT(config.chunk_bytes), 4096, 16u << 20,
     "of a file, travel together"},
    {"inline", "BYTES", BOTH, NUMBER, AT(config.inline_bytes), 0, 16u << 20,
     "a file up to this size travels with its attributes"},
    {"content", "WHEN", BOTH, CONTENT, 0, 0, 0, 0,
     "it does so: always, never, predict (by its suffix)"},
    {"ahead", "BYTES", BOTH, NUMBER, AT(config.ahead_bytes), 0, 1u << 30,
     "read ahead of a sequential reader"},
    {"list-after", "N", BOTH, NUMBER, AT(config.list_after), 0, 16,
     "a directory is listed after so many absent names; 16: never"},
    {"no-readon", NULL, BOTH, FLAG, AT(config.no_readon), 0, 0,
     "the root reads nothing before somebody asks"},
    {"max", "BYTES", BOTH, NUMBER, AT(config.max_cacheable_bytes), 0, N64,
     "a larger file is read by each node itself (-M)"},
    {"bulk", "BYTES", BOTH, NUMBER, AT(config.bulk_bytes), 0, N64,
     "a file from this size on goes over bulk trees; 0: none"},
    {"stripe", "CHUNKS", BOTH, NUMBER, AT(config.bulk_stripe), 1, 1000,
     "so many chunks in a row go over one of them"},
    {"ttl", "MS", BOTH, MILLISECONDS, AT(config.enoent_ttl_ns), 0, N32,
     "how long absence is believed (-E)"},
    {"cache", "BYTES", BOTH, NUMBER, AT(config.cache_bytes), 0, N64, "of a node"},
    {"leaf-cache", "BYTES", BOTH, NUMBER, AT(config.leaf_cache_bytes), 0, N64,
     "of a node without children; 0: as all"},
    {"slots", "N", BOTH, NUMBER, AT(config.storage_slots), 1, 10000,
     "storage operations at a time at a root"},
    {"orphan-slots", "N", BOTH, NUMBER, AT(config.orphan_slots), 1, 10000,
     "the same at a node that lost its parents"},
    {"scale", "BYTES", BOTH, NUMBER, AT(config.scaled_bytes), 0, 1u << 20,
     "chunks hold so little, and are charged in full; 0: no"},
    {"stop", NULL, CU_SIM_SEEDS, FLAG, AT(stop), 0, 0, "at the first seed that fails"},
    {"no-faults", NULL, CU_SIM_SEEDS, CALM, 0, 0, 0, 0, "the workloads alone"},
    {"plant", "NAME", BOTH, PLANT, 0, 0, 0, 0, "a mistake, which a checker must see"},
    {"verbose", NULL, BOTH, FLAG, AT(config.verbose), 0, 0, "each fault and violation on stderr"},
    {"json", NULL, BOTH, FLAG, AT(json), 0, 0, "JSON instead of `name value unit` lines"},
    {"help", NULL, BOTH, FLAG, 0, 0, 0, 0, "this text"},
};
/* clang-format on */
#define ROWS      (sizeof table / sizeof *table)
#define FIRST_ROW 1000 /* val of row 0: no character */

static const char *command_name(unsigned command)
{
    return command == CU_SIM_SEEDS ? "seeds" : "run";
}

static void print_help(unsigned command)
{
    const char *what = command == CU_SIM_RUN
                           ? "One run without faults, and its figures."
                           : "Many runs with faults out of the seed, and what the checkers find.";

    printf("usage: copper-sim %s [OPTION...]\n%s\n\n", command_name(command), what);
    for (size_t i = 0; i < ROWS; i++) {
        char option[48];

        if (!(table[i].commands & command))
            continue;
        snprintf(option, sizeof option, "--%s%s%s", table[i].name, table[i].value ? " " : "",
                 table[i].value ? table[i].value : "");
        printf("  %-22s %s\n", option, table[i].help);
    }
    printf("\nNumbers may end in K, M or G.\n"
           "Exit status: 0 all well, 1 a checker found something, 2 wrong usage, 3 no memory.\n");
}

static void print_usage(FILE *out)
{
    fputs("usage: copper-sim run [OPTION...]     one run without faults, and its figures\n"
          "       copper-sim seeds [OPTION...]   many runs with faults, and what checkers find\n"
          "`copper-sim run --help` and `copper-sim seeds --help` list the options;\n"
          "docs/design/simulator.md says what is modelled.\n",
          out);
}

/* --- values ----------------------------------------------------------------------------------- */

static int bad(const struct row *row, const char *value, const char *allowed)
{
    fprintf(stderr, "copper-sim: --%s \"%s\": allowed is %s\n", row->name, value, allowed);
    return -1;
}

static void store(struct cu_sim_options *o, const struct row *row, uint64_t value)
{
    void *at = (char *)o + row->offset;
    uint32_t narrow = (uint32_t)value;

    if (row->size == sizeof value)
        memcpy(at, &value, sizeof value);
    else
        memcpy(at, &narrow, sizeof narrow);
}

static int set_number(struct cu_sim_options *o, const struct row *row, const char *text)
{
    char allowed[80];
    uint64_t value;

    if (cu_parse_size(text, &value) < 0 || value < row->min || value > row->max) {
        if (row->max == UINT64_MAX)
            snprintf(allowed, sizeof allowed, "a number from %llu", (unsigned long long)row->min);
        else
            snprintf(allowed, sizeof allowed, "%llu to %llu", (unsigned long long)row->min,
                     (unsigned long long)row->max);
        return bad(row, text, allowed);
    }
    store(o, row, row->kind == MILLISECONDS ? value * 1000000 : value);
    return 0;
}

static int set_parameter(struct cu_sim_config *c, const struct row *row, const char *text)
{
    char name[64];
    const char *equal = strchr(text, '=');

    if (!equal || (size_t)(equal - text) >= sizeof name)
        return bad(row, text, "NAME=VALUE");
    memcpy(name, text, (size_t)(equal - text));
    name[equal - text] = '\0';
    if (cu_sim_machine_set(&c->machine, name, equal + 1) < 0)
        return bad(row, text, "a name of sim/machine.h and a number");
    return 0;
}

static int set_plant(struct cu_sim_config *c, const struct row *row, const char *text)
{
    for (int i = 0; i < CU_SIM_PLANT_COUNT; i++) {
        if (strcmp(text, cu_sim_plant_name((enum cu_sim_plant)i)) == 0) {
            c->plant = (enum cu_sim_plant)i;
            return 0;
        }
    }
    return bad(row, text,
               "none, reply_twice, reply_lost, zero_fill, mixed_versions, holes or overtaken");
}

static int set_content(struct cu_sim_config *c, const struct row *row, const char *text)
{
    if (strcmp(text, "always") == 0)
        c->content = CU_AHEAD_ALWAYS;
    else if (strcmp(text, "never") == 0)
        c->content = CU_AHEAD_NEVER;
    else if (strcmp(text, "predict") == 0)
        c->content = CU_AHEAD_BY_SUFFIX;
    else
        return bad(row, text, "always, never or predict");
    return 0;
}

static int set_trace(struct cu_sim_config *c, const struct row *row, const char *text)
{
    if (c->trace_count == CU_SIM_TRACES_MAX)
        return bad(row, text, "at most 16 of them");
    c->traces[c->trace_count++] = text;
    return 0;
}

static int set_machine(struct cu_sim_config *c, const char *text)
{
    struct cu_error err;

    if (cu_sim_machine_load(&c->machine, text, &err) == 0)
        return 0;
    fprintf(stderr, "copper-sim: %s\n", err.text);
    return -1;
}

static int set(struct cu_sim_options *o, const struct row *row, const char *text)
{
    struct cu_sim_config *c = &o->config;

    switch (row->kind) {
    case NUMBER:
    case MILLISECONDS:
        return set_number(o, row, text);
    case FLAG:
        *(bool *)((char *)o + row->offset) = true;
        return 0;
    case MACHINE:
        return set_machine(c, text);
    case PARAMETER:
        return set_parameter(c, row, text);
    case DIRECTORY:
        c->stage = text;
        return 0;
    case TRACE:
        return set_trace(c, row, text);
    case CONTENT:
        return set_content(c, row, text);
    case EXACT:
        c->exact = true;
        c->enoent_ttl_ns = 365ull * 86400 * 1000000000;
        return 0;
    case CALM:
        c->faults = false;
        return 0;
    case PLANT:
        return set_plant(c, row, text);
    }
    return -1;
}

/* --- the command line ------------------------------------------------------------------------- */

static int wrong(const struct cu_sim_options *o, const char *what, const char *arg)
{
    fprintf(stderr, "copper-sim: %s: %s; see copper-sim %s --help\n", arg, what,
            command_name(o->command));
    return -1;
}

/* The rows of the command as getopt_long wants them; each one's number is its val. */
static void list_options(const struct cu_sim_options *o, struct option longs[ROWS + 1])
{
    size_t count = 0;

    for (size_t i = 0; i < ROWS; i++)
        if (table[i].commands & o->command)
            longs[count++] = (struct option){.name = table[i].name,
                                             .has_arg = table[i].value != NULL,
                                             .val = FIRST_ROW + (int)i};
    longs[count] = (struct option){0};
}

static int parse_rest(struct cu_sim_options *o)
{
    struct option longs[ROWS + 1];
    char **argv = o->argv + 1; /* argv[0] is the command's name */
    int argc = o->argc - 1;

    list_options(o, longs);
    opterr = 0;
    optind = 0; /* glibc: begin anew */
    for (;;) {
        const char *arg = optind == 0 ? argv[1] : argv[optind];
        int c = getopt_long(argc, argv, "+:", longs, NULL);

        if (c == -1)
            break;
        if (c == ':')
            return wrong(o, "a value is missing", arg);
        if (c < FIRST_ROW)
            return wrong(o,
                         optopt >= FIRST_ROW          ? "takes no value"
                         : strncmp(arg, "--", 2) == 0 ? "no such option"
                                                      : "not an option",
                         arg);
        if (strcmp(table[c - FIRST_ROW].name, "help") == 0) {
            print_help(o->command);
            return 1;
        }
        if (set(o, &table[c - FIRST_ROW], optarg) < 0)
            return -1;
    }
    return optind < argc ? wrong(o, "not an option", argv[optind]) : 0;
}

/* Small chunks and files: many flights, little memory. */
static void seeds_defaults(struct cu_sim_config *c)
{
    c->faults = true;
    c->processes = 2;
    c->fanout = CU_SIM_DRAWN;
    c->trees = CU_SIM_DRAWN;
    c->enoent_ttl_ns = CU_SIM_DRAWN;
    c->chunk_bytes = 4096;
    c->inline_bytes = 2048;
    c->max_cacheable_bytes = 24576;
    c->bulk_bytes = CU_SIM_DRAWN;
    c->bulk_stripe = 1;
    c->ahead_bytes = 16384;
    c->cache_bytes = 64ull << 20;
}

int cu_sim_options_parse(struct cu_sim_options *o, int argc, char **argv)
{
    *o = (struct cu_sim_options){.from = 1, .count = 1, .argc = argc, .argv = argv};
    cu_sim_config_init(&o->config);
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
        print_usage(stdout);
        return 1;
    }
    if (argc > 1 && strcmp(argv[1], "run") == 0) {
        o->command = CU_SIM_RUN;
    } else if (argc > 1 && strcmp(argv[1], "seeds") == 0) {
        o->command = CU_SIM_SEEDS;
        seeds_defaults(&o->config);
    } else {
        if (argc > 1)
            fprintf(stderr, "copper-sim: %s: no such command\n", argv[1]);
        print_usage(stderr);
        return -1;
    }
    return parse_rest(o);
}

void cu_sim_options_replay(const struct cu_sim_options *o, uint64_t seed)
{
    printf("replay: copper-sim seeds");
    for (int i = 2; i < o->argc; i++) {
        if (strcmp(o->argv[i], "--from") == 0 || strcmp(o->argv[i], "--count") == 0)
            i++;
        else if (strncmp(o->argv[i], "--from=", 7) != 0 && strncmp(o->argv[i], "--count=", 8) != 0)
            printf(" %s", o->argv[i]);
    }
    printf(" --from %llu --count 1 --verbose\n", (unsigned long long)seed);
}
