/* SPDX-License-Identifier: BSD-3-Clause */
/* For tests of storage: a scratch directory as storage's root, and one operation at a time. */
#ifndef STORAGE_TREE_H
#define STORAGE_TREE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "core/counters.h"
#include "proto/dir.h"
#include "proto/xattr.h"
#include "storage/storage.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define WATCHDOG_S 300 /* then SIGALRM: what was waited for did not come */
#define CHUNK      65536u
#define INLINE     4096u

static uv_loop_t loop;
static char root[64];
static struct cu_storage *storage;
static uint64_t counters[CU_COUNTER_COUNT];

static struct {
    unsigned count;
    uint64_t id;
    struct cu_value value; /* of the last one */
} done;

static inline void on_done(void *context, uint64_t id, const struct cu_value *value)
{
    assert_ptr_equal(context, &done);
    done.count++;
    done.id = id;
    cu_value_clear(&done.value);
    cu_value_copy(&done.value, value);
}

static inline int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static inline struct cu_storage_config storage_config(void)
{
    return (struct cu_storage_config){
        .loop = &loop,
        .chunk_bytes = CHUNK,
        .inline_bytes = INLINE,
        .open_files_max = 4,
        .hidden_paths = {"/mount/copper", "/proc"},
        .root = root,
        .counters = counters,
    };
}

/* Without a storage, and its threads. */
static inline int bare_tree_setup(void **state)
{
    (void)state;
    alarm(WATCHDOG_S);
    strcpy(root, "/tmp/cu-storage-XXXXXX");
    if (!mkdtemp(root) || uv_loop_init(&loop))
        return -1;
    memset(counters, 0, sizeof(counters));
    memset(&done, 0, sizeof(done));
    storage = NULL;
    return 0;
}

static inline int tree_setup(void **state)
{
    struct cu_storage_config config = storage_config();

    if (bare_tree_setup(state) != 0)
        return -1;
    storage = cu_storage_create(&config, &done, on_done, NULL);
    return storage ? 0 : -1;
}

static inline int tree_teardown(void **state)
{
    (void)state;
    cu_value_clear(&done.value);
    cu_storage_destroy(storage);
    uv_run(&loop, UV_RUN_DEFAULT);
    nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    alarm(0);
    return uv_loop_close(&loop);
}

/* Path on disk; good until the call after the next. */
static inline const char *at(const char *path)
{
    static char paths[2][8192];
    static int turn;

    turn = !turn;
    snprintf(paths[turn], sizeof(paths[turn]), "%s%s", root, path);
    return paths[turn];
}

static inline void make_dir(const char *path)
{
    assert_int_equal(mkdir(at(path), 0755), 0);
}

static inline unsigned char byte_at(size_t i)
{
    return (unsigned char)((i * 2654435761u) >> 11);
}

static inline void make_file(const char *path, size_t size)
{
    unsigned char *bytes = malloc(size + 1);
    int fd = open(at(path), O_WRONLY | O_CREAT | O_TRUNC, 0644);

    assert_true(fd >= 0);
    for (size_t i = 0; i < size; i++)
        bytes[i] = byte_at(i);
    assert_int_equal(write(fd, bytes, size), size);
    close(fd);
    free(bytes);
}

static inline struct cu_request request_of(enum cu_kind kind, const char *path)
{
    return (struct cu_request){.kind = kind, .path = path, .path_len = strlen(path)};
}

static inline void submit_for(const struct cu_request *request, bool own)
{
    static uint64_t id;
    unsigned count = done.count;

    assert_int_equal(cu_storage_submit(storage, ++id, request, own), 0);
    assert_int_equal(done.count, count); /* not from inside the call */
}

static inline void submit(const struct cu_request *request)
{
    submit_for(request, false);
}

/* Submits, waits; returns the value's error. The value stays in done until the next. */
static inline int run(const struct cu_request *request)
{
    unsigned count = done.count;

    submit(request);
    while (done.count == count)
        uv_run(&loop, UV_RUN_ONCE);
    return done.value.error;
}

static inline int run_kind(enum cu_kind kind, const char *path)
{
    struct cu_request request = request_of(kind, path);

    return run(&request);
}

static inline struct cu_version version_at(const char *path)
{
    assert_int_equal(run_kind(CU_KIND_ATTR, path), 0);
    return cu_version_of(&done.value.attr);
}

static inline int run_chunk(const char *path, struct cu_version version, uint64_t chunk)
{
    struct cu_request request = request_of(CU_KIND_DATA, path);

    request.version = version;
    request.chunk = chunk;
    return run(&request);
}

/* Are buf's bytes those that make_file puts at offset, and is hash theirs? */
static inline void check_bytes(const struct cu_buf *buf, uint64_t hash, size_t offset, size_t size)
{
    assert_non_null(buf);
    assert_int_equal(buf->size, size);
    assert_int_equal(hash, cu_hash_bytes(buf->data, buf->size));
    for (size_t i = 0; i < size; i++) {
        if (buf->data[i] != byte_at(offset + i))
            fail_msg("byte %zu is wrong", offset + i);
    }
}

/* Waits until a change from now on carries another time stamp than all before. */
static inline void let_stamps_age(void)
{
    struct timespec pause = {.tv_nsec = 25000000};

    nanosleep(&pause, NULL);
}

#endif
