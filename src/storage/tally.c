/* SPDX-License-Identifier: BSD-3-Clause */
#include "storage/tally.h"

#include "core/counters.h"
#include "host/log.h"
#include "proto/dir.h"

static void count(uint64_t *to, const struct cu_storage_counts *c)
{
    to[CU_COUNT_storage_stat] += c->stat;
    to[CU_COUNT_storage_readdir] += c->readdir;
    to[CU_COUNT_storage_readlink] += c->readlink;
    to[CU_COUNT_storage_open] += c->open;
    to[CU_COUNT_storage_read] += c->read;
    to[CU_COUNT_storage_xattr] += c->xattr;
    to[CU_COUNT_storage_statfs] += c->statfs;
    to[CU_COUNT_storage_revalidate] += c->revalidate;
    to[CU_COUNT_storage_holes] += c->holes;
    to[CU_COUNT_storage_bytes] += c->bytes;
    to[CU_COUNT_storage_errors] += c->errors;
    to[CU_COUNT_names_left_out] += c->names_left_out;
    to[CU_COUNT_listings_cut] += c->listings_cut;
    to[CU_COUNT_xattrs_over] += c->xattrs_over;
}

/* A bound that was exceeded is logged once, and counted each time. */
static void tell(struct cu_tally *tally, const struct cu_storage_counts *c, const char *path)
{
    if (c->names_left_out > 0 && !tally->names) {
        tally->names = true;
        cu_log_warn("%s: %u names are left out of its listing, over %d bytes or no names", path,
                    c->names_left_out, CU_NAME_MAX);
    }
    if (c->listings_cut > 0 && !tally->listings) {
        tally->listings = true;
        cu_log_warn("%s: its listing is over %zu bytes, of which the first names are shown", path,
                    tally->listing_bytes_max);
    }
    if (c->xattrs_over > 0 && !tally->xattrs) {
        tally->xattrs = true;
        cu_log_warn("%s: %u extended attributes (or their list) are over the bounds and fail", path,
                    c->xattrs_over);
    }
}

void cu_tally_add(struct cu_tally *tally, const struct cu_storage_counts *counts, const char *path)
{
    if (tally->counters)
        count(tally->counters, counts);
    tell(tally, counts, path);
}

void cu_tally_waiting(struct cu_tally *tally, uint32_t count)
{
    uint64_t *most;

    if (!tally->counters)
        return;
    most = &tally->counters[CU_COUNT_storage_waiting_most];
    tally->counters[CU_COUNT_storage_waiting] = count;
    if (count > *most)
        *most = count;
}
