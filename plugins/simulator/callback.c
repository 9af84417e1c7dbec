/* Callback: sealing, for messages and events alike. */
#include "callback.h"

#include <inttypes.h>
#include <string.h>

const char *callback_random(wc_arena *a, size_t bytes)
{
	unsigned char raw[32];

	wc_random(raw, bytes);
	return wc_hex(a, raw, bytes);
}

int callback_seal(wc_arena *a, const wc_envelope *v, const char *bot_url, const char *plain, const char **nonce, const char **url,
                  const char **body, wc_err *e)
{
	const char *timestamp = wc_printf(a, "%" PRId64, wc_now_ms() / 1000);
	char        signature[41];
	wc_slice    encrypt;

	if (wc_envelope_close(v, a, (wc_slice){plain, strlen(plain)}, NULL, &encrypt, e) < 0)
		return -1;
	*nonce = callback_random(a, 8);
	wc_envelope_sign(v, timestamp, *nonce, encrypt, signature);
	*url  = wc_printf(a, "%s%cmsg_signature=%s&timestamp=%s&nonce=%s", bot_url, strchr(bot_url, '?') ? '&' : '?', signature, timestamp, *nonce);
	*body = wc_json_text(a, wc_json(a, "{s:s%}", "encrypt", encrypt.p, encrypt.n));
	return 0;
}
