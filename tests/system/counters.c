/* SPDX-License-Identifier: BSD-3-Clause */
/* counters MOUNT [drop]: what a program sees through include/copper/ioctl.h; for fs.bats. */
#include <copper/ioctl.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

int main(int argc, char **argv)
{
    struct copper_counters counters;
    int fd = argc > 1 ? open(argv[1], O_RDONLY | O_DIRECTORY) : -1;

    if (fd < 0)
        return 2;
    if (argc > 2 && strcmp(argv[2], "drop") == 0)
        return ioctl(fd, COPPER_IOC_DROP) != 0;
    if (ioctl(fd, COPPER_IOC_COUNTERS, &counters) != 0)
        return 1;
    printf("%u %u\n", counters.version, counters.count);
    for (unsigned i = 0; i < counters.count; i++)
        printf("%llu\n", counters.values[i]);
    return 0;
}
