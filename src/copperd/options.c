/* SPDX-License-Identifier: BSD-3-Clause */
/* Parsed by hand: five long options do not need getopt's global state, and an error must name the
 * word that is wrong. */
#include "copperd/options.h"

#include <errno.h>
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

/* The value of option `name` at argv[*at], written "--name VALUE" or "--name=VALUE".
 * 1: it is this option; 0: another one; -EINVAL: its value lacks. */
static int take_value(int argc, char **argv, int *at, const char *name, const char **value,
                      struct cu_error *err)
{
    size_t len = strlen(name);
    const char *word = argv[*at];

    if (strncmp(word, name, len) != 0)
        return 0;
    if (word[len] == '=') {
        *value = word + len + 1;
    } else if (word[len] != '\0') {
        return 0;
    } else {
        *value = *at + 1 < argc ? argv[++*at] : "";
    }
    if (**value == '\0')
        return cu_error_set(err, -EINVAL, "%s needs a value", name);
    return 1;
}

int cu_options_parse(int argc, char **argv, struct cu_options *options, struct cu_error *err)
{
    *options = (struct cu_options){0};
    for (int i = 1; i < argc; i++) {
        int found;

        if (strcmp(argv[i], "--foreground") == 0) {
            options->foreground = true;
            continue;
        }
        if (strcmp(argv[i], "--help") == 0) {
            options->help = true;
            return 0;
        }
        if (strcmp(argv[i], "--version") == 0) {
            options->version = true;
            return 0;
        }
        found = take_value(argc, argv, &i, "--node", &options->node, err);
        if (found == 0)
            found = take_value(argc, argv, &i, "--job", &options->job_path, err);
        if (found < 0)
            return found;
        if (found == 0)
            return cu_error_set(err, -EINVAL, "\"%s\" is not an option; copperd --help lists them",
                                argv[i]);
    }
    return 0;
}
