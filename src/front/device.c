/* SPDX-License-Identifier: BSD-3-Clause */
/* libfuse before 3.17 never passes FUSE_PARALLEL_DIROPS on to the kernel, even when the file system
 * asks for it (libfuse pull request 861). Without it the kernel asks for one name of a directory at
 * a time: a stat that hangs on storage would hold up the whole directory. So the flag is added to
 * the reply to INIT when it is sent. Where libfuse has no hook for that (before 3.14), lookups in
 * one directory stay serialised.
 * */
#include "front/device.h"

#include "front/state.h"

#include <errno.h>
#include <linux/fuse.h>
#include <stddef.h>
#include <sys/uio.h>
#include <unistd.h>

#if FUSE_MAJOR_VERSION == 3 && FUSE_MINOR_VERSION >= 14

static void complete_init(struct cu_front *front, const struct iovec *iov, int count)
{
    const struct fuse_out_header *head = iov[0].iov_base;
    struct fuse_init_out *init = count > 1 ? iov[1].iov_base : NULL;

    if (!init || head->error != 0 ||
        iov[1].iov_len < offsetof(struct fuse_init_out, max_background))
        return;
    init->flags |= FUSE_PARALLEL_DIROPS;
    front->parallel_lookups = false;
}

static ssize_t device_writev(int fd, struct iovec *iov, int count, void *userdata)
{
    struct cu_front *front = userdata;

    if (front->parallel_lookups)
        complete_init(front, iov, count);
    return writev(fd, iov, count);
}

static ssize_t device_read(int fd, void *buf, size_t size, void *userdata)
{
    (void)userdata;
    return read(fd, buf, size);
}

int cu_front_device_hook(struct cu_front *front)
{
    static const struct fuse_custom_io io = {.writev = device_writev, .read = device_read};

    return fuse_session_custom_io(front->session, &io, front->fd);
}

#else

int cu_front_device_hook(struct cu_front *front)
{
    (void)front;
    return 0;
}

#endif
