/* SPDX-License-Identifier: BSD-3-Clause */
/* A site's rules about the listings of its storage (`listings` in copper.conf), for cases where
 * Copper's default by file system type is wrong: words "WHERE:WHAT", separated by commas. WHERE is
 * a file system type as in mountinfo ("nfs4", "fuse.s3fs"), or an absolute path: all that is
 * mounted at or below it. WHAT is
 *   trusted    a listing shows all names, and each change moves its directory's stamps
 *   partial    names may exist that no listing shows
 *   unstamped  a directory may change while its stamps stand still
 *   untrusted  both
 * or, of the inode numbers in them, whatever else is said of the same place,
 *   numbered   a number is of one file, on every node and for the job
 *   unnumbered it is not: files are numbered by their paths
 * A path goes before a type, a longer path before a shorter one. */
#ifndef CU_PROTO_LISTINGS_H
#define CU_PROTO_LISTINGS_H

#include <stddef.h>

enum cu_listings_word {
    CU_LISTINGS_UNSAID,
    CU_LISTINGS_TRUSTED,
    CU_LISTINGS_PARTIAL,
    CU_LISTINGS_UNSTAMPED,
    CU_LISTINGS_UNTRUSTED,
    CU_LISTINGS_NUMBERED,
    CU_LISTINGS_UNNUMBERED,
};

/* 0, or -EINVAL when rules are not of that form. "" is. */
__attribute__((warn_unused_result)) int cu_listings_check(const char *rules);
/* What rules (checked; NULL: none) say of a mount of this type at point (normal form): UNSAID to
 * UNTRUSTED. */
enum cu_listings_word cu_listings_find(const char *rules, const char *type, const char *point,
                                       size_t point_len);
/* The same of its inode numbers: UNSAID, NUMBERED or UNNUMBERED. */
enum cu_listings_word cu_listings_find_numbers(const char *rules, const char *type,
                                               const char *point, size_t point_len);

#endif
