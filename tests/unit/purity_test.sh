#!/bin/sh
# The pure rooms take inputs and give effects: no files, sockets, clocks, threads, environment, logging
# or randomness. Shown by what their archives leave undefined: each symbol is defined in one of these
# archives, or named below. So a pure room that links against another room fails, whatever the name.
# Usage: purity_test.sh CC ARCHIVE...   (CC plants an impure archive, which must be refused)
# SPDX-License-Identifier: BSD-3-Clause
set -eu

# What computes, and memory. By name, each.
allowed='
memcpy memmove memset memcmp memchr memrchr memmem
strlen strcmp strncmp strcasecmp strncasecmp strchr strrchr strnlen strncpy strdup strndup strspn strcspn strpbrk strstr inet_pton inet_ntop
strtoul strtoull strtol __isoc23_strtoul __isoc23_strtoull __isoc23_strtol
malloc calloc realloc free explicit_bzero qsort qsort_r bsearch snprintf vsnprintf
strerror_r __xpg_strerror_r
abort __assert_fail __stack_chk_fail __errno_location
__ctype_b_loc __ctype_tolower_loc __ctype_toupper_loc
__memcpy_chk __memmove_chk __memset_chk __strcpy_chk __strncpy_chk __snprintf_chk __vsnprintf_chk
__explicit_bzero_chk
__popcountdi2 __cpu_model __cpu_indicator_init __aarch64_have_lse_atomics _GLOBAL_OFFSET_TABLE_
XXH3_64bits XXH3_64bits_withSeed XXH3_createState XXH3_freeState XXH3_64bits_reset XXH3_64bits_update XXH3_64bits_digest
crypto_generichash crypto_generichash_init crypto_generichash_update crypto_generichash_final
crypto_onetimeauth_init crypto_onetimeauth_update crypto_onetimeauth_final
crypto_scalarmult crypto_scalarmult_base crypto_stream_chacha20
sodium_memzero sodium_memcmp sodium_bin2hex sodium_hex2bin
'
# What a compiler adds by itself: sanitizers, coverage, atomics out of line (arm64).
added='^__(asan|ubsan|tsan|sanitizer|sancov)_|^__aarch64_(ldadd|swp|cas|ldclr|ldset)[0-9]+_|^__gcov_'
# Memory comes from the kernel, and workers ask for some, too.
memory='mmap mmap64 munmap madvise sysconf pthread_mutex_lock pthread_mutex_unlock'

# Prints what the archives use and should not, as "OBJECT SYMBOL".
impure() {
    {
        nm -g --defined-only "$@" 2>/dev/null | awk 'NF == 3 {print "defined", $3}'
        for name in $allowed; do echo "defined $name"; done
        for name in $memory; do echo "memory $name"; done
        nm -A -u "$@" 2>/dev/null | awk 'NF > 1 {split($1, at, ":"); print "used", $NF, at[2]}'
    } | awk -v added="$added" '
        $1 == "defined" {defined[$2] = 1}
        $1 == "memory" {memory[$2] = 1}
        $3 ~ /^(blocks|mem)\.c\.o$/ && $2 in memory {next}
        $1 == "used" && !($2 in defined) && $2 !~ added {print $3, $2}' |
        sort -u
}

cc=$1
shift
[ $# -gt 0 ] || { echo "purity: no archives" >&2; exit 2; }
for archive in "$@"; do
    [ -f "$archive" ] || { echo "purity: no archive $archive" >&2; exit 2; }
done

# The test itself: an archive that logs, reads the environment and maps memory is refused for all three.
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cat >"$dir/plant.c" <<'PLANT'
void cu_log_plant(void);
char *getenv(const char *name);
void *mmap(void *at, unsigned long size, int prot, int flags, int fd, long offset);
void cu_core_plant(void);
void cu_core_plant(void)
{
    cu_log_plant();
    if (!getenv("HOME"))
        mmap(0, 4096, 0, 0, -1, 0);
}
PLANT
$cc -c -o "$dir/plant.c.o" "$dir/plant.c"
ar rc "$dir/libplant.a" "$dir/plant.c.o"
found=$(impure "$@" "$dir/libplant.a" | awk '$1 == "plant.c.o" {print $2}' | tr '\n' ' ')
[ "$found" = "cu_log_plant getenv mmap " ] || {
    echo "purity: planted cu_log_plant, getenv and mmap, found: $found" >&2
    exit 1
}

bad=$(impure "$@")
if [ -n "$bad" ]; then
    echo "purity: not allowed in the pure rooms:" >&2
    echo "$bad" >&2
    exit 1
fi
echo "purity: $# archives are pure"
