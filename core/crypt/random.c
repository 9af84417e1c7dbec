/* Random bytes from the system, and how bytes are shown. */
#include <wecomd/seal.h>

#include "algos.h"

#include <errno.h>
#include <sys/random.h>

void wc_random(void *p, size_t n)
{
	unsigned char *to = p;
	ssize_t        got;

	for (; n; to += got, n -= (size_t)got) {
		got = getrandom(to, n, 0);
		if (got < 0) {
			algos_must(errno == EINTR, "the system gives no random bytes");
			got = 0;
		}
	}
}

char *wc_hex(wc_arena *a, const unsigned char *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";
	char             *s        = wc_alloc(a, 2 * n + 1);

	for (size_t i = 0; i < n; i++) {
		s[2 * i]     = digits[p[i] >> 4];
		s[2 * i + 1] = digits[p[i] & 15];
	}
	return s;
}
