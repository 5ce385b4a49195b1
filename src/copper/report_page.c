/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of files are chosen by other users, and the page is opened in a browser. So the data is no
 * code: it is JSON in an element that is not executed, in which no '<' and no '&' is left, so that
 * nothing ends the element; and the page's policy lets only the code run whose digest stands in it.
 */
#include "copper/report_page.h"

#include "base/path.h"
#include "copper/report_parts.h"
#include "host/replace.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void put(const void *bytes, size_t size, FILE *out)
{
    fwrite(bytes, 1, size, out);
}

/* JSON has these outside of texts nowhere. */
static int put_escaped(const char *bytes, size_t size, void *context)
{
    FILE *out = context;

    for (size_t i = 0; i < size; i++) {
        if (bytes[i] == '<' || bytes[i] == '>' || bytes[i] == '&')
            fprintf(out, "\\u%04x", (unsigned)bytes[i]);
        else
            putc(bytes[i], out);
    }
    return ferror(out) ? -1 : 0;
}

/* 'sha256-...' of what stands in an element. */
static void put_digest(const unsigned char *bytes, size_t size, FILE *out)
{
    unsigned char digest[crypto_hash_sha256_BYTES];
    char text[64];

    crypto_hash_sha256(digest, bytes, size);
    sodium_bin2base64(text, sizeof(text), digest, sizeof(digest), sodium_base64_VARIANT_ORIGINAL);
    fprintf(out, "'sha256-%s'", text);
}

int cu_report_page(const json_t *job, FILE *out)
{
    put(cu_report_head, cu_report_head_size, out);
    fputs("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src "
          "data:; base-uri 'none'; form-action 'none'; style-src ",
          out);
    put_digest(cu_report_style, cu_report_style_size, out);
    fputs("; script-src ", out);
    put_digest(cu_report_script, cu_report_script_size, out);
    fputs("\">\n<style>", out);
    put(cu_report_style, cu_report_style_size, out);
    fputs("</style>\n", out);
    put(cu_report_body, cu_report_body_size, out);
    fputs("<script type=\"application/json\" id=\"data\">", out);
    if (json_dump_callback(job, put_escaped, out,
                           JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(15)) != 0)
        return -EIO;
    fputs("</script>\n<script>", out);
    put(cu_report_script, cu_report_script_size, out);
    fputs("</script>\n", out);
    put(cu_report_tail, cu_report_tail_size, out);
    return fflush(out) == 0 && !ferror(out) ? 0 : -EIO;
}

/* A new file beside path, as open as others that this process makes; NULL with errno. */
static FILE *open_beside(const char *path, struct cu_replace *replace)
{
    char dir[CU_PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash + 1 - path) : 0;
    mode_t mask = umask(0);
    FILE *out = NULL;
    int fd, dir_fd;

    umask(mask);
    if (snprintf(dir, sizeof(dir), "%.*s.", (int)len, path) >= (int)sizeof(dir)) {
        errno = ENAMETOOLONG;
        return NULL;
    }
    dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return NULL;
    fd = cu_replace_begin(replace, dir_fd, path + len);
    if (fd >= 0 && fchmod(fd, 0666 & ~mask) == 0)
        out = fdopen(fd, "w");
    if (fd >= 0 && !out) {
        int rc = cu_replace_end(replace, -errno);

        close(fd);
        fd = rc;
    }
    if (!out) {
        close(dir_fd);
        errno = -fd;
    }
    return out;
}

int cu_report_page_file(const json_t *job, const char *path, struct cu_error *err)
{
    struct cu_replace replace;
    struct stat st;
    bool replaces = stat(path, &st) != 0 || S_ISREG(st.st_mode); /* not a device or a pipe */
    FILE *out = replaces ? open_beside(path, &replace) : fopen(path, "we");
    int rc;

    if (!out)
        return cu_error_set(err, -errno, "%s: %s", path, strerror(errno));
    errno = 0;
    rc = cu_report_page(job, out);
    if (fclose(out) != 0 || rc != 0)
        rc = errno != 0 ? -errno : -EIO;
    if (replaces) {
        rc = cu_replace_end(&replace, rc);
        close(replace.dir_fd);
    }
    return rc == 0 ? 0 : cu_error_set(err, rc, "%s: %s", path, strerror(-rc));
}
