/* The envelope. Input: what to do, the receiveid, the timestamp and the nonce on a line each, then bytes, which are:
 *
 *     open      a plain text under a head (random bytes, its length), encrypted and signed as WeCom does: hostile behind a right signature
 *     text      a ciphertext, signed
 *     media     a file
 *     forged    a ciphertext; the signature is that of other bytes
 *     reply     a message that is answered with */
#include "fuzz.h"

#include <wecomd/encode.h>
#include <wecomd/envelope.h>
#include <wecomd/json.h>

#define AES_KEY "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"

struct sealed {
	const char *receiveid, *timestamp, *nonce;
	struct input bytes;
};

static wc_slice slice(struct input in)
{
	return (wc_slice){in.p, in.n};
}

static bool same(wc_slice x, wc_slice y)
{
	return x.n == y.n && (!x.n || !memcmp(x.p, y.p, x.n));
}

static void check_bytes(const wc_slice *msg)
{
	must(!msg->p[msg->n]);
}

/* What opened is closed again with the same random bytes: the very same ciphertext must come out, or something was taken that WeCom does
 * not write. Base64's last character may hold bits that count for nothing, so the bytes are compared. */
static void check_closes(wc_arena *a, const wc_envelope *v, wc_slice encrypt, wc_slice msg)
{
	wc_slice before, after, again;
	wc_err   e;

	check_bytes(&msg);
	must(wc_envelope_close(v, a, msg, (const unsigned char *)msg.p - 20, &again, &e) == 0);
	must(wc_base64_bytes(a, encrypt, &before) && wc_base64_bytes(a, again, &after));
	must(same(before, after));
}

static void open_signed(wc_arena *a, const wc_envelope *v, const struct sealed *s, wc_slice encrypt)
{
	char     signature[41];
	wc_slice msg;
	wc_err   e = {0};

	wc_envelope_sign(v, s->timestamp, s->nonce, encrypt, signature);
	must(strspn(signature, "0123456789abcdef") == 40 && !signature[40]);
	if (wc_envelope_open(v, a, signature, s->timestamp, s->nonce, encrypt, &msg, &e) == 0)
		check_closes(a, v, encrypt, msg);
	else
		must((e.code == WC_E_DENIED || e.code == WC_E_ARG) && *e.text && !strstr(e.text, "signature"));
}

/* wc_media_close() is the same cipher without a head; the last block is cut off where the bytes brought their own padding. */
static void open_plain(wc_arena *a, const wc_envelope *v, const struct sealed *s)
{
	wc_slice file = wc_media_close(v, a, slice(s->bytes));

	must(file.n % 32 == 0 && file.n > s->bytes.n);
	if (file.n > 32 && s->bytes.n % 32 == 0)
		open_signed(a, v, s, wc_base64(a, (wc_slice){file.p, file.n - 32}));
	open_signed(a, v, s, wc_base64(a, file));
}

static void open_media(wc_arena *a, const wc_envelope *v, const struct sealed *s)
{
	wc_slice file = wc_media_close(v, a, slice(s->bytes)), plain;
	wc_err   e = {0};

	must(wc_media_open(v, a, file, &plain, &e) == 0 && same(plain, slice(s->bytes)));
	if (wc_media_open(v, a, slice(s->bytes), &plain, &e) == 0) {
		check_bytes(&plain);
		must(same(wc_media_close(v, a, plain), slice(s->bytes)));
	} else {
		must(e.code == WC_E_ARG);
	}
}

/* A signature of anything else opens nothing. */
static void open_forged(wc_arena *a, const wc_envelope *v, const struct sealed *s)
{
	char    *other = wc_strndup(a, s->bytes.p, s->bytes.n);
	char     signature[41];
	wc_slice msg;
	wc_err   e = {0};

	if (!s->bytes.n)
		return;
	other[hash_of(s->bytes) % s->bytes.n] ^= 1;
	wc_envelope_sign(v, s->timestamp, s->nonce, (wc_slice){other, s->bytes.n}, signature);
	must(wc_envelope_open(v, a, signature, s->timestamp, s->nonce, slice(s->bytes), &msg, &e) < 0 && e.code == WC_E_DENIED);
	must(wc_envelope_open(v, a, s->nonce, s->timestamp, s->nonce, slice(s->bytes), &msg, &e) < 0 && e.code == WC_E_DENIED);
}

/* The value behind name in a reply, up to the mark behind it. */
static const char *part_of(wc_arena *a, const char *body, const char *name, const char *mark)
{
	const char *at = strstr(body, name);

	must(at);
	at += strlen(name);
	must(strstr(at, mark));
	return wc_strndup(a, at, (size_t)(strstr(at, mark) - at));
}

/* What goes out must be read by our own reader, in both forms. */
static void check_reply(wc_arena *a, const wc_envelope *v, const struct sealed *s, bool as_xml)
{
	wc_slice    body, encrypt, msg;
	const char *signature;
	wc_err      e = {0};
	bool        is_xml;

	if (wc_envelope_reply(v, a, as_xml, s->timestamp, s->nonce, slice(s->bytes), &body, &e) < 0) {
		must(e.code == WC_E_ARG);
		return;
	}
	must(strlen(body.p) == body.n);
	must(wc_envelope_unwrap(a, body, &encrypt, &is_xml, &e) == 0 && is_xml == as_xml);
	signature = as_xml ? part_of(a, body.p, "<MsgSignature><![CDATA[", "]]>") : part_of(a, body.p, "\"msgsignature\":\"", "\"");
	must(wc_envelope_open(v, a, signature, s->timestamp, s->nonce, encrypt, &msg, &e) == 0);
	must(same(msg, slice(s->bytes)));
	if (!as_xml) {
		const json_t *reply = wc_json_parse(a, body.p, body.n, &e);

		must(reply && !strcmp(wc_json_str(reply, "nonce"), s->nonce));
		must(json_integer_value(json_object_get(reply, "timestamp")) == strtoll(s->timestamp, NULL, 10));
	}
}

static void check_replies(wc_arena *a, const wc_envelope *v, const struct sealed *s)
{
	check_reply(a, v, s, true);
	check_reply(a, v, s, false);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input  in    = {(const char *)data, size};
	wc_arena     *a     = wc_arena_new();
	const char   *what  = text_of(a, take_line(&in));
	struct sealed s     = {.receiveid = text_of(a, take_line(&in)), .timestamp = text_of(a, take_line(&in)), .nonce = text_of(a, take_line(&in))};
	wc_envelope   v;
	wc_err        e;

	s.bytes = in;
	must(wc_envelope_init(&v, "QDG6eK", AES_KEY, s.receiveid, &e) == 0);
	if (!strcmp(what, "open"))
		open_plain(a, &v, &s);
	else if (!strcmp(what, "text"))
		open_signed(a, &v, &s, slice(s.bytes));
	else if (!strcmp(what, "media"))
		open_media(a, &v, &s);
	else if (!strcmp(what, "forged"))
		open_forged(a, &v, &s);
	else if (!strcmp(what, "reply"))
		check_replies(a, &v, &s);
	wc_arena_free(a);
	return 0;
}
