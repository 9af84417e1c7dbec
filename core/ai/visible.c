/* Three steps for each piece: bytes are joined to characters, thinking is left out, the rest is cut at the bound and shown.
 * A piece may end within a character or a tag; what may be continued waits for the next one. */
#include "ai/visible.h"

#include <wecomd/text.h>

#include <string.h>

#define PIECE_MAX ((size_t)4 * 1024 * 1024)

void visible_open(struct visible *v, wc_arena *a, size_t max, bool strip_think, visible_fn *on_text, void *ctx)
{
	*v = (struct visible){.max = max, .strip_think = strip_think, .on_text = on_text, .ctx = ctx};
	v->text   = wc_buf_new(a, max);
	v->joined = wc_buf_new(a, PIECE_MAX);
	v->shown  = wc_buf_new(a, PIECE_MAX);
}

/* --- bytes to characters --------------------------------------------------------------------------------------------- */

/* What stands at the beginning of some bytes, and how many of them it takes. */
enum kind { WHOLE, PAIR, BROKEN, UNFINISHED };

/* The length and the bounds of the second byte that the first byte asks for. Surrogates are let through here. */
static size_t expected(unsigned char first, unsigned char *low, unsigned char *high)
{
	*low  = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
	*high = first == 0xf4 ? 0x8f : 0xbf;
	return first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
}

static enum kind look(const unsigned char *p, size_t n, size_t *len)
{
	unsigned char low, high;
	size_t        want = expected(p[0], &low, &high);

	*len = 1;
	if (!want)
		return BROKEN;
	for (; *len < want; ++*len, low = 0x80, high = 0xbf) {
		if (*len == n)
			return UNFINISHED;
		if (p[*len] < low || p[*len] > high)
			return BROKEN;
	}
	return WHOLE;
}

static bool is_half(const unsigned char *p, size_t len, unsigned char from)
{
	return len == 3 && p[0] == 0xed && p[1] >= from && p[1] < from + 0x10;
}

/* As look(), with the halves of a surrogate pair: two of them are one character, one alone is broken. */
static enum kind look_pair(const unsigned char *p, size_t n, size_t *len)
{
	enum kind kind = look(p, n, len), next;
	size_t    next_len;

	if (kind != WHOLE || (!is_half(p, *len, 0xa0) && !is_half(p, *len, 0xb0)))
		return kind;
	if (is_half(p, *len, 0xb0))
		return BROKEN;
	if (n == 3)
		return UNFINISHED;
	next = look(p + 3, n - 3, &next_len);
	if (next == UNFINISHED && p[3] == 0xed && (n == 4 || (p[4] & 0xf0) == 0xb0))
		return UNFINISHED;
	if (next != WHOLE || !is_half(p + 3, next_len, 0xb0))
		return BROKEN;
	*len = 6;
	return PAIR;
}

/* Two halves of three bytes each, as the four bytes of their character. */
static void add_pair(wc_buf *b, const unsigned char *p)
{
	unsigned high = (p[1] & 0x0fu) << 6 | (p[2] & 0x3fu), low = (p[4] & 0x0fu) << 6 | (p[5] & 0x3fu);
	unsigned code = 0x10000u + (high << 10 | low);
	char     s[4] = {(char)(0xf0 | code >> 18), (char)(0x80 | (code >> 12 & 0x3f)), (char)(0x80 | (code >> 6 & 0x3f)),
	                 (char)(0x80 | (code & 0x3f))};

	wc_buf_add(b, s, sizeof s);
}

/* Adds to joined what is complete and returns how many bytes that were. */
static size_t join(wc_buf *joined, const char *bytes, size_t n, bool last)
{
	const unsigned char *p = (const unsigned char *)bytes;
	size_t               i = 0;

	for (size_t len; i < n; i += len) {
		enum kind kind = look_pair(p + i, n - i, &len);

		if (kind == UNFINISHED && !last)
			break;
		if (kind == WHOLE)
			wc_buf_add(joined, p + i, len);
		else if (kind == PAIR)
			add_pair(joined, p + i);
		else
			wc_buf_adds(joined, "\xef\xbf\xbd");
	}
	return i;
}

/* The tail of the piece before is completed byte by byte; the piece itself is then gone through once. */
static void join_piece(struct visible *v, const char *p, size_t n, bool last)
{
	size_t used;

	while (v->tail_len && n) {
		v->tail[v->tail_len++] = *p++;
		n--;
		used = join(v->joined, v->tail, v->tail_len, false);
		v->tail_len -= used;
		memmove(v->tail, v->tail + used, v->tail_len);
	}
	used = v->tail_len ? 0 : join(v->joined, p, n, false);
	memcpy(v->tail + v->tail_len, p + used, n - used);
	v->tail_len += n - used;
	if (last) {
		join(v->joined, v->tail, v->tail_len, true);
		v->tail_len = 0;
	}
}

/* --- thinking -------------------------------------------------------------------------------------------------------- */

static const char *tag(const struct visible *v)
{
	return v->thinking ? "</think>" : "<think>";
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* An answer begins with its first character that is not white space: thinking is followed by empty lines. */
static void show(struct visible *v, const char *p, size_t n)
{
	while (n && !v->text->len && !v->shown->len && is_space(*p)) {
		p++;
		n--;
	}
	wc_buf_add(v->shown, p, n);
}

/* What looked like a tag was none. */
static void release_tag(struct visible *v)
{
	if (v->tag_len && !v->thinking)
		show(v, tag(v), v->tag_len);
	v->tag_len = 0;
}

static void strip_char(struct visible *v, char c)
{
	if (c != tag(v)[v->tag_len])
		release_tag(v);
	if (c != tag(v)[v->tag_len]) {
		if (!v->thinking)
			show(v, &c, 1);
	} else if (!tag(v)[++v->tag_len]) {
		v->thinking = !v->thinking;
		v->tag_len  = 0;
	}
}

/* --- showing --------------------------------------------------------------------------------------------------------- */

static int show_piece(struct visible *v, const wc_buf *piece, wc_err *e)
{
	size_t room = v->max - v->text->len, n = wc_utf8_cut(piece->s, piece->len, room);

	v->full = v->full || n < piece->len;
	if (!n)
		return 0;
	wc_buf_add(v->text, piece->s, n);
	if (!v->on_text || v->on_text(v->ctx, piece->s, n, e) == 0)
		return 0;
	v->refused = true;
	return -1;
}

static int pass_on(struct visible *v, bool last, wc_err *e)
{
	int rc;

	for (size_t i = 0; v->strip_think && i < v->joined->len; i++)
		strip_char(v, v->joined->s[i]);
	if (last)
		release_tag(v);
	rc = v->full ? 0 : show_piece(v, v->strip_think ? v->shown : v->joined, e);
	wc_buf_clear(v->joined);
	wc_buf_clear(v->shown);
	return rc;
}

int visible_add(struct visible *v, const char *p, size_t n, wc_err *e)
{
	join_piece(v, p, n, false);
	return pass_on(v, false, e);
}

int visible_end(struct visible *v, wc_err *e)
{
	join_piece(v, "", 0, true);
	return pass_on(v, true, e);
}
