/* SPDX-License-Identifier: BSD-3-Clause */
/* For programs that are built with ThreadSanitizer: syscall(2), and what it should not report.
 *
 * libuv closes descriptors by syscall(SYS_close, fd), which ThreadSanitizer does not see. It then
 * takes the next file of the same number, which a worker opens and closes, for the loop's socket,
 * and reports a race. Here such a call becomes close(2), which ThreadSanitizer knows; all others go
 * on as they are.
 *
 * libuv takes this function and not libc's: a program's own symbols go before those of its
 * libraries. */
#include <dlfcn.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

/* ncurses' own handlers (of SIGTSTP) do not keep errno. */
const char *__tsan_default_suppressions(void); // NOLINT(bugprone-reserved-identifier)
const char *__tsan_default_suppressions(void)  // NOLINT(bugprone-reserved-identifier)
{
    return "signal:libncursesw\n";
}

typedef long syscall_fn(long number, ...);

static syscall_fn *libc_syscall;

/* Before main, while there is one thread; or before that, by a library's own start. */
__attribute__((constructor)) static void find_libc_syscall(void)
{
    if (libc_syscall)
        return;
    libc_syscall = (syscall_fn *)dlsym(RTLD_NEXT, "syscall");
    if (!libc_syscall)
        abort();
}

__attribute__((no_sanitize_thread)) long syscall(long number, ...)
{
    va_list args;
    va_start(args, number);
    long a[6];
    for (int i = 0; i < 6; i++)
        a[i] = va_arg(args, long);
    va_end(args);
    if (number == SYS_close)
        return close((int)a[0]);
    find_libc_syscall();
    return libc_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}
