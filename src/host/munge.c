/* SPDX-License-Identifier: BSD-3-Clause */
/* The few functions of libmunge that are needed are declared here, as munge.h has them since 0.5.0
 * (2004): Copper is built without it.
 *
 * The credential is encrypted whatever the site's default is, can be opened by this user only, and
 * lives as long as the site allows: daemons of a large job start one after the other. Each host
 * takes a credential once, as far as munged remembers it; a second time is told as "replayed" and
 * is harmless here, because it is the same user who gets the same secret. */
#include "host/munge.h"

#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#define LIBRARY "libmunge.so.2"
#define LINE    "munge"

enum option { OPT_CIPHER_TYPE = 0, OPT_MAC_TYPE = 1, OPT_TTL = 4, OPT_UID_RESTRICTION = 9 };

enum {
    CIPHER_AES128 = 4,
    CIPHER_AES256 = 5,
    MAC_SHA256 = 5,
    TTL_MAXIMUM = -1,
};

enum result {
    MUNGE_SUCCESS = 0,
    MUNGE_SOCKET = 6,
    MUNGE_TIMEOUT = 7,
    MUNGE_BAD_CIPHER = 10,
    MUNGE_EXPIRED = 15,
    MUNGE_REWOUND = 16,
    MUNGE_REPLAYED = 17,
    MUNGE_UNAUTHORIZED = 18,
};

struct munge {
    void *library;
    void *context;
    void *(*ctx_create)(void);
    void (*ctx_destroy)(void *context);
    int (*ctx_set)(void *context, int option, ...);
    const char *(*ctx_strerror)(void *context);
    int (*encode)(char **credential, void *context, const void *bytes, int size);
    int (*decode)(const char *credential, void *context, void **bytes, int *size, uid_t *uid,
                  gid_t *gid);
};

static bool find(const struct munge *m, const char *name, void *function)
{
    void *found = dlsym(m->library, name);

    memcpy(function, &found, sizeof(found));
    return found != NULL;
}

static void munge_close(struct munge *m)
{
    if (m->context)
        m->ctx_destroy(m->context);
    if (m->library)
        dlclose(m->library);
}

static int munge_open(struct munge *m, struct cu_error *err)
{
    memset(m, 0, sizeof(*m));
    m->library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!m->library)
        return cu_error_set(err, -ENOENT, "no MUNGE: %s", dlerror());
    if (!find(m, "munge_ctx_create", &m->ctx_create) ||
        !find(m, "munge_ctx_destroy", &m->ctx_destroy) || !find(m, "munge_ctx_set", &m->ctx_set) ||
        !find(m, "munge_ctx_strerror", &m->ctx_strerror) || !find(m, "munge_encode", &m->encode) ||
        !find(m, "munge_decode", &m->decode)) {
        munge_close(m);
        return cu_error_set(err, -ENOENT, "no MUNGE: " LIBRARY " lacks a function");
    }
    m->context = m->ctx_create();
    if (m->context)
        return 0;
    munge_close(m);
    return cu_error_set(err, -ENOMEM, "out of memory");
}

/* What munged says in words, with its number in our kind. */
static int explain(const struct munge *m, enum result result, struct cu_error *err)
{
    const char *text = m->ctx_strerror(m->context);
    int rc = -EBADMSG;

    if (result == MUNGE_SOCKET || result == MUNGE_TIMEOUT)
        rc = -ENOENT;
    else if (result == MUNGE_EXPIRED || result == MUNGE_REWOUND)
        rc = -EKEYEXPIRED;
    else if (result == MUNGE_UNAUTHORIZED)
        rc = -EPERM;
    return cu_error_set(err, rc, "MUNGE: %s", text ? text : "refused");
}

static int seal(const void *secret, size_t size, char **credential, struct cu_error *err)
{
    struct munge m;
    int rc = munge_open(&m, err), result;

    if (rc != 0)
        return rc;
    result = m.ctx_set(m.context, OPT_UID_RESTRICTION, geteuid());
    if (result == MUNGE_SUCCESS)
        result = m.ctx_set(m.context, OPT_MAC_TYPE, MAC_SHA256);
    if (result == MUNGE_SUCCESS)
        result = m.ctx_set(m.context, OPT_TTL, TTL_MAXIMUM);
    if (result == MUNGE_SUCCESS)
        result = m.ctx_set(m.context, OPT_CIPHER_TYPE, CIPHER_AES256);
    if (result == MUNGE_SUCCESS)
        result = m.encode(credential, m.context, secret, (int)size);
    if (result == MUNGE_BAD_CIPHER && /* a build without it */
        m.ctx_set(m.context, OPT_CIPHER_TYPE, CIPHER_AES128) == MUNGE_SUCCESS)
        result = m.encode(credential, m.context, secret, (int)size);
    if (result != MUNGE_SUCCESS)
        rc = explain(&m, (enum result)result, err);
    munge_close(&m);
    return rc;
}

/* *secret: from malloc. */
static int unseal(const char *credential, char **secret, size_t *size, struct cu_error *err)
{
    uid_t uid = (uid_t)-1;
    void *bytes = NULL;
    struct munge m;
    gid_t gid;
    int rc = munge_open(&m, err), length = 0, result;

    if (rc != 0)
        return rc;
    assert(m.decode != NULL);
    result = m.decode(credential, m.context, &bytes, &length, &uid, &gid);
    if (result != MUNGE_SUCCESS && result != MUNGE_REPLAYED)
        rc = explain(&m, (enum result)result, err);
    else if (uid != geteuid())
        rc = cu_error_set(err, -EPERM, "MUNGE: the credential is of uid %ld", (long)uid);
    else if (!bytes || length <= 0)
        rc = cu_error_set(err, -EBADMSG, "MUNGE: the credential is empty");
    munge_close(&m);
    if (rc == 0) {
        *secret = bytes;
        *size = (size_t)length;
    } else if (bytes) {
        explicit_bzero(bytes, (size_t)length);
        free(bytes);
    }
    return rc;
}

/* The value in the line that begins with name and a space; NULL when there is none. */
static const char *find_line(const char *text, size_t text_size, const char *name, size_t *size)
{
    size_t name_len = strlen(name);

    for (const char *line = text, *end = text + text_size; line < end;) {
        const char *newline = memchr(line, '\n', (size_t)(end - line));
        size_t len = newline ? (size_t)(newline - line) : (size_t)(end - line);

        if (len > name_len && memcmp(line, name, name_len) == 0 && line[name_len] == ' ') {
            *size = len - name_len - 1;
            return line + name_len + 1;
        }
        line += len + 1;
    }
    return NULL;
}

/* text with the line around value (of the old name) said anew. */
static char *replace_line(const char *text, size_t text_size, const char *value, size_t value_size,
                          size_t old_name_len, const char *name, const char *new_value,
                          size_t new_size, size_t *size)
{
    size_t before = (size_t)(value - text) - old_name_len - 1;
    size_t after = text_size - (size_t)(value - text) - value_size;
    char *all, *at;

    *size = before + strlen(name) + 1 + new_size + after;
    all = malloc(*size + 1);
    if (!all)
        return NULL;
    memcpy(all, text, before);
    at = stpcpy(all + before, name);
    *at++ = ' ';
    memcpy(at, new_value, new_size);
    memcpy(at + new_size, value + value_size, after);
    all[*size] = '\0';
    return all;
}

char *cu_munge_seal_line(const char *text, const char *name, struct cu_error *err)
{
    size_t value_size = 0, size;
    const char *value = find_line(text, strlen(text), name, &value_size);
    char *credential = NULL, *sealed = NULL;

    if (!value) {
        (void)cu_error_set(err, -EINVAL, "the text has no line \"%s\"", name);
        return NULL;
    }
    if (seal(value, value_size, &credential, err) != 0)
        return NULL;
    assert(credential != NULL);
    sealed = replace_line(text, strlen(text), value, value_size, strlen(name), LINE, credential,
                          strlen(credential), &size);
    free(credential);
    if (!sealed)
        (void)cu_error_set(err, -ENOMEM, "out of memory");
    return sealed;
}

int cu_munge_open_line(char **text, size_t *size, const char *name, struct cu_error *err)
{
    size_t value_size = 0, secret_size = 0, opened_size;
    const char *value = find_line(*text, *size, LINE, &value_size);
    char *credential, *secret = NULL, *opened = NULL;
    int rc;

    if (!value)
        return 0;
    credential = strndup(value, value_size);
    if (!credential)
        return cu_error_set(err, -ENOMEM, "out of memory");
    rc = unseal(credential, &secret, &secret_size, err);
    free(credential);
    if (rc != 0)
        return rc;
    opened = replace_line(*text, *size, value, value_size, strlen(LINE), name, secret, secret_size,
                          &opened_size);
    explicit_bzero(secret, secret_size);
    free(secret);
    if (!opened)
        return cu_error_set(err, -ENOMEM, "out of memory");
    explicit_bzero(*text, *size);
    free(*text);
    *text = opened;
    *size = opened_size;
    return 0;
}
