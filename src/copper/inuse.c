/* SPDX-License-Identifier: BSD-3-Clause */
/* A stop does not wait for them: they end with the job, or read no more. */
#include "copper/inuse.h"

#include "copper/cli.h"

#include <stdio.h>

void cu_inuse_print(const json_t *in_use)
{
    unsigned long long count = cu_cli_number(in_use, "processes");

    if (count > 0)
        cu_cli_say(stdout,
                   "%llu process%s below copper run still use%s the view, and cannot read on: %s%s",
                   count, count == 1 ? "" : "es", count == 1 ? "s" : "",
                   cu_cli_text(in_use, "first"), count == 1 ? "" : ", ...");
}
