/* SPDX-License-Identifier: BSD-3-Clause */
/* Starts one node of the test cluster (see cluster), and is its PID 1. Called by the cluster's
 * supervisor, with the machine's /proc visible:
 *   nodeinit DIR NAME INTERFACE ADDRESS SWITCH_PID READY_FIFO
 * The call returns at once. The node gets its namespaces, its private directories, its names, its
 * network and its devices, says "NAME PID" (PID as the machine sees it) on READY_FIFO, and then
 * only reaps orphans: SIGCHLD is ignored, so the kernel reaps them. Any failure: "NAME failed", and
 * the node is gone. In C, as the system tests start some hundred nodes, of which each would be
 * fifty processes of a shell. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINE_BYTES_MAX (2 * PATH_MAX)
#define TEXT_BYTES_MAX 4096
#define LOOPS          32u

static const char *dir, *name, *interface, *address, *switch_pid, *ready;

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
    char text[TEXT_BYTES_MAX];
    va_list args;
    int fd = open(ready, O_RDWR | O_CLOEXEC);

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        perror(ready);
    if (fd >= 0)
        close(fd);
}

__attribute__((noreturn)) static void fail(const char *what, const char *which)
{
    fprintf(stderr, "nodeinit: %s %s: %s\n", what, which, strerror(errno));
    say("%s failed\n", name);
    _exit(1);
}

static void must(int result, const char *what, const char *which)
{
    if (result < 0)
        fail(what, which);
}

/* Writes the path into the buffer of LINE_BYTES_MAX. */
__attribute__((format(printf, 2, 3))) static const char *path_of(char *path, const char *format,
                                                                 ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(path, LINE_BYTES_MAX, format, args);
    va_end(args);
    if (n < 0 || n >= LINE_BYTES_MAX) {
        errno = ENAMETOOLONG;
        fail("path", path);
    }
    return path;
}

static int exists(const char *path, mode_t type)
{
    struct stat st;

    return lstat(path, &st) == 0 && (type == 0 || (st.st_mode & S_IFMT) == type);
}

/* As a file is. optional: not where the kernel has no such setting. */
static void put(const char *path, const char *text, int optional)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    if (fd < 0 && optional)
        return;
    must(fd, "open", path);
    must((int)write(fd, text, strlen(text)), "write", path);
    close(fd);
}

/* The next line of the file, without its end. */
static char *line_of(FILE *file, char *line)
{
    if (!file || !fgets(line, LINE_BYTES_MAX, file))
        return NULL;
    line[strcspn(line, "\n")] = '\0';
    return line;
}

static FILE *list_of(const char *file)
{
    char path[LINE_BYTES_MAX];

    return fopen(path_of(path, "%s/%s", dir, file), "re");
}

static void make_directories(const char *path)
{
    char part[LINE_BYTES_MAX];

    path_of(part, "%s", path);
    for (char *at = strchr(part + 1, '/'); at; at = strchr(at + 1, '/')) {
        *at = '\0';
        if (mkdir(part, 0755) < 0 && errno != EEXIST)
            fail("mkdir", part);
        *at = '/';
    }
}

/* A tmpfs over the directory, in which what was asked for with --bind stays visible. It is built
 * aside and then moved into place, for it hides what it has to bind. */
static void private_tmpfs(const char *place, const char *mode)
{
    char stage[LINE_BYTES_MAX], path[LINE_BYTES_MAX], to[LINE_BYTES_MAX];
    size_t n = strlen(place);
    FILE *binds;

    if (!exists(place, S_IFDIR))
        return;
    path_of(stage, "%s/stage", dir);
    must(mount(name, stage, "tmpfs", 0, path_of(path, "mode=%s", mode)), "mount", stage);
    binds = list_of("binds");
    while (line_of(binds, path)) {
        if (strncmp(path, place, n) != 0 || path[n] != '/')
            continue;
        path_of(to, "%s%s", stage, path + n);
        make_directories(to);
        if (!exists(path, S_IFDIR))
            put(to, "", 0);
        else if (mkdir(to, 0755) < 0 && errno != EEXIST)
            fail("mkdir", to);
        must(mount(path, to, NULL, MS_BIND | (strcmp(path, dir) == 0 ? 0 : MS_REC), NULL), "bind",
             to);
    }
    if (binds)
        fclose(binds);
    must(mount(stage, place, NULL, MS_MOVE, NULL), "mount", place);
}

/* Puts the node's name for %NODE%. */
static const char *named(char *to, const char *from)
{
    const char *at = strstr(from, "%NODE%");

    return at ? path_of(to, "%.*s%s%s", (int)(at - from), from, name, at + strlen("%NODE%"))
              : path_of(to, "%s", from);
}

/* What this node has mounted itself: lines "bind:FROM:TO" (where FROM, in which %NODE% is the
 * node's name, is there) and "overlay:PATH:". An overlay's device is its own. */
static void own_mounts(void)
{
    char line[LINE_BYTES_MAX], from[LINE_BYTES_MAX], options[2 * LINE_BYTES_MAX];
    FILE *list = list_of("mounts");

    while (line_of(list, line)) {
        char *kind = line, *path = strchr(line, ':'), *to = path ? strchr(path + 1, ':') : NULL;

        if (!to)
            continue;
        *path++ = '\0';
        *to++ = '\0';
        named(from, path);
        if (strcmp(kind, "overlay") == 0) {
            snprintf(options, sizeof(options), "lowerdir=%s:%s/empty", from, dir);
            must(mount(name, from, "overlay", 0, options), "overlay", from);
        } else if (exists(from, S_IFDIR)) {
            must(mount(from, to, NULL, MS_BIND, NULL), "bind", to);
        }
    }
    if (list)
        fclose(list);
}

static int open_namespace(const char *pid)
{
    char path[LINE_BYTES_MAX];
    int fd = open(path_of(path, "/proc/%s/ns/net", pid), O_RDONLY | O_CLOEXEC);

    must(fd, "open", path);
    return fd;
}

/* ip -batch, in that network: was it done? */
static bool ip_ran(int network, const char *text)
{
    int ends[2], status;
    pid_t child;

    must(pipe(ends), "pipe", "");
    child = fork();
    must(child, "fork", "");
    if (child == 0) {
        dup2(ends[0], 0);
        close(ends[1]);
        must(setns(network, CLONE_NEWNET), "setns", "switch");
        execlp("ip", "ip", "-batch", "-", (char *)NULL);
        _exit(127);
    }
    close(ends[0]);
    must((int)write(ends[1], text, strlen(text)), "write", "ip");
    close(ends[1]);
    must(waitpid(child, &status, 0), "wait", "ip");
    return status == 0;
}

static void ip(int network, const char *text)
{
    if (!ip_ran(network, text)) {
        errno = EIO;
        fail("ip -batch:", text);
    }
}

/* The answer of the switch (nobody listens there: refused) proves that packets pass. */
static void reach(uint32_t to)
{
    struct sockaddr_in peer = {
        .sin_family = AF_INET, .sin_port = htons(9), .sin_addr.s_addr = htonl(to)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    must(fd, "socket", "");
    (void)connect(fd, (struct sockaddr *)&peer, sizeof(peer));
    close(fd);
}

/* One network: its port on the switch is called `port`. In the switch's network "n3" may still be
 * dying after a node's death: it is deleted, unless the kernel does so at the same moment. */
static void connect_to(int outside, int inside, const char *pid, const char *port,
                       const char *bridge, const char *device, const char *at, const char *mac)
{
    char text[TEXT_BYTES_MAX];

    must(setns(outside, CLONE_NEWNET), "setns", "switch");
    if (if_nametoindex(port) != 0) {
        snprintf(text, sizeof(text), "link del %s\n", port);
        if (!ip_ran(outside, text) && if_nametoindex(port) != 0)
            ip(outside, text);
    }
    must(setns(inside, CLONE_NEWNET), "setns", name);
    snprintf(text, sizeof(text),
             "link add %s type veth peer name %s%s%s netns /proc/%s/ns/net\n"
             "link set %s up master %s\n",
             port, device, *mac ? " address " : "", mac, pid, port, bridge);
    ip(outside, text);
    snprintf(text, sizeof(text), "link set lo up\naddr add %s/24 dev %s\nlink set %s up\n", at,
             device, device);
    ip(inside, text);
}

/* The node announces itself, so that those who asked for it in vain while it was dead need not ask
 * again: the kernel does when the device's address is set (arp_notify). */
static void announce(int index)
{
    struct ifreq request = {
        .ifr_name = "eth0",
        .ifr_hwaddr = {.sa_family = 1 /* ARPHRD_ETHER */, .sa_data = {2, 0, 0, 0, 0, (char)index}}};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    must(fd, "socket", "");
    must(ioctl(fd, SIOCSIFHWADDR, &request), "address of", "eth0");
    close(fd);
}

static void network(const char *pid)
{
    int inside = open_namespace("self"), outside = open_namespace(switch_pid);
    int index = atoi(interface + 1);
    char device[LINE_BYTES_MAX] = "", mac[32], port[32], at[32];
    FILE *second = list_of("second");

    snprintf(mac, sizeof(mac), "02:00:00:00:00:%02x", index);
    put("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1", 1);
    put("/proc/sys/net/ipv4/conf/all/arp_notify", "1", 0);
    connect_to(outside, inside, pid, interface, "br0", "eth0", address, mac);
    reach(0x0a4d00fd);
    announce(index);
    if (line_of(second, device) && strcmp(name, "login") != 0) {
        snprintf(port, sizeof(port), "m%d", index);
        snprintf(at, sizeof(at), "10.99.0.%d", index);
        connect_to(outside, inside, pid, port, "br1", device, at, "");
        reach(0x0a6300fd);
    }
    if (second)
        fclose(second);
    close(inside);
    close(outside);
}

static void device(const char *place, mode_t type, mode_t mode, unsigned major, unsigned minor)
{
    must(mknod(place, type | mode, makedev(major, minor)), "mknod", place);
}

/* Whatever is done to /dev on a node, as root, too, is done to that node's alone. Each name is
 * there with the number that it has on every machine, some only where this machine has them; of
 * loop devices so many that some are free. No console and no /dev/kmsg, which are the machine's. */
static void fill_devices(void)
{
    static const struct {
        const char *name;
        mode_t mode;
        unsigned major, minor;
        bool some; /* machines have it */
    } all[] = {
        {"null", 0666, 1, 3, false},      {"zero", 0666, 1, 5, false},
        {"full", 0666, 1, 7, false},      {"random", 0666, 1, 8, false},
        {"urandom", 0666, 1, 9, false},   {"tty", 0666, 5, 0, false},
        {"ptmx", 0666, 5, 2, false},      {"fuse", 0666, 10, 229, true},
        {"net/tun", 0666, 10, 200, true}, {"loop-control", 0600, 10, 237, true},
    };
    char path[LINE_BYTES_MAX];

    must(mkdir("net", 0755), "mkdir", "net");
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        if (!all[i].some || exists(path_of(path, "/dev/%s", all[i].name), S_IFCHR))
            device(all[i].name, S_IFCHR, all[i].mode, all[i].major, all[i].minor);
    for (unsigned i = 0; exists("loop-control", S_IFCHR) && i < LOOPS; i++)
        device(path_of(path, "loop%u", i), S_IFBLK, 0600, 7, i);
    must(symlink("/proc/self/fd", "fd"), "symlink", "fd");
    must(symlink("/proc/self/fd/0", "stdin"), "symlink", "stdin");
    must(symlink("/proc/self/fd/1", "stdout"), "symlink", "stdout");
    must(symlink("/proc/self/fd/2", "stderr"), "symlink", "stderr");
    must(mkdir("pts", 0755), "mkdir", "pts");
    must(mount("devpts", "pts", "devpts", MS_NOSUID | MS_NOEXEC, "gid=5,mode=620,ptmxmode=666"),
         "mount", "pts");
    must(mkdir("shm", 0755), "mkdir", "shm");
}

/* The tmpfs is built aside, below the node's own /run. The machine's /dev is not even below it. */
static void devices(void)
{
    mode_t mask = umask(0);

    private_tmpfs("/dev/shm", "1777");
    must(mkdir("/run/dev", 0755), "mkdir", "/run/dev");
    must(mount("devices", "/run/dev", "tmpfs", MS_NOSUID, "mode=755,size=1m"), "mount", "/run/dev");
    must(chdir("/run/dev"), "chdir", "/run/dev");
    fill_devices();
    must(mount("/dev/shm", "shm", NULL, MS_MOVE, NULL), "mount", "/dev/shm");
    while (umount2("/dev", MNT_DETACH) == 0)
        ;
    must(mount("/run/dev", "/dev", NULL, MS_MOVE, NULL), "mount", "/dev");
    must(rmdir("/run/dev"), "rmdir", "/run/dev");
    umask(mask);
}

static void files(void)
{
    static const char *const shared[] = {"hosts", "resolv.conf", "passwd", "group"};
    char from[LINE_BYTES_MAX], to[LINE_BYTES_MAX];

    for (size_t i = 0; i < sizeof(shared) / sizeof(*shared); i++) {
        path_of(from, "%s/etc/%s", dir, shared[i]);
        path_of(to, "/etc/%s", shared[i]);
        if (access(to, F_OK) == 0)
            must(mount(from, to, NULL, MS_BIND, NULL), "bind", to);
    }
    private_tmpfs("/var/tmp", "1777");
    private_tmpfs("/var/log", "755");
    private_tmpfs("/run", "755");
    devices();
    put("/run/cluster-dir", path_of(from, "%s\n", dir), 0);
    must(mkdir("/run/lock", 0755), "mkdir", "/run/lock");
    must(chmod("/run/lock", 01777), "chmod", "/run/lock");
    private_tmpfs("/tmp", "1777");
    must(mount("proc", "/proc", "proc", 0, NULL), "mount", "/proc");
    own_mounts();
}

/* PID 1. */
__attribute__((noreturn)) static void node(void)
{
    char pid[32] = "";
    int null;

    must((int)readlink("/proc/self", pid, sizeof(pid) - 1), "readlink", "/proc/self");
    must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "mount", "/");
    must(sethostname(name, strlen(name)), "hostname", name);
    network(pid);
    files();
    must(chdir("/"), "chdir", "/");
    signal(SIGCHLD, SIG_IGN);
    null = open("/dev/null", O_RDWR);
    must(null, "open", "/dev/null");
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    if (null > 2)
        close(null);
    say("%s %s\n", name, pid);
    for (;;)
        pause();
}

int main(int argc, char **argv)
{
    char text[64];
    long long up;

    if (argc != 7)
        return 2;
    dir = argv[1];
    name = argv[2];
    interface = argv[3];
    address = argv[4];
    switch_pid = argv[5];
    ready = argv[6];
    umask(022);
    must(unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWPID |
                 CLONE_NEWTIME),
         "unshare", name);
    /* No two nodes have been up for the same time. */
    up = atoll(interface + 1) * 100003;
    snprintf(text, sizeof(text), "monotonic %lld 0\nboottime %lld 0\n", up, up);
    put("/proc/self/timens_offsets", text, 0);
    switch (fork()) {
    case -1:
        fail("fork", name);
    case 0:
        node();
    default:
        return 0;
    }
}
