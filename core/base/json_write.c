/* JSON as text, compact. Jansson's own writer remembers each object by a printed address and adds a character at a time: it took eight times
 * as long, and every callback writes twice. What it writes is the same, byte for byte. */
#include <wecomd/json.h>

#include <wecomd/buf.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 2048     /* Jansson's own; only a value that holds itself comes so far */

static bool is_escaped(char c)
{
	return (unsigned char)c < 0x20 || c == '"' || c == '\\';
}

static void write_escape(wc_buf *b, char c)
{
	static const char plain[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
	const char       *at      = c ? strchr(plain, c) : NULL;

	if (at)
		wc_buf_add(b, (char[]){'\\', letters[at - plain]}, 2);
	else
		wc_buf_addf(b, "\\u%04X", (unsigned)c);
}

static void write_text(wc_buf *b, const char *s, size_t n)
{
	wc_buf_addc(b, '"');
	while (n) {
		size_t same = 0;

		while (same < n && !is_escaped(s[same]))
			same++;
		wc_buf_add(b, s, same);
		if (same < n)
			write_escape(b, s[same++]);
		s += same;
		n -= same;
	}
	wc_buf_addc(b, '"');
}

/* A number that is not whole is written in a way that only Jansson has to know. */
static void write_number(wc_buf *b, const json_t *value)
{
	char  whole[24], *real;

	if (json_is_integer(value)) {
		snprintf(whole, sizeof whole, "%" PRId64, (int64_t)json_integer_value(value));
		wc_buf_adds(b, whole);
		return;
	}
	if (!(real = json_dumps(value, JSON_ENCODE_ANY)))
		abort();
	wc_buf_adds(b, real);
	free(real);
}

static void write_value(wc_buf *b, const json_t *value, int depth);

static void write_object(wc_buf *b, json_t *object, int depth)
{
	char mark = '{';

	for (void *at = json_object_iter(object); at; at = json_object_iter_next(object, at)) {
		const char *name = json_object_iter_key(at);

		wc_buf_addc(b, mark);
		write_text(b, name, strlen(name));
		wc_buf_addc(b, ':');
		write_value(b, json_object_iter_value(at), depth + 1);
		mark = ',';
	}
	wc_buf_adds(b, mark == '{' ? "{}" : "}");
}

static void write_array(wc_buf *b, const json_t *array, int depth)
{
	wc_buf_addc(b, '[');
	for (size_t i = 0; i < json_array_size(array); i++) {
		if (i)
			wc_buf_addc(b, ',');
		write_value(b, json_array_get(array, i), depth + 1);
	}
	wc_buf_addc(b, ']');
}

static void write_value(wc_buf *b, const json_t *value, int depth)
{
	if (!value || depth > DEPTH_MAX)
		abort();
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		write_object(b, (json_t *)value, depth);
		break;
	case JSON_ARRAY:
		write_array(b, value, depth);
		break;
	case JSON_STRING:
		write_text(b, json_string_value(value), json_string_length(value));
		break;
	case JSON_INTEGER:
	case JSON_REAL:
		write_number(b, value);
		break;
	default:
		wc_buf_adds(b, json_is_null(value) ? "null" : json_is_true(value) ? "true" : "false");
	}
}

char *wc_json_text(wc_arena *a, const json_t *value)
{
	wc_buf *b = wc_buf_new(a, SIZE_MAX / 4);

	write_value(b, value, 0);
	return b->s;
}
