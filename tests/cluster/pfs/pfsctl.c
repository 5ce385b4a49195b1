/* SPDX-License-Identifier: BSD-3-Clause */
/* pfsctl SOCKET COMMAND...: controls a running pfsemu; see pfs_control.c for the commands. */
#include "pfs.h"

int main(int argc, char **argv)
{
    if (argc < 3) {
        fputs("usage: pfsctl SOCKET COMMAND [ARGUMENT...]\n", stderr);
        return 2;
    }
    return cu_pfs_control_ask(argv[1], argc - 2, argv + 2);
}
