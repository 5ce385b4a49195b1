/* SPDX-License-Identifier: BSD-3-Clause */
/* Text that users and sites write: sizes, numbers, host lists. */
#ifndef CU_BASE_PARSE_H
#define CU_BASE_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "10MB", "10m", "512K", "2GB", "1048576": bytes; K/M/G are powers of 1,024, a trailing B or iB is
 * allowed, case does not matter. 0, or -EINVAL (syntax, negative), -ERANGE (over 2^63-1). */
__attribute__((warn_unused_result)) int cu_parse_size(const char *text, uint64_t *bytes);
/* Decimal number in [min, max]; -EINVAL or -ERANGE. No sign, space or trailing text. */
__attribute__((warn_unused_result)) int cu_parse_u64(const char *text, uint64_t min, uint64_t max,
                                                     uint64_t *value);
/* Order for names with numbers: "node2" before "node10"; ties by byte order. Case does not matter,
 * as in names of hosts. As qsort wants. */
int cu_parse_natural_compare(const char *a, const char *b);

/* A list of host names: one per line or separated by commas or blanks; "#" starts a comment that
 * runs to the end of the line; "name:slots" and "name slots=2" (machine files) keep the name only;
 * "node[01-03,7]" is expanded. Repeats are dropped, order is natural. A name is letters, digits,
 * '.', '-', '_', does not start with '-' or '.' (it becomes an argument of ssh) and has at most
 * CU_HOST_NAME_MAX bytes; or it is an IPv6 address ("2001:db8::1", "[2001:db8::1]:slots"), which
 * becomes inet_ntop's form of it, without brackets. */
struct cu_hosts {
    char **names; /* owned */
    size_t count;
};
#define CU_HOST_NAME_MAX 253
#ifndef CU_HOSTS_MAX        /* fuzzing wants less */
#define CU_HOSTS_MAX 100000 /* guards against a bracket typo that would expand to millions */
#endif

struct cu_error;
/* Is name[0..len) a host name as above? */
bool cu_parse_is_host(const char *name, size_t len);
/* 0 (also for an empty list), or -EINVAL with err naming line and word; -ENOMEM. On error hosts is
 * empty. */
__attribute__((warn_unused_result)) int
cu_parse_hosts(const char *text, size_t size, struct cu_hosts *hosts, struct cu_error *err);
void cu_parse_hosts_free(struct cu_hosts *hosts);

#endif
