/* SPDX-License-Identifier: BSD-3-Clause */
/* rshask DIR HOST COMMAND: the end of rsh inside a node. Hands over its standard input, output and
 * error to the cluster's keeper, and exits with the command's status, 255 when nobody answers. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* "HOST\0USER\0COMMAND" */
static int hand_over(int server, char **argv)
{
    const char *user = getenv("CLUSTER_USER");
    char control[CMSG_SPACE(3 * sizeof(int))] = {0};
    const int fds[3] = {0, 1, 2};
    struct iovec parts[3] = {{.iov_base = argv[2], .iov_len = strlen(argv[2]) + 1},
                             {.iov_base = (void *)(user ? user : "root")},
                             {.iov_base = argv[3], .iov_len = strlen(argv[3])}};
    struct msghdr msg = {.msg_iov = parts,
                         .msg_iovlen = 3,
                         .msg_control = control,
                         .msg_controllen = sizeof(control)};
    struct cmsghdr *head = CMSG_FIRSTHDR(&msg);

    parts[1].iov_len = strlen(parts[1].iov_base) + 1;
    *head = (struct cmsghdr){
        .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(fds))};
    memcpy(CMSG_DATA(head), fds, sizeof(fds));
    return sendmsg(server, &msg, MSG_NOSIGNAL) < 0 ? -1 : 0;
}

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    unsigned char status = 255;
    int server = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    ssize_t n;

    if (argc != 4 || snprintf(address.sun_path, sizeof(address.sun_path), "%s/rsh.sock", argv[1]) >=
                         (int)sizeof(address.sun_path)) {
        fprintf(stderr, "usage: rshask DIR HOST COMMAND\n");
        return 255;
    }
    if (server < 0 || connect(server, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        hand_over(server, argv) != 0) {
        fprintf(stderr, "rsh: %s: %s\n", argv[2], strerror(errno));
        return 255;
    }
    close(0);
    close(1);
    do
        n = recv(server, &status, 1, 0);
    while (n < 0 && errno == EINTR);
    return n == 1 ? status : 255;
}
