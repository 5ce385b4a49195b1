/* SPDX-License-Identifier: BSD-3-Clause */
/* The figures come from the job's nodes: numbers and names may be anything. */
#include "copper/bypassed.h"

#include "control/bypassed.h"
#include "copper/cli.h"

#include <stdio.h>

void cu_bypassed_print(const json_t *bypassed)
{
    char text[CU_PATH_MAX + 256];

    if (cu_bypassed_text(bypassed, text, sizeof(text)) > 0)
        cu_cli_say(stdout, "%s", text);
}
