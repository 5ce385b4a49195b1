/* SPDX-License-Identifier: BSD-3-Clause */
/* stubrsh HOST COMMAND...: a stub of a remote shell that takes a quarter of a second, and reads its
 * input like the daemon. For `copper job part` it stands for that host and all shells that the host
 * starts: a millisecond for each, and another quarter of a second.
 *
 * stubrsh -f HOSTS ...: a stub of MPICH's mpiexec, which takes a quarter of a second for all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HOSTS "hosts "

static void sleep_ms(long ms)
{
    const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};

    nanosleep(&time, NULL);
}

static size_t read_all(char *text, size_t size)
{
    size_t len = 0;
    ssize_t n;

    while ((n = read(0, text + len, size - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    return len;
}

/* Prints a line for each host of "h[00002-00103]", or of "h00002"; returns how many. */
static long tell(const char *hosts, const char *status)
{
    const char *open = strchr(hosts, '[');
    long first, last;
    char *end;

    if (open == NULL) {
        printf("@copper %.*s %s \n", (int)strcspn(hosts, "\n"), hosts, status);
        return 1;
    }
    first = strtol(open + 1, &end, 10);
    last = *end == '-' ? strtol(end + 1, NULL, 10) : first;
    for (long i = first; i <= last; i++)
        printf("@copper %.*s%0*ld %s \n", (int)(open - hosts), hosts, (int)(end - open - 1), i,
               status);
    return last - first + 1;
}

static int start_part(const char *head)
{
    const char *hosts = strstr(head, "\n" HOSTS);
    long count;

    if (hosts == NULL)
        return 1;
    hosts += strlen("\n" HOSTS);
    count = tell(hosts, "+");
    fflush(stdout);
    sleep_ms(250 + count);
    tell(hosts, "0");
    return 0;
}

static int mpiexec(const char *file)
{
    FILE *hosts = fopen(file, "r");
    char host[256];

    sleep_ms(250);
    while (hosts != NULL && fgets(host, sizeof(host), hosts) != NULL)
        fprintf(stderr, "@copper %.*s 0 \n", (int)strcspn(host, "\n"), host);
    return hosts == NULL;
}

int main(int argc, char **argv)
{
    static char input[65536];

    if (argc > 1 && strcmp(argv[1], "--version") == 0)
        return puts("HYDRA build details: a stub") < 0;
    if (argc > 2 && strcmp(argv[1], "-f") == 0)
        return mpiexec(argv[2]);
    read_all(input, sizeof(input));
    sleep_ms(250);
    if (argc > 4 && strcmp(argv[4], "part") == 0)
        return start_part(input);
    return 0;
}
