/* SPDX-License-Identifier: BSD-3-Clause */
/* stubrsh [-OPTION...] HOST COMMAND...: a stub of a remote shell to a host of which there is only a
 * name, s00002 and the like. Takes a quarter of a second, reads its input as the daemon does, and
 * tells stubnodes that the daemon of that host was started, or stopped.
 *
 * Without the C library: its start alone costs 0.4 ms on a virtual machine (CPUID), more than all
 * that a remote shell costs its launcher here. Whatever is not as simple goes to stubstart, which
 * lies beside it as the pipe does: hosts with another name, and parts. */
#include <stddef.h>
#include <sys/syscall.h>

#define PIPE    "/pipe"
#define OTHER   "/stubstart"
#define WAIT_NS 250000000
#define O_WRITE 1
#define CWD     (-100)

static long call4(long number, long a, long b, long c, long d)
{
#if defined(__x86_64__)
    register long r10 __asm__("r10") = d;
    long result;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                     : "rcx", "r11", "memory");
    return result;
#elif defined(__aarch64__)
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;

    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    return x0;
#else
#error "system calls of this architecture are not known here"
#endif
}

static size_t length(const char *text)
{
    size_t n = 0;

    while (text[n]) {
        n++;
        __asm__ volatile("" : "+r"(n)); /* stays a loop: there is no strlen */
    }
    return n;
}

static size_t add(char *out, size_t at, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[at++] = text[i];
    out[at] = '\0';
    return at;
}

static int is(const char *text, const char *word)
{
    while (*word && *text == *word)
        text++, word++;
    return *text == *word;
}

static int has(const char *text, const char *word)
{
    for (; *text; text++) {
        size_t n = 0;

        while (word[n] && text[n] == word[n])
            n++;
        if (!word[n])
            return 1;
    }
    return 0;
}

static int is_simple(const char *host)
{
    if (*host++ != 's' || !*host)
        return 0;
    while (*host >= '0' && *host <= '9')
        host++;
    return !*host;
}

/* Where the program lies, with what lies beside it. */
static const char *beside(const char *self, const char *name)
{
    static char path[1024];
    size_t at = 0;

    for (size_t i = 0; self[i]; i++)
        if (self[i] == '/')
            at = i;
    at = at < sizeof(path) / 2 ? add(path, 0, self, at) : 0;
    add(path, at, name, length(name));
    return path;
}

static void put(int fd, const char *before, const char *host, const char *after)
{
    char line[512];
    size_t at = add(line, 0, before, length(before));

    at = add(line, at, host, length(host) < 256 ? length(host) : 0);
    at = add(line, at, after, length(after));
    call4(SYS_write, fd, (long)line, (long)at, 0);
}

static int run(int argc, char **argv, char **env)
{
    long wait[2] = {0, WAIT_NS};
    char input[8192];
    const char *host;
    int at = 1, stops, fd;

    while (at < argc && argv[at][0] == '-')
        at++;
    if (at + 1 >= argc)
        return 255;
    host = argv[at];
    if (!is_simple(host) || (at + 3 < argc && is(argv[at + 2], "job"))) {
        argv[0] = (char *)beside(argv[0], OTHER);
        call4(SYS_execve, (long)argv[0], (long)argv, (long)env, 0);
        return 127;
    }
    stops = at + 2 < argc && is(argv[at + 2], "stop");
    while (call4(SYS_read, 0, (long)input, sizeof(input), 0) > 0)
        ;
    call4(SYS_nanosleep, (long)wait, 0, 0, 0);
    fd = (int)call4(SYS_openat, CWD, (long)beside(argv[0], PIPE), O_WRITE, 0);
    if (fd < 0)
        return 255;
    put(fd, stops ? "-" : "+", host, "\n");
    if (stops)
        put(1, "copper: ", "", "stopped on this node\n");
    if (has(argv[at + 1], "@copper"))
        put(2, "@copper ", host, " 0 \n");
    return 0;
}

__attribute__((noreturn, used)) void stub_main(long *stack)
{
    int argc = (int)stack[0];
    char **argv = (char **)(stack + 1);

    call4(SYS_exit_group, run(argc, argv, argv + argc + 1), 0, 0, 0);
    __builtin_unreachable();
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n mov %rsp, %rdi\n and $-16, %rsp\n call stub_main\n");
#else
__asm__(".globl _start\n_start:\n mov x0, sp\n bl stub_main\n");
#endif
