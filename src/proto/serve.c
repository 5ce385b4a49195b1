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
#include <stdint.h>
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

/* Anywhere; "a/b" is b in a directory a. In the form of fold_name. */
#define NAME(text)                                                                                 \
    {                                                                                              \
        text, sizeof(text) - 1                                                                     \
    }
static const struct {
    const char *text;
    size_t len;
} hidden[] = {
    NAME(".ssh"),
    NAME(".gnupg"),
    NAME(".aws"),
    NAME(".azure"),
    NAME(".netrc"),
    NAME(".kube"),
    NAME(".docker"),
    NAME(".dockercfg"),
    NAME(".git-credentials"),
    NAME(".password-store"),
    NAME(".pki"),
    NAME(".pgpass"),
    NAME(".my.cnf"),
    NAME(".mylogin.cnf"),
    NAME(".pypirc"),
    NAME(".npmrc"),
    NAME(".vault-token"),
    NAME(".vnc"),
    NAME(".xauthority"),
    NAME(".iceauthority"),
    NAME(".globus"),
    NAME(".globusonline"),
    NAME(".mozilla"),
    NAME(".thunderbird"),
    NAME(".boto"),
    NAME(".s3cfg"),
    NAME(".oci"),
    NAME(".ngc"),
    NAME(".kaggle"),
    NAME(".huggingface"),
    NAME(".databrickscfg"),
    NAME(".terraform.d"),
    NAME(".smbcredentials"),
    NAME(".krb5"),
    NAME(".config/gcloud"),
    NAME(".config/gh"),
    NAME(".config/glab-cli"),
    NAME(".config/hub"),
    NAME(".config/containers"),
    NAME(".config/rclone"),
    NAME(".config/sops"),
    NAME(".config/op"),
    NAME(".config/google-chrome"),
    NAME(".config/chromium"),
    NAME(".config/microsoft-edge"),
    NAME(".config/bravesoftware"),
    NAME(".cargo/credentials"),
    NAME(".cargo/credentials.toml"),
    NAME(".gem/credentials"),
    NAME(".subversion/auth"),
    NAME("huggingface/token"),
    NAME("share/keyrings"),
    NAME("share/kwalletd"),
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
    "anywhere, names that begin with .copper.: a job's key, on its way to the nodes",
    "anywhere, in upper or lower case: .ssh .gnupg .pki .krb5 .globus .globusonline "
    ".password-store "
    ".config/sops .config/op share/keyrings share/kwalletd: keys",
    "anywhere, in upper or lower case: .aws .azure .oci .ngc .boto .s3cfg .kube .docker .dockercfg "
    ".terraform.d .vault-token .databrickscfg .kaggle .huggingface huggingface/token "
    ".config/containers .config/gcloud .config/rclone: accounts of clouds and registries",
    "anywhere, in upper or lower case: .netrc .pgpass .my.cnf .mylogin.cnf .pypirc .npmrc .vnc "
    ".git-credentials .smbcredentials .cargo/credentials .cargo/credentials.toml .gem/credentials "
    ".subversion/auth .config/gh .config/glab-cli .config/hub: passwords and tokens in files",
    "anywhere, in upper or lower case: .Xauthority .ICEauthority .mozilla .thunderbird "
    ".config/google-chrome .config/chromium .config/microsoft-edge .config/BraveSoftware: sessions "
    "and browsers",
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

    if (!serve || !list)
        return serve;
    while (serve->count < CU_SERVE_PATHS_MAX && (len = take_path(&list, path)) > 0) {
        char *copy = strdup(path);

        len = copy ? len : -ENOMEM;
        if (!copy)
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
    for (size_t i = 0; serve && i < serve->count; i++)
        free(serve->paths[i].path);
    free(serve);
}

static bool begins(const char *name, size_t len, const char *with)
{
    size_t n = strlen(with);

    return len >= n && memcmp(name, with, n) == 0;
}

/* What file systems that ignore case take for other characters (Unicode's full case folding), as
 * far as these are of a hidden name. */
static const struct {
    const char *from, *to;
} folded[] = {
    {"\xc5\xbf", "s"},      {"\xe2\x84\xaa", "k"},   {"\xc3\x9f", "ss"},
    {"\xe1\xba\x9e", "ss"}, {"\xef\xac\x80", "ff"},  {"\xef\xac\x81", "fi"},
    {"\xef\xac\x82", "fl"}, {"\xef\xac\x83", "ffi"}, {"\xef\xac\x84", "ffl"},
    {"\xef\xac\x85", "st"}, {"\xef\xac\x86", "st"},
};

/* What they do not see at all: bytes, and the last byte's range. */
static const struct {
    const char *before;
    uint8_t first, last;
    uint8_t more; /* bytes behind it */
} ignored[] = {
    {"\xc2", 0xad, 0xad, 0},         {"\xcd", 0x8f, 0x8f, 0},     {"\xd8", 0x9c, 0x9c, 0},
    {"\xe1\x85", 0x9f, 0xa0, 0},     {"\xe1\x9e", 0xb4, 0xb5, 0}, {"\xe1\xa0", 0x8b, 0x8f, 0},
    {"\xe2\x80", 0x8b, 0x8f, 0},     {"\xe2\x80", 0xaa, 0xae, 0}, {"\xe2\x81", 0xa0, 0xaf, 0},
    {"\xe3\x85", 0xa4, 0xa4, 0},     {"\xef\xb8", 0x80, 0x8f, 0}, {"\xef\xbb", 0xbf, 0xbf, 0},
    {"\xef\xbe", 0xa0, 0xa0, 0},     {"\xef\xbf", 0xb0, 0xb8, 0}, {"\xf0\x9b\xb2", 0xa0, 0xa3, 0},
    {"\xf0\x9d\x85", 0xb3, 0xba, 0}, {"\xf3\xa0", 0x80, 0xbf, 1},
};

/* A character of several bytes at `at`: what stands for it (at most 4 bytes and NUL) into to. How
 * many bytes it has. */
static size_t fold_character(const char *at, size_t left, char *to)
{
    for (size_t i = 0; i < COUNT(folded); i++) {
        size_t n = strlen(folded[i].from);

        if (begins(at, left, folded[i].from)) {
            memcpy(to, folded[i].to, strlen(folded[i].to) + 1);
            return n;
        }
    }
    to[0] = '\0';
    for (size_t i = 0; i < COUNT(ignored); i++) {
        size_t n = strlen(ignored[i].before);

        if (left > n + ignored[i].more && begins(at, left, ignored[i].before) &&
            (uint8_t)at[n] >= ignored[i].first && (uint8_t)at[n] <= ignored[i].last)
            return n + 1 + ignored[i].more;
    }
    to[0] = at[0];
    to[1] = '\0';
    return 1;
}

/* The path as a file system that ignores case sees it. Its length, 0 when out has no room. */
static size_t fold_name(const char *path, size_t len, char *out, size_t size)
{
    size_t used = 0;

    for (size_t at = 0; at < len;) {
        char c = path[at], to[8];
        size_t n;

        if ((uint8_t)c < 0x80) {
            if (used == size)
                return 0;
            out[used++] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
            at++;
            continue;
        }
        at += fold_character(path + at, len - at, to);
        n = strlen(to);
        if (used + n > size)
            return 0;
        memcpy(out + used, to, n);
        used += n;
    }
    return used;
}

/* Do the last two components of path[0..end), of which the first begins at `from`, spell one of the
 * hidden names? */
static bool is_hidden_name(const char *path, size_t from, size_t end)
{
    char name[1 + 2 * (CU_NAME_MAX + 1)] = "/";
    size_t len = fold_name(path + from, end - from, name + 1, sizeof(name) - 1);

    if (len == 0)
        return false;
    len++;
    for (size_t i = 0; i < COUNT(hidden); i++) {
        size_t n = hidden[i].len;

        if (len > n && name[len - n - 1] == '/' && memcmp(name + len - n, hidden[i].text, n) == 0)
            return true;
    }
    return false;
}

/* May this be a name of `hidden`, or of a directory in which one stands? Names without a dot in
 * front are few. */
static bool may_be_hidden(const char *name, size_t len)
{
    static const char *const dirs[] = {"share", "huggingface"};
    size_t n = 0, i = len == 5 ? 0 : 1;

    if (name[0] == '.' || (uint8_t)name[0] >= 0x80)
        return len > 0;
    if (len != 5 && len != 11)
        return false;
    while (n < len && (name[n] | 0x20) == dirs[i][n]) /* of letters */
        n++;
    return n == len;
}

/* Is the component path[start..end) a secret's name there? The one before it begins at `from`;
 * start: there is none. */
static bool is_secret(const char *path, size_t from, size_t start, size_t end)
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
    if (begins(name, len, ".copper."))
        return true; /* a job's description, for launchers that pass it in a file */
    if (may_be_hidden(name, len) || (from < start && may_be_hidden(path + from, start - 1 - from)))
        return is_hidden_name(path, from, end);
    return false;
}

/* Length of the shortest beginning of path, longer than `from`, that ends in a secret's name; 0:
 * none. A path of the list that is longer than one secret does not open the next one below it. */
static size_t find_secret(const char *path, size_t len, size_t from)
{
    for (size_t start = 1, before = 1; start < len;) {
        const char *slash = memchr(path + start, '/', len - start);
        size_t end = slash ? (size_t)(slash - path) : len;

        if (end > from && is_secret(path, before, start, end))
            return end;
        before = start;
        start = end + 1;
    }
    return 0;
}

enum cu_serve_what cu_serve_judge(const struct cu_serve *serve, const char *path, size_t len)
{
    bool within, leads = false;
    size_t longest = 0;

    if (!serve)
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
    size_t start = len;

    while (start > 1 && dir[start - 1] != '/')
        start--;
    return len == 1 || (len == 4 && memcmp(dir, "/tmp", 4) == 0) ||
           may_be_hidden(dir + start, len - start);
}

/* Is name a secret's in a directory whose path is too long to be put together? Of the path only the
 * last component counts: secrets of certain directories have short paths. */
static bool is_deep_secret(const char *dir, size_t len, const char *name, size_t name_len)
{
    char path[sizeof("/-/") + 2 * (CU_NAME_MAX + 1)] = "/-/";
    size_t from = len, start;

    while (from > 1 && dir[from - 1] != '/')
        from--;
    if (len - from > CU_NAME_MAX)
        return false;
    start = 3 + (len - from) + 1;
    memcpy(path + 3, dir + from, len - from);
    path[start - 1] = '/';
    memcpy(path + start, name, name_len);
    return is_secret(path, 3, start, start + name_len);
}

bool cu_serve_lists(const struct cu_serve *serve, const char *dir, size_t dir_len,
                    enum cu_serve_what what, const char *name)
{
    char path[CU_PATH_MAX];
    size_t name_len = strlen(name);
    int len;

    if (!serve ||
        (what == CU_SERVE_ALL && !may_be_hidden(name, name_len) && !needs_care(dir, dir_len)))
        return true;
    if (name_len > CU_NAME_MAX) /* no secret's name is so long */
        return what == CU_SERVE_ALL;
    len = dir_len < sizeof(path) ? cu_path_join(dir, dir_len, name, name_len, path, sizeof(path))
                                 : -ENAMETOOLONG;
    if (len < 0) /* longer than any path of a list */
        return what == CU_SERVE_ALL && !is_deep_secret(dir, dir_len, name, name_len);
    return cu_serve_judge(serve, path, (size_t)len) != CU_SERVE_NOT;
}
