/* Private to core/http: where a URL that came from outside may lead. */
#pragma once

#include <stdbool.h>

#include <sys/socket.h>

#include <wecomd/err.h>

/* Whether the configuration lets such URLs name this host at all, and whether it may then have any address. host is as libcurl's URL
 * parser gives it: lower or upper case, IPv6 in brackets. */
bool guard_allows(const char *host, const char *port);
bool guard_allows_private(const char *host, const char *port);

/* Whether the address belongs to the public Internet: none of private networks, loopback, link-local, carrier NAT, documentation,
 * multicast, reserved; and none of these inside an IPv6 form that carries an IPv4 address. */
bool guard_is_public(const struct sockaddr *address);
bool guard_is_public_text(const char *ip);     /* false for what is no address */
