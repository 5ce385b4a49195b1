/* SPDX-License-Identifier: BSD-3-Clause */
/* Which listings are renewed together, and the messages for it.
 *
 * Invariants: a dir_object is in renews.used from its first use by this node's kernel until it is
 * freed. A question of a child is open from its arrival until cu_renew_answered, and room for its
 * answer was made before. An answer has the age that it has when it is sent, not when it was
 * known. A listing that was renewed in vain is renewed again only within renews.window, until it is
 * used: so at most one renewal for each use is in vain. */
#include "core/renew.h"

#include "base/hash.h"
#include "core/cache.h"
#include "core/flow.h"
#include "core/state.h"
#include "core/waiters.h"
#include "core/wants.h"
#include "proto/check.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GAP_NS      (2 * S_NS) /* besides -E: used together, when less lies between two uses */
#define IDLE_MAX    64u        /* so many in a row with nothing to renew: the search ends */
#define OPEN_MAX    (2u * CU_CHECK_MAX) /* questions of a child; the others: ask for the listing */
#define OPEN_BYTES  (4u << 20)          /* of their paths, which a CHECK holds compressed */
#define ASK_NS      UINT64_MAX
#define ROUND_NS    (25 * MS_NS) /* answers wait so long for the rest, at first */
#define ROUNDS_LONG 2u           /* doublings of that */

static struct dir_object *dir_of(struct cu_list *link)
{
    return CU_LIST_ENTRY(link, struct dir_object, used);
}

void cu_renew_init(struct cu_core *core)
{
    cu_list_init(&core->renews.used);
    core->renews.due_ns = UINT64_MAX;
}

void cu_renew_used(struct cu_core *core, struct object *object)
{
    struct dir_object *dir = cu_object_dir(object);

    core->renews.gained += dir->renewed;
    core->counters[CU_COUNT_renewed_used] += dir->renewed;
    dir->renewed = false;
    dir->used_ns = core->now_ns;
    cu_list_remove(&dir->used);
    cu_list_push_back(&core->renews.used, &dir->used);
}

void cu_renew_forget(struct object *object)
{
    if (object->kind == CU_KIND_DIR)
        cu_list_remove(&cu_object_dir(object)->used);
}

/* --- which ------------------------------------------------------------------------------------ */

/* Whether absence can be concluded from it does not matter to the version, but a partial listing is
 * of little use, and "partial" does not fit into the answer. */
static bool can_renew(struct cu_core *core, struct dir_object *dir)
{
    struct object *object = &dir->object;

    return object->state == CU_FLIGHT_FILLED && !object->error && !dir->partial &&
           !cu_version_is_none(&dir->version) && !cu_flight_fresh(core, object) &&
           !(cu_refresh_sweeps(core) && cu_refresh_outdates(core, object)) &&
           cu_flight_verify(object);
}

static void renew(struct cu_core *core, struct dir_object *dir)
{
    struct cu_request request = cu_object_request(&dir->object);

    dir->renewed = true;
    cu_flight_step(core, &dir->object, CU_EVENT_EXPIRED,
                   &(struct flight_input){.request = &request, .renew = true});
}

/* Renews those used soon after one another, from dir on: later ones, or earlier ones. At most
 * `again` of those that were renewed in vain. */
static uint32_t renew_from(struct cu_core *core, struct dir_object *dir, bool later, uint32_t most,
                           uint32_t again)
{
    uint64_t gap_ns = GAP_NS + core->config.enoent_ttl_ns, last_ns = dir->used_ns;
    struct cu_list *link = later ? dir->used.next : dir->used.prev;
    uint32_t started = 0, idle = 0;

    while (link != &core->renews.used && started < most && idle < IDLE_MAX) {
        struct dir_object *other = dir_of(link);
        uint64_t at_ns = other->used_ns;

        link = later ? link->next : link->prev;
        if ((later ? at_ns - last_ns : last_ns - at_ns) > gap_ns)
            break;
        last_ns = at_ns;
        idle++;
        if (!can_renew(core, other) || (other->renewed && again == 0))
            continue;
        again -= other->renewed;
        idle = 0;
        started++;
        renew(core, other);
    }
    return started;
}

/* It has expired since it was renewed, and only now it is needed. What was renewed for it then was
 * renewed in vain; how much of that is renewed now depends on how much of the last was used. */
static uint32_t again_of(struct renews *renews)
{
    if (2 * renews->gained >= renews->window)
        renews->window = renews->window ? 2 * renews->window : 1;
    else
        renews->window = renews->window > 1 ? renews->window / 2 : 1;
    if (renews->window > CU_CHECK_MAX)
        renews->window = CU_CHECK_MAX;
    renews->gained = 0;
    return renews->window;
}

static void with_others(struct cu_core *core, struct object *object)
{
    struct dir_object *dir = cu_object_dir(object);
    uint32_t again, started;

    if (core->config.enoent_ttl_ns > 0 && !cu_list_empty(&dir->used)) {
        again = dir->renewed ? again_of(&core->renews) : 0;
        dir->renewed = false;
        started = renew_from(core, dir, true, CU_CHECK_MAX - 1, again);
        started += renew_from(core, dir, false, CU_CHECK_MAX - 1 - started, 0);
        object->flight->check = started > 0 && !cu_version_is_none(&dir->version);
    }
    cu_renew_used(core, object);
}

void cu_renew_begun(struct cu_core *core, struct object *object, const struct flight_input *in)
{
    if (in->renew || (in->waiter && in->waiter->check)) {
        object->flight->check = !cu_version_is_none(&cu_object_dir(object)->version);
        core->counters[CU_COUNT_renewed] += in->renew;
    } else if (in->waiter && !in->waiter->child) {
        with_others(core, object);
    }
}

/* --- asking ----------------------------------------------------------------------------------- */

static int add(const struct cu_core *core, struct cu_check_writer *writer,
               const struct flight *flight)
{
    const struct object *object = flight->object;

    return cu_check_add(writer, &(struct cu_check_question){
                                    .id = cu_slot_id(core, flight),
                                    .version = cu_object_dir(object)->version,
                                    .path = object->name->path,
                                    .path_len = object->name->len,
                                });
}

static bool goes_with(const struct cu_core *core, const struct flight *one,
                      const struct flight *other)
{
    return other->check && other->object->state == CU_FLIGHT_ASKING && other->asked == one->asked &&
           !other->told && !cu_version_is_none(&cu_object_dir(other->object)->version) &&
           cu_flight_tree(core, other) == cu_flight_tree(core, one);
}

/* The others that can go with it and for which nobody waits, or somebody does. False: it is full.
 */
static bool add_others(struct cu_core *core, struct cu_check_writer *writer,
                       const struct flight *flight, bool later)
{
    cu_list_for_each_safe (link, &core->pending) {
        struct pending *pending = CU_LIST_ENTRY(link, struct pending, link);
        struct flight *other = CU_LIST_ENTRY(pending, struct flight, pending);

        if (pending->kind != PENDING_FLIGHT || other->later != later ||
            !goes_with(core, flight, other))
            continue;
        if (add(core, writer, other) < 0)
            return false; /* the next message has it */
        other->told = true;
        cu_list_remove(link);
    }
    return true;
}

/* What somebody waits for stands first. Returns how many questions that are. */
static uint16_t add_all(struct cu_core *core, struct cu_check_writer *writer,
                        const struct flight *flight)
{
    uint32_t now;
    bool room = add(core, writer, flight) == 0;

    if (room && !flight->later)
        room = add_others(core, writer, flight, false);
    now = flight->later ? 0 : writer->count;
    if (room)
        (void)add_others(core, writer, flight, true);
    return (uint16_t)now;
}

bool cu_renew_message(struct cu_core *core, struct flight *flight, struct cu_effect *effect)
{
    struct cu_check_writer *writer = malloc(sizeof *writer);
    struct cu_msg *msg = &effect->send.msg;
    uint16_t now;

    flight->check = writer != NULL;
    if (!writer)
        return false;
    writer->list = NULL;
    writer->count = 0;
    writer->last_len = 0;
    now = add_all(core, writer, flight);
    flight->check = writer->count > 1;
    if (flight->check) {
        flight->told = true;
        effect->type = CU_EFFECT_SEND;
        effect->send.peer = cu_peer_parent(flight->asked);
        *msg = (struct cu_msg){.type = CU_MSG_CHECK};
        msg->check.generation = cu_refresh_asks_for(core);
        msg->check.tree = cu_flight_tree(core, flight);
        msg->check.now = now;
        msg->check.list = writer->list;
        COUNT(core, checks);
        core->counters[CU_COUNT_checked] += writer->count;
    } else {
        cu_buf_unref(writer->list);
    }
    free(writer);
    return flight->check;
}

/* --- being asked ------------------------------------------------------------------------------ */

static int make_room(struct checks *checks)
{
    uint32_t room = checks->room ? 2 * checks->room : 64;
    struct checked *larger;

    if (checks->count + checks->open < checks->room)
        return 0;
    larger = realloc(checks->answers, room * sizeof *larger);
    if (!larger)
        return -ENOMEM;
    checks->answers = larger;
    checks->room = room;
    return 0;
}

static void answer(struct cu_core *core, struct neighbor *neighbor, uint64_t id, uint64_t valid_ns)
{
    struct checks *checks = &neighbor->checks;

    assert(checks->count < checks->room);
    checks->answers[checks->count++] = (struct checked){.id = id, .valid_ns = valid_ns};
    if (checks->count >= CU_CHECK_MAX) /* a message is full */
        cu_neighbors_todo(core, neighbor, SEND_CHECKED);
    if (checks->due_ns)
        return;
    checks->due_ns =
        core->now_ns + (ROUND_NS << (checks->late < ROUNDS_LONG ? checks->late : ROUNDS_LONG));
    if (checks->due_ns < core->renews.due_ns)
        core->renews.due_ns = checks->due_ns;
}

static bool may_open(const struct checks *checks, const struct cu_check_question *question)
{
    return checks->open < OPEN_MAX && checks->open_bytes + question->path_len <= OPEN_BYTES;
}

static int open_question(struct cu_core *core, struct neighbor *neighbor, const struct cu_msg *msg,
                         const struct cu_check_question *question, bool later)
{
    struct cu_msg_want want = {
        .kind = CU_KIND_DIR,
        .tree = msg->check.tree,
        .generation = msg->check.generation,
        .version = question->version,
        .path = question->path,
        .path_len = question->path_len,
    };
    struct cu_request request = {
        .kind = CU_KIND_DIR, .path = question->path, .path_len = question->path_len};
    struct waiter *waiter;

    if (make_room(&neighbor->checks) < 0)
        return -ENOMEM;
    COUNT(core, child_wants);
    cu_refresh_heard(core, &want);
    waiter = may_open(&neighbor->checks, question) ? cu_waiter_new(core) : NULL;
    if (!waiter) {
        answer(core, neighbor, question->id, ASK_NS);
        return 0;
    }
    waiter->child = true;
    waiter->check = true;
    waiter->rank = neighbor->rank;
    waiter->cookie = question->id;
    waiter->kind = CU_KIND_DIR;
    waiter->held = question->version;
    waiter->bytes = question->path_len;
    waiter->later = later;
    waiter->period = neighbor->checks.round;
    neighbor->checks.awaited++;
    neighbor->checks.open++;
    neighbor->checks.open_bytes += waiter->bytes;
    cu_want(core, &request, waiter);
    return 0;
}

static void send_answers(struct cu_core *core, struct neighbor *neighbor)
{
    if (neighbor->checks.count > 0)
        cu_neighbors_todo(core, neighbor, SEND_CHECKED);
}

int cu_renew_asked(struct cu_core *core, struct neighbor *neighbor, const struct cu_msg *msg)
{
    struct checks *checks = &neighbor->checks;
    struct cu_check_question question;
    struct cu_check_reader reader;
    int rc;

    if (cu_flow_is_deaf(core, neighbor))
        return -ENOBUFS;
    checks->late = 0;
    checks->open++; /* that of the message, so that no answer is sent before its end */
    checks->awaited++;
    cu_check_reader_init(&reader, msg->check.list);
    for (;;) {
        rc = cu_check_next(&reader, &question);
        if (rc <= 0)
            break;
        rc = open_question(core, neighbor, msg, &question, reader.count > msg->check.now);
        if (rc < 0)
            break;
    }
    checks->open--;
    if (--checks->awaited == 0)
        send_answers(core, neighbor);
    return rc;
}

/* Answers wait for the rest, but not for what was late already when the question came, and not
 * where somebody has come to wait for one. True: they are sent. */
static bool is_due(struct checks *checks, const struct waiter *waiter)
{
    bool last = waiter->period == checks->round && --checks->awaited == 0;

    return last || checks->open == 0 || waiter->hastened;
}

void cu_renew_answered(struct cu_core *core, struct waiter *waiter)
{
    struct neighbor *neighbor = cu_neighbors_find(core, waiter->rank);
    const struct cu_value *value = &waiter->value;
    bool confirmed = !value->error && value->unchanged && !value->partial;
    uint64_t age_ns = (uint64_t)value->age_ms * MS_NS;

    assert(neighbor && neighbor->checks.open > 0);
    assert(neighbor->checks.open_bytes >= waiter->bytes);
    neighbor->checks.open--;
    neighbor->checks.open_bytes -= waiter->bytes;
    if (!confirmed || age_ns > core->now_ns)
        answer(core, neighbor, waiter->cookie, ASK_NS);
    else
        answer(core, neighbor, waiter->cookie, core->now_ns - age_ns);
    if (is_due(&neighbor->checks, waiter))
        send_answers(core, neighbor);
    cu_waiter_free(waiter);
}

/* It has waited for others, and has grown older. */
static uint32_t age_of(const struct cu_core *core, const struct checked *answer)
{
    uint64_t age_ns = core->now_ns - answer->valid_ns;

    if (answer->valid_ns == ASK_NS || age_ns >= core->config.enoent_ttl_ns ||
        age_ns / MS_NS >= CU_CHECK_ASK)
        return CU_CHECK_ASK;
    return (uint32_t)(age_ns / MS_NS);
}

static struct cu_buf *list_of(const struct cu_core *core, const struct checks *checks,
                              uint32_t count)
{
    struct cu_buf *list = cu_buf_new((size_t)count * CU_CHECK_ANSWER);

    for (uint32_t i = 0; list && i < count; i++)
        cu_check_put_answer(list->data + (size_t)i * CU_CHECK_ANSWER,
                            (struct cu_check_answer){.id = checks->answers[i].id,
                                                     .age_ms = age_of(core, &checks->answers[i])});
    return list;
}

bool cu_renew_answers(struct cu_core *core, struct neighbor *neighbor, struct cu_msg *msg)
{
    struct checks *checks = &neighbor->checks;
    uint32_t count = checks->count < CU_CHECK_MAX ? checks->count : CU_CHECK_MAX;

    if (count == 0)
        return false;
    msg->check.list = list_of(core, checks, count);
    if (!msg->check.list) {
        COUNT(core, no_memory); /* cu_renew_tick tries again */
        checks->due_ns = core->now_ns + ROUND_NS;
        core->renews.due_ns =
            checks->due_ns < core->renews.due_ns ? checks->due_ns : core->renews.due_ns;
        return false;
    }
    msg->type = CU_MSG_CHECKED;
    checks->count -= count;
    memmove(checks->answers, checks->answers + count, checks->count * sizeof *checks->answers);
    checks->due_ns = 0;
    checks->round++;
    checks->awaited = 0;
    checks->late++;
    if (checks->count)
        cu_neighbors_todo(core, neighbor, SEND_CHECKED);
    else if (checks->open == 0)
        cu_renew_child_lost(neighbor); /* nothing to remember */
    return true;
}

void cu_renew_child_lost(struct neighbor *neighbor)
{
    free(neighbor->checks.answers);
    neighbor->checks = (struct checks){0};
}

static void send_due(struct cu_core *core, uint64_t before_ns)
{
    core->renews.due_ns = UINT64_MAX;
    cu_list_for_each (link, &core->neighbors) {
        struct neighbor *neighbor = CU_LIST_ENTRY(link, struct neighbor, link);
        uint64_t due_ns = neighbor->checks.due_ns;

        if (due_ns && due_ns <= before_ns)
            cu_neighbors_todo(core, neighbor, SEND_CHECKED);
        else if (due_ns && due_ns < core->renews.due_ns)
            core->renews.due_ns = due_ns;
    }
}

void cu_renew_flush(struct cu_core *core)
{
    send_due(core, UINT64_MAX);
}

uint64_t cu_renew_deadline(const struct cu_core *core)
{
    return core->renews.due_ns;
}

void cu_renew_tick(struct cu_core *core)
{
    if (core->now_ns >= core->renews.due_ns)
        send_due(core, core->now_ns);
}
