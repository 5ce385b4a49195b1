/* SPDX-License-Identifier: BSD-3-Clause */
/* One plain TCP stream, as the reference for the rate that a link and two processes can reach, and
 * for the processor time that they need.
 *
 *   tcpstream serve FILE       prints its port, sends the file to one client, prints CPU seconds
 *   tcpstream get HOST PORT    receives it all; prints seconds, and CPU seconds
 *   tcpstream keep HOST PORT   the same, into new memory (huge pages) as a cache must, not into one
 * buffer
 *
 * The server reads the file into memory first: the network is measured, not storage. CPU seconds
 * are those of sending or receiving alone. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define STEP       (1024u * 1024)
#define KEEP_BYTES ((size_t)16 * STEP) /* of new memory at once */

static void die(const char *what)
{
    fprintf(stderr, "tcpstream: %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

/* Of this process, user and system. */
static double cpu(void)
{
    struct rusage used;

    getrusage(RUSAGE_SELF, &used);
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

static char *load(const char *path, size_t *size)
{
    int fd = open(path, O_RDONLY);
    struct stat st;
    char *bytes;
    size_t at = 0;

    if (fd < 0 || fstat(fd, &st) < 0)
        die(path);
    *size = (size_t)st.st_size;
    bytes = malloc(*size + 1);
    if (!bytes)
        die("memory");
    while (at < *size) {
        ssize_t n = read(fd, bytes + at, *size - at);

        if (n <= 0)
            die(path);
        at += (size_t)n;
    }
    close(fd);
    return bytes;
}

static void serve(const char *path)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof(address);
    size_t size, at = 0;
    char *bytes = load(path, &size);
    double used;
    int listener = socket(AF_INET, SOCK_STREAM, 0), fd;

    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(listener, 1) < 0 || getsockname(listener, (struct sockaddr *)&address, &length) < 0)
        die("listen");
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    fd = accept(listener, NULL, NULL);
    if (fd < 0)
        die("accept");
    used = cpu();
    while (at < size) {
        ssize_t n = send(fd, bytes + at, size - at < STEP ? size - at : STEP, 0);

        if (n <= 0)
            die("send");
        at += (size_t)n;
    }
    close(fd);
    printf("%.6f\n", cpu() - used);
    free(bytes);
}

static char *new_memory(void)
{
    char *at = mmap(NULL, KEEP_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED)
        die("memory");
    (void)madvise(at, KEEP_BYTES, MADV_HUGEPAGE);
    return at;
}

static void get(const char *host, int port, int keep)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    char *bytes = keep ? new_memory() : malloc(STEP);
    double start = now(), used = cpu();
    size_t at = 0;
    ssize_t n;

    if (!bytes || fd < 0 || inet_pton(AF_INET, host, &address.sin_addr) != 1 ||
        connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
        die(host);
    while ((n = recv(fd, bytes + at, STEP, 0)) > 0) {
        at += keep ? (size_t)n : 0;
        if (at + STEP > KEEP_BYTES) {
            bytes = new_memory();
            at = 0;
        }
    }
    if (n < 0)
        die("receive");
    printf("%.6f %.6f\n", now() - start, cpu() - used);
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "serve") == 0)
        serve(argv[2]);
    else if (argc == 4 && strcmp(argv[1], "get") == 0)
        get(argv[2], atoi(argv[3]), 0);
    else if (argc == 4 && strcmp(argv[1], "keep") == 0)
        get(argv[2], atoi(argv[3]), 1);
    else
        return fprintf(stderr, "usage: tcpstream serve FILE, tcpstream get|keep HOST PORT\n"), 2;
    return 0;
}
