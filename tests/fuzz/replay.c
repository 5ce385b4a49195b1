/* SPDX-License-Identifier: BSD-3-Clause */
/* Stands in for libFuzzer in builds without clang: runs a harness once over each file of the
 * directories that are named, so that what the fuzzer found stays found in every test run.
 *
 * A directory without files is a failure: nothing would have been tested. */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    unsigned char *bytes = NULL;
    long size;
    int rc = -1;

    if (!file || fseek(file, 0, SEEK_END) || (size = ftell(file)) < 0 || fseek(file, 0, SEEK_SET))
        goto out;
    bytes = malloc(size ? (size_t)size : 1);
    if (!bytes || fread(bytes, 1, (size_t)size, file) != (size_t)size)
        goto out;
    LLVMFuzzerTestOneInput(bytes, (size_t)size);
    rc = 0;
out:
    if (rc)
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
    free(bytes);
    if (file)
        fclose(file);
    return rc;
}

/* How many files, or -1. */
static int replay_directory(const char *path)
{
    DIR *dir = opendir(path);
    struct dirent *entry;
    char file[4096];
    int count = 0;

    if (!dir) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    while (count >= 0 && (entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
        count = replay_file(file) ? -1 : count + 1;
    }
    closedir(dir);
    return count;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: %s CORPUS_DIRECTORY...\n", argv[0]);
        return 2;
    }
    for (int i = 1; i < argc; i++) {
        int count = replay_directory(argv[i]);

        if (count <= 0) {
            fprintf(stderr, "%s: no input replayed\n", argv[i]);
            return 1;
        }
        printf("%s: %d inputs\n", argv[i], count);
    }
    return 0;
}
