/* What is said about links that end. Strangers come by the thousand and from many places, so they
 * have a number of lines a minute; the rest is counted, and told with the first line of a later
 * minute. */
#include "io/tcp.h"

#include "base/log.h"

#include <errno.h>
#include <string.h>

#define REFUSED_PERIOD_NS UINT64_C(60000000000)
#define REFUSED_LINES     10u /* in such a period */

static const char *reason(enum cu_tcp_state state, int error)
{
    const char *refused = cu_handshake_strerror(error);

    if (error == -EBADMSG && state == CU_TCP_UP)
        return "sent what is no message";
    if (error == -EREMCHG)
        return "another rank than the host list says answers there";
    if (error == -ETIMEDOUT && state == CU_TCP_HANDSHAKE)
        return "no proof of the job's key in time";
    if (error == -ETIMEDOUT)
        return "timed out";
    if (error == -ENOBUFS)
        return "does not take what is sent to it";
    return refused != NULL ? refused : strerror(-error);
}

static bool period_is_over(const struct cu_tcp *tcp, uint64_t now)
{
    return tcp->refused_since_ns == 0 || now - tcp->refused_since_ns >= REFUSED_PERIOD_NS;
}

bool cu_tcp_may_log_refusal(const struct cu_tcp *tcp)
{
    return tcp->refused_logged < REFUSED_LINES || period_is_over(tcp, uv_hrtime());
}

static void log_refusal(struct cu_tcp *tcp, const char *host, const char *why)
{
    uint64_t now = uv_hrtime();

    if (period_is_over(tcp, now)) {
        if (tcp->refused_silent > 0)
            cu_log_warn("refused %u more connections since the last such line",
                        tcp->refused_silent);
        tcp->refused_since_ns = now;
        tcp->refused_logged = 0;
        tcp->refused_silent = 0;
    }
    if (tcp->refused_logged >= REFUSED_LINES) {
        tcp->refused_silent++;
        return;
    }
    tcp->refused_logged++;
    cu_log_warn("refused a connection from %s: %s", host[0] ? host : "unknown", why);
}

void cu_tcp_log_end(const struct cu_tcp_link *link, int error)
{
    const char *why = reason(link->state, error);
    struct cu_error text;

    if (link->state == CU_TCP_HANDSHAKE && error == -EPROTONOSUPPORT) {
        (void)cu_handshake_explain(&link->opening->handshake, error, &text);
        why = text.text;
    }

    if (link->state == CU_TCP_UP && error)
        cu_log_warn("connection to %s ended: %s", link->base.name, why);
    else if (link->state == CU_TCP_UP)
        cu_log_debug("connection to %s ended", link->base.name);
    else if (link->accepted)
        log_refusal(link->tcp, link->opening->host, why);
    else if (error != 0 && -error == link->base.hushed)
        cu_log_debug("still cannot connect to %s: %s", link->base.name, why);
    else if (link->state == CU_TCP_HANDSHAKE)
        cu_log_warn("cannot join %s: %s", link->base.name, why);
    else
        cu_log_info("cannot connect to %s: %s", link->base.name, why);
}
