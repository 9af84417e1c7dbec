/* OpenSSL's block functions do the work. They skip blanks, take padding anywhere and count it as data, so the
 * text is checked before they see it. */
#include "base64.h"

#include "algos.h"

#define SIZE_LIMIT (1u << 30)     /* OpenSSL counts in int */

static const bool in_alphabet[256] = {
	['A' ... 'Z'] = true, ['a' ... 'z'] = true, ['0' ... '9'] = true, ['+'] = true, ['/'] = true,
};

static size_t padding(const char *s, size_t n)
{
	if (s[n - 1] != '=')
		return 0;
	return s[n - 2] == '=' ? 2 : 1;
}

static bool all_in_alphabet(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!in_alphabet[(unsigned char)s[i]])
			return false;
	return true;
}

bool base64_decode(unsigned char *out, size_t *out_n, const char *s, size_t n)
{
	size_t pad;
	int    decoded;

	if (!n || n % 4 || n > SIZE_LIMIT)
		return false;
	pad = padding(s, n);
	if (!all_in_alphabet(s, n - pad))
		return false;
	decoded = EVP_DecodeBlock(out, (const unsigned char *)s, (int)n);
	algos_must(decoded == (int)(n / 4 * 3), "base64");
	*out_n = (size_t)decoded - pad;
	return true;
}

wc_slice base64_encode(wc_arena *a, const unsigned char *p, size_t n)
{
	char *s;

	algos_must(n < SIZE_LIMIT, "too much to encode");
	s = wc_alloc(a, (n + 2) / 3 * 4 + 1);
	return (wc_slice){s, (size_t)EVP_EncodeBlock((unsigned char *)s, p, (int)n)};
}
