/* SPDX-License-Identifier: BSD-3-Clause */
/* Is a file whose version is new still the same file? On the loop thread. */
#ifndef CU_FRONT_SAME_H
#define CU_FRONT_SAME_H

#include <stdbool.h>
#include <stdint.h>

struct cu_front;
struct cu_front_request;
struct cu_value;

/* A read has got ESTALE: checks whether the file still has the bytes that the kernel was given. If
 * so, the read continues, else it fails with ESTALE. False: nothing was done. */
bool cu_front_same_begin(struct cu_front *front, struct cu_front_request *r);
/* The value for a request of kind READ_SAME: new attributes, or part sub of the new version. */
void cu_front_same_done(struct cu_front *front, struct cu_front_request *r, uint32_t sub,
                        const struct cu_value *value);

#endif
