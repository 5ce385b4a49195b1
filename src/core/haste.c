/* SPDX-License-Identifier: BSD-3-Clause */
/* See haste.h. Invariant: a flight is later only if each of its waiters is; and a parent was told
 * of it as it is now, or a message that tells is pending. */
#include "core/haste.h"

#include "core/object.h"
#include "core/state.h"
#include "core/waiters.h"

void cu_haste(struct cu_core *core, struct flight *flight)
{
    if (!flight->later)
        return;
    flight->later = false;
    if (flight->object->state == CU_FLIGHT_READING) {
        cu_lane_wanted(core, flight);
    } else if (flight->told) {
        COUNT(core, asked_now);
        cu_pending_add(core, &flight->pending, PENDING_FLIGHT);
    }
}

static void hasten(struct waiter *waiter)
{
    waiter->hastened = waiter->hastened || waiter->later;
    waiter->later = false;
}

void cu_haste_of_all(struct cu_core *core, struct flight *flight)
{
    cu_list_for_each (link, &flight->waiters)
        hasten(CU_LIST_ENTRY(link, struct waiter, link));
    cu_haste(core, flight);
}

uint8_t cu_haste_flags(struct flight *flight)
{
    bool told = flight->told;

    flight->told = true;
    if (flight->later)
        return CU_WANT_LATER;
    return told ? CU_WANT_NOW : 0;
}
