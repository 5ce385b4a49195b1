/* SPDX-License-Identifier: BSD-3-Clause */
/* What this node has counted, as texts. context: the daemon. Each returns a new reference, NULL:
 * out of memory. On the loop thread. */
#ifndef CU_COPPERD_FIGURES_H
#define CU_COPPERD_FIGURES_H

struct cu_buf;

/* -I: a line of JSON, with the time. */
struct cu_buf *cu_figures_snapshot(void *context);
/* -P: JSON, with the time. */
struct cu_buf *cu_figures_profile(void *context);
/* MOUNT/.copper/metrics. */
struct cu_buf *cu_figures_metrics(void *context);

#endif
