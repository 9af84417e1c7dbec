/* Published and generated examples of the callback cipher. Each is opened, and closed again under the random prefix
 * that it was made with, which must give the very same ciphertext and signature. */
#include <wecomd/envelope.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define KEY_A  "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
#define KEY_B  "kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR"
#define KEY_C1 "4Ma3YBrSBbX2aez8MJpXGBne5LSDwgGqHbhM9WPYIws"
#define KEY_C2 "cD0d7jx4tYvVtzqrmh3Dm3QFCXe6f8SlHoMtMh3qQEP"

struct vector {
	const char *name;
	const char *token, *aes_key, *receiveid;
	const char *timestamp, *nonce, *random, *signature;
	size_t      pad;
	const char *msg, *encrypt;
};

static const struct vector vectors[] = {
	{
		.name = "A1, the official URL verification",
		.token = "QDG6eK", .aes_key = KEY_A, .receiveid = "wx5823bf96d3bd56c7",
		.timestamp = "1409659589", .nonce = "263014780", .random = "c41b64491c2468d0",
		.signature = "5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3",
		.pad = 7,
		.msg = "1616140317555161061",
		.encrypt = "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ==",
	},
	{
		.name = "A2, the official message, pad 30",
		.token = "QDG6eK", .aes_key = KEY_A, .receiveid = "wx5823bf96d3bd56c7",
		.timestamp = "1409659813", .nonce = "1372623149", .random = "0960688932c47ef1",
		.signature = "477715d11cdb4164915debcba66cb864d751f3e6",
		.pad = 30,
		.msg =
			"<xml><ToUserName><![CDATA[wx5823bf96d3bd56c7]]></ToUserName>\n"
			"<FromUserName><![CDATA[mycreate]]></FromUserName>\n"
			"<CreateTime>1409659813</CreateTime>\n"
			"<MsgType><![CDATA[text]]></MsgType>\n"
			"<Content><![CDATA[hello]]></Content>\n"
			"<MsgId>4561255354251345929</MsgId>\n"
			"<AgentID>218</AgentID>\n"
			"</xml>",
		.encrypt =
			"RypEvHKD8QQKFhvQ6QleEB4J58tiPdvo+rtK1I9qca6aM/wvqnLSV5zEPeusUiX5L5X/0lWfrf0QADHHhGd3QczcdCUpj911"
			"L3vg3W/sYYvuJTs3TUUkSUXxaccAS0qhxchrRYt66wiSpGLYL42aM6A8dTT+6k4aSknmPj48kzJs8qLjvd4Xgpue06DOdnLx"
			"AUHzM6+kDZ+HMZfJYuR+LtwGc2hgf5gsijff0ekUNXZiqATP7PF5mZxZ3Izoun1s4zG4LUMnvw2r+KqCKIw+3IQH03v+BCA9"
			"nMELNqbSf6tiWSrXJB3LAVGUcallcrw8V2t9EL4EhzJWrQUax5wLVMNS0+rUPA3k22Ncx4XXZS9o0MBH27Bo6BpNelZpS+/u"
			"h9KsNlY6bHCmJU9p8g7m3fVKn28H3KDYA5Pl/T8Z1ptDAVe0lXdQ2YoyyH2uyPIGHBZZIs2pDBS8R07+qN+E7Q==",
	},
	{
		.name = "B1, URL verification",
		.token = "123456", .aes_key = KEY_B, .receiveid = "wx49f0ab532d5d035a",
		.timestamp = "1411443780", .nonce = "437374425", .random = "2304fc2fe146f1f8",
		.signature = "dd6b9c95b495b3f7e2901bfbc76c664930ffdb96",
		.pad = 7,
		.msg = "5927782489442352469",
		.encrypt = "4ByGGj+sVCYcvGeQYhaKIk1o0pQRNbRjxybjTGblXrBaXlTXeOo1+bXFXDQQb1o6co6Yh9Bv41n7hOchLF6p+Q==",
	},
	{
		.name = "B2, a message, pad 1",
		.token = "123456", .aes_key = KEY_B, .receiveid = "wx49f0ab532d5d035a",
		.timestamp = "1411525903", .nonce = "461056294", .random = "ec90b1530358d4d3",
		.signature = "74d92dfeb87ba7c714f89d98870ae5eb62dff26d",
		.pad = 1,
		.msg =
			"<xml><ToUserName><![CDATA[wx49f0ab532d5d035a]]></ToUserName>\n"
			"<FromUserName><![CDATA[messense]]></FromUserName>\n"
			"<CreateTime>1411525903</CreateTime>\n"
			"<MsgType><![CDATA[text]]></MsgType>\n"
			"<Content><![CDATA[test]]></Content>\n"
			"<MsgId>4363689963896700987</MsgId>\n"
			"<AgentID>1</AgentID>\n"
			"</xml>",
		.encrypt =
			"RgqEoJj5A4EMYlLvWO1F86ioRjZfaex/gePD0gOXTxpsq5Yj4GNglrBb8I2BAJVODGajiFnXBu7mCPatfjsu6IHCrsTyeDXz"
			"F6Bv283dGymzxh6ydJRvZsryDyZbLTE7rhnus50qGPMfp2wASFlzEgMW9z1ef/RD8XzaFYgm7iTdaXpXaG4+BiYyolBug/gY"
			"Nx410cvkKR2/nPwBiT+P4hIiOAQqGp/TywZBtDh1yCF2KOd0gpiMZ5jSw3e29mTvmUHzkVQiMS6td7vXUaWOMZnYZlF3So2S"
			"jHnwh4jYFxdgpkHHqIrH/54SNdshoQgWYEvccTKe7FS709/5t6NMxuGhcUGAPOQipvWTT4dShyqio7mlsl5noTrb++x6En74"
			"9zCpQVhDpbV6GDnTbcX2e8K9QaNWHp91eBdCRxthuL0=",
	},
	{
		.name = "B3, a reply under a given random prefix",
		.token = "123456", .aes_key = KEY_B, .receiveid = "wx49f0ab532d5d035a",
		.timestamp = "1411525903", .nonce = "461056294", .random = "1234567890123456",
		.signature = "407518b7649e86ef23978113f92d27afa9296533",
		.pad = 3,
		.msg =
			"<xml>\n"
			"<MsgType><![CDATA[text]]></MsgType>\n"
			"<Content><![CDATA[test]]></Content>\n"
			"<FromUserName><![CDATA[wx49f0ab532d5d035a]]></FromUserName>\n"
			"<ToUserName><![CDATA[messense]]></ToUserName>\n"
			"<AgentID>1</AgentID>\n"
			"<CreateTime>1411525903</CreateTime>\n"
			"</xml>",
		.encrypt =
			"9s4gMv99m88kKTh/H8IdkOiMg6bisoy3ypwy9H4hvSPe9nsGaqyw5hhSjdYbcrKk+j3nba4HMOTzHrluLBYqxgNcBqGsL8Gq"
			"xlhZgURnAtObvesEl5nZ+uBE8bviY0LWke8Zy9V/QYKxNV2FqllNXcfmstttyIkMKCCmVbCFM2JTF5wY0nFhHZSjPUL2Q1qv"
			"SUCUld+/WIXrx0oyKQmpB6o8NRrrNrsDf03oxI1p9FxUgMnwKKZeOA/uu+2IEvEBtb7muXsVbwbgX05UPPJvFurDXafG0RQy"
			"PR+mf1nDnAtQmmNOuiR5MIkdQ39xn1vWwi1O5oazPoQJz0nTYjxxEE8kv3kFxtAGVRe3ypD3WeK2XeFYFMNMpatF9XiKzHo3",
	},
	{
		.name = "C1, a nonce that is not a number",
		.token = "kjr2TKI8umCBfVF3wAHk8JiPwma5VBme", .aes_key = KEY_C1, .receiveid = "ww6a112864f8022910",
		.timestamp = "1583940690", .nonce = "VHh7ymSeb0jc4lSb", .random = "5QMsYcwjR95t2vmC",
		.signature = "1ba3cb09c0d2c2b3ed6900d37f91a6efae6cb011",
		.pad = 3,
		.msg = "94966531020182955848408",
		.encrypt = "6KmUQuPVu7UhjyVqRdbo5SfcRqaHvbUlKSHFvBV2ZuR6TIlKsygcfeSd1GDplg1C5KSKr6UPHCaC/nIX3ZNt9w==",
	},
	{
		.name = "C2, a message on one line",
		.token = "kz7Yx62CH8SaLN", .aes_key = KEY_C2, .receiveid = "wwf181555a13a31443",
		.timestamp = "1583995625", .nonce = "1584392382", .random = "165537226266209e",
		.signature = "a44d1b7dc3dc4b02edd99dc32afa6a26be7c92f6",
		.pad = 14,
		.msg =
			"<xml><ToUserName><![CDATA[wwf181555a13a31443]]></ToUserName><FromUserName><![CDATA[xen0n]]></Fro"
			"mUserName><CreateTime>1583995625</CreateTime><MsgType><![CDATA[text]]></MsgType><Content><![CDAT"
			"A[x123]]></Content><MsgId>2018405441</MsgId><AgentID>1000002</AgentID></xml>",
		.encrypt =
			"fyVN9BUnH6xNl0/VCHTCg6XGxxvoFdyZ7VQbAbBcQ79dVccYvdIyJYZSMMhkPy8LPaoe+V27qjoQ553fXavmrPOgxzHrKKf3"
			"YIu63pB4/nN0LY4S+GzUFi/LLFj1TI1sOh0q2jT5u1nYz5G3HFNLd3DFUvJVLtZl8mVMwUOzBpzKZhhmCvIJLVlvym9tt+VY"
			"wG06MSbmnf9AzYFKhm1BIy+95Q824ilY6Wy8l+vkFqEdASl2k83jMXvlkVRSB3hmNptWTbq8ygDdLtkCyA4UEiZvfTskqqVk"
			"bYwLptRl/1F+DVL9SH/TWt2j3dCm4rzY5jQG+fA+2xh2Kk+OrVgafqtQCfhjq8C38A2IwCcg2BONKk8s5ijFxQoszmXvJQ3z"
			"LYbjzRWQ40xhryDyPNNse7/slKVW2QMBEUPNOxUcX9k=",
	},
	{
		.name = "D1, a bot message in JSON",
		.token = "QDG6eK", .aes_key = KEY_A, .receiveid = "",
		.timestamp = "1700000000", .nonce = "abc123", .random = "0123456789abcdef",
		.signature = "163fa04b1ca2f272c4d36976a54b365596c720dd",
		.pad = 18,
		.msg =
			"{\"msgid\":\"m1\",\"aibotid\":\"AIBOTID\",\"chattype\":\"single\",\"from\":{\"userid\":\"u1\"},\"msgtype\":\"text\",\"t"
			"ext\":{\"content\":\"你好\"}}",
		.encrypt =
			"sKqRbbiSUnDhFHOvPjtUMZwm+IE+lOa+RtZHinFSRAnpeg1690khUC3r7kKnV4KJzbwMvPhQMtppD2G1ZFSL3gd0ZP0lZwUx"
			"s2ZLtlQOQTYMNj4uu96N/KSPhtuDtOyqVVFWox0p94hEoagXTSog7KwEaikpmYd9Dq4CGeidWoihkFBC1PkWkAXXYRGbiOqV"
			"R35WW8zK0uW+WybSlLnfKQ==",
	},
	{
		.name = "D2, a whole block of padding",
		.token = "QDG6eK", .aes_key = KEY_A, .receiveid = "",
		.timestamp = "1700000000", .nonce = "abc123", .random = "0123456789abcdef",
		.signature = "6d4e678b0771cb13703b3cf864c779a49626cb10",
		.pad = 32,
		.msg = "xxxxxxxxxxxx",
		.encrypt = "sKqRbbiSUnDhFHOvPjtUMT04SBXqyecnV0R+mVLqu11Se0CAxtEP8Zs4hONFU+GhnY2XmfYUSF/20UR5dRgc0w==",
	},
	{
		.name = "D3, the empty bot reply",
		.token = "QDG6eK", .aes_key = KEY_A, .receiveid = "",
		.timestamp = "1700000000", .nonce = "abc123", .random = "0123456789abcdef",
		.signature = "01bcd52b7ec140b651cb9c93e72a406030de48db",
		.pad = 10,
		.msg = "{}",
		.encrypt = "sKqRbbiSUnDhFHOvPjtUMeLBTNd9UthaodbpaQLq4gA=",
	},
};

/* Texts that are not an EncodingAESKey. */
static const char *const bad_keys[] = {
	"",
	"a",
	"jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2",       /* 42 characters */
	"jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2CC",     /* 44 */
	"jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C=",
	"jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2=",
	"jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2$",
	"jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2+",
	"jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2\n",
	"jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykk R6q2B2",
};

static wc_slice slice(const char *s)
{
	return (wc_slice){s, strlen(s)};
}

static wc_envelope envelope_of(const struct vector *v)
{
	wc_envelope env;
	wc_err      e = {0};

	if (wc_envelope_init(&env, v->token, v->aes_key, v->receiveid, &e) < 0)
		fail_msg("%s: %s", v->name, e.text);
	return env;
}

static void every_vector_opens(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		const struct vector *v   = &vectors[i];
		wc_envelope          env = envelope_of(v);
		wc_arena            *a   = wc_arena_new();
		wc_err               e   = {0};
		wc_slice             msg;

		if (wc_envelope_open(&env, a, v->signature, v->timestamp, v->nonce, slice(v->encrypt), &msg, &e) < 0)
			fail_msg("%s: %s", v->name, e.text);
		assert_int_equal(msg.n, strlen(v->msg));
		assert_string_equal(msg.p, v->msg);
		wc_arena_free(a);
	}
}

static void every_vector_closes_to_the_same_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
		const struct vector *v   = &vectors[i];
		wc_envelope          env = envelope_of(v);
		wc_arena            *a   = wc_arena_new();
		wc_err               e   = {0};
		wc_slice             encrypt;
		char                 signature[41];

		assert_int_equal(strlen(v->random), 16);
		assert_int_equal((20 + strlen(v->msg) + strlen(v->receiveid) + v->pad) % 32, 0);
		assert_int_equal(wc_envelope_close(&env, a, slice(v->msg), (const unsigned char *)v->random, &encrypt, &e), 0);
		assert_int_equal(encrypt.n, strlen(v->encrypt));
		assert_string_equal(encrypt.p, v->encrypt);
		wc_envelope_sign(&env, v->timestamp, v->nonce, encrypt, signature);
		assert_string_equal(signature, v->signature);
		wc_arena_free(a);
	}
}

static void refused(const struct vector *v, const char *signature, const char *nonce)
{
	wc_envelope env = envelope_of(v);
	wc_arena   *a   = wc_arena_new();
	wc_err      e   = {0};
	wc_slice    msg;

	assert_int_equal(wc_envelope_open(&env, a, signature, v->timestamp, nonce, slice(v->encrypt), &msg, &e), -1);
	assert_int_equal(e.code, WC_E_DENIED);
	assert_string_equal(e.text, "the signature does not match");
	wc_arena_free(a);
}

static const struct vector *vector_named(const char *prefix)
{
	for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
		if (!strncmp(vectors[i].name, prefix, strlen(prefix)))
			return &vectors[i];
	fail_msg("no vector %s", prefix);
	return NULL;
}

static void published_negatives_are_refused(void **state)
{
	(void)state;
	refused(vector_named("B1"), vector_named("B1")->signature, "437374424");
	refused(vector_named("C1"), "1ba3cb09c0d2c2b3ed6900d37f91a6efae6cb010", vector_named("C1")->nonce);
}

static void only_43_letters_and_digits_are_a_key(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad_keys / sizeof *bad_keys; i++) {
		wc_envelope env;
		wc_err      e = {0};

		assert_int_equal(wc_envelope_init(&env, "token", bad_keys[i], "", &e), -1);
		assert_int_equal(e.code, WC_E_CONFIG);
		assert_null(strstr(e.text, "jWmYm7"));
	}
}

static void hex(char out[65], const unsigned char key[32])
{
	for (size_t i = 0; i < 32; i++)
		snprintf(out + 2 * i, 3, "%02x", key[i]);
}

/* Three of the four published keys have unused bits set in their last character. */
static void unused_bits_of_a_key_are_ignored(void **state)
{
	static const struct { const char *aes_key, *hex; } keys[] = {
		{KEY_A,  "8d69989bbaabe67328014c194631ad0719b3dca035b64023df292447aab60760"},
		{KEY_B,  "916c4f115d94103cb15a998f74a0b71787603c398ebdf297d471a71140d2d5a4"},
		{KEY_C1, "e0c6b7601ad205b5f669ecfc309a571819dee4b483c201aa1db84cf563d8230b"},
		{KEY_C2, "703d1dee3c78b58bd5b73aab9a1dc39b74050977ba7fc4a51e832d321dea4043"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		wc_envelope env;
		wc_err      e = {0};
		char        text[65];

		assert_int_equal(wc_envelope_init(&env, "token", keys[i].aes_key, "", &e), 0);
		hex(text, env.key);
		assert_string_equal(text, keys[i].hex);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_vector_opens),
		cmocka_unit_test(every_vector_closes_to_the_same_bytes),
		cmocka_unit_test(published_negatives_are_refused),
		cmocka_unit_test(only_43_letters_and_digits_are_a_key),
		cmocka_unit_test(unused_bits_of_a_key_are_ignored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
