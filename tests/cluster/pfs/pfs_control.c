/* SPDX-License-Identifier: BSD-3-Clause */
/* The control socket. A request is the words of one command, each ended by a zero byte, then end of
 * file; the answer is "ok\n" or "error: ...\n", then the output. One command a connection. */
#include "pfs.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define REQUEST_BYTES_MAX 16384 /* a path and some words; more is not a request */
#define WORDS_MAX         4

static int listener = -1;
static void (*quit_fn)(void);

static int address_of(const char *path, struct sockaddr_un *address)
{
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address->sun_path)
        return -ENAMETOOLONG;
    memcpy(address->sun_path, path, strlen(path));
    return 0;
}

static int errno_of(const char *word)
{
    char *end;
    long number = strtol(word, &end, 10);

    if (*word && !*end)
        return number > 0 && number < 4096 ? (int)number : 0;
    for (int error = 1; error < 134; error++) {
        const char *name = strerrorname_np(error);
        if (name && strcmp(name, word) == 0)
            return error;
    }
    return 0;
}

/* fail PATH ERRNO [KIND], hang PATH [KIND] */
static const char *add_fault(int argc, char **argv)
{
    int at = 2;
    int error = 0;
    enum cu_pfs_kind kind = CU_PFS_KINDS;

    if (strcmp(argv[0], "fail") == 0) {
        error = argc > 2 ? errno_of(argv[at++]) : 0;
        if (error == 0)
            return "fail PATH ERRNO [KIND]: no such errno";
    }
    if (argc > at) {
        kind = cu_pfs_kind_of(argv[at]);
        if (kind == CU_PFS_KINDS)
            return "no such kind";
    }
    return cu_pfs_fault_add(argv[1], kind, error) == 0
               ? NULL
               : "no memory, or ENOSYS of open or readdir, which is no error to the kernel";
}

static const char *set_value(const char *name, const char *word)
{
    char *end;
    unsigned long long value;

    errno = 0;
    value = strtoull(word, &end, 10);
    if (!*word || *end || errno != 0)
        return "set NAME NUMBER";
    return cu_pfs_set(name, value) == 0 ? NULL : "no such setting";
}

/* NULL, or what is wrong. */
static const char *run(int argc, char **argv, FILE *out, bool *quit)
{
    const char *verb = argc > 0 ? argv[0] : "";

    if (strcmp(verb, "reset") == 0 && argc == 1)
        cu_pfs_count_reset();
    else if (strcmp(verb, "counts") == 0 && argc == 1)
        cu_pfs_count_totals(out);
    else if (strcmp(verb, "paths") == 0 && argc == 1)
        cu_pfs_count_paths(out, 1);
    else if (strcmp(verb, "twice") == 0 && argc == 1)
        cu_pfs_count_paths(out, 2);
    else if (strcmp(verb, "hanging") == 0 && argc == 1)
        fprintf(out, "%u\n", cu_pfs_hanging());
    else if (strcmp(verb, "set") == 0 && argc == 3)
        return set_value(argv[1], argv[2]);
    else if (strcmp(verb, "quirk") == 0 && argc == 2)
        return cu_pfs_quirk_set(argv[1]) == 0 ? NULL : "no such quirk";
    else if ((strcmp(verb, "fail") == 0 || strcmp(verb, "hang") == 0) && argc > 1)
        return add_fault(argc, argv);
    else if (strcmp(verb, "unfail") == 0 && argc < 3)
        cu_pfs_fault_remove(argc > 1 ? argv[1] : NULL, false);
    else if (strcmp(verb, "unhang") == 0 && argc < 3)
        cu_pfs_fault_remove(argc > 1 ? argv[1] : NULL, true);
    else if (strcmp(verb, "quit") == 0 && argc == 1)
        *quit = true;
    else
        return "reset, counts, paths, twice, hanging, set NAME NUMBER, quirk NAME[=NUMBER], "
               "fail PATH ERRNO [KIND], "
               "unfail [PATH], hang PATH [KIND], unhang [PATH], quit";
    return NULL;
}

static void send_all(int fd, const char *data, size_t size)
{
    while (size > 0) {
        ssize_t sent = send(fd, data, size, MSG_NOSIGNAL);
        if (sent <= 0)
            return;
        data += sent;
        size -= (size_t)sent;
    }
}

static size_t receive_all(int fd, char *data, size_t max)
{
    size_t size = 0;
    ssize_t got;

    while (size < max && (got = recv(fd, data + size, max - size, 0)) > 0)
        size += (size_t)got;
    return size;
}

static void serve_one(int fd, bool *quit)
{
    char request[REQUEST_BYTES_MAX + 1];
    char *argv[WORDS_MAX];
    int argc = 0;
    size_t size = receive_all(fd, request, REQUEST_BYTES_MAX);
    char *text = NULL;
    size_t text_size = 0;
    FILE *out = open_memstream(&text, &text_size);
    const char *wrong;

    request[size] = '\0';
    for (char *at = request; argc < WORDS_MAX && at < request + size; at += strlen(at) + 1)
        argv[argc++] = at;
    if (!out)
        return;
    wrong = run(argc, argv, out, quit);
    fclose(out);
    if (wrong) {
        send_all(fd, "error: ", 7);
        send_all(fd, wrong, strlen(wrong));
        send_all(fd, "\n", 1);
    } else {
        send_all(fd, "ok\n", 3);
        send_all(fd, text, text_size);
    }
    free(text);
}

/* "quit" is answered when all is over: by the end of the process, which closes the connection. */
static void *serve(void *unused)
{
    bool quit = false;

    (void)unused;
    while (!quit) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0)
            continue;
        serve_one(fd, &quit);
        if (!quit)
            close(fd);
    }
    quit_fn();
    return NULL;
}

int cu_pfs_control_start(const char *path, void (*quit)(void))
{
    struct sockaddr_un address;
    pthread_t thread;
    int rc = address_of(path, &address);

    quit_fn = quit;
    if (rc != 0)
        return rc;
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0)
        return -errno;
    if (bind(listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(listener, 64) != 0)
        return -errno;
    return -pthread_create(&thread, NULL, serve, NULL);
}

int cu_pfs_control_ask(const char *path, int argc, char **argv)
{
    struct sockaddr_un address;
    char buffer[65536];
    char status[3] = "";
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ssize_t got;
    FILE *out;

    if (address_of(path, &address) != 0 || fd < 0 ||
        connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
        fprintf(stderr, "pfsctl: %s: %s\n", path, strerror(errno));
        return 2;
    }
    for (int i = 0; i < argc; i++)
        send_all(fd, argv[i], strlen(argv[i]) + 1);
    shutdown(fd, SHUT_WR);
    if (receive_all(fd, status, sizeof status) != sizeof status)
        return 2;
    out = memcmp(status, "ok\n", 3) == 0 ? stdout : stderr;
    if (out == stderr)
        fwrite(status, 1, sizeof status, out);
    while ((got = recv(fd, buffer, sizeof buffer, 0)) > 0)
        fwrite(buffer, 1, (size_t)got, out);
    close(fd);
    return out == stdout ? 0 : 2;
}
