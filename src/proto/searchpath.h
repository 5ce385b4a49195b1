/* SPDX-License-Identifier: BSD-3-Clause */
/* Search paths as programs have them in their environment: directories with colons between. */
#ifndef CU_PROTO_SEARCHPATH_H
#define CU_PROTO_SEARCHPATH_H

#include <stdbool.h>
#include <stddef.h>

#define CU_SEARCHPATH_VARIABLES 3u
extern const char *const cu_searchpath_variables[CU_SEARCHPATH_VARIABLES];

/* The entry at *at, which is moved behind it; its length to *len. NULL: there is none any more. An
 * empty value has no entries. */
const char *cu_searchpath_next(const char **at, size_t *len);
/* The directory of that entry in the view, in normal form, into out (CU_PATH_MAX bytes): what
 * follows the mount directory; or, of an entry that is not below it, the entry itself, where
 * original paths are served. Its length; 0: it is in no view, relative, or too long. */
size_t cu_searchpath_in_view(const char *entry, size_t len, const char *mount, bool original,
                             char *out);

#endif
