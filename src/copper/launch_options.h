/* SPDX-License-Identifier: BSD-3-Clause */
/* The options of launch_copper.sh, and the site's defaults. */
#ifndef CU_COPPER_LAUNCH_OPTIONS_H
#define CU_COPPER_LAUNCH_OPTIONS_H

#include "base/error.h"
#include "base/path.h"
#include "proto/job.h"

#include <stdbool.h>
#include <stdint.h>

/* What launch_copper.sh was given, checked. */
struct cu_launch_options {
    struct cu_job job;
    const char *hosts;  /* -H, borrowed, or NULL */
    bool help, version; /* --help, --version: all else is ignored */
    bool once;          /* --once */
    /* Bit i: option i of proto/job_options.h was set by the site's file, by a word of argv. */
    uint64_t by_site, by_word;
    bool waits_for_none; /* --learn-wait was given, and no recipe */
};

/* argv[0] is skipped; site: file with the site's defaults, or NULL. Links in paths of the options
 * are followed (launch_places.h). 0; -EINVAL with err: nothing to free then. */
__attribute__((warn_unused_result)) int cu_launch_options(int argc, char **argv, const char *site,
                                                          struct cu_launch_options *options,
                                                          struct cu_error *err);
/* "-k" or "--encrypt": the option that sets what has this name in the job's text; "" when none. */
void cu_launch_option_label(const char *name, char *label, size_t size);
void cu_launch_help(const char *site);
/* What getopt_long refused with c, '?' or ':'. -EINVAL with err. */
int cu_launch_refuse(int c, char **argv, const char *script, struct cu_error *err);
/* Sets the options of the file, and a bit in set for each; a missing file sets none. -EINVAL with
 * err: "FILE:LINE: ...", or that others may have written the file; -ENOMEM. */
__attribute__((warn_unused_result)) int cu_launch_site(const char *path, struct cu_job *job,
                                                       uint64_t *set, struct cu_error *err);
/* The value of "launcher" in that file, which may be any; "" where there is none. Looks at nothing
 * else. 0; -EINVAL with err: others may have written the file. */
__attribute__((warn_unused_result)) int
cu_launch_site_launcher(const char *path, char launcher[CU_PATH_MAX], struct cu_error *err);
/* "network_types" of the site's file of this installation; "" where there is none. The same errors.
 */
#define CU_LAUNCH_SITE_TYPES_MAX 1024
__attribute__((warn_unused_result)) int cu_launch_site_types(char types[CU_LAUNCH_SITE_TYPES_MAX],
                                                             struct cu_error *err);
/* The site's file of this installation: PREFIX/etc/copper.conf, /etc/copper.conf where PREFIX is
 * /usr; PREFIX is the directory above that of this program. 0 or -errno. */
__attribute__((warn_unused_result)) int cu_launch_site_path(char out[CU_PATH_MAX]);

#endif
