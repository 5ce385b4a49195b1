/* SPDX-License-Identifier: BSD-3-Clause */
/* The control plane: what the copper command and the daemons say to each other about the job
 * itself. JSON text in CONTROL and RESULT messages; the same on the control socket (a Unix socket
 * in the user's run directory, where the file modes are the proof) and on the peer port (after the
 * handshake with role client).
 *
 * Request:  {"op": "status"|"stats"|"wait"|"stop"|"refresh"|"doctor", "all": bool, ...}
 * Result:   {"ok": true, ...} or {"ok": false, "error": "one line"}
 * Each op's fields are in docs/protocol.md. */
#ifndef CU_PROTO_CONTROL_H
#define CU_PROTO_CONTROL_H

#define CU_CONTROL_JSON_MAX    (32u << 20)  /* of a result */
#define CU_CONTROL_REQUEST_MAX (512u << 10) /* on a link; what a daemon takes is less */

#endif
