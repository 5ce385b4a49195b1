/* SPDX-License-Identifier: BSD-3-Clause */
/* floor COUNT WIDTH HOST COMMAND...: what the kernel's own starts of processes cost: the least that
 * a launcher can do for COUNT remote shells, WIDTH at a time. It reads nothing and has no other
 * descriptors. */
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

int main(int argc, char **argv)
{
    long count, width, begun = 0, running = 0;

    if (argc < 4)
        return 2;
    count = strtol(argv[1], NULL, 10);
    width = strtol(argv[2], NULL, 10);
    while (begun < count || running > 0) {
        pid_t pid;
        int status;

        for (; begun < count && running < width; begun++, running++) {
            if (posix_spawn(&pid, argv[3], NULL, NULL, argv + 3, environ) != 0) {
                perror(argv[3]);
                return 1;
            }
        }
        if (waitpid(-1, &status, 0) > 0) {
            running--;
            if (status != 0)
                return 1;
        }
    }
    return 0;
}
