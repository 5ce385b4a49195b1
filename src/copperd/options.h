/* SPDX-License-Identifier: BSD-3-Clause */
/* The command line of copperd. What a job is made of comes in the job description (proto/job.h);
 * here stands only where this process finds it and how it runs. */
#ifndef CU_COPPERD_OPTIONS_H
#define CU_COPPERD_OPTIONS_H

#include "base/error.h"

#include <stdbool.h>

struct cu_options {
    bool foreground;
    bool help;
    bool version;
    const char *node;     /* borrowed from argv; NULL: found by the host's name */
    const char *job_path; /* borrowed from argv; NULL: standard input */
};

/* 0, or -EINVAL with err. --help and --version end the parsing. */
__attribute__((warn_unused_result)) int
cu_options_parse(int argc, char **argv, struct cu_options *options, struct cu_error *err);
/* What --help prints. */
extern const char cu_options_usage[];

#endif
