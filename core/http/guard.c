/* Requests that somebody outside could have made us send: which hosts they may name, which addresses they may reach. */
#include "http/guard.h"

#include "http/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char *const *allowed, *const *private_ones;

#define OF(member) offsetof(struct http_settings, member)

const wc_field http_fields[] = {
	{WC_LIST, "allow_hosts", "", OF(allow_hosts), "hosts that URLs from outside may name: HOST, HOST:PORT, *.DOMAIN; *: any"},
	{WC_LIST, "private_hosts", "", OF(private_hosts), "HOST or HOST:PORT that URLs from outside may name though its address is private"},
	{0}};

void http_use(const struct http_settings *settings)
{
	allowed      = settings->allow_hosts;
	private_ones = settings->private_hosts;
}

/* --- hosts ---------------------------------------------------------------------------------------------------------- */

static bool ends_with(const char *text, size_t n, const char *end)
{
	size_t len = strlen(end);

	return n > len && !strncasecmp(text + n - len, end, len);
}

/* A trailing dot names the same host. */
static bool entry_fits(const char *entry, const char *host, const char *port)
{
	size_t n   = strlen(host);
	size_t len = strlen(entry);

	n -= n > 1 && host[n - 1] == '.';
	if (!strcmp(entry, "*"))
		return true;
	if (!strncmp(entry, "*.", 2))
		return ends_with(host, n, entry + 1);
	if (len < n || strncasecmp(entry, host, n))
		return false;
	return !entry[n] || (entry[n] == ':' && !strcmp(entry + n + 1, port));
}

static bool is_listed(const char *const *list, const char *host, const char *port)
{
	for (; list && *list; list++)
		if (entry_fits(*list, host, port))
			return true;
	return false;
}

bool guard_allows_private(const char *host, const char *port)
{
	return is_listed(private_ones, host, port);
}

bool guard_allows(const char *host, const char *port)
{
	return is_listed(allowed, host, port) || guard_allows_private(host, port);
}

/* --- addresses (the IANA registries of special-purpose addresses) ----------------------------------------------------- */

struct block {
	uint32_t address;
	int      bits;
};

#define IP(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

static const struct block special[] = {
	{IP(0, 0, 0, 0), 8},      {IP(10, 0, 0, 0), 8},    {IP(100, 64, 0, 0), 10},  {IP(127, 0, 0, 0), 8},
	{IP(169, 254, 0, 0), 16}, {IP(172, 16, 0, 0), 12}, {IP(192, 0, 0, 0), 24},   {IP(192, 0, 2, 0), 24},
	{IP(192, 88, 99, 0), 24}, {IP(192, 168, 0, 0), 16}, {IP(198, 18, 0, 0), 15}, {IP(198, 51, 100, 0), 24},
	{IP(203, 0, 113, 0), 24}, {IP(224, 0, 0, 0), 3},
};

static bool is_public4(uint32_t ip)
{
	for (size_t i = 0; i < sizeof special / sizeof *special; i++)
		if (((ip ^ special[i].address) >> (32 - special[i].bits)) == 0)
			return false;
	return true;
}

static uint32_t word(const unsigned char *p)
{
	return IP(p[0], p[1], p[2], p[3]);
}

static bool is_public6(const unsigned char ip[16])
{
	static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff}, nat64[12] = {0x00, 0x64, 0xff, 0x9b};
	uint32_t first = word(ip);

	if (!memcmp(ip, mapped, 12) || !memcmp(ip, nat64, 12))
		return is_public4(word(ip + 12));
	if (first >> 29 != 1)     /* 2000::/3 is all that was given out */
		return false;
	return first >> 9 != 0x20010000 >> 9 &&     /* 2001::/23: protocols, Teredo */
	       first != 0x20010db8 &&               /* documentation */
	       first >> 16 != 0x2002 &&             /* 6to4 */
	       first >> 12 != 0x3fff0;              /* documentation */
}

bool guard_is_public(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET)
		return is_public4(ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr));
	return address->sa_family == AF_INET6 && is_public6(((const struct sockaddr_in6 *)address)->sin6_addr.s6_addr);
}

bool guard_is_public_text(const char *ip)
{
	unsigned char bytes[16];

	if (inet_pton(AF_INET, ip, bytes) == 1)
		return is_public4(word(bytes));
	return inet_pton(AF_INET6, ip, bytes) == 1 && is_public6(bytes);
}
