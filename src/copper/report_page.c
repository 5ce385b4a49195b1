/* SPDX-License-Identifier: BSD-3-Clause */
/* Names of files are chosen by other users, and the page is opened in a browser. So the data is no
 * code: it is JSON in an element that is not executed, in which no '<' and no '&' is left, so that
 * nothing ends the element; and the page's policy lets only the code run whose digest stands in it.
 */
#include "copper/report_page.h"

#include "base/path.h"
#include "copper/report_parts.h"

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

/* A file beside path, as open as others that this process makes; NULL with errno. */
static FILE *open_beside(const char *path, char name[CU_PATH_MAX])
{
    mode_t mask = umask(0);
    FILE *out = NULL;
    int fd, wrong;

    umask(mask);
    if (snprintf(name, CU_PATH_MAX, "%s.XXXXXX", path) >= CU_PATH_MAX) {
        errno = ENAMETOOLONG;
        return NULL;
    }
    fd = mkostemp(name, O_CLOEXEC);
    if (fd >= 0 && fchmod(fd, 0666 & ~mask) == 0)
        out = fdopen(fd, "w");
    if (fd >= 0 && !out) {
        wrong = errno;
        close(fd);
        unlink(name);
        errno = wrong;
    }
    return out;
}

int cu_report_page_file(const json_t *job, const char *path, struct cu_error *err)
{
    char name[CU_PATH_MAX] = "";
    struct stat st;
    bool replaces = stat(path, &st) != 0 || S_ISREG(st.st_mode); /* not a device or a pipe */
    FILE *out = replaces ? open_beside(path, name) : fopen(path, "we");
    int rc;

    if (!out)
        return cu_error_set(err, -errno, "%s: %s", path, strerror(errno));
    errno = 0;
    rc = cu_report_page(job, out);
    if (fclose(out) != 0 || rc != 0)
        rc = errno != 0 ? -errno : -EIO;
    if (rc == 0 && replaces && rename(name, path) != 0)
        rc = -errno;
    if (rc == 0)
        return 0;
    if (replaces)
        unlink(name);
    return cu_error_set(err, rc, "%s: %s", path, strerror(-rc));
}
