/* Tags of answers, and who takes gzip. */
#include "check.h"

#include "web/request.h"

#include <string.h>
#include <zlib.h>

static void tags_are_compared_weakly(void **state)
{
	static const struct {
		const char *header;
		bool        known;
	} cases[] = {
		{"W/\"ab\"", true}, {"\"ab\"", true}, {"*", true}, {" * ", true}, {"\"x\", W/\"ab\"", true}, {"\"x,y\",\"ab\"", true},
		{"\"x\",,\"ab\"", true}, {"", false}, {"ab", false}, {"\"a\"", false}, {"\"abc\"", false}, {"W/ab", false}, {"\"", false},
		{"\"x\" \"ab\"", false}, {"\"x, \"ab\"", false}, {"W/", false}, {"*x", false}, {",", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (etag_matches(cases[i].header, "W/\"ab\"") != cases[i].known)
			fail_msg("If-None-Match: %s", cases[i].header);
}

static void who_takes_gzip(void **state)
{
	static const struct {
		const char *header;
		bool        takes;
	} cases[] = {
		{"gzip", true}, {"GZip", true}, {"x-gzip", true}, {"deflate, gzip", true}, {"gzip;q=0.1", true}, {"gzip ; q=1", true}, {"*", true},
		{"br;q=1.0, *;q=0.5", true}, {"", false}, {"br", false}, {"gzip;q=0", false}, {"gzip;q=0.000", false}, {"gzip;q=0, *", false},
		{"*;q=0", false}, {"gzipx", false}, {"identity", false}, {"gzip;q=x", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		if (accepts_gzip(cases[i].header) != cases[i].takes)
			fail_msg("Accept-Encoding: %s", cases[i].header);
}

static void what_does_not_shrink_stays_as_it_is(void **state)
{
	wc_arena     *a = wc_arena_new();
	unsigned char noise[4096];
	wc_slice      packed = {0};
	unsigned      x = 1;

	(void)state;
	for (size_t i = 0; i < sizeof noise; i++)
		noise[i] = (unsigned char)((x = x * 1664525 + 1013904223) >> 24);
	assert_false(gzip(a, (wc_slice){(char *)noise, sizeof noise}, &packed));
	assert_null(packed.p);
	assert_false(gzip(a, (wc_slice){"", 0}, &packed));
	wc_arena_free(a);
}

static void what_was_packed_unpacks(void **state)
{
	wc_arena *a     = wc_arena_new();
	char     *plain = wc_alloc(a, 100001), *out = wc_alloc(a, 100001);
	wc_slice  packed;
	z_stream  z = {0};

	(void)state;
	memset(plain, 'x', 100000);
	assert_true(gzip(a, (wc_slice){plain, 100000}, &packed));
	assert_true(packed.n < 1000);
	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	z.next_in   = (unsigned char *)packed.p;
	z.avail_in  = (unsigned)packed.n;
	z.next_out  = (unsigned char *)out;
	z.avail_out = 100001;
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	inflateEnd(&z);
	assert_string_equal(out, plain);
	wc_arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tags_are_compared_weakly),
		cmocka_unit_test(who_takes_gzip),
		cmocka_unit_test(what_does_not_shrink_stays_as_it_is),
		cmocka_unit_test(what_was_packed_unpacks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
