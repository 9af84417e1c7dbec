/* Lists of addresses. Input: an address on the first line, then the list. */
#include "fuzz.h"

#include "web/web.h"

#include <arpa/inet.h>

static bool bits_agree(const unsigned char *x, const unsigned char *y, unsigned bits)
{
	for (unsigned i = 0; i < bits; i++)
		if ((x[i / 8] ^ y[i / 8]) >> (7 - i % 8) & 1)
			return false;
	return true;
}

/* In the IPv6 form; what inet_pton takes is an address, and nothing else. */
static bool plain_address(const char *text, unsigned char out[16])
{
	if (inet_pton(AF_INET6, text, out) == 1)
		return true;
	memcpy(out, (unsigned char[12]){[10] = 0xff, [11] = 0xff}, 12);
	return inet_pton(AF_INET, text, out + 12) == 1;
}

/* What was read, written once more, says the same. */
static void check_written(wc_arena *a, const struct web_cidr *c)
{
	char             text[64];
	struct web_cidrs again;
	wc_err           e;

	must(c->bits <= 128);
	must(inet_ntop(AF_INET6, c->address, text, sizeof text));
	must(web_cidrs_parse(a, wc_printf(a, "%s/%u", text, c->bits), &again, &e) == 0);
	must(again.n == 1 && again.one[0].bits == c->bits && !memcmp(again.one[0].address, c->address, 16));
	must(web_cidrs_have(&again, text));
}

static void check_address(const char *text, const unsigned char address[16], bool known)
{
	char normal[WEB_ADDRESS_SIZE], again[WEB_ADDRESS_SIZE], network[WEB_ADDRESS_SIZE], twice[WEB_ADDRESS_SIZE];
	unsigned char back[16];

	must(web_address_normal(text, normal) == known);
	web_address_network(text, network);
	web_address_network(network, twice);
	must(!strcmp(network, twice));
	if (!known)
		return;
	must(web_address_normal(normal, again) && !strcmp(normal, again));
	must(plain_address(normal, back) && !memcmp(back, address, 16));
	must(plain_address(network, back) && bits_agree(back, address, 64));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input     in   = {(const char *)data, size};
	wc_arena        *a    = wc_arena_new();
	const char      *who  = text_of(a, take_line(&in)), *list = text_of(a, in);
	unsigned char    address[16];
	bool             known = plain_address(who, address), within = false;
	struct web_cidrs c;
	wc_err           e = {0};

	check_address(who, address, known);
	if (web_cidrs_parse(a, list, &c, &e) < 0) {
		must(e.code == WC_E_ARG);
	} else {
		for (size_t i = 0; i < c.n; i++) {
			check_written(a, &c.one[i]);
			within |= known && bits_agree(c.one[i].address, address, c.one[i].bits);
		}
		must(web_cidrs_have(&c, who) == (within || (c.has_unix && !strcmp(who, "unix:"))));
	}
	wc_arena_free(a);
	return 0;
}
