/* SPDX-License-Identifier: BSD-3-Clause */
/* The network interfaces of this host, and how fast they are. */
#ifndef CU_HOST_INTERFACES_H
#define CU_HOST_INTERFACES_H

#include "host/address.h"

#include <net/if.h>
#include <stddef.h>

/* One address of an interface. */
struct cu_interface {
    char name[IF_NAMESIZE];
    union cu_address address;
    unsigned bits;  /* of the network in it */
    unsigned mbits; /* speed, Mbit/s, as the driver reports it; 0: it reports none */
    bool fabric;    /* made for clusters: hsn* (Slingshot), or InfiniBand */
    bool leads;     /* it may lead to other hosts: it has a carrier, and is no bridge or tunnel */
};

/* All addresses of interfaces that are up, but for loopback and link-local ones. New memory, owned
 * by the caller; 0 or -errno. */
__attribute__((warn_unused_result)) int cu_interfaces_list(struct cu_interface **list,
                                                           size_t *count);
/* Positive: a is the better one for data. hsn* comes before InfiniBand, this before all others;
 * within a kind the faster one, whatever number it has. 0: as good. */
int cu_interface_compare(const struct cu_interface *a, const struct cu_interface *b);
/* For people: ", 200 Gb/s", or "" where no speed is known. */
void cu_interface_speed(unsigned mbits, char *text, size_t size);

#endif
