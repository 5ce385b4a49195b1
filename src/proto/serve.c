/* SPDX-License-Identifier: BSD-3-Clause */
/* Decided by name, because a node knows only the name before it asks its parent. Names of secrets
 * match in every directory, not only in the home directory of this node: homes are mounted in
 * several places, and copied.
 *
 * Every lookup is judged, so most names must be let through at once: all but a few secrets begin
 * with a dot, or stand in a directory that is named here. */
#include "proto/serve.h"

#include "base/path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct cu_serve {
    size_t count;
    struct {
        char *path; /* owned, normal form */
        size_t len;
    } paths[CU_SERVE_PATHS_MAX];
};

static const char *const tops[] = {"run", "var", "root"};

/* Beginnings of names in /tmp: sockets, tickets and keys of sessions. */
static const char *const temporary[] = {
    "ssh-",  ".ssh-",  "krb5cc",  "tkt",     "gpg-",       ".gnupg",   "gnupg", "keyring-",
    ".X11-", ".ICE-",  ".XIM-",   ".font-",  ".Test-unix", ".X",       "xauth", ".xauth",
    "dbus-", "pulse-", "tmux-",   "screens", "systemd-",   "vscode-",  ".vnc",  "agent.",
    "ssh_",  ".esd-",  "kwallet", "gdm",     "uscreens",   "runtime-",
};

/* Anywhere. "a/b" is b in a directory a. */
static const char *const hidden[] = {
    ".ssh",
    ".gnupg",
    ".aws",
    ".azure",
    ".netrc",
    ".kube",
    ".docker",
    ".git-credentials",
    ".password-store",
    ".pki",
    ".pgpass",
    ".my.cnf",
    ".pypirc",
    ".npmrc",
    ".vault-token",
    ".Xauthority",
    ".ICEauthority",
    ".globus",
    ".globusonline",
    ".mozilla",
    ".thunderbird",
    ".boto",
    ".s3cfg",
    ".oci",
    ".terraform.d",
    ".smbcredentials",
    ".krb5",
    ".config/gcloud",
    ".config/gh",
    ".config/hub",
    ".config/rclone",
    ".config/google-chrome",
    ".config/chromium",
    "share/keyrings",
};

static const char *const texts[] = {
    "/run, /var, /root: of the node and its administrator, not of the job (/var/run, /var/tmp, "
    "too)",
    "in /tmp, names that begin with ssh- ssh_ .ssh- agent. gpg- gnupg .gnupg keyring- kwallet: "
    "agents and key rings",
    "in /tmp, names that begin with krb5cc tkt xauth .xauth: tickets and credentials",
    "in /tmp, names that begin with .X .X11- .ICE- .XIM- .font- .Test-unix .vnc gdm dbus- pulse- "
    ".esd- runtime- systemd- tmux- screens uscreens vscode-: sockets and files of sessions",
    "in /tmp, copper-UID: Copper's own run directory, with the key of a job",
    "anywhere: .ssh .gnupg .pki .krb5 .globus .globusonline .password-store share/keyrings: keys",
    "anywhere: .aws .azure .oci .boto .s3cfg .kube .docker .terraform.d .vault-token "
    ".config/gcloud "
    ".config/rclone: accounts of clouds and registries",
    "anywhere: .netrc .pgpass .my.cnf .pypirc .npmrc .git-credentials .smbcredentials .config/gh "
    ".config/hub: passwords and tokens in files",
    "anywhere: .Xauthority .ICEauthority .mozilla .thunderbird .config/google-chrome "
    ".config/chromium: sessions and browsers",
};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

const char *cu_serve_secrets(unsigned i)
{
    return i < COUNT(texts) ? texts[i] : NULL;
}

/* The next path of a list into out (CU_PATH_MAX bytes); its length, 0 at the end, -EINVAL. */
static int take_path(const char **at, char *out)
{
    char word[CU_PATH_MAX];
    size_t len = strcspn(*at, ",");
    int rc;

    if (**at == '\0')
        return 0;
    if (len == 0 || len >= sizeof(word))
        return -EINVAL;
    memcpy(word, *at, len);
    word[len] = '\0';
    *at += len;
    if (**at == ',' && *++*at == '\0')
        return -EINVAL;
    rc = cu_path_normalise(word, out);
    return rc < 0 ? -EINVAL : rc;
}

int cu_serve_check(const char *list)
{
    char path[CU_PATH_MAX];
    unsigned count = 0;
    int len;

    for (const unsigned char *p = (const unsigned char *)list; *p != '\0'; p++) {
        if (*p < 0x20 || *p == 0x7f)
            return -EINVAL;
    }
    while ((len = take_path(&list, path)) > 0) {
        if (++count > CU_SERVE_PATHS_MAX)
            return -EINVAL;
    }
    return len;
}

struct cu_serve *cu_serve_create(const char *list)
{
    struct cu_serve *serve = calloc(1, sizeof(*serve));
    char path[CU_PATH_MAX];
    int len = 0;

    if (serve == NULL || list == NULL)
        return serve;
    while (serve->count < CU_SERVE_PATHS_MAX && (len = take_path(&list, path)) > 0) {
        char *copy = strdup(path);

        len = copy != NULL ? len : -ENOMEM;
        if (copy == NULL)
            break;
        serve->paths[serve->count].path = copy;
        serve->paths[serve->count++].len = (size_t)len;
    }
    if (len >= 0 && *list == '\0')
        return serve;
    cu_serve_destroy(serve);
    return NULL;
}

void cu_serve_destroy(struct cu_serve *serve)
{
    for (size_t i = 0; serve != NULL && i < serve->count; i++)
        free(serve->paths[i].path);
    free(serve);
}

static bool begins(const char *name, size_t len, const char *with)
{
    size_t n = strlen(with);

    return len >= n && memcmp(name, with, n) == 0;
}

/* Do the last components of path[0..end) spell one of the hidden names? */
static bool is_hidden_name(const char *path, size_t end)
{
    for (size_t i = 0; i < COUNT(hidden); i++) {
        size_t n = strlen(hidden[i]);

        if (end > n && path[end - n - 1] == '/' && memcmp(path + end - n, hidden[i], n) == 0)
            return true;
    }
    return false;
}

/* Is the component path[start..end) a secret's name there? */
static bool is_secret(const char *path, size_t start, size_t end)
{
    const char *name = path + start;
    size_t len = end - start;

    if (start == 1) {
        for (size_t i = 0; i < COUNT(tops); i++) {
            if (len == strlen(tops[i]) && memcmp(name, tops[i], len) == 0)
                return true;
        }
    }
    if (start == 5 && memcmp(path, "/tmp/", 5) == 0) {
        for (size_t i = 0; i < COUNT(temporary); i++) {
            if (begins(name, len, temporary[i]))
                return true;
        }
        if (begins(name, len, "copper-") && len > 7 && name[7] >= '0' && name[7] <= '9')
            return true; /* a run directory: a job's key lies there */
    }
    if (name[0] == '.' || (len == 8 && memcmp(name, "keyrings", 8) == 0) ||
        (start > 8 && memcmp(path + start - 8, ".config/", 8) == 0))
        return is_hidden_name(path, end);
    return false;
}

/* Length of the shortest beginning of path, longer than `from`, that ends in a secret's name; 0:
 * none. A path of the list that is longer than one secret does not open the next one below it. */
static size_t find_secret(const char *path, size_t len, size_t from)
{
    for (size_t start = 1; start < len;) {
        const char *slash = memchr(path + start, '/', len - start);
        size_t end = slash != NULL ? (size_t)(slash - path) : len;

        if (end > from && is_secret(path, start, end))
            return end;
        start = end + 1;
    }
    return 0;
}

enum cu_serve_what cu_serve_judge(const struct cu_serve *serve, const char *path, size_t len)
{
    bool within, leads = false;
    size_t longest = 0;

    if (serve == NULL)
        return CU_SERVE_ALL;
    within = serve->count == 0;
    for (size_t i = 0; i < serve->count; i++) {
        const char *entry = serve->paths[i].path;
        size_t entry_len = serve->paths[i].len;

        if (cu_path_within(path, len, entry, entry_len)) {
            within = true;
            longest = entry_len > longest ? entry_len : longest;
        } else if (cu_path_within(entry, entry_len, path, len)) {
            leads = true;
        }
    }
    if (within && find_secret(path, len, longest) == 0)
        return CU_SERVE_ALL;
    return leads ? CU_SERVE_WAY : CU_SERVE_NOT;
}

/* May an entry of this directory be a secret without a dot in front? */
static bool needs_care(const char *dir, size_t len)
{
    return len == 1 || (len == 4 && memcmp(dir, "/tmp", 4) == 0) ||
           (len >= 8 && memcmp(dir + len - 8, "/.config", 8) == 0) ||
           (len >= 6 && memcmp(dir + len - 6, "/share", 6) == 0);
}

bool cu_serve_lists(const struct cu_serve *serve, const char *dir, size_t dir_len,
                    enum cu_serve_what what, const char *name)
{
    char path[CU_PATH_MAX];
    size_t name_len = strlen(name);
    int len;

    if (serve == NULL || (what == CU_SERVE_ALL && name[0] != '.' && !needs_care(dir, dir_len)))
        return true;
    len = dir_len < sizeof(path) && name_len <= CU_NAME_MAX
              ? cu_path_join(dir, dir_len, name, name_len, path, sizeof(path))
              : -ENAMETOOLONG;
    if (len < 0) /* longer than any path of a list, and no secret's name is long */
        return what == CU_SERVE_ALL;
    return cu_serve_judge(serve, path, (size_t)len) != CU_SERVE_NOT;
}
