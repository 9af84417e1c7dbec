/* How an answer travels: its tag for conditional requests, and compression. */
#include "web/request.h"

#include "crypt/crypt.h"

#include <wecomd/seal.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

#define GZIP_LEVEL 5      /* most of what level 9 saves, in a third of its time */

/* Weak, for the compressed and the plain form are the same answer. */
char *etag_of(wc_arena *a, wc_slice body)
{
	unsigned char hash[32];

	crypt_hash_raw(hash, body.p, body.n);
	return wc_printf(a, "W/\"%s\"", wc_hex(a, hash, 16));
}

static const char *opaque(const char *tag)
{
	return strncmp(tag, "W/", 2) ? tag : tag + 2;
}

bool etag_matches(const char *header, const char *etag)
{
	const char *want = opaque(etag);
	size_t      n    = strlen(want);

	for (const char *at = header; *at; at += *at == ',') {
		at += strspn(at, " \t");
		if (*at == '*' && !at[1 + strspn(at + 1, " \t")])
			return true;
		at = opaque(at);
		if (!strncmp(at, want, n))
			return true;
		/* A tag may hold a comma between its quotes. */
		if (*at == '"')
			at += strcspn(at + 1, "\"") + 1;
		at += strcspn(at, ",");
	}
	return false;
}

/* Whether the weight behind a coding (";q=0.5") is above 0. */
static bool is_wanted(const char *parameters, size_t n)
{
	const char *q = memchr(parameters, '=', n);

	return !q || strtod(q + 1, NULL) > 0;
}

bool accepts_gzip(const char *header)
{
	bool any = false;

	for (const char *at = header; *at; at += *at == ',') {
		size_t n, name;

		at += strspn(at, " \t");
		n    = strcspn(at, ",");
		name = strcspn(at, ";, \t");
		if ((name == 4 && !strncasecmp(at, "gzip", 4)) || (name == 6 && !strncasecmp(at, "x-gzip", 6)))
			return is_wanted(at + name, n - name);
		if (name == 1 && *at == '*')
			any = is_wanted(at + name, n - name);
		at += n;
	}
	return any;
}

bool gzip(wc_arena *a, wc_slice plain, wc_slice *packed)
{
	z_stream z = {.next_in = (unsigned char *)plain.p, .avail_in = (unsigned)plain.n, .avail_out = (unsigned)plain.n};
	char    *out;
	int      rc;

	if (plain.n > 1u << 30 || deflateInit2(&z, GZIP_LEVEL, Z_DEFLATED, 15 + 16 /* gzip */, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return false;
	out        = wc_alloc(a, plain.n);
	z.next_out = (unsigned char *)out;
	rc         = deflate(&z, Z_FINISH);
	if (rc == Z_STREAM_END)
		*packed = (wc_slice){out, z.total_out};
	deflateEnd(&z);
	return rc == Z_STREAM_END;
}
