/* SPDX-License-Identifier: BSD-3-Clause */
/* Everything is in the library, so that tests can link it. */
#include "copperd/start.h"

int main(int argc, char **argv)
{
    return cu_start_main(argc, argv);
}
