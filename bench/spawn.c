/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs a command some times and says when: "START END" in seconds of the real-time clock, which all
 * nodes of a test cluster share (each has a monotonic clock of its own), one line a run. Entering a
 * node costs time of its own, so clocks are read in here, inside of the node. With a gate all nodes
 * begin together: each spawn writes a line to the fifo READY and then waits for the shared lock on
 * GATE that somebody holds. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PROCESSES_MAX 256

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
    fprintf(stderr, "spawn: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void wait_at_gate(const char *ready, const char *gate)
{
    int fd = open(ready, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, "ready\n", 6) != 6)
        die(ready);
    close(fd);
    fd = open(gate, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || flock(fd, LOCK_SH) < 0)
        die(gate);
    close(fd);
}

static void run(int processes, char **command)
{
    pid_t pids[PROCESSES_MAX];
    double start = now();

    for (int i = 0; i < processes; i++) {
        pids[i] = fork();
        if (pids[i] < 0)
            die("fork");
        if (pids[i] == 0) {
            execvp(command[0], command);
            die(command[0]);
        }
    }
    for (int i = 0; i < processes; i++) {
        int status;

        if (waitpid(pids[i], &status, 0) < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
            fprintf(stderr, "spawn: %s failed\n", command[0]);
            exit(1);
        }
    }
    printf("%.6f %.6f\n", start, now());
    fflush(stdout);
}

int main(int argc, char **argv)
{
    const char *ready = NULL, *gate = NULL;
    int option, runs = 1, processes = 1;

    while ((option = getopt(argc, argv, "+n:j:r:g:")) != -1) {
        if (option == 'n')
            runs = atoi(optarg);
        else if (option == 'j')
            processes = atoi(optarg);
        else if (option == 'r')
            ready = optarg;
        else if (option == 'g')
            gate = optarg;
        else
            optind = argc;
    }
    if (optind >= argc || processes < 1 || processes > PROCESSES_MAX || !ready != !gate) {
        fprintf(stderr, "usage: spawn [-n RUNS] [-j PROCESSES] [-r READY -g GATE] COMMAND...\n");
        return 2;
    }
    if (ready)
        wait_at_gate(ready, gate);
    for (int i = 0; i < runs; i++)
        run(processes, argv + optind);
    return 0;
}
