/* SPDX-License-Identifier: BSD-3-Clause */
/* stubrsh HOST COMMAND...: a stub of a remote shell that takes a quarter of a second, and reads its
 * input like the daemon. */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(void)
{
    const struct timespec quarter = {.tv_nsec = 250000000};
    char bytes[65536];

    while (read(0, bytes, sizeof(bytes)) > 0)
        ;
    nanosleep(&quarter, NULL);
    return 0;
}
