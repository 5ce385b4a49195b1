/* SPDX-License-Identifier: BSD-3-Clause */
/* An error names the word that is wrong. */
#include "copperd/options.h"

#include <errno.h>
#include <getopt.h>
#include <string.h>

const char cu_options_usage[] =
    "Usage: copperd [--foreground] [--node NAME] [--job FILE]\n"
    "Serves a Copper mount on this node. launch_copper.sh starts it; by hand it is seldom needed.\n"
    "\n"
    "  --foreground  stay in the foreground; without it the command returns when the mount stands\n"
    "  --node NAME   this node's name in the job's host list (else its host name, else\n"
    "                $COPPER_NODE)\n"
    "  --job FILE    the job description (else standard input)\n"
    "  --help        this text\n"
    "  --version     the version\n";

int cu_options_parse(int argc, char **argv, struct cu_options *options, struct cu_error *err)
{
    static const struct option longs[] = {
        {"foreground", no_argument, NULL, 'f'}, {"node", required_argument, NULL, 'n'},
        {"job", required_argument, NULL, 'j'},  {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},    {NULL, 0, NULL, 0}};
    const char *word;
    int c;

    *options = (struct cu_options){0};
    opterr = 0;
    optind = 0; /* glibc: begin anew */
    for (;;) {
        word = argv[optind == 0 && argc > 0 ? 1 : optind];
        c = getopt_long(argc, argv, "+:", longs, NULL);
        if (c == ':' || ((c == 'n' || c == 'j') && optarg[0] == '\0'))
            return cu_error_set(err, -EINVAL, "%.*s needs a value", (int)strcspn(word, "="), word);
        if (c == 'f')
            options->foreground = true;
        else if (c == 'n')
            options->node = optarg;
        else if (c == 'j')
            options->job_path = optarg;
        else
            break;
    }
    options->help = c == 'h';
    options->version = c == 'V';
    if (options->help || options->version)
        return 0;
    if (c == '?' || optind < argc)
        return cu_error_set(err, -EINVAL, "\"%s\" is not an option; copperd --help lists them",
                            c == '?' ? word : argv[optind]);
    return 0;
}
