/* SPDX-License-Identifier: BSD-3-Clause */
/* The logic of a node, as a pure state machine: inputs in, effects out. It opens nothing, reads no
 * clock, starts no thread, logs nothing; the daemon and the simulator drive the same code. One
 * thread at a time.
 *
 * The driver calls an input function, then takes effects with cu_core_next_effect until there are
 * none, then arms its timer for cu_core_deadline. While it carries out one effect it may call any
 * input. */
#ifndef CU_CORE_CORE_H
#define CU_CORE_CORE_H

#include "base/error.h"
#include "base/topk.h"
#include "core/counters.h"
#include "core/peer.h"
#include "proto/msg.h"
#include "proto/object.h"

#include <stdbool.h>
#include <stdint.h>

struct cu_core;
struct cu_names;

struct cu_core_config {
    uint32_t rank;                /* < node_count */
    uint32_t node_count;          /* >= 1 */
    uint32_t fanout;              /* >= 1 */
    uint32_t tree_count;          /* 1..CU_TREES_MAX, <= node_count */
    uint64_t cache_bytes;         /* budget of cached objects, with their bookkeeping */
    uint64_t max_cacheable_bytes; /* a larger file is read from storage by this node itself */
    uint64_t bulk_bytes;          /* the content of a file of this size or more goes over bulk trees
                                     (tree.h), which are joined when first used; 0: never */
    uint32_t bulk_stripe;         /* so many chunks in a row in one of them; 0: 1 */
    uint32_t chunk_bytes;         /* power of two, 4 KiB..16 MiB */
    uint32_t inline_bytes;   /* a file up to this size may travel with its attr; <= chunk_bytes */
    uint64_t enoent_ttl_ns;  /* lifetime of a negative answer (-E) */
    uint64_t start_grace_ns; /* from creation: the node waits this long for a parent that does not
                                answer yet */
    uint32_t storage_slots;  /* concurrent storage operations at a root */
    uint32_t
        orphan_slots; /* the same at an orphan: a node that is root only because its parents died */
    /* A number for the file system that path lies on, found without touching it; NULL: there is
     * only one. */
    uint64_t (*space_of)(void *context, const char *path, size_t path_len);
    void *space_context;
    bool scaled;            /* chunks are stand-ins (the simulator): their sizes mean nothing */
    struct cu_names *names; /* borrowed: paths, shared with other cores of this thread (names.h);
                               NULL: the core's own */
};

/* A request of a driver. */
struct cu_request {
    enum cu_kind kind;
    uint8_t flags;    /* CU_WANT_CONTENT: have a small file's content ready, too; CU_WANT_HOME;
                         CU_WANT_LATER: nobody waits for it */
    const char *path; /* borrowed, normal form */
    size_t path_len;
    struct cu_version
        version;    /* DATA, HOLES: of the file; ATTR: known to be out of date, or zero */
    uint64_t chunk; /* DATA */
    uint16_t piece; /* DATA: of the chunk (proto/piece.h); 0: all of it */
    bool advance;   /* this node asks for it before anybody uses it, because a recipe names it: it
                       is counted apart (core/advance.h) */
};

/* Where the answer to a want was found. */
enum cu_core_where {
    CU_WHERE_HERE,    /* in memory */
    CU_WHERE_FLIGHT,  /* already requested, for another waiter or by read-ahead */
    CU_WHERE_PARENT,  /* it was asked of the parent */
    CU_WHERE_STORAGE, /* it was read from storage here */
};

enum cu_effect_type {
    CU_EFFECT_REPLY,      /* to a cu_core_want or cu_core_lookup of this driver: exactly one each */
    CU_EFFECT_SEND,       /* a message to a connected peer */
    CU_EFFECT_READ,       /* a storage operation; the driver answers with cu_core_storage_done */
    CU_EFFECT_CONNECT,    /* open a connection to rank; answered by peer_up or peer_down */
    CU_EFFECT_DISCONNECT, /* close the connection; no peer_down follows */
    CU_EFFECT_FORGET,     /* the kernel's copies of path (and all below) may be out of date */
    CU_EFFECT_READY,      /* the set of ready ranks known to this node has changed */
};

/* An effect owns what it carries, and is good until cu_effect_clear, whatever is called meanwhile;
 * clear it before the core is destroyed. */
struct cu_effect {
    enum cu_effect_type type;
    union {
        struct {
            uint64_t cookie;
            enum cu_core_where where;
            struct cu_value value;
        } reply;
        struct {
            struct cu_peer peer;
            struct cu_msg msg;
        } send;
        struct {
            uint64_t id;
            struct cu_request request;
            bool direct; /* read by this node itself: over max_cacheable_bytes, or the parent cannot
                          */
        } read;
        struct {
            uint32_t rank;
        } connect;
        struct {
            struct cu_peer peer;
        } disconnect;
        struct {
            const char *path;
            size_t path_len;
            bool pages; /* and of file content */
        } forget;
    };
    /* Reference to what the pointers above point into; cu_effect_clear drops it. */
    struct cu_names *names;
    struct cu_name *name;
    struct cu_buf *held;
};

/* Releases what an effect owns, and zeroes it. A driver that keeps a message or a value moves it
 * out of the effect (and zeroes it there) or takes references. */
void cu_effect_clear(struct cu_effect *effect);

/* NULL with err when the configuration makes no sense or memory is out. */
struct cu_core *cu_core_create(const struct cu_core_config *config, uint64_t now_ns,
                               struct cu_error *err);
/* Waiting requests are dropped without a reply. NULL does nothing; errno is kept. */
void cu_core_destroy(struct cu_core *core);

/* A request of this node's kernel. The reply comes as CU_EFFECT_REPLY with the cookie, maybe at
 * once. A negative or failed answer is a value with error set. -ENOMEM: no reply will come. */
__attribute__((warn_unused_result)) int cu_core_want(struct cu_core *core,
                                                     const struct cu_request *request,
                                                     uint64_t cookie, uint64_t now_ns);
/* Read-ahead: like cu_core_want, but without a reply. */
void cu_core_prefetch(struct cu_core *core, const struct cu_request *request, uint64_t now_ns);
/* Read-ahead requests that have not been answered yet, so that the caller can bound them. */
struct cu_core_ahead {
    uint64_t requests;
    uint64_t bytes; /* of chunks and their pieces */
};
struct cu_core_ahead cu_core_ahead(const struct cu_core *core);
/* Reading on: asks storage for an object for which nobody waits, after all reads for which somebody
 * waits. Only where this node is the root of the object's tree. False: it is not, or there is
 * nothing to read. */
bool cu_core_read_on(struct cu_core *core, const struct cu_request *request, uint64_t now_ns);
struct cu_core_read_on {
    uint32_t requests;     /* under way */
    uint64_t bytes;        /* of chunks under way */
    uint64_t used_bytes;   /* that were read so, and then asked for */
    uint64_t unused_bytes; /* the same, not asked for so far, or never */
};
struct cu_core_read_on cu_core_reading_on(const struct cu_core *core);
/* What a storage operation under way (CU_EFFECT_READ) reads, borrowed until its result is told;
 * false: it counts no more, or this node does not read it as the root of a tree. */
bool cu_core_reads(const struct cu_core *core, uint64_t id, struct cu_request *request);
/* The cached value or NULL; sends no request. Borrowed until the next call into the core. */
const struct cu_value *cu_core_peek(struct cu_core *core, const struct cu_request *request,
                                    uint64_t now_ns);

/* A lookup of this node's kernel: of the name at the end of a path. */
struct cu_core_lookup {
    struct cu_request attr; /* ATTR, of the whole path */
    size_t dir_len;         /* of the part of the path that is the name's directory */
    bool list_first; /* where no fresh listing of the directory is held: ask for the listing first,
                        because it answers other lookups, too */
};

enum cu_core_looked {
    CU_LOOKED_ABSENT,  /* a complete fresh listing proves it: no reply will come */
    CU_LOOKED_ATTR,    /* the reply is the answer to attr */
    CU_LOOKED_LISTING, /* the reply is the directory's listing */
};

/* Answers from the directory's listing, or else wants the attr or the listing, as cu_core_want
 * does. Returns enum cu_core_looked; *age_ms (may be NULL) is set with CU_LOOKED_ABSENT: how long
 * ago storage was asked. -ENOMEM, or -EAGAIN: the listing is large, and has to be made ready first
 * (cu_core_peek has it, cu_core_viewed takes what was made); no reply will come. */
__attribute__((warn_unused_result)) int cu_core_lookup(struct cu_core *core,
                                                       const struct cu_core_lookup *lookup,
                                                       uint64_t cookie, uint64_t now_ns,
                                                       uint32_t *age_ms);
/* Does a complete fresh listing held here prove that nothing is at path, whose first dir_len bytes
 * are its directory? Sends no request. */
bool cu_core_absent(struct cu_core *core, const char *path, size_t path_len, size_t dir_len,
                    uint64_t now_ns);

/* view was made of the listing of dir that was held: it is kept with it if that is still so. */
void cu_core_viewed(struct cu_core *core, const char *dir, size_t dir_len, struct cu_dirview *view,
                    uint64_t now_ns);

/* A connection is up (handshake done), in either direction. */
void cu_core_peer_up(struct cu_core *core, struct cu_peer peer, uint64_t now_ns);
/* A connection ended, or could not be opened. error: positive errno; EPROTONOSUPPORT: the other end
 * has another protocol version, so retries are useless; 0: closed. */
void cu_core_peer_down(struct cu_core *core, struct cu_peer peer, int error, uint64_t now_ns);
/* A message from a peer. The core takes what it needs by reference; the caller clears msg. CONTROL,
 * RESULT are not the core's. */
void cu_core_message(struct cu_core *core, struct cu_peer peer, const struct cu_msg *msg,
                     uint64_t now_ns);
/* Tells how many bytes are queued on the connection to the child and not yet taken by the network.
 * A driver with send queues calls this after each answer that it sends, and when a queue has become
 * empty; the core does not work on more than its window for a child. */
void cu_core_child_queued(struct cu_core *core, uint32_t rank, uint64_t bytes, uint64_t now_ns);
/* Result of a CU_EFFECT_READ. The core takes references. ESTALE in value->error says: the file is
 * no longer of the wanted version. */
void cu_core_storage_done(struct cu_core *core, uint64_t id, const struct cu_value *value,
                          uint64_t now_ns);
/* When cu_core_tick must be called next; UINT64_MAX: no need. */
uint64_t cu_core_deadline(const struct cu_core *core);
void cu_core_tick(struct cu_core *core, uint64_t now_ns);

/* The mount of this node is up: the node counts itself ready as soon as it has joined its
 * parents. */
void cu_core_mounted(struct cu_core *core, uint64_t now_ns);
/* Ranks known to be ready at or below this node: bit r of bits; returns how many. */
uint32_t cu_core_ready(const struct cu_core *core, const uint8_t **bits);
/* Children that named this node their parent in a tree; returns how many written (<= max). */
uint32_t cu_core_children(const struct cu_core *core, uint32_t tree, uint32_t *ranks, uint32_t max);
/* The arithmetic of a tree, borrowed: for which ranks a child may speak (core/claims.h). */
const struct cu_tree *cu_core_tree(const struct cu_core *core, uint32_t tree);
/* What all nodes of a job have as bulk_bytes and bulk_stripe. Where a recipe is replayed, all nodes
 * read a start-up's libraries at once, and each is to send them about once. */
struct cu_core_bulk {
    uint64_t bytes;
    uint32_t stripe;
};
struct cu_core_bulk cu_core_bulk(bool recipe);
/* Bulk trees; 0 where no file that fits into memory is large enough. */
uint32_t cu_core_bulk_count(const struct cu_core_config *config);
/* Trees in all: tree_count, and then the bulk trees. */
uint32_t cu_core_trees(const struct cu_core *core);
/* The tree of the request's object; the path has that hash (base/hash.h). Small objects of a path
 * share its tree with the first chunk, so that content can travel along; further chunks are spread,
 * so that a large file is read by all roots; those of a file over bulk_bytes over bulk trees. */
uint32_t cu_core_tree_of(const struct cu_core *core, const struct cu_request *request,
                         uint64_t path_hash);
/* The parent in use in a tree, own rank when this node is the root there, CU_RANK_NONE when it is
 * still looking for one, or has not joined a bulk tree. */
uint32_t cu_core_parent(const struct cu_core *core, uint32_t tree);

/* Refresh: everything cached about path and all below it ("/": everything) becomes out of date, and
 * the kernel has to look it up again. generation: the number of the refresh, above
 * cu_core_generation of the node that commands it; peers are told, and a refresh that is known
 * already is ignored. 0: this node only, and chunks of files are dropped, too. */
void cu_core_refresh(struct cu_core *core, const char *path, size_t path_len, uint32_t generation,
                     uint64_t now_ns);

/* A CU_EFFECT_SEND could not be encoded or queued (error: positive errno), although the connection
 * is up: only the request of this message fails. A want is read from storage here, an answer
 * becomes EBUSY, upon which the child reads storage; when not even that can be sent, the connection
 * is closed. */
void cu_core_unsent(struct cu_core *core, struct cu_peer peer, const struct cu_msg *msg, int error,
                    uint64_t now_ns);

/* Takes the next effect; the caller clears it with cu_effect_clear. False when there is none. */
bool cu_core_next_effect(struct cu_core *core, struct cu_effect *effect);

/* Names may use cache_bytes / CU_CORE_NAME_SHARE before the driver has to reduce their number. */
#define CU_CORE_NAME_SHARE 4u
/* Bytes that the driver uses for names: the cache shrinks by as much, down to half of its budget.
 * */
void cu_core_outside(struct cu_core *core, uint64_t bytes);

/* The number of the latest refresh that this node knows. */
uint32_t cu_core_generation(const struct cu_core *core);

/* The files of which this node itself read most from storage because they are larger than
 * max_cacheable_bytes, heaviest first, by bytes; returns how many written (<= max). Borrowed until
 * the next call into the core. CU_COUNT_bypass_bytes is the sum over all files. */
uint32_t cu_core_bypassed(const struct cu_core *core, const struct cu_topk_entry **files,
                          uint32_t max);

/* Counters, indexed by enum cu_counter; borrowed, live. The driver adds its own kinds to them. */
uint64_t *cu_core_counters(struct cu_core *core);

#endif
