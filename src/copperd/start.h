/* SPDX-License-Identifier: BSD-3-Clause */
/* From the command line to a serving daemon and back to nothing. */
#ifndef CU_COPPERD_START_H
#define CU_COPPERD_START_H

/* main of copperd. Does not return in a process that served: it ends it. */
int cu_start_main(int argc, char **argv);

#endif
