/* SPDX-License-Identifier: BSD-3-Clause */
/* Options and messages, the same for all commands: an option means the same wherever it is taken,
 * and a command that does not take it says so. */
#include "copper/cli.h"

#include "base/parse.h"
#include "base/text.h"
#include "control/client.h"
#include "copper/progress.h"
#include "copper/reach.h"
#include "host/rundir.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_MAX_S 86400u
#define WATCH_S       2u
#define WATCH_MAX_S   3600u
#define COUNT_MAX     1000000000u
#define LONG          1000 /* added to an option's letter: the long option was given */
#define HELP          (LONG + 256)
#define WORD          1 /* what getopt(3) calls a word that is no option */

static const struct known_option {
    char letter;
    const char *name;
    const char *value; /* what it takes, or NULL */
    const char *help;
} known_options[] = {
    {'v', "--mount", "MOUNT", "the mount directory (-v MOUNT is the same)"},
    {'a', "--all", NULL, "of all nodes of the job"},
    {'n', "--nodes", NULL, "of all nodes, and a line for each of them"},
    {'h', "--here", NULL, "on this node only"},
    {'j', "--json", NULL, "as JSON"},
    {'w', "--wait", NULL, "return when all nodes are ready, or have all of it"},
    {'W', "--no-wait", NULL, "return when all nodes have begun"},
    {'t', "--timeout", "SECONDS", "wait at most so long"},
    {'m', "--manifest", "FILE", "a list of paths instead, one a line, or with NULs"},
    {'R', "--rate", "SIZE", "ask storage for at most so many bytes a second"},
    {'i', "--job-id", "ID", "only the daemon of this job"},
    {'e', "--except-job", "ID", "not the daemon of this job"},
    {'g', "--owner", "OWNER", "not what another job or session has launched"},
    {'o', "--over", "DIR,...", "serve these directories, not those that are found"},
    {'x', "--not", "DIR,...", "leave these as they are"},
    {'r', "--rw", "DIR,...", "leave these as they are: the job writes there"},
    {'s', "--show", NULL, "print which directories would be served, and why"},
    {'V', "--view", "KIND", "bind (the usual), or overlay: asks Copper for less, notices less"},
    {'p', "--prefix-instead", NULL, "where that cannot be done: set variables as copper env does"},
    {'S', "--shell", "SHELL", "bash, zsh, csh or fish (by $SHELL)"},
    {'u', "--undo", NULL, "the original paths again"},
    {'L', "--latency", NULL, "how long answers took, by operation"},
    {'O', "--output", "FILE", "where to write (-o is the same)"},
    {'C', "--csv", "DIR", "the data of the figures, as files in this directory"},
    {'d', "--over", "DIR,...", "these directories count as shared storage, too"},
    {'I', "--watch", "[SECONDS]", "what changes, a line each so many seconds (2)"},
    {'P', "--prometheus", NULL, "in Prometheus' text format"},
    {'1', "--once", NULL, "print it once, as text"},
    {'l', "--log-collect", "[FILE]", "one log of all nodes; -: to standard output"},
    {'D', "--delay", "SECONDS", "between two samples (1; -d SECONDS is the same)"},
    {'N', "--count", "COUNT", "end after so many samples (-n COUNT is the same)"},
};
#define KNOWN_COUNT (sizeof(known_options) / sizeof(known_options[0]))

#define SAID_MAX (2 * CU_PATH_MAX) /* bytes of a message; the rest is cut */

/* "copper: " and the text as one line for people, whatever bytes are in it. */
static void print_line(FILE *out, const char *text)
{
    char line[CU_TEXT_BYTES(SAID_MAX)];

    cu_text_line(line, sizeof(line), text, strlen(text));
    fprintf(out, "copper: %s\n", line);
}

int cu_cli_fail(enum cu_exit status, const char *format, ...)
{
    char text[SAID_MAX] = "";
    va_list args;

    cu_progress_end();
    fflush(stdout);
    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    print_line(stderr, text);
    return status;
}

void cu_cli_say(FILE *out, const char *format, ...)
{
    char text[SAID_MAX] = "";
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    print_line(out, text);
}

static struct sigaction pipe_before;

void cu_cli_ignore_pipe(void)
{
    const struct sigaction ignore = {.sa_handler = SIG_IGN};

    (void)sigaction(SIGPIPE, &ignore, &pipe_before);
}

void cu_cli_restore_pipe(void)
{
    (void)sigaction(SIGPIPE, &pipe_before, NULL);
}

void cu_cli_help(const struct cu_command *command)
{
    printf("usage: copper %s %s\n\n%s.\n%s\n", command->name, command->synopsis, command->summary,
           command->details);
    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        const struct known_option *o = &known_options[i];
        char left[32];

        if (!strchr(command->options, o->letter))
            continue;
        snprintf(left, sizeof(left), "%s %s", o->name, o->value ? o->value : "");
        printf("  %-20s %s\n", left, o->help);
    }
    puts("  --help               this text");
}

static const struct known_option *find_option(char letter)
{
    for (size_t i = 0; i < KNOWN_COUNT; i++)
        if (known_options[i].letter == letter)
            return &known_options[i];
    return NULL;
}

/* What the command takes, as getopt_long wants it; val is LONG and the letter. */
static void list_options(const struct cu_command *command, struct option longs[KNOWN_COUNT + 2])
{
    size_t count = 0;

    for (size_t i = 0; i < KNOWN_COUNT; i++) {
        const struct known_option *o = &known_options[i];

        if (strchr(command->options, o->letter))
            longs[count++] = (struct option){.name = o->name + 2,
                                             .has_arg = !o->value            ? no_argument
                                                        : o->value[0] == '[' ? optional_argument
                                                                             : required_argument,
                                             .val = LONG + o->letter};
    }
    longs[count++] = (struct option){.name = "help", .val = HELP};
    longs[count] = (struct option){0};
}

/* What getopt_long refused with c, at this word. */
static int refuse_option(const struct cu_command *command, int c, const char *word)
{
    const struct known_option *o = find_option((char)(optopt > LONG ? optopt - LONG : optopt));

    if (c == ':' && o)
        return cu_cli_fail(CU_EXIT_USAGE, "%s: needs a value: %s", word, o->value);
    if (optopt > LONG)
        return cu_cli_fail(CU_EXIT_USAGE, "%s: takes no value", o ? o->name : "--help");
    return cu_cli_fail(CU_EXIT_USAGE, "%s: there is no option %s: see copper %s --help",
                       command->name, word, command->name);
}

static int take_mount(struct cu_cli_options *options, const char *value)
{
    int rc = cu_rundir_mount(value, getuid(), options->mount);

    if (rc != 0)
        return cu_cli_fail(CU_EXIT_USAGE,
                           "-v: \"%s\" is not a mount directory; allowed is an absolute path",
                           value);
    options->mount_given = true;
    return -1;
}

static int take_list(struct cu_cli_lists *lists, const char *name, const char *value)
{
    if (lists->count == CU_CLI_LISTS_MAX)
        return cu_cli_fail(CU_EXIT_USAGE, "%s: at most %u times", name, CU_CLI_LISTS_MAX);
    lists->values[lists->count++] = value;
    return -1;
}

/* Options that stand for themselves. */
static void take_flag(struct cu_cli_options *options, char letter)
{
    const struct {
        char letter;
        bool *flag;
    } flags[] = {{'j', &options->json},       {'a', &options->all},
                 {'n', &options->nodes},      {'h', &options->here},
                 {'w', &options->wait},       {'s', &options->show},
                 {'u', &options->undo},       {'p', &options->prefix_instead},
                 {'L', &options->latency},    {'W', &options->no_wait},
                 {'P', &options->prometheus}, {'1', &options->once}};

    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        if (flags[i].letter == letter)
            *flags[i].flag = true;
}

/* A whole number of these, 1 to max. */
static int take_number(const char *name, const char *value, const char *what, unsigned max,
                       uint32_t *number)
{
    uint64_t given;

    if (cu_parse_u64(value, 1, max, &given) != 0)
        return cu_cli_fail(CU_EXIT_USAGE, "%s: \"%s\" is not a number of %s; allowed is 1 to %u",
                           name, value, what, max);
    *number = (uint32_t)given;
    return -1;
}

static int take_option(struct cu_cli_options *options, char letter, const char *value)
{
    switch (letter) {
    case 'v':
        return take_mount(options, value);
    case 't':
        return take_number("--timeout", value, "seconds", TIMEOUT_MAX_S, &options->timeout_s);
    case 'I':
        options->watch_s = WATCH_S;
        return value ? take_number("--watch", value, "seconds", WATCH_MAX_S, &options->watch_s)
                     : -1;
    case 'D':
        return take_number("--delay", value, "seconds", WATCH_MAX_S, &options->delay_s);
    case 'N':
        return take_number("--count", value, "samples", COUNT_MAX, &options->count);
    case 'i':
        options->job_id = value;
        return -1;
    case 'e':
        options->spared = value;
        return -1;
    case 'g':
        options->owner = value;
        return -1;
    case 'o':
    case 'd':
        return take_list(&options->over, "--over", value);
    case 'x':
        return take_list(&options->without, "--not", value);
    case 'r':
        return take_list(&options->rw, "--rw", value);
    case 'V':
        options->overlay = strcmp(value, "overlay") == 0;
        if (!options->overlay && strcmp(value, "bind") != 0)
            return cu_cli_fail(CU_EXIT_USAGE,
                               "--view: \"%s\" is no kind of view; allowed is bind or overlay",
                               value);
        return -1;
    case 'S':
        options->shell = value;
        return -1;
    case 'O':
        options->output = value;
        return -1;
    case 'C':
        options->csv = value;
        return -1;
    case 'l':
        options->log_collect = true;
        options->log = value;
        return -1;
    case 'R':
        if (cu_parse_size(value, &options->rate) != 0 || options->rate == 0)
            return cu_cli_fail(CU_EXIT_USAGE,
                               "--rate: \"%s\" is not a size; allowed are bytes, or with K, M, G",
                               value);
        return -1;
    case 'm':
        options->manifest = value;
        return -1;
    default:
        take_flag(options, letter);
        return -1;
    }
}

/* '-': words that are no options come one by one, in their order (getopt(3)). */
static const char *short_options(const struct cu_command *command)
{
    static const char *const texts[][2] = {
        {"-:v:ho:", "+:v:ho:"}, {"-:v:hd:n:", "+:v:hd:n:"}, {"-:v:h", "+:v:h"}};
    size_t which = strchr(command->options, 'O') ? 0 : strchr(command->options, 'D') ? 1 : 2;

    return texts[which][command->runs];
}

/* Takes the options into options and the operands to the end of argv. */
static int take_words(const struct cu_command *command, int argc, char **argv,
                      struct cu_cli_options *options)
{
    struct option longs[KNOWN_COUNT + 2];
    int operands = 0;

    list_options(command, longs);
    opterr = 0;
    optind = 0; /* glibc: begin anew */
    for (;;) {
        const char *word = argv[optind == 0 && argc > 0 ? 1 : optind];
        int c = getopt_long(argc, argv, short_options(command), longs, NULL);
        int status;

        if (c == -1)
            break;
        if (c == WORD) {
            argv[++operands] = optarg; /* a word was read from there, or from one before */
            continue;
        }
        if (c == HELP || c == 'h') {
            cu_cli_help(command);
            return CU_EXIT_OK;
        }
        if (c == '?' || c == ':')
            return refuse_option(command, c, word);
        if (c == 'o')
            c = 'O';
        if (c == 'd' || c == 'n')
            c = c == 'd' ? 'D' : 'N';
        /* getopt_long takes a value that may be left out after '=' only. */
        if ((c == LONG + 'I' || c == LONG + 'l') && !optarg && optind < argc &&
            (argv[optind][0] != '-' || strcmp(argv[optind], "-") == 0))
            optarg = argv[optind++];
        status = take_option(options, (char)(c > LONG ? c - LONG : c), optarg);
        if (status >= 0)
            return status;
    }
    options->first = optind - operands;
    memmove(&argv[options->first], &argv[1], (size_t)operands * sizeof(*argv));
    return -1;
}

int cu_cli_parse(const struct cu_command *command, int argc, char **argv,
                 struct cu_cli_options *options)
{
    int status, rc = 0;

    memset(options, 0, sizeof(*options));
    status = take_words(command, argc, argv, options);
    if (status >= 0)
        return status;
    if (!options->mount_given)
        rc = cu_rundir_default_mount(getuid(), options->mount);
    if (rc != 0)
        return cu_cli_fail(CU_EXIT_USAGE,
                           "COPPER_MOUNT: is not a mount directory; allowed is an absolute path");
    if (options->first < argc && !command->operands)
        return cu_cli_fail(CU_EXIT_USAGE, "%s: \"%s\" is too much: see copper %s --help",
                           command->name, argv[options->first], command->name);
    return -1;
}

int cu_cli_call(const char *mount, json_t *request, int timeout_ms, json_t **result)
{
    struct cu_client client;
    struct cu_error err;
    int rc = request ? cu_reach_mount(mount, &client, &err)
                     : cu_error_set(&err, -ENOMEM, "out of memory");

    if (rc == 0) {
        rc = cu_client_call(&client, request, timeout_ms, result, &err);
        cu_client_close(&client);
    }
    json_decref(request);
    return rc == 0 ? -1 : cu_cli_fail(CU_EXIT_FAILED, "%s", err.text);
}

int cu_cli_fail_silent(const char *path, const json_t *result, uint64_t count)
{
    const json_t *names = json_object_get(result, "silent");
    char text[256] = "";
    size_t len = 0, i;
    const json_t *name;

    json_array_foreach (names, i, name) {
        const char *host = json_string_value(name);

        if (!host || len + strlen(host) + 8 > sizeof(text)) {
            snprintf(text + len, sizeof(text) - len, ", ...");
            break;
        }
        len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i > 0 ? ", " : "", host);
    }
    return cu_cli_fail(CU_EXIT_FAILED, "%s%s%" PRIu64 " node%s did not answer: %s",
                       path ? path : "", path ? ": " : "", count, count == 1 ? "" : "s", text);
}

int cu_cli_unwritten(void)
{
    struct pollfd out = {.fd = STDOUT_FILENO};

    if (poll(&out, 1, 0) == 1 && (out.revents & POLLERR))
        return CU_EXIT_OK;
    return cu_cli_fail(CU_EXIT_FAILED, "cannot write the output");
}

int cu_cli_print_json(const json_t *object)
{
    if (json_dumpf(object, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_ENSURE_ASCII) != 0)
        return cu_cli_unwritten();
    putchar('\n');
    return CU_EXIT_OK;
}

const char *cu_cli_size(uint64_t bytes, char out[32])
{
    return cu_text_size(bytes, out);
}

uint64_t cu_cli_number(const json_t *object, const char *name)
{
    json_int_t value = json_integer_value(json_object_get(object, name));

    return value > 0 ? (uint64_t)value : 0;
}

const char *cu_cli_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}
