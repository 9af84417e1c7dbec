/* The body of a callback before anything of it is known: XML, or JSON. Input: the body. */
#include "fuzz.h"

#include <wecomd/envelope.h>
#include <wecomd/json.h>

static bool holds(struct input in, const char *text)
{
	return in.n && memmem(in.p, in.n, text, strlen(text));
}

/* Without comments, CDATA and instructions there is no place where these could stand and be harmless. */
static bool must_be_refused(struct input in)
{
	return !holds(in, "<!--") && !holds(in, "<![") && !holds(in, "<?") && holds(in, "<!DOCTYPE");
}

/* The short way for the usual body must see what the reader of JSON sees. */
static void check_json(wc_arena *a, struct input in, wc_slice encrypt)
{
	wc_err        e;
	const json_t *body = wc_json_parse(a, in.p, in.n, &e), *value;

	must(body);
	value = json_object_get(body, "encrypt") ? json_object_get(body, "encrypt") : json_object_get(body, "Encrypt");
	must(json_string_length(value) == encrypt.n && !memcmp(json_string_value(value), encrypt.p, encrypt.n));
}

/* The ciphertext in the simplest body of its form is the same ciphertext. */
static void check_again(wc_arena *a, wc_slice encrypt, bool is_xml)
{
	json_t     *object = wc_json(a, "{}");
	const char *text;
	wc_slice    again;
	wc_err      e;
	bool        xml;

	if (memmem(encrypt.p, encrypt.n, "]]>", 3) || memchr(encrypt.p, '\r', encrypt.n))
		is_xml = false;
	json_object_set_new(object, "encrypt", json_stringn(encrypt.p, encrypt.n));
	text = is_xml ? wc_printf(a, "<xml><Encrypt><![CDATA[%.*s]]></Encrypt></xml>", (int)encrypt.n, encrypt.p) : wc_json_text(a, object);
	must(wc_envelope_unwrap(a, (wc_slice){text, strlen(text)}, &again, &xml, &e) == 0);
	must(xml == is_xml && again.n == encrypt.n && !memcmp(again.p, encrypt.p, encrypt.n));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {(const char *)data, size};
	wc_arena    *a  = wc_arena_new();
	wc_slice     encrypt;
	wc_err       e = {0};
	bool         is_xml;

	if (wc_envelope_unwrap(a, (wc_slice){in.p, in.n}, &encrypt, &is_xml, &e) == 0) {
		must(encrypt.n > 0 && encrypt.n < in.n);
		must(wc_utf8_valid(encrypt.p, encrypt.n) && !memchr(encrypt.p, 0, encrypt.n));
		must(!is_xml || !must_be_refused(in));
		if (!is_xml)
			check_json(a, in, encrypt);
		check_again(a, encrypt, is_xml);
	} else {
		must(e.code == WC_E_ARG && *e.text);
	}
	wc_arena_free(a);
	return 0;
}
