/* Lists of addresses: "10.0.0.0/8, 2001:db8::/32 192.0.2.7". IPv4 is kept in its IPv6 form (::ffff:a.b.c.d), so that one
 * comparison does for both. */
#include "web/web.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEPARATORS ", \t\r\n;"

static bool parse_address(const char *text, unsigned char out[16], unsigned *bits)
{
	static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

	if (inet_pton(AF_INET6, text, out) == 1) {
		*bits = 128;
		return true;
	}
	memcpy(out, mapped, sizeof mapped);
	*bits = 32;
	return inet_pton(AF_INET, text, out + 12) == 1;
}

/* WeCom writes "101.226.103.*" for 101.226.103.0/24. */
static bool parse_stars(const char *text, struct web_cidr *c)
{
	unsigned part[3], n = 0;
	int      end = 0;
	char     address[48];

	if (sscanf(text, "%3u.%3u.%3u.*%n", &part[0], &part[1], &part[2], &end) == 3 && end && !text[end])
		n = 3;
	else if (sscanf(text, "%3u.%3u.*.*%n", &part[0], &part[1], &end) == 2 && end && !text[end])
		n = 2;
	if (!n)
		return false;
	snprintf(address, sizeof address, "%u.%u.%u.0", part[0], part[1], n > 2 ? part[2] : 0);
	c->bits = 96 + 8 * n;
	return parse_address(address, c->address, &(unsigned){0});
}

static bool parse_one(const char *text, struct web_cidr *c)
{
	char        address[48], *end;
	const char *slash = strchr(text, '/');
	size_t      n     = slash ? (size_t)(slash - text) : strlen(text);
	unsigned    width;
	long        bits;

	if (strchr(text, '*'))
		return parse_stars(text, c);
	if (n >= sizeof address)
		return false;
	memcpy(address, text, n);
	address[n] = 0;
	if (!parse_address(address, c->address, &width))
		return false;
	bits = slash ? strtol(slash + 1, &end, 10) : (long)width;
	if (slash && (end == slash + 1 || *end || slash[1] < '0' || slash[1] > '9' || bits > (long)width))
		return false;
	c->bits = (unsigned)bits + 128 - width;
	return true;
}

int web_cidrs_parse(wc_arena *a, const char *text, struct web_cidrs *out, wc_err *e)
{
	size_t room = 0;

	*out = (struct web_cidrs){0};
	for (text += strspn(text, SEPARATORS); *text; text += strspn(text, SEPARATORS)) {
		size_t n   = strcspn(text, SEPARATORS);
		char  *one = wc_strndup(a, text, n);

		text += n;
		if (!strcmp(one, "unix")) {
			out->has_unix = true;
			continue;
		}
		if (out->n == room) {
			out->one = wc_grow(a, out->one, room * sizeof *out->one, (room + 16) * sizeof *out->one);
			room += 16;
		}
		if (!parse_one(one, &out->one[out->n]))
			return wc_fail(e, WC_E_ARG, "%.60s is neither an address nor a network such as 10.0.0.0/8 or 2001:db8::/32", one);
		out->n++;
	}
	return 0;
}

static bool is_within(const struct web_cidr *c, const unsigned char address[16])
{
	unsigned bytes = c->bits / 8, rest = c->bits % 8;

	return !memcmp(c->address, address, bytes) &&
	       (!rest || (c->address[bytes] ^ address[bytes]) >> (8 - rest) == 0);
}

bool web_cidrs_have(const struct web_cidrs *list, const char *text)
{
	unsigned char address[16];
	unsigned      bits;

	if (!strcmp(text, "unix:"))
		return list->has_unix;
	if (!parse_address(text, address, &bits))
		return false;
	for (size_t i = 0; i < list->n; i++)
		if (is_within(&list->one[i], address))
			return true;
	return false;
}

/* The shortest form, IPv4 without its IPv6 clothes; false when it is no address. */
bool web_address_normal(const char *text, char out[WEB_ADDRESS_SIZE])
{
	unsigned char address[16];
	unsigned      bits;

	if (!parse_address(text, address, &bits))
		return false;
	if (IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)(const void *)address))
		return inet_ntop(AF_INET, address + 12, out, WEB_ADDRESS_SIZE) != NULL;
	return inet_ntop(AF_INET6, address, out, WEB_ADDRESS_SIZE) != NULL;
}

void web_address_network(const char *text, char out[WEB_ADDRESS_SIZE])
{
	unsigned char address[16];
	unsigned      bits;

	snprintf(out, WEB_ADDRESS_SIZE, "%s", text);
	if (!parse_address(text, address, &bits) || bits == 32 || IN6_IS_ADDR_V4MAPPED((const struct in6_addr *)(const void *)address))
		return;
	memset(address + 8, 0, 8);
	inet_ntop(AF_INET6, address, out, WEB_ADDRESS_SIZE);
}
