/* SPDX-License-Identifier: BSD-3-Clause */
/* The area: a page of head, the buffer for requests, then records of one to UNITS_MAX units of
 * 64 bytes. A record keeps its size for ever; a free one is reused for a record of the same size,
 * so there is no compaction and no pause. Freed records are in lists by size, whose links are
 * stored inside them; a process that opens the area does not trust these links and rebuilds the
 * lists.
 *
 * Invariants: `used` is published after the size of the record before it, so the records up to
 * `used` can be walked at any moment; a record counts only while its kind says so, and its kind is
 * published last. */
#include "front/recovery.h"

#include "base/hash.h"
#include "base/path.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define MAGIC     UINT64_C(0x637572656376ad01)
#define UNIT      ((size_t)64)
#define UNITS_MAX 20u
#define HEAD      ((size_t)4096)
/* Units reserved for requests: a process whose request is lost would wait forever. */
#define RESERVE 16384u

enum kind { FREE = 0, NODE = 0x6e6f6465, REQUEST = 0x72657173 };

struct head {
    uint64_t magic;
    uint64_t next_id;
    uint64_t trying;
    uint32_t phase;
    uint32_t used; /* units; the first is not used, so that no handle is 0 */
    uint32_t forgot;
    uint32_t restarts;
    uint32_t init_size;
    uint8_t init[CU_RECOVERY_INIT_MAX];
};

struct record {
    uint32_t kind;
    uint16_t size; /* of the payload */
    uint8_t units;
    uint8_t tries;
    uint64_t lookups;
    uint64_t check; /* hash of the payload */
    uint8_t payload[];
};

struct node_payload {
    uint64_t nodeid;
    uint64_t parent;
    struct cu_attr attr;
    uint8_t has_attr;
    uint8_t inside;
    uint16_t name_len;
    char name[];
};

struct cu_recovery {
    struct head *head; /* shared */
    uint8_t *units;    /* shared */
    size_t bytes;
    uint32_t capacity; /* units */
    uint32_t free[UNITS_MAX + 1];
    bool incomplete;
    uint64_t left_out;
};

_Static_assert(sizeof(struct head) <= HEAD, "the head outgrows its page");
_Static_assert(sizeof(struct record) + CU_RECOVERY_REQUEST_MAX <= UNITS_MAX * UNIT, "too long");
_Static_assert(sizeof(struct record) + sizeof(struct node_payload) + CU_NAME_MAX <=
                   UNITS_MAX * UNIT,
               "a node's record does not fit");

static struct record *at_unit(const struct cu_recovery *r, uint32_t unit)
{
    return (struct record *)(r->units + unit * UNIT);
}

struct cu_recovery *cu_recovery_create(size_t bytes)
{
    struct cu_recovery *r = calloc(1, sizeof(*r));
    void *memory = MAP_FAILED;

    if (!r)
        return NULL;
    for (; bytes >= CU_RECOVERY_BYTES_MIN; bytes /= 2) {
        memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                      MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory != MAP_FAILED)
            break;
    }
    if (memory == MAP_FAILED) {
        free(r);
        return NULL;
    }
    madvise(memory, bytes, MADV_DONTDUMP);
    r->head = memory;
    r->bytes = bytes;
    r->units = (uint8_t *)memory + HEAD + CU_RECOVERY_BUFFER_BYTES;
    r->capacity = (uint32_t)((bytes - HEAD - CU_RECOVERY_BUFFER_BYTES) / UNIT);
    return r;
}

void cu_recovery_destroy(struct cu_recovery *r)
{
    if (!r)
        return;
    munmap(r->head, r->bytes);
    free(r);
}

/* --- records ---------------------------------------------------------------------------------- */

static void publish(struct record *record, enum kind kind)
{
    __atomic_store_n(&record->kind, (uint32_t)kind, __ATOMIC_RELEASE);
}

static void push_free(struct cu_recovery *r, uint32_t unit)
{
    struct record *record = at_unit(r, unit);

    record->lookups = r->free[record->units];
    r->free[record->units] = unit;
}

/* A record that is not published, with room for a payload of size; 0: the area is full. */
static uint32_t take(struct cu_recovery *r, size_t size, uint32_t reserve)
{
    uint8_t units = (uint8_t)((sizeof(struct record) + size + UNIT - 1) / UNIT);
    uint32_t unit = r->free[units];

    if (unit != 0) {
        r->free[units] = (uint32_t)at_unit(r, unit)->lookups;
    } else {
        unit = r->head->used;
        if ((uint64_t)unit + units + reserve > r->capacity) {
            r->incomplete = true;
            r->left_out++;
            return 0;
        }
        at_unit(r, unit)->kind = FREE;
        at_unit(r, unit)->units = units;
        __atomic_store_n(&r->head->used, unit + units, __ATOMIC_RELEASE);
    }
    at_unit(r, unit)->size = (uint16_t)size;
    return unit;
}

static bool sane(const struct record *record)
{
    if (sizeof(*record) + record->size > record->units * UNIT)
        return false;
    return cu_hash_bytes(record->payload, record->size) == record->check;
}

/* Walks all records: collects free ones in the lists, and frees damaged ones. An impossible size
 * ends the walk, because the position of the next record is unknown then. */
static void scan(struct cu_recovery *r)
{
    uint32_t used = r->head->used, unit = 1;

    if (used > r->capacity || used == 0) {
        used = r->capacity;
        r->incomplete = true;
    }
    while (unit < used) {
        struct record *record = at_unit(r, unit);

        if (record->units == 0 || record->units > UNITS_MAX || record->units > used - unit) {
            r->incomplete = true;
            break;
        }
        if (record->kind != FREE &&
            ((record->kind != NODE && record->kind != REQUEST) || !sane(record))) {
            r->incomplete = true;
            publish(record, FREE);
        }
        if (record->kind == FREE)
            push_free(r, unit);
        unit += record->units;
    }
    r->head->used = unit;
}

bool cu_recovery_open(struct cu_recovery *r)
{
    if (!r)
        return false;
    memset(r->free, 0, sizeof(r->free));
    r->incomplete = false;
    r->left_out = 0;
    if (r->head->magic == MAGIC) {
        r->head->restarts++;
        scan(r);
        return true;
    }
    r->head->used = 1;
    r->head->next_id = 0;
    r->head->trying = 0;
    r->head->forgot = 0;
    r->head->restarts = 0;
    r->head->init_size = 0;
    __atomic_store_n(&r->head->magic, MAGIC, __ATOMIC_RELEASE);
    return false;
}

uint32_t cu_recovery_put_node(struct cu_recovery *r, const struct cu_recovery_node *node)
{
    size_t size = offsetof(struct node_payload, name) + node->name_len;
    uint32_t unit = r ? take(r, size, RESERVE) : 0;
    struct record *record;
    struct node_payload *payload;

    if (unit == 0)
        return 0;
    record = at_unit(r, unit);
    payload = (struct node_payload *)record->payload;
    memset(payload, 0, sizeof(*payload));
    payload->nodeid = node->nodeid;
    payload->parent = node->parent;
    payload->has_attr = node->attr != NULL;
    payload->inside = node->inside;
    if (node->attr)
        payload->attr = *node->attr;
    payload->name_len = node->name_len;
    memcpy(payload->name, node->name, node->name_len);
    record->lookups = node->lookups;
    record->check = cu_hash_bytes(payload, size);
    publish(record, NODE);
    return unit;
}

void cu_recovery_set_lookups(struct cu_recovery *r, uint32_t handle, uint64_t lookups)
{
    if (r && handle)
        __atomic_store_n(&at_unit(r, handle)->lookups, lookups, __ATOMIC_RELEASE);
}

uint32_t cu_recovery_put_request(struct cu_recovery *r, const void *bytes, size_t size,
                                 uint8_t tries)
{
    uint32_t unit = r && size <= CU_RECOVERY_REQUEST_MAX ? take(r, size, 0) : 0;
    struct record *record;

    if (unit == 0)
        return 0;
    record = at_unit(r, unit);
    memcpy(record->payload, bytes, size);
    record->tries = tries;
    record->check = cu_hash_bytes(record->payload, size);
    publish(record, REQUEST);
    return unit;
}

void cu_recovery_drop(struct cu_recovery *r, uint32_t handle)
{
    if (!r || handle == 0)
        return;
    publish(at_unit(r, handle), FREE);
    push_free(r, handle);
}

static struct record *next_of(const struct cu_recovery *r, uint32_t *at, enum kind kind,
                              uint32_t *unit)
{
    *unit = *at == 0 ? 1 : *at;
    while (r && *unit < r->head->used) {
        struct record *record = at_unit(r, *unit);

        *at = *unit + record->units;
        if (record->kind == (uint32_t)kind)
            return record;
        *unit = *at;
    }
    return NULL;
}

bool cu_recovery_next_node(const struct cu_recovery *r, uint32_t *at, struct cu_recovery_node *node)
{
    const struct node_payload *payload;
    const struct record *record;
    uint32_t unit;

    while ((record = next_of(r, at, NODE, &unit))) {
        payload = (const struct node_payload *)record->payload;
        if (record->size < offsetof(struct node_payload, name) ||
            record->size != offsetof(struct node_payload, name) + payload->name_len)
            continue;
        *node = (struct cu_recovery_node){
            .nodeid = payload->nodeid,
            .parent = payload->parent,
            .lookups = record->lookups,
            .attr = payload->has_attr ? &payload->attr : NULL,
            .inside = payload->inside != 0,
            .name = payload->name,
            .name_len = payload->name_len,
            .handle = unit,
        };
        return true;
    }
    return false;
}

bool cu_recovery_next_request(const struct cu_recovery *r, uint32_t *at,
                              struct cu_recovery_request *request)
{
    uint32_t unit;
    const struct record *record = next_of(r, at, REQUEST, &unit);

    if (!record)
        return false;
    *request = (struct cu_recovery_request){
        .bytes = record->payload,
        .size = record->size,
        .tries = record->tries,
        .handle = unit,
    };
    return true;
}

/* --- the head --------------------------------------------------------------------------------- */

uint32_t cu_recovery_restarts(const struct cu_recovery *r)
{
    return r ? r->head->restarts : 0;
}

enum cu_recovery_phase cu_recovery_phase(const struct cu_recovery *r)
{
    return (enum cu_recovery_phase)(r ? __atomic_load_n(&r->head->phase, __ATOMIC_ACQUIRE) : 0);
}

void cu_recovery_set_phase(struct cu_recovery *r, enum cu_recovery_phase phase)
{
    if (r)
        __atomic_store_n(&r->head->phase, (uint32_t)phase, __ATOMIC_RELEASE);
}

void cu_recovery_set_next_id(struct cu_recovery *r, uint64_t next_id)
{
    if (r)
        __atomic_store_n(&r->head->next_id, next_id, __ATOMIC_RELEASE);
}

uint64_t cu_recovery_next_id(const struct cu_recovery *r)
{
    return r ? r->head->next_id : 0;
}

void cu_recovery_set_init(struct cu_recovery *r, const void *bytes, size_t size)
{
    if (!r || size > sizeof(r->head->init))
        return;
    memcpy(r->head->init, bytes, size);
    __atomic_store_n(&r->head->init_size, (uint32_t)size, __ATOMIC_RELEASE);
}

size_t cu_recovery_init(const struct cu_recovery *r, void *bytes)
{
    size_t size = r ? r->head->init_size : 0;

    if (size > sizeof(r->head->init))
        return 0;
    if (size > 0)
        memcpy(bytes, r->head->init, size);
    return size;
}

void cu_recovery_set_forgot(struct cu_recovery *r)
{
    if (r)
        r->head->forgot = 1;
}

bool cu_recovery_forgot(const struct cu_recovery *r)
{
    return r && r->head->forgot != 0;
}

void cu_recovery_set_trying(struct cu_recovery *r, uint64_t unique)
{
    if (r)
        __atomic_store_n(&r->head->trying, unique, __ATOMIC_RELEASE);
}

uint64_t cu_recovery_trying(const struct cu_recovery *r)
{
    return r ? r->head->trying : 0;
}

void *cu_recovery_buffer(struct cu_recovery *r)
{
    return r ? (uint8_t *)r->head + HEAD : NULL;
}

uint64_t cu_recovery_left_out(const struct cu_recovery *r)
{
    return r ? r->left_out : 0;
}

uint64_t cu_recovery_size(const struct cu_recovery *r)
{
    return r ? (uint64_t)(r->capacity - RESERVE) * UNIT : UINT64_MAX;
}

bool cu_recovery_incomplete(const struct cu_recovery *r)
{
    return r && r->incomplete;
}

size_t cu_recovery_used(const struct cu_recovery *r)
{
    return r ? r->head->used * UNIT : 0;
}

void *cu_recovery_memory(struct cu_recovery *r, size_t *size)
{
    *size = r->bytes;
    return r->head;
}
