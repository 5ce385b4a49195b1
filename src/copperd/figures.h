/* SPDX-License-Identifier: BSD-3-Clause */
/* What this node has counted, as texts. context: the daemon. Each returns a new reference, NULL:
 * out of memory. On the loop thread, but what makes a snapshot of what was taken (snapshot.h). */
#ifndef CU_COPPERD_FIGURES_H
#define CU_COPPERD_FIGURES_H

struct cu_buf;

/* -I: a line of JSON, with the time. */
void *cu_figures_take_counters(void *context);
struct cu_buf *cu_figures_make_counters(void *taken);
/* -P: JSON, with the time. */
void *cu_figures_take_profile(void *context);
struct cu_buf *cu_figures_make_profile(void *taken);
/* MOUNT/.copper/metrics. */
struct cu_buf *cu_figures_metrics(void *context);

#endif
