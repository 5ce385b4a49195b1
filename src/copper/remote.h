/* SPDX-License-Identifier: BSD-3-Clause */
/* A command on each of many hosts, through a remote shell that is called once a host. */
#ifndef CU_COPPER_REMOTE_H
#define CU_COPPER_REMOTE_H

/* `copper job each start|run COMMAND...`, which launch/rsh.sh calls: hosts from standard input; the
 * lines of the launchers' protocol (launch/rsh.sh) to standard output. Exit status. */
int cu_remote_each(int argc, char **argv);
/* `copper job part start|run COMMAND...`, which cu_remote_each calls on the first host of a part:
 * that part from standard input (remote_part.h), its lines, each after "@copper ", to standard
 * output. Exit status. */
int cu_remote_part(int argc, char **argv);

#endif
