/* SPDX-License-Identifier: BSD-3-Clause */
/* Runs a command on a node of a test cluster (see cluster), without the time that shells and
 * interpreters take to start: system tests do so some ten thousand times.
 *   noderun DIR [--user NAME] NODE COMMAND [ARGUMENT...]
 *       "cluster run": with the environment of the caller, as root; with --user, with that of a
 *       terminal of the user. Either has the lines of DIR/environment, too, in which %NODE% is the
 *       node's name. In the caller's directory, the user's home, or /, where there is no such one.
 *   noderun DIR --all [--user NAME] COMMAND [ARGUMENT...]
 *       "cluster all": the same on every node at once, without input, each line of what they say
 *       after the node's name. Exits with 1 when one has failed.
 *   noderun DIR --rsh NAME NODE COMMAND
 *       As that user, with the caller's environment, in HOME, by /bin/sh: for the keeper.
 * Exits as the command does; 255: the node is dead; 2: there is no such node or user. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CLEAN_PATH     "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
#define LINE_BYTES_MAX (2 * PATH_MAX)
#define NODES_MAX      200
#define READ_BYTES     ((size_t)1 << 16)

struct asked {
    const char *dir, *node, *user; /* user: NULL: root, with the caller's environment */
    int rsh;
    char **command;
    char where[PATH_MAX];
};

__attribute__((format(printf, 2, 3), noreturn)) static void die(int status, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("cluster: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(status);
}

static FILE *file_of(const char *dir, const char *part, const char *name)
{
    char path[PATH_MAX];

    snprintf(path, sizeof(path), "%s/%s%s", dir, part, name);
    return fopen(path, "re");
}

/* Whether the node's name is one of DIR/hosts, or "login". */
static int is_node(const char *dir, const char *node)
{
    char line[LINE_BYTES_MAX];
    FILE *file = file_of(dir, "hosts", "");
    int found = strcmp(node, "login") == 0;

    if (!file)
        die(2, "%s: no cluster", dir);
    while (!found && fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = '\0';
        found = strcmp(line, node) == 0;
    }
    fclose(file);
    return found;
}

/* When the process started, in clock ticks; 0: it is dead. A pid alone might by now be another
 * process. */
static unsigned long long start_of(int pid)
{
    char path[64], stat[1024] = "", state = 0;
    unsigned long long start = 0;
    FILE *file;
    char *end;

    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    file = fopen(path, "re");
    if (!file)
        return 0;
    if (!fgets(stat, sizeof(stat), file))
        stat[0] = '\0';
    fclose(file);
    end = strrchr(stat, ')');
    if (!end || sscanf(end,
                       ") %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
                       "%*s %llu",
                       &state, &start) != 2)
        return 0;
    return state == 'Z' || state == 'X' ? 0 : start;
}

/* A descriptor of the node's first process. */
static int node_process(const char *dir, const char *node)
{
    FILE *file = file_of(dir, "pid/", node);
    unsigned long long start = 0;
    int pid = 0, fd = -1;

    if (file) {
        if (fscanf(file, "%d %llu", &pid, &start) != 2)
            pid = 0;
        fclose(file);
    }
    if (pid > 0)
        fd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (fd < 0 || start_of(pid) != start || start == 0)
        die(255, "%s is dead", node);
    return fd;
}

static void set(const char *name, const char *value)
{
    if (setenv(name, value, 1) != 0)
        die(2, "%s: %s", name, strerror(errno));
}

/* The lines of DIR/environment. */
static void set_everywhere(const struct asked *asked)
{
    FILE *file = file_of(asked->dir, "environment", "");
    char line[LINE_BYTES_MAX], whole[2 * LINE_BYTES_MAX], *at, *value;

    while (file && fgets(line, sizeof(line), file)) {
        line[strcspn(line, "\n")] = '\0';
        at = strstr(line, "%NODE%");
        if (at)
            snprintf(whole, sizeof(whole), "%.*s%s%s", (int)(at - line), line, asked->node,
                     at + strlen("%NODE%"));
        else
            snprintf(whole, sizeof(whole), "%s", line);
        value = strchr(whole, '=');
        if (!value)
            continue;
        *value = '\0';
        set(whole, value + 1);
    }
    if (file)
        fclose(file);
}

/* Inside the node: the user, and the environment of a terminal of theirs. */
static void become(struct asked *asked)
{
    const struct passwd *user = getpwnam(asked->user);

    if (!user)
        die(2, "%s: no such user", asked->user);
    if (!asked->rsh) {
        clearenv();
        set("HOME", user->pw_dir);
        set("USER", asked->user);
        set("LOGNAME", asked->user);
        set("SHELL", *user->pw_shell ? user->pw_shell : "/bin/sh");
        set("PATH", CLEAN_PATH);
        set("CLUSTER_DIR", asked->dir);
        set("LANG", "C.UTF-8");
        set_everywhere(asked);
    }
    snprintf(asked->where, sizeof(asked->where), "%s", user->pw_dir);
    if (user->pw_uid != 0 && (initgroups(asked->user, user->pw_gid) != 0 ||
                              setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
                              setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0))
        die(2, "%s: %s", asked->user, strerror(errno));
}

__attribute__((noreturn)) static void run(struct asked *asked)
{
    char *shell[] = {"/bin/sh", "-c", asked->command[0], NULL};
    char **command = asked->rsh ? shell : asked->command;

    if (asked->user) {
        become(asked);
    } else {
        set("CLUSTER_DIR", asked->dir);
        set_everywhere(asked);
    }
    if (chdir(asked->where) != 0 && (chdir("/") != 0 || !strcpy(asked->where, "/")))
        die(2, "/: %s", strerror(errno));
    set("PWD", asked->where);
    execvp(command[0], command);
    fprintf(stderr, "cluster: %s: %s: %s\n", asked->node, command[0], strerror(errno));
    _exit(errno == ENOENT ? 127 : 126);
}

/* As the child ends, or stops. */
static int same_end(pid_t child)
{
    int status;

    for (;;) {
        if (waitpid(child, &status, WUNTRACED) < 0) {
            if (errno == EINTR)
                continue;
            die(255, "wait: %s", strerror(errno));
        }
        if (WIFSTOPPED(status)) {
            kill(getpid(), SIGSTOP);
            kill(child, SIGCONT);
        } else if (WIFSIGNALED(status)) {
            signal(WTERMSIG(status), SIG_DFL);
            kill(getpid(), WTERMSIG(status));
            return 128 + WTERMSIG(status);
        } else {
            return WEXITSTATUS(status);
        }
    }
}

/* Runs the command on the node, and ends as it does. */
static int on_node(struct asked *asked)
{
    pid_t child;
    int fd;

    if (!is_node(asked->dir, asked->node))
        die(2, "%s: no such node", asked->node);
    fd = node_process(asked->dir, asked->node);
    if (!getcwd(asked->where, sizeof(asked->where)))
        strcpy(asked->where, "/");
    if (setns(fd, CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWPID |
                      CLONE_NEWTIME) != 0)
        die(255, "%s: %s", asked->node, strerror(errno));
    close(fd);
    child = fork(); /* the first process that is in the node's PID namespace */
    if (child == 0)
        run(asked);
    if (child < 0)
        die(255, "%s: %s", asked->node, strerror(errno));
    return same_end(child);
}

/* One of all nodes: the process that runs the command there, and what it has said of a line that
 * has not ended yet. */
struct speaker {
    char node[LINE_BYTES_MAX];
    pid_t pid;
    char *text;
    size_t length;
};

/* Starts the command on the speaker's node. Returns where what it says is read. */
static int start(struct asked *asked, struct speaker *speaker)
{
    int ends[2], nothing;

    if (pipe2(ends, O_CLOEXEC) != 0)
        die(255, "pipe: %s", strerror(errno));
    speaker->pid = fork();
    if (speaker->pid < 0)
        die(255, "fork: %s", strerror(errno));
    if (speaker->pid == 0) {
        nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (nothing < 0 || dup2(nothing, 0) < 0 || dup2(ends[1], 1) < 0 || dup2(ends[1], 2) < 0)
            _exit(255);
        close(ends[1]);
        asked->node = speaker->node;
        exit(on_node(asked));
    }
    close(ends[1]);
    return ends[0];
}

static void say(const struct speaker *speaker, const char *line, size_t length)
{
    printf("%s: ", speaker->node);
    fwrite(line, 1, length, stdout);
}

/* Prints the lines that have ended by now, and at the end of all the rest. Returns 0 then. */
static int hear(struct speaker *speaker, int fd)
{
    char *line, *end;
    ssize_t n;

    speaker->text = realloc(speaker->text, speaker->length + READ_BYTES);
    if (!speaker->text)
        die(255, "%s", strerror(ENOMEM));
    n = read(fd, speaker->text + speaker->length, READ_BYTES);
    if (n < 0 && errno == EINTR)
        return 1;
    if (n <= 0) {
        if (speaker->length > 0)
            say(speaker, speaker->text, speaker->length);
        free(speaker->text);
        close(fd);
        return 0;
    }
    line = speaker->text;
    end = line + speaker->length;
    speaker->length += (size_t)n;
    while ((end = memchr(end, '\n', (size_t)(speaker->text + speaker->length - end)))) {
        end++;
        say(speaker, line, (size_t)(end - line));
        line = end;
    }
    speaker->length -= (size_t)(line - speaker->text);
    memmove(speaker->text, line, speaker->length);
    return 1;
}

static int on_all_nodes(struct asked *asked)
{
    static struct speaker speakers[NODES_MAX];
    struct pollfd fds[NODES_MAX];
    nfds_t count = 0, open_now, i;
    FILE *file = file_of(asked->dir, "hosts", "");
    int status = 0, ended;

    if (!file)
        die(2, "%s: no cluster", asked->dir);
    while (count < NODES_MAX && fgets(speakers[count].node, LINE_BYTES_MAX, file)) {
        speakers[count].node[strcspn(speakers[count].node, "\n")] = '\0';
        count++;
    }
    fclose(file);
    for (i = 0; i < count; i++)
        fds[i] = (struct pollfd){.fd = start(asked, &speakers[i]), .events = POLLIN};
    for (open_now = count; open_now > 0;) {
        if (poll(fds, count, -1) < 0 && errno != EINTR)
            die(255, "poll: %s", strerror(errno));
        for (i = 0; i < count; i++) {
            if (fds[i].fd < 0 || !fds[i].revents || hear(&speakers[i], fds[i].fd))
                continue;
            fds[i].fd = -1; /* poll passes it over */
            open_now--;
        }
        fflush(stdout);
    }
    for (i = 0; i < count; i++) {
        if (waitpid(speakers[i].pid, &ended, 0) != speakers[i].pid || ended != 0)
            status = 1;
    }
    return status;
}

int main(int argc, char **argv)
{
    struct asked asked = {.dir = argc > 1 ? argv[1] : NULL};
    int at = 2, all;

    all = argc > at && strcmp(argv[at], "--all") == 0;
    at += all;
    if (argc > at + 1 && (strcmp(argv[at], "--user") == 0 || strcmp(argv[at], "--rsh") == 0)) {
        asked.user = argv[at + 1];
        asked.rsh = argv[at][2] == 'r';
        at += 2;
    }
    if (argc < at + 2 - all)
        die(2, "%s: usage", all ? "all" : "run");
    if (all) {
        asked.command = argv + at;
        return on_all_nodes(&asked);
    }
    asked.node = argv[at];
    asked.command = argv + at + 1;
    return on_node(&asked);
}
