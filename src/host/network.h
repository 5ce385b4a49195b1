/* SPDX-License-Identifier: BSD-3-Clause */
/* The network that data takes. A node must know its parent's address there before it has spoken to
 * the parent, so a rule makes it of the parent's name (base/netname.h). Nothing about it is sent:
 * each node finds the rule by itself, with its own name and its own interfaces, and proves it
 * there. No daemon can tell another one where to connect. */
#ifndef CU_HOST_NETWORK_H
#define CU_HOST_NETWORK_H

#include "base/error.h"
#include "base/netname.h"
#include "host/interfaces.h"

#define CU_NETWORK_TEXT_MAX 448
#define CU_NETWORK_WAIT_MS  3000 /* for the name service, at a daemon's start */

#define CU_NETWORK_NETS_MAX 4u /* addresses of one interface */

struct cu_network {
    char interface[IF_NAMESIZE]; /* "": not known */
    union cu_address address;    /* of this node there; AF_UNSPEC: not known */
    struct {
        union cu_address address;
        unsigned bits;
    } nets[CU_NETWORK_NETS_MAX]; /* all networks of the interface */
    unsigned net_count;
    unsigned mbits;
    bool given;                   /* -n named the interface: listen and connect there only */
    char rule[CU_NETNAME_MAX];    /* for all hosts */
    char note[CU_ERROR_TEXT_MAX]; /* why a faster one is not used; "": there is none */
};

/* What is known before. */
struct cu_network_config {
    const char *interface;                 /* of -n; NULL: the fastest */
    const char *rule;                      /* the site's; NULL: none */
    const char *host;                      /* this node's name in the job */
    const char *peer;                      /* another node's; NULL: the job has none */
    const struct cu_interface *interfaces; /* borrowed */
    size_t interface_count;
    int (*look_up)(const char *name, uint16_t port, struct cu_addresses *found);
};

/* Names which lead nowhere: data goes wherever the hosts' own names lead. */
void cu_network_init(struct cu_network *network);
/* Chooses the interface and the rule. Rules are tried with this node's own name, until one leads to
 * an address of the interface: the site's; "%h"; "%h-INTERFACE"; and for a fabric the network of
 * its own address. Without -n the fastest interface for which there is a rule; else that of the
 * host's own name, with a note. Looks up at most a few names, all of this node and one of its peer.
 * 0; -ENODEV with err: no such interface, or no rule leads to it. */
__attribute__((warn_unused_result)) int cu_network_choose(const struct cu_network_config *config,
                                                          struct cu_network *network,
                                                          struct cu_error *err);
/* The same for this host. interfaces and look_up of the config are filled in. Names are looked up
 * by a process that is started for it: where the name service does not answer within
 * CU_NETWORK_WAIT_MS, "%h" is the rule, with a note. */
__attribute__((warn_unused_result)) int cu_network_choose_here(struct cu_network_config *config,
                                                               struct cu_network *network,
                                                               struct cu_error *err);

/* Where a host is reached is asked for in two steps, so that the caller can look up names in its
 * own way. The name of the first look-up: 0 or -ENAMETOOLONG. */
__attribute__((warn_unused_result)) int
cu_network_name(const struct cu_network *network, const char *host, char name[CU_NETNAME_MAX]);
/* found: what the first look-up found, maybe nothing. It becomes the addresses of the data network;
 * the first *count are, and others follow only with `detour`. True: the host's own name is to be
 * looked up, too, and what is found there to be added; with `detour`, or when there is nothing on
 * the data network, and never where -n named the interface. */
bool cu_network_take(const struct cu_network *network, bool detour, struct cu_addresses *found,
                     unsigned *count);
/* For a command, which may run outside of the job and does not know the daemons' choice: all at
 * which the host may answer. Those on one of this host's own faster networks come first. 0, or an
 * error of getaddrinfo(3). */
int cu_network_candidates_of(const struct cu_network_config *config, uint16_t port,
                             struct cu_addresses *found);
/* The same with this host's interfaces and name service. */
int cu_network_candidates(const char *interface, const char *rule, const char *host, uint16_t port,
                          struct cu_addresses *found);

/* For people: "hsn0, 10.1.0.7, 200 Gb/s, hosts as %h-hsn0". */
void cu_network_text(const struct cu_network *network, char *text, size_t size);

#endif
