/* SPDX-License-Identifier: BSD-3-Clause */
/* The kernel is asked with ioctl(2), not by files of /sys: in a container these may be those of
 * another network namespace. */
#include "host/interfaces.h"

#include <errno.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MODE_WORDS_MAX 127 /* link modes: three bit sets of so many words follow the settings */
#define MBITS_MAX      100000000u

static int ask(int fd, const char *name, unsigned long what, void *data, struct ifreq *request)
{
    memset(request, 0, sizeof(*request));
    (void)snprintf(request->ifr_name, sizeof(request->ifr_name), "%s", name);
    if (data)
        request->ifr_data = data;
    return ioctl(fd, what, request);
}

/* The first call is answered with the number of words that the driver has. */
static unsigned speed_of(int fd, const char *name)
{
    union {
        struct ethtool_link_settings settings; /* modes follow */
        unsigned char
            room[sizeof(struct ethtool_link_settings) + sizeof(__u32) * 3 * MODE_WORDS_MAX];
    } asked;
    struct ifreq request;
    int words;

    memset(&asked, 0, sizeof(asked));
    asked.settings.cmd = ETHTOOL_GLINKSETTINGS;
    if (ask(fd, name, SIOCETHTOOL, &asked, &request) < 0 ||
        asked.settings.link_mode_masks_nwords >= 0)
        return 0;
    words = -asked.settings.link_mode_masks_nwords;
    memset(&asked, 0, sizeof(asked));
    asked.settings.cmd = ETHTOOL_GLINKSETTINGS;
    asked.settings.link_mode_masks_nwords = (__s8)words;
    if (ask(fd, name, SIOCETHTOOL, &asked, &request) < 0)
        return 0;
    return asked.settings.speed < MBITS_MAX ? asked.settings.speed : 0; /* all ones: not known */
}

/* A bridge to a container's network may report a higher speed than the network card does. */
static bool is_bridge_or_tunnel(int fd, const char *name)
{
    struct ethtool_drvinfo info = {.cmd = ETHTOOL_GDRVINFO};
    struct ifreq request;

    if (ask(fd, name, SIOCETHTOOL, &info, &request) < 0)
        return false;
    return strcmp(info.driver, "bridge") == 0 || strcmp(info.driver, "tun") == 0;
}

static bool is_fabric(int fd, const char *name)
{
    struct ifreq request;

    if (strncmp(name, "hsn", 3) == 0 || strncmp(name, "ib", 2) == 0)
        return true;
    return ask(fd, name, SIOCGIFHWADDR, NULL, &request) == 0 &&
           request.ifr_hwaddr.sa_family == ARPHRD_INFINIBAND;
}

static unsigned bits_of(const struct sockaddr *netmask, unsigned family)
{
    union cu_address mask;
    unsigned bits = 0, bytes = family == AF_INET6 ? 16 : 4;
    const uint8_t *byte;

    if (!netmask)
        return bytes * 8;
    memset(&mask, 0, sizeof(mask));
    memcpy(&mask, netmask, family == AF_INET6 ? sizeof(mask.v6) : sizeof(mask.v4));
    mask.any.sa_family = (sa_family_t)family; /* the kernel leaves it out of masks */
    byte = cu_address_bytes(&mask);
    for (unsigned i = 0; i < bytes; i++)
        bits += (unsigned)__builtin_popcount(byte[i]);
    return bits;
}

static bool take(int fd, const struct ifaddrs *it, struct cu_interface *interface)
{
    unsigned family = it->ifa_addr ? it->ifa_addr->sa_family : AF_UNSPEC;

    if ((family != AF_INET && family != AF_INET6) || (it->ifa_flags & IFF_UP) == 0)
        return false;
    memset(interface, 0, sizeof(*interface));
    memcpy(&interface->address, it->ifa_addr,
           family == AF_INET6 ? sizeof(interface->address.v6) : sizeof(interface->address.v4));
    if (cu_address_is_loopback(&interface->address) ||
        cu_address_is_link_local(&interface->address))
        return false;
    (void)snprintf(interface->name, sizeof(interface->name), "%s", it->ifa_name);
    interface->bits = bits_of(it->ifa_netmask, family);
    interface->mbits = speed_of(fd, it->ifa_name);
    interface->fabric = is_fabric(fd, it->ifa_name);
    interface->leads = (it->ifa_flags & IFF_RUNNING) != 0 && !is_bridge_or_tunnel(fd, it->ifa_name);
    return true;
}

int cu_interfaces_list(struct cu_interface **list, size_t *count)
{
    struct ifaddrs *all = NULL;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc = 0;
    size_t room = 0;

    *list = NULL;
    *count = 0;
    if (fd < 0) /* a host with IPv6 only */
        fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (getifaddrs(&all) < 0) {
        rc = -errno;
        goto out;
    }
    for (const struct ifaddrs *it = all; it != NULL; it = it->ifa_next)
        room++;
    *list = calloc(room + 1, sizeof(**list));
    if (!*list) {
        rc = -ENOMEM;
        goto out;
    }
    for (const struct ifaddrs *it = all; it != NULL; it = it->ifa_next)
        if (take(fd, it, &(*list)[*count]))
            ++*count;
out:
    if (all)
        freeifaddrs(all);
    if (fd >= 0)
        close(fd);
    return rc;
}

static int kind_of(const struct cu_interface *interface)
{
    if (!interface->fabric)
        return 0;
    return strncmp(interface->name, "hsn", 3) == 0 ? 2 : 1;
}

int cu_interface_compare(const struct cu_interface *a, const struct cu_interface *b)
{
    int kind = kind_of(a) - kind_of(b);

    if (kind != 0 || a->mbits == b->mbits)
        return kind;
    return a->mbits > b->mbits ? 1 : -1;
}

void cu_interface_speed(unsigned mbits, char *text, size_t size)
{
    if (mbits >= 1000)
        (void)snprintf(text, size, ", %g Gb/s", (double)mbits / 1000);
    else if (mbits > 0)
        (void)snprintf(text, size, ", %u Mb/s", mbits);
    else
        text[0] = '\0';
}
