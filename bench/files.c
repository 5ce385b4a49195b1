/* SPDX-License-Identifier: BSD-3-Clause */
/* Timed operations on files; prints seconds.
 *
 *   files make DIR COUNT     directories of 200 files of 1 to 8 KiB each, and DIR/list
 *   files flat DIR COUNT     one directory of COUNT small files
 *   files bare DIR COUNT EACH         COUNT empty files, EACH to a directory below DIR
 *   files stat LIST PREFIX   lstat of PREFIX/NAME for each line NAME of LIST
 *   files read LIST PREFIX   the same, reading each file
 *   files stream FILE        one file from its beginning to its end
 *   files jump FILE COUNT BYTES SEED  COUNT reads of BYTES at multiples of BYTES, at random
 *   files ask FILE COUNT     COUNT calls of isatty(3), which are not cached: round trips to the
 * daemon files map FILE COUNT SEED         COUNT pages of a map of the file, at random files data
 * FILE          the parts with data, found with SEEK_DATA and SEEK_HOLE, and read files touch
 * MEGABYTES    gets that much memory from the system and gives it back
 * */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PER_DIR      200
#define STREAM_BYTES (1024u * 1024)

static char buffer[STREAM_BYTES];

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
    fprintf(stderr, "files: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void make_file(const char *path, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    if (fd < 0 || write(fd, buffer, size) != (ssize_t)size || close(fd) < 0)
        die(path);
}

static void make(const char *dir, int count, int flat)
{
    char path[4096];
    FILE *list;

    memset(buffer, 'x', sizeof(buffer));
    snprintf(path, sizeof(path), "%s/list", dir);
    list = fopen(path, "w");
    if (!list)
        die(path);
    for (int i = 0; i < count; i++) {
        char name[64];

        if (flat) {
            snprintf(name, sizeof(name), "f%05d.dat", i);
        } else {
            snprintf(path, sizeof(path), "%s/d%03d", dir, i / PER_DIR);
            if (i % PER_DIR == 0 && mkdir(path, 0755) < 0 && errno != EEXIST)
                die(path);
            snprintf(name, sizeof(name), "d%03d/f%05d.dat", i / PER_DIR, i);
        }
        snprintf(path, sizeof(path), "%s/%s", dir, name);
        make_file(path, 1024 + (size_t)(i * 7919 % 7169));
        fprintf(list, "%s\n", name);
    }
    if (fclose(list) != 0)
        die("list");
}

static void make_bare(const char *dir, int count, int each)
{
    char path[4096];

    for (int i = 0; i < count; i++) {
        snprintf(path, sizeof(path), "%s/d%05d", dir, i / each);
        if (i % each == 0 && mkdir(path, 0755) < 0 && errno != EEXIST)
            die(path);
        snprintf(path, sizeof(path), "%s/d%05d/sample-%08d.dat", dir, i / each, i);
        make_file(path, 0);
    }
}

static size_t read_file(const char *path)
{
    int fd = open(path, O_RDONLY);
    size_t size = 0;
    ssize_t n;

    if (fd < 0)
        die(path);
    while ((n = read(fd, buffer, sizeof(buffer))) > 0)
        size += (size_t)n;
    if (n < 0)
        die(path);
    close(fd);
    return size;
}

static int each(const char *list, const char *prefix, int reading)
{
    char path[4096], name[1024];
    size_t bytes = 0;
    FILE *f = fopen(list, "r");
    struct stat st;

    if (!f)
        die(list);
    while (fscanf(f, "%1023s", name) == 1) {
        snprintf(path, sizeof(path), "%s/%s", prefix, name);
        if (reading)
            bytes += read_file(path);
        else if (lstat(path, &st) < 0)
            die(path);
    }
    fclose(f);
    return reading && bytes == 0;
}

/* The same places for the same seed, whatever the C library. */
static uint64_t at_random(uint64_t *state, uint64_t below)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (*state >> 33) % below;
}

static int open_sized(const char *path, uint64_t *size)
{
    int fd = open(path, O_RDONLY);
    struct stat st;

    if (fd < 0 || fstat(fd, &st) < 0)
        die(path);
    *size = (uint64_t)st.st_size;
    return fd;
}

static void jump(const char *path, int count, size_t bytes, uint64_t seed)
{
    uint64_t size;
    int fd = open_sized(path, &size);

    for (int i = 0; i < count; i++) {
        uint64_t at = at_random(&seed, size / bytes) * bytes;

        if (pread(fd, buffer, bytes, (off_t)at) != (ssize_t)bytes)
            die(path);
    }
    close(fd);
}

static void ask(const char *path, int count)
{
    int fd = open(path, O_RDONLY);

    if (fd < 0)
        die(path);
    for (int i = 0; i < count; i++)
        if (isatty(fd))
            die(path);
    close(fd);
}

static void map(const char *path, int count, uint64_t seed)
{
    uint64_t size;
    int fd = open_sized(path, &size);
    const char *at = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    volatile char sink = 0;

    if (at == MAP_FAILED)
        die(path);
    for (int i = 0; i < count; i++)
        sink = (char)(sink + at[at_random(&seed, size / 4096) * 4096]);
    close(fd);
}

static void data(const char *path)
{
    uint64_t size;
    int fd = open_sized(path, &size);
    off_t at = 0, end;

    while ((at = lseek(fd, at, SEEK_DATA)) >= 0) {
        end = lseek(fd, at, SEEK_HOLE);
        for (; at < end; at += (off_t)sizeof(buffer)) {
            size_t left = (size_t)(end - at);

            if (pread(fd, buffer, left < sizeof(buffer) ? left : sizeof(buffer), at) <= 0)
                die(path);
        }
        at = end;
    }
    if (errno != ENXIO)
        die(path);
    close(fd);
}

static void touch(size_t megabytes)
{
    size_t size = megabytes << 20;
    char *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED)
        die("memory");
    (void)madvise(at, size, MADV_HUGEPAGE);
    for (size_t i = 0; i < size; i += 4096)
        at[i] = 1;
    munmap(at, size);
}

int main(int argc, char **argv)
{
    double start = now();
    int rc = 0;

    if (argc == 4 && (strcmp(argv[1], "make") == 0 || strcmp(argv[1], "flat") == 0)) {
        make(argv[2], atoi(argv[3]), argv[1][0] == 'f');
        return 0;
    }
    if (argc == 5 && strcmp(argv[1], "bare") == 0 && atoi(argv[4]) > 0) {
        make_bare(argv[2], atoi(argv[3]), atoi(argv[4]));
        return 0;
    }
    if (argc == 3 && strcmp(argv[1], "touch") == 0) {
        touch((size_t)atoi(argv[2]));
        return 0;
    }
    if (argc == 6 && strcmp(argv[1], "jump") == 0 && (size_t)atoi(argv[4]) <= sizeof(buffer)) {
        jump(argv[2], atoi(argv[3]), (size_t)atoi(argv[4]), (uint64_t)atoi(argv[5]));
    } else if (argc == 4 && strcmp(argv[1], "ask") == 0) {
        ask(argv[2], atoi(argv[3]));
    } else if (argc == 5 && strcmp(argv[1], "map") == 0) {
        map(argv[2], atoi(argv[3]), (uint64_t)atoi(argv[4]));
    } else if (argc == 3 && strcmp(argv[1], "data") == 0) {
        data(argv[2]);
    } else if (argc == 4 && strcmp(argv[1], "stat") == 0) {
        rc = each(argv[2], argv[3], 0);
    } else if (argc == 4 && strcmp(argv[1], "read") == 0) {
        rc = each(argv[2], argv[3], 1);
    } else if (argc == 3 && strcmp(argv[1], "stream") == 0) {
        rc = read_file(argv[2]) == 0;
    } else {
        fprintf(stderr,
                "usage: files make|flat DIR COUNT, bare DIR COUNT EACH, stat|read LIST PREFIX, "
                "stream|data FILE, touch MEGABYTES, "
                "jump FILE COUNT BYTES SEED, map FILE COUNT SEED, ask FILE COUNT\n");
        return 2;
    }
    printf("%.6f\n", now() - start);
    return rc;
}
