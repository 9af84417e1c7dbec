/* Each byte that is not part of a whole character is written as a mark, a character of its own from the end of the last
 * private plane. Characters that look like a mark are written byte by byte as well, so that reading back is exact. */
#include "ai/torn.h"

#include <wecomd/buf.h>
#include <wecomd/text.h>

#include <string.h>

/* U+10F780 to U+10F7FF stand for the bytes 0x80 to 0xff. */
#define MARK_FIRST 0x10f780u
#define MARK_LAST  0x10f7ffu
#define MARK_SIZE  4

static void add_mark(wc_buf *b, unsigned char byte)
{
	char mark[MARK_SIZE] = {'\xf4', '\x8f', (char)(0x9c | byte >> 6), (char)(0x80 | (byte & 0x3f))};

	wc_buf_add(b, mark, sizeof mark);
}

/* The byte that the character at p stands for; 0: it is no mark. */
static unsigned char mark_at(const char *p, size_t n)
{
	const unsigned char *u = (const unsigned char *)p;

	if (n < MARK_SIZE || u[0] != 0xf4 || u[1] != 0x8f || (u[2] != 0x9e && u[2] != 0x9f))
		return 0;
	return (unsigned char)(u[2] << 6 | (u[3] & 0x3f));
}

static void add_marked(wc_buf *b, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		add_mark(b, (unsigned char)p[i]);
}

/* The length of the whole character at p, or 0. */
static size_t whole_char(const char *p, size_t n)
{
	unsigned char c   = (unsigned char)*p;
	size_t        len = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	return len <= n && wc_utf8_valid(p, len) ? len : 0;
}

static size_t rewrite_char(wc_buf *b, const char *p, size_t n)
{
	size_t len = whole_char(p, n);

	if (!len || mark_at(p, n)) {
		add_marked(b, p, 1);
		return 1;
	}
	wc_buf_add(b, p, len);
	return len;
}

/* The number in an escape \uXXXX at p; -1 when there is none. */
static int escape_at(const char *p, size_t n)
{
	int code = 0;

	if (n < 6 || p[0] != '\\' || p[1] != 'u')
		return -1;
	for (int i = 2; i < 6; i++) {
		char c = p[i];
		int  digit = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;

		if (digit < 0)
			return -1;
		code = code << 4 | digit;
	}
	return code;
}

static void add_half(wc_buf *b, int surrogate)
{
	char bytes[3] = {'\xed', (char)(0x80 | (surrogate >> 6 & 0x3f)), (char)(0x80 | (surrogate & 0x3f))};

	add_marked(b, bytes, sizeof bytes);
}

static size_t rewrite_escape(wc_buf *b, const char *p, size_t n)
{
	int      high = escape_at(p, n), low = -1;
	unsigned code;

	if (high == 0) {
		wc_buf_adds(b, "\\ufffd");     /* text has no NUL */
		return 6;
	}
	if (high < 0xd800 || high > 0xdfff) {
		wc_buf_add(b, p, n < 2 ? n : 2);
		return n < 2 ? n : 2;
	}
	if (high < 0xdc00)
		low = escape_at(p + 6, n - 6);
	code = 0x10000u + ((unsigned)high - 0xd800u) * 0x400u + (unsigned)low - 0xdc00u;
	if (low < 0xdc00 || low > 0xdfff || (code >= MARK_FIRST && code <= MARK_LAST)) {
		add_half(b, high);
		return 6;
	}
	wc_buf_add(b, p, 12);
	return 12;
}

static json_t *parse_rewritten(wc_arena *a, const char *p, size_t n, wc_err *e)
{
	wc_buf *b = wc_buf_new(a, MARK_SIZE * n);

	for (size_t i = 0; i < n; )
		i += p[i] == '\\' ? rewrite_escape(b, p + i, n - i) : rewrite_char(b, p + i, n - i);
	return wc_json_parse(a, b->s, b->len, e);
}

json_t *torn_parse(wc_arena *a, const char *p, size_t n, bool *torn, wc_err *e)
{
	wc_err  why;
	json_t *value = wc_json_parse(a, p, n, &why);

	*torn = !value;
	return value ? value : parse_rewritten(a, p, n, e);
}

const char *torn_bytes(wc_arena *a, const json_t *string, size_t *n)
{
	const char *s     = json_string_value(string);
	size_t      len   = json_string_length(string);
	char       *bytes = wc_alloc(a, len + 1), *to = bytes;

	for (size_t i = 0; i < len; to++) {
		unsigned char mark = mark_at(s + i, len - i);

		*to = mark ? (char)mark : s[i];
		i += mark ? MARK_SIZE : 1;
	}
	*n = (size_t)(to - bytes);
	return bytes;
}
