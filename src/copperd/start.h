/* SPDX-License-Identifier: BSD-3-Clause */
/* Start and end of copperd: from the command line to a serving daemon, and the cleanup after it. */
#ifndef CU_COPPERD_START_H
#define CU_COPPERD_START_H

/* main of copperd. Does not return in a process that served: it ends it. */
int cu_start_main(int argc, char **argv);

#endif
