/* UTF-8: checking, cutting, counting, trimming. */
#include <wecomd/text.h>

#include <string.h>

#define CHAR_BYTES 4     /* of the longest character */

/* The length of the well-formed character at s, or 0. */
static size_t char_len(const unsigned char *s, size_t n)
{
	size_t   len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
	unsigned code;

	if (len < 2 || len > n)
		return len > n ? 0 : len;
	code = s[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (s[i] & 0x3f);
	}
	if ((len == 3 && code < 0x800) || (len == 4 && (code < 0x10000 || code > 0x10ffff)) || (code >= 0xd800 && code < 0xe000))
		return 0;
	return len;
}

bool wc_utf8_valid(const char *s, size_t n)
{
	for (size_t i = 0, len; i < n; i += len) {
		len = char_len((const unsigned char *)s + i, n - i);
		if (!len)
			return false;
	}
	return true;
}

size_t wc_utf8_cut(const char *s, size_t n, size_t max)
{
	size_t cut = max;

	if (n <= max)
		return n;
	while (cut > 0 && max - cut < CHAR_BYTES && ((unsigned char)s[cut] & 0xc0) == 0x80)
		cut--;
	return max - cut < CHAR_BYTES ? cut : max;
}

size_t wc_utf8_count(const char *s, size_t n)
{
	size_t count = 0;

	for (size_t i = 0; i < n; i++)
		count += ((unsigned char)s[i] & 0xc0) != 0x80;
	return count;
}

static size_t blank_at(const char *s, size_t n)
{
	if (n && (*s == ' ' || (*s >= '\t' && *s <= '\r')))
		return 1;
	return n >= 3 && !memcmp(s, "\xe3\x80\x80", 3) ? 3 : 0;
}

void wc_text_trim(const char **s, size_t *n)
{
	for (size_t len; (len = blank_at(*s, *n)) > 0;) {
		*s += len;
		*n -= len;
	}
	while (*n && blank_at(*s + *n - 1, 1))
		--*n;
	while (*n >= 3 && blank_at(*s + *n - 3, 3) == 3) {
		*n -= 3;
		while (*n && blank_at(*s + *n - 1, 1))
			--*n;
	}
}
