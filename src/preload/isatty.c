/* SPDX-License-Identifier: BSD-3-Clause */
/* isatty(3) for LD_PRELOAD. Programs call it for each file that they open (Python up to 3.13 does).
 * The C library then sends an ioctl to the file system, and FUSE has no way to make the kernel stop
 * sending these. Only a character device can be a terminal, and the kernel knows the type of an
 * open file without asking anybody. */
#include <errno.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

int isatty(int fd)
{
    struct termios terminal;
    struct stat st;

    if (fstat(fd, &st) != 0)
        return 0;
    if (!S_ISCHR(st.st_mode)) {
        errno = ENOTTY;
        return 0;
    }
    return tcgetattr(fd, &terminal) == 0;
}
