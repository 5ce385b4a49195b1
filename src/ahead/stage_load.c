/* SPDX-License-Identifier: BSD-3-Clause */
/* Content of a stage: the chunks of files that did not come along with their attributes, file by
 * file. Chunks that lie in a hole are not asked for. A file that changes meanwhile is begun
 * again. */
#include "ahead/stage_state.h"

#include "proto/holes.h"

#include <errno.h>

#define SPARSE_MIN (1u << 20) /* smaller files are loaded with their zeros */

static uint64_t cost_of(const struct cu_stage *s, const struct cu_stage_item *file)
{
    uint64_t chunks = (file->data + s->config.chunk_bytes - 1) / s->config.chunk_bytes;

    return file->data + chunks * (CU_STAGE_COST + file->path_len);
}

static void queue(struct cu_stage *s, struct cu_stage_item *file)
{
    file->queued = true;
    cu_stage_push(&s->files, file);
}

void cu_stage_file(struct cu_stage *s, struct cu_stage_item *file, const struct cu_attr *attr)
{
    struct cu_ahead_want want = {.kind = CU_KIND_HOLES,
                                 .path = file->path,
                                 .path_len = file->path_len,
                                 .version = cu_version_of(attr)};
    uint64_t used = attr->blocks > UINT64_MAX / 512 ? UINT64_MAX : attr->blocks * 512;
    bool sparse = attr->size >= SPARSE_MIN && used < attr->size;

    file->version = want.version;
    file->size = attr->size;
    file->data = sparse ? used : attr->size;
    file->chunk = 0;
    file->done = 0;
    file->error = 0;
    if (s->figures.held + cost_of(s, file) > s->config.room) {
        s->figures.over_files++;
        s->figures.over_bytes += file->data;
        cu_stage_item_free(file);
        return;
    }
    s->figures.held += cost_of(s, file);
    s->figures.bytes += file->data;
    if (!sparse || !cu_stage_ask(s, CU_STAGE_HOLES, file, &want, 0))
        queue(s, file);
}

void cu_stage_holes(struct cu_stage *s, struct cu_stage_item *file, const struct cu_value *value)
{
    if (!value->error && cu_holes_is_valid(value->bytes))
        file->bytes = cu_buf_ref(value->bytes);
    queue(s, file);
}

/* Nothing of the file is under way, or will be asked for. */
static void finish(struct cu_stage *s, struct cu_stage_item *file)
{
    uint64_t left = file->data - file->done;

    if (file->error == ESTALE && file->tries < CU_STAGE_RETRIES) {
        s->figures.held -= cost_of(s, file);
        s->figures.bytes -= file->data;
        s->figures.bytes_done -= file->done;
        cu_buf_unref(file->bytes);
        file->bytes = NULL;
        file->tries++;
        cu_stage_name(s, file);
        return;
    }
    if (file->error) {
        s->figures.bytes -= left; /* it will not come */
        cu_stage_fail(s, file->path, file->path_len, file->error);
    } else {
        s->figures.bytes_done += left; /* blocks that storage counts and a reader does not */
    }
    cu_stage_item_free(file);
}

void cu_stage_chunk(struct cu_stage *s, struct cu_stage_item *file, uint32_t asked,
                    const struct cu_value *value)
{
    file->open--;
    if (value->error) {
        file->error = value->error;
    } else {
        uint64_t more = file->data - file->done;

        more = asked < more ? asked : more;
        file->done += more;
        s->figures.bytes_done += more;
    }
    if (file->open == 0 && !file->queued)
        finish(s, file);
}

/* Are there chunks to ask for? file->chunk is the next one then. */
static bool more(const struct cu_stage *s, struct cu_stage_item *file)
{
    uint64_t chunk_bytes = s->config.chunk_bytes;

    while (!file->error && file->chunk * chunk_bytes < file->size) {
        uint64_t start = file->chunk * chunk_bytes, end = start + chunk_bytes;
        struct cu_hole hole;

        end = end < file->size ? end : file->size;
        if (!cu_holes_cover(file->bytes, start, end))
            return true;
        file->chunk++;
        if (cu_holes_next(file->bytes, start, &hole) && hole.end / chunk_bytes > file->chunk)
            file->chunk = hole.end / chunk_bytes;
    }
    return false;
}

static void ask_chunk(struct cu_stage *s, struct cu_stage_item *file, uint32_t bytes)
{
    struct cu_ahead_want want = {.kind = CU_KIND_DATA,
                                 .path = file->path,
                                 .path_len = file->path_len,
                                 .version = file->version,
                                 .chunk = file->chunk,
                                 .home = file->size > s->config.max_cacheable_bytes};

    if (cu_stage_ask(s, CU_STAGE_CHUNK, file, &want, bytes)) {
        file->chunk++;
        file->open++;
    } else {
        file->error = ENOMEM;
    }
}

bool cu_stage_load(struct cu_stage *s, uint64_t *bytes)
{
    struct cu_stage_item *file = s->files.first;
    uint64_t left, size;

    if (!file)
        return false;
    if (!more(s, file)) {
        cu_stage_pop(&s->files);
        file->queued = false;
        if (file->open == 0)
            finish(s, file);
        return true;
    }
    left = file->size - file->chunk * s->config.chunk_bytes;
    size = left < s->config.chunk_bytes ? left : s->config.chunk_bytes;
    if (s->loads >= CU_STAGE_LOADS || *bytes < size ||
        (s->loads > 0 && s->load_bytes + size > CU_STAGE_LOAD_MAX))
        return false;
    *bytes -= size;
    s->figures.asked += size;
    ask_chunk(s, file, (uint32_t)size);
    return true;
}
