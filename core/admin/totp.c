/* One-time codes by the clock (RFC 6238: SHA-1, 30 seconds, 6 digits), and recovery codes. */
#include "admin/parts.h"

#include "crypt/crypt.h"

#include <stdio.h>
#include <string.h>

unsigned totp_code(const unsigned char *secret, size_t n, int64_t step, unsigned digits)
{
	unsigned char counter[8], hash[20];
	unsigned      value, modulus = 1;

	for (size_t i = 0; i < sizeof counter; i++)
		counter[i] = (unsigned char)((uint64_t)step >> (56 - 8 * i));
	crypt_hmac_sha1(hash, secret, n, counter, sizeof counter);
	n     = hash[19] & 15;
	value = (hash[n] & 0x7fu) << 24 | (unsigned)hash[n + 1] << 16 | (unsigned)hash[n + 2] << 8 | hash[n + 3];
	while (digits--)
		modulus *= 10;
	return value % modulus;
}

char *totp_base32(wc_arena *a, const unsigned char *p, size_t n)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	char             *out        = wc_alloc(a, n * 8 / 5 + 2), *to = out;
	unsigned          held = 0, bits = 0;

	for (size_t i = 0; i < n; i++) {
		held = held << 8 | p[i];
		for (bits += 8; bits >= 5; bits -= 5)
			*to++ = alphabet[held >> (bits - 5) & 31];
	}
	if (bits)
		*to++ = alphabet[held << (5 - bits) & 31];
	return out;
}

int64_t totp_match(const unsigned char secret[TOTP_SECRET_SIZE], const char *code, int64_t now_ms, int64_t last)
{
	int64_t found = 0;

	if (strlen(code) != 6 || strspn(code, "0123456789") != 6)
		return 0;
	for (int64_t step = now_ms / TOTP_STEP_MS - 1, end = step + 3; step < end; step++) {
		char right[16];

		snprintf(right, sizeof right, "%06u", totp_code(secret, TOTP_SECRET_SIZE, step, 6));
		if (crypt_equal(right, code, 6) && step > last)
			found = step;
	}
	return found;
}

static int use_clock_code(wc_arena *a, const struct user *u, const char *code, wc_err *e)
{
	wc_slice secret;
	int64_t  step, changed;

	if (wc_unseal(a, "admin_user.totp_secret", u->totp_secret, &secret, e) < 0)
		return wc_wrap(e, "the one-time secret of %s", u->name);
	if (secret.n != TOTP_SECRET_SIZE || !(step = totp_match((const unsigned char *)secret.p, code, wc_now_ms(), u->totp_step)))
		return 0;
	/* Of two that come with the same code at once, one finds the step moved. */
	changed = wc_db_exec_once(e, "UPDATE admin_user SET totp_step = ? WHERE id = ? AND totp_step < ?", wc_int(step), wc_int(u->id), wc_int(step));
	return changed < 0 ? -1 : changed > 0;
}

static int use_recovery_code(const struct user *u, const char *code, wc_err *e)
{
	unsigned char hash[WC_HASH_SIZE];
	int64_t       changed;

	wc_keyed_hash(hash, "admin_recovery_code", code, NULL);
	changed = wc_db_exec_once(e, "DELETE FROM admin_recovery_code WHERE user_id = ? AND code_hash = ?", wc_int(u->id), wc_bytes(hash, sizeof hash));
	if (changed > 0)
		wc_log(WC_WARN, "a recovery code was used", wc_kv_s("user", u->name));
	return changed < 0 ? -1 : changed > 0;
}

int totp_use(wc_arena *a, const struct user *u, const char *code, wc_err *e)
{
	return strlen(code) == 6 ? use_clock_code(a, u, code, e) : use_recovery_code(u, code, e);
}
