/* Base64 and MD5 for plugins. */
#include <wecomd/encode.h>

#include "algos.h"
#include "base64.h"

#include <wecomd/seal.h>

wc_slice wc_base64(wc_arena *a, wc_slice bytes)
{
	return base64_encode(a, (const unsigned char *)bytes.p, bytes.n);
}

bool wc_base64_bytes(wc_arena *a, wc_slice text, wc_slice *bytes)
{
	unsigned char *out = wc_alloc(a, text.n / 4 * 3 + 1);

	bytes->p = (char *)out;
	return base64_decode(out, &bytes->n, text.p, text.n);
}

char *wc_md5(wc_arena *a, wc_slice bytes)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	unsigned      n;

	algos_must(EVP_Digest(bytes.p, bytes.n, hash, &n, EVP_md5(), NULL), "MD5");
	return wc_hex(a, hash, n);
}
