/* SPDX-License-Identifier: BSD-3-Clause */
/* Records of proto/object.h on the wire: every field in the order of the struct, without padding.
 */
#ifndef CU_PROTO_FIELDS_H
#define CU_PROTO_FIELDS_H

#include "proto/object.h"
#include "proto/wire.h"

#define CU_FIELDS_VERSION_BYTES 32u
#define CU_FIELDS_ATTR_BYTES    88u
#define CU_FIELDS_STATFS_BYTES  64u

/* As proto/wire.h: what does not fit sets `failed`, what is missing reads as zero. */
void cu_fields_put_version(struct cu_writer *w, const struct cu_version *version);
void cu_fields_get_version(struct cu_reader *r, struct cu_version *version);
/* Is each field within its bounds? */
bool cu_fields_version_is_valid(const struct cu_version *version);
void cu_fields_put_attr(struct cu_writer *w, const struct cu_attr *attr);
void cu_fields_get_attr(struct cu_reader *r, struct cu_attr *attr);
void cu_fields_put_statfs(struct cu_writer *w, const struct cu_statfs *statfs);
void cu_fields_get_statfs(struct cu_reader *r, struct cu_statfs *statfs);

#endif
