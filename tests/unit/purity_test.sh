#!/bin/sh
# The core and proto archives take inputs and give effects: no files, sockets, clocks, threads, logging
# or randomness. Shown by their undefined symbols: all must be in the short list of what is pure.
# Usage: purity_test.sh ARCHIVE...
# SPDX-License-Identifier: BSD-3-Clause
set -eu

allowed='^(mem(cpy|move|set|cmp|r?chr)|str(len|n?cmp|chr|rchr|nlen|ncpy|dup|ndup|toul|toull|tol|spn|cspn|error_r)|malloc|calloc|realloc|free|qsort|qsort_r|explicit_bzero|strpbrk|bsearch|snprintf|vsnprintf|abort|__assert_fail|__stack_chk_fail|__errno_location|__ctype_b_loc|__isoc99_sscanf|__(memcpy|memmove|memset|strcpy|strncpy|snprintf|vsnprintf)_chk|crypto_(generichash|onetimeauth|scalarmult|stream_chacha20).*|__cpu_(model|indicator_init)|sodium_(memcmp|memzero|bin2hex|hex2bin)|XXH.*|cu_.*|_GLOBAL_OFFSET_TABLE_|__(asan|ubsan|tsan|sanitizer|sancov).*|__popcountdi2)$'
status=0
for archive in "$@"; do
    [ -f "$archive" ] || { echo "purity: no archive $archive" >&2; exit 2; }
    bad=$(nm -A -u "$archive" | awk '{print $NF}' | sort -u |
        grep -v -E "$allowed" || true)
    if [ -n "$bad" ]; then
        echo "purity: $archive uses:" >&2
        echo "$bad" >&2
        status=1
    fi
done
[ $status -eq 0 ] && echo "purity: $# archives are pure"
exit $status
