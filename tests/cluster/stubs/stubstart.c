/* SPDX-License-Identifier: BSD-3-Clause */
/* The remote starts that stubrsh leaves to others. By its last words it is one of these:
 *
 * - HOST COMMAND...: a host of the test cluster, which is reached by its rsh ($STUB_RSH, or beside
 *   the program). Or a stub that misbehaves, by the letter at the end of its name: f: no
 *   connection; h: hangs for ever; n: prints a lot, and starts; l: starts after a minute; d: the
 *   daemon fails.
 * - HOST COPPER job part start COPPERD: stands for that host and for all shells that it starts: a
 *   millisecond for each, and another quarter of a second.
 * - -f HOSTS ... sh -c COMMAND...: MPICH's mpiexec: a quarter of a second for all.
 * - ... -w HOSTS ... sh -c COMMAND...: Slurm's srun: the same, and stays as long as the daemons. */
#include "base/error.h"
#include "base/parse.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define INPUT_MAX ((size_t)1 << 20)
#define NO_ANSWER 255

static char dir[4096]; /* where this program lies */
static char input[INPUT_MAX + 1];

static void sleep_ms(long ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    nanosleep(&time, NULL);
}

static const char *beside(const char *name)
{
    static char path[sizeof(dir) + 64];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static void read_input(void)
{
    size_t len = 0;
    ssize_t n;

    while ((n = read(0, input + len, INPUT_MAX - len)) > 0)
        len += (size_t)n;
    input[len] = '\0';
}

/* To stubnodes: a line is written as a whole. */
static void tell_nodes(const char *what, const char *host)
{
    char line[512];
    int fd = open(beside("pipe"), O_WRONLY | O_CLOEXEC);
    int len = snprintf(line, sizeof(line), "%s%s\n", what, host);

    if (fd < 0 || write(fd, line, (size_t)len) != len)
        exit(NO_ANSWER);
    close(fd);
}

/* What the daemons are given: stubnodes reads it, too. */
static void tell_job(const char *text)
{
    char to[sizeof(dir) + 64];
    FILE *out;

    snprintf(to, sizeof(to), "%s", beside("job.new"));
    out = fopen(to, "w");
    if (!out || fputs(text, out) < 0 || fclose(out) != 0 || rename(to, beside("job")) != 0)
        exit(NO_ANSWER);
    tell_nodes("job", "");
}

static int is_stub(const char *host)
{
    return host[0] == 's' && host[1] >= '0' && host[1] <= '9';
}

static char kind_of(const char *host)
{
    char last = host[strlen(host) - 1];

    return last >= '0' && last <= '9' ? '\0' : last;
}

/* The words, quoted, for a shell on the other side. */
static void quote(char **argv, char **out)
{
    size_t size;
    FILE *to = open_memstream(out, &size);

    if (!to)
        exit(NO_ANSWER);
    for (; *argv; argv++) {
        fputs(" '", to);
        for (const char *c = *argv; *c; c++)
            fputs(*c == '\'' ? "'\\''" : (const char[]){*c, '\0'}, to);
        fputc('\'', to);
    }
    if (fclose(to) != 0)
        exit(NO_ANSWER);
}

/* Replaces this process by the cluster's rsh; text: its input, NULL: this one's. */
__attribute__((noreturn)) static void run_real(const char *host, char **words, const char *text)
{
    const char *rsh = getenv("STUB_RSH");
    char *argv[64] = {(char *)(rsh ? rsh : beside("rsh")), (char *)host};
    size_t n = 2;
    FILE *in = text ? tmpfile() : NULL;

    if (in && (fputs(text, in) < 0 || fflush(in) != 0 || lseek(fileno(in), 0, SEEK_SET) != 0 ||
               dup2(fileno(in), 0) < 0))
        exit(NO_ANSWER);
    while (*words && n + 1 < sizeof(argv) / sizeof(argv[0]))
        argv[n++] = *words++;
    execv(argv[0], argv);
    perror(argv[0]);
    exit(NO_ANSWER);
}

static int start_odd(const char *host)
{
    switch (kind_of(host)) {
    case 'h':
        for (;;)
            pause();
    case 'n':
        for (int i = 0; i < 2000; i++) {
            printf("Welcome to %s. This system is for authorised users only (%d)\n", host, i);
            fprintf(stderr, "warning: no xauth data; line %d of many\n", i);
        }
        printf("a line that does not end");
        break;
    case 'l':
        sleep_ms(60000);
        break;
    case 'd':
        fprintf(stderr, "copperd: %s: /tmp is full\n", host);
        return 1;
    default:
        fprintf(stderr, "ssh: connect to host %s port 22: No route to host\n", host);
        return NO_ANSWER;
    }
    tell_nodes("+", host);
    return 0;
}

static void start_real(const char *host, char **words, const char *text)
{
    fflush(stdout);
    if (fork() == 0) {
        int out = open("/dev/null", O_WRONLY);

        dup2(out, 1);
        run_real(host, words, text);
    }
}

/* argv: COPPER job part MODE COPPERD... */
static int start_part(const char *self, char **argv)
{
    char *text = strstr(input, "\n\n"), *list = strstr(input, "\nhosts ");
    char *node[] = {argv[4], (char *)"--node", (char *)self, NULL};
    struct cu_hosts hosts;
    struct cu_error err;
    int status = 0;

    if (!text || !list || cu_parse_hosts(list + 7, (size_t)(text - list) - 7, &hosts, &err) != 0)
        return NO_ANSWER;
    for (size_t i = 0; i < hosts.count; i++)
        printf("@copper %s + \n", hosts.names[i]);
    fflush(stdout);
    sleep_ms(250);
    if (!is_stub(self)) {
        tell_job(text + 2);
        start_real(self, node, text + 2);
    }
    sleep_ms(250 + (long)hosts.count);
    for (size_t i = 0; i < hosts.count; i++) {
        const char *host = hosts.names[i];

        if (!is_stub(host))
            continue;
        if (kind_of(host)) {
            printf("@copper %s back not from here\n", host);
            continue;
        }
        tell_nodes("+", host);
        printf("@copper %s 0 \n", host);
    }
    fflush(stdout);
    while (wait(&status) > 0)
        printf("@copper %s %d \n", self, WIFEXITED(status) ? WEXITSTATUS(status) : 1);
    cu_parse_hosts_free(&hosts);
    return 0;
}

/* words: sh -c SCRIPT HOW INPUT RUN_DIR COMMAND...; HOW is "run" where daemons are to be stopped.
 */
static int start_all(const char *file, char **words, int stays)
{
    FILE *hosts = fopen(file, "r"),
         *to = fdopen(dup(2), "w"); /* as the script that runs on nodes */
    char host[256], *quoted, *line[2] = {NULL};
    int fd, status = 0, starts = strcmp(words[3], "run") != 0;
    ssize_t n;

    if (!hosts || !to || setvbuf(to, NULL, _IOLBF, 0) != 0)
        return 1;
    if (strcmp(words[4], "-") != 0) {
        fd = open(words[4], O_RDONLY);
        n = fd < 0 ? -1 : read(fd, input, INPUT_MAX);
        input[n > 0 ? n : 0] = '\0';
    } else {
        read_input();
    }
    sleep_ms(250);
    quote(words, &quoted);
    line[0] = quoted;
    while (fgets(host, sizeof(host), hosts)) {
        host[strcspn(host, "\n")] = '\0';
        if (!is_stub(host)) {
            if (starts)
                tell_job(input);
            fflush(to);
            if (fork() == 0)
                run_real(host, line, input);
            continue;
        }
        tell_nodes(starts ? "+" : "-", host);
        fprintf(to, "%s@copper %s %s %s\n", stays ? "7: " : "", host, stays && starts ? "-" : "0",
                starts ? "" : "copper: stopped on this node");
    }
    fflush(to);
    fd = stays && starts ? open(beside("alive"), O_RDONLY) : -1;
    while (fd >= 0 && read(fd, host, sizeof(host)) > 0)
        ;
    while (wait(&status) > 0)
        ;
    return 0;
}

int main(int argc, char **argv)
{
    ssize_t len = readlink("/proc/self/exe", dir, sizeof(dir) - 1);
    char *slash = len > 0 ? strrchr(dir, '/') : NULL;
    int at = 1;

    /* Lines of several processes in one pipe: each is written at once. */
    if (!slash || setvbuf(stdout, NULL, _IOLBF, 0) != 0)
        return NO_ANSWER;
    *slash = '\0';
    if (argc > 1 && strcmp(argv[1], "--version") == 0)
        return puts("HYDRA build details: a stub") < 0;
    for (int i = 1; i + 8 < argc; i++)
        if (strcmp(argv[i], "-f") == 0 || strcmp(argv[i], "-w") == 0)
            for (int k = i; k + 6 < argc; k++)
                if (strcmp(argv[k], "sh") == 0)
                    return start_all(argv[i + 1], argv + k, argv[i][1] == 'w');
    while (at < argc && argv[at][0] == '-')
        at++;
    if (at + 1 >= argc)
        return NO_ANSWER;
    if (at + 5 < argc && strcmp(argv[at + 3], "part") == 0 && strcmp(argv[at + 4], "start") == 0) {
        read_input();
        return start_part(argv[at], argv + at + 1);
    }
    if (!is_stub(argv[at])) {
        const char *program = strrchr(argv[at + 1], '/');
        int starts =
            (program && strncmp(program, "/copperd", 8) == 0) || strstr(argv[at + 1], "@copper");

        if (!starts)
            run_real(argv[at], argv + at + 1, NULL);
        read_input();
        sleep_ms(250);
        tell_job(input);
        run_real(argv[at], argv + at + 1, input);
    }
    read_input();
    sleep_ms(250);
    return start_odd(argv[at]);
}
