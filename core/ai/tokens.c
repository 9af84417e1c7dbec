/* Estimating tokens, for budgets and for endpoints that do not count. */
#include <wecomd/ai.h>

int64_t wc_token_estimate(const char *s, size_t n)
{
	const unsigned char *p     = (const unsigned char *)s;
	int64_t              wide  = 0, bytes = 0;

	for (size_t i = 0; i < n; i++) {
		if ((p[i] & 0xc0) == 0x80)
			continue;
		if (p[i] >= 0xf0 || (p[i] >= 0xe2 && !(p[i] == 0xe2 && i + 1 < n && p[i + 1] < 0xba)))
			wide++;
		else
			bytes += p[i] < 0x80 ? 1 : 2;
	}
	return wide + (bytes + 2) / 3;
}
