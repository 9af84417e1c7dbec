/* The short way to read JSON: objects, lists, texts without \u, whole numbers and words, as nearly everything comes. Whatever else comes, and
 * whatever is wrong, is left to Jansson, which takes seven times as long and says where the fault is; so there is one judge of what is
 * JSON. What is read here Jansson would read to the same value. */
#include "base/base.h"

#include <wecomd/text.h>

#include <string.h>

#define DIGITS_MAX 18     /* no number of so many overflows */

struct reader {
	const char *p, *end;
	char       *text;      /* room for one text without its escapes */
	int         depth;     /* how deep it may still go */
};

static void skip_blanks(struct reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\r' || *r->p == '\t'))
		r->p++;
}

/* Takes the character if it is what comes, and the blanks behind it. */
static bool takes(struct reader *r, char c)
{
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	skip_blanks(r);
	return true;
}

/* The character that a backslash and c stand for; 0: not here. */
static char escaped(char c)
{
	static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
	const char       *at        = c ? strchr(letters, c) : NULL;

	return at ? meant[at - letters] : 0;
}

/* Behind the quotation mark that opens it: the text goes to r->text. */
static bool read_text(struct reader *r, size_t *n)
{
	unsigned char all = 0;
	char         *to  = r->text;

	for (; r->p < r->end && *r->p != '"'; r->p++) {
		char c = *r->p;

		if ((unsigned char)c < ' ')
			return false;
		if (c == '\\' && (++r->p == r->end || !(c = escaped(*r->p))))
			return false;
		all |= (unsigned char)c;
		*to++ = c;
	}
	*n = (size_t)(to - r->text);
	return takes(r, '"') && (all < 0x80 || wc_utf8_valid(r->text, *n));
}

static json_t *read_value(struct reader *r);

static json_t *read_members(struct reader *r, json_t *object)
{
	char   name[64];
	size_t n, count = 0;

	do {
		json_t *value;

		if (!(r->p < r->end && *r->p == '"'))
			return NULL;
		r->p++;
		if (!read_text(r, &n) || n > sizeof name || !takes(r, ':'))
			return NULL;
		memcpy(name, r->text, n);
		value = read_value(r);
		if (!value)
			return NULL;
		/* A name that comes twice replaces its value: Jansson is to complain about it. */
		json_object_setn_new_nocheck(object, name, n, value);
		if (json_object_size(object) != ++count)
			return NULL;
	} while (takes(r, ','));
	return takes(r, '}') ? object : NULL;
}

static json_t *read_items(struct reader *r, json_t *array)
{
	do {
		json_t *value = read_value(r);

		if (!value)
			return NULL;
		json_array_append_new(array, value);
	} while (takes(r, ','));
	return takes(r, ']') ? array : NULL;
}

/* Behind the character that opens it. */
static json_t *read_inside(struct reader *r, json_t *whole, char close, json_t *(*inside)(struct reader *, json_t *))
{
	if (r->depth-- > 0 && (takes(r, close) || inside(r, whole))) {
		r->depth++;
		return whole;
	}
	json_decref(whole);
	return NULL;
}

static json_t *read_number(struct reader *r)
{
	const char *begin = r->p + (*r->p == '-'), *at = begin;
	bool        minus = *r->p == '-';
	json_int_t  n     = 0;

	for (; at < r->end && *at >= '0' && *at <= '9' && at - begin < DIGITS_MAX; at++)
		n = 10 * n + (*at - '0');
	if (at == begin || (*begin == '0' && at - begin > 1) || (at < r->end && strchr("0123456789.eE", *at)))
		return NULL;
	r->p = at;
	skip_blanks(r);
	return json_integer(minus ? -n : n);
}

static json_t *read_word(struct reader *r, const char *word, json_t *value)
{
	size_t n = strlen(word);

	if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n))
		return NULL;
	r->p += n;
	skip_blanks(r);
	return value;
}

static json_t *read_value(struct reader *r)
{
	size_t n;

	if (r->p == r->end)
		return NULL;
	switch (*r->p) {
	case '{':
		takes(r, '{');
		return read_inside(r, json_object(), '}', read_members);
	case '[':
		takes(r, '[');
		return read_inside(r, json_array(), ']', read_items);
	case '"':
		r->p++;
		return read_text(r, &n) ? json_stringn_nocheck(r->text, n) : NULL;
	case 't':
		return read_word(r, "true", json_true());
	case 'f':
		return read_word(r, "false", json_false());
	case 'n':
		return read_word(r, "null", json_null());
	default:
		return read_number(r);
	}
}

json_t *json_read_plain(const char *p, size_t n, int depth)
{
	struct reader r = {p, p + n, wc_xalloc(n), depth};
	json_t       *value = NULL;

	skip_blanks(&r);
	if (r.p < r.end && (*r.p == '{' || *r.p == '['))
		value = read_value(&r);
	if (value && r.p < r.end) {
		json_decref(value);
		value = NULL;
	}
	free(r.text);
	return value;
}
