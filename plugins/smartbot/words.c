/* Folding makes one letter of its full-width, capital and spaced forms; everything else compares folded letters. */
#include "words.h"

#include <wecomd/buf.h>
#include <wecomd/text.h>

#include <string.h>

static size_t decode(const char *s, size_t n, unsigned *code)
{
	unsigned char c    = (unsigned char)*s;
	size_t        len  = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	if (len > n)
		len = 1;
	*code = len == 1 ? c : c & (0x7fu >> len);
	for (size_t i = 1; i < len; i++)
		*code = *code << 6 | ((unsigned char)s[i] & 0x3f);
	return len;
}

/* Half-width and lower case; 0 for what is no letter. */
static unsigned letter_of(unsigned c)
{
	if (c >= 0xff01 && c <= 0xff5e)
		c -= 0xfee0;
	if (c >= 'A' && c <= 'Z')
		return c + 32;
	if (c < 0x80)
		return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ? c : 0;
	if (c < 0xc0 || (c >= 0x2000 && c <= 0x206f) || (c >= 0x3000 && c <= 0x303f) || (c >= 0xfe00 && c <= 0xfe6f) || c == 0xfeff ||
	    (c >= 0xff5f && c <= 0xff65) || (c >= 0xffe0 && c <= 0xffff) || c == 0x30fb || (c >= 0x200b && c <= 0x200f))
		return 0;
	return c;
}

struct folded fold(wc_arena *a, const char *s, size_t n)
{
	struct folded f = {wc_alloc(a, (n + 1) * sizeof *f.code), wc_alloc(a, (n + 1) * sizeof *f.at), wc_alloc(a, (n + 1) * sizeof *f.end), 0};
	unsigned      code;

	for (size_t i = 0, len; i < n; i += len) {
		len = decode(s + i, n - i, &code);
		if (!(f.code[f.n] = letter_of(code)))
			continue;
		f.at[f.n]    = i;
		f.end[f.n++] = i + len;
	}
	return f;
}

/* At most one letter missing, too many or wrong. */
static bool within_one(const unsigned *x, size_t n, const unsigned *y, size_t m)
{
	size_t same = 0, tail = 0;

	if (n > m + 1 || m > n + 1)
		return false;
	while (same < n && same < m && x[same] == y[same])
		same++;
	while (tail < n - same && tail < m - same && x[n - 1 - tail] == y[m - 1 - tail])
		tail++;
	return n - same - tail <= 1 && m - same - tail <= 1;
}

static bool alike(const unsigned *x, size_t n, const unsigned *y, size_t m)
{
	if (n == m && !memcmp(x, y, n * sizeof *x))
		return n > 0;
	return m >= 4 && within_one(x, n, y, m);
}

bool words_alike(wc_arena *a, const char *x, const char *y)
{
	struct folded f = fold(a, x, strlen(x)), g = fold(a, y, strlen(y));

	return alike(f.code, f.n, g.code, g.n);
}

/* The next word of a list, and moves the list on; NULL at its end. */
static const char *next_word(wc_arena *a, const char **list, const char *separators)
{
	while (**list) {
		size_t      n    = strcspn(*list, separators);
		const char *word = *list;
		size_t      len  = n;

		*list += n + ((*list)[n] != 0);
		wc_text_trim(&word, &len);
		if (len)
			return wc_strndup(a, word, len);
	}
	return NULL;
}

bool words_any(wc_arena *a, const char *list, const char *text)
{
	const char *word;

	if (strlen(text) > 64)     /* no command is so long */
		return false;
	while ((word = next_word(a, &list, "|")))
		if (words_alike(a, text, word))
			return true;
	return false;
}

static const char *rest_behind(wc_arena *a, const char *text, const struct folded *f, size_t k, bool *parted)
{
	size_t      from = f->end[k - 1], n;
	const char *rest = text + from;

	*parted = k < f->n && f->at[k] > from;
	rest    = k < f->n ? text + f->at[k] : "";
	n       = strlen(rest);
	wc_text_trim(&rest, &n);
	return wc_strndup(a, rest, n);
}

/* How many letters of the text stand for the word; 0: it begins otherwise. A forgiven slip must not eat from what follows, so a length at
 * which the text is parted is preferred. */
static size_t word_length(const struct folded *f, const struct folded *g)
{
	const size_t tries[] = {g->n, g->n - 1, g->n + 1};

	if (g->n && g->n <= f->n && !memcmp(f->code, g->code, g->n * sizeof *f->code))
		return g->n;
	if (g->n < 4)
		return 0;
	for (size_t i = 0; i < 3; i++) {
		size_t k = tries[i];

		if (k <= f->n && within_one(f->code, k, g->code, g->n) && (k == f->n || f->at[k] > f->end[k - 1]))
			return k;
	}
	return g->n <= f->n && within_one(f->code, g->n, g->code, g->n) ? g->n : 0;
}

bool words_begin(wc_arena *a, const char *list, const char *text, const char **rest, bool *parted)
{
	struct folded f = fold(a, text, strnlen(text, 256));
	const char   *word;

	while ((word = next_word(a, &list, "|"))) {
		struct folded g = fold(a, word, strlen(word));
		size_t        k = word_length(&f, &g);

		if (!k)
			continue;
		*rest = rest_behind(a, text, &f, k, parted);
		return true;
	}
	return false;
}

/* --- blocked words --------------------------------------------------------------------------------------------------- */

#define SEPARATORS ",|\n"

/* Whether a sentence or a line ends between the letters i and i + 1. */
static bool is_parted(const char *s, const struct folded *f, size_t i)
{
	static const char *const ends[] = {"。", "！", "？", "\n", "；"};
	const char              *gap    = s + f->end[i];
	size_t                   n      = f->at[i + 1] - f->end[i];

	for (size_t k = 0; n && k < sizeof ends / sizeof *ends; k++)
		if (memmem(gap, n, ends[k], strlen(ends[k])))
			return true;
	return false;
}

/* How many letters of the word stand at i, in one sentence. */
static size_t match_at(const char *s, const struct folded *f, size_t i, const struct folded *word)
{
	size_t k = 0;

	while (k < word->n && i + k < f->n && f->code[i + k] == word->code[k] && !(k && is_parted(s, f, i + k - 1)))
		k++;
	return k;
}

const char *blocked_word(wc_arena *a, const char *list, const char *s, size_t n)
{
	struct folded f = fold(a, s, n);
	const char   *word;

	while ((word = next_word(a, &list, SEPARATORS))) {
		struct folded g = fold(a, word, strlen(word));

		for (size_t i = 0; g.n && i + g.n <= f.n; i++)
			if (match_at(s, &f, i, &g) == g.n)
				return word;
	}
	return NULL;
}

/* Notes the letters to cover; gives how many letters may be shown while the text grows. */
static size_t mark(wc_arena *a, const char *list, const char *s, const struct folded *f, bool *covered)
{
	size_t      sure = f->n;
	const char *word;

	while ((word = next_word(a, &list, SEPARATORS))) {
		struct folded g = fold(a, word, strlen(word));

		for (size_t i = 0, k; g.n && i < f->n; i++) {
			k = match_at(s, f, i, &g);
			if (k == g.n)
				memset(covered + i, true, k * sizeof *covered);
			else if (k && i + k == f->n && i < sure)
				sure = i;
		}
	}
	return sure;
}

wc_slice blocked_cover(wc_arena *a, const char *list, const char *s, size_t n, bool growing)
{
	struct folded f       = fold(a, s, n);
	bool         *covered = wc_alloc(a, (f.n + 1) * sizeof *covered);
	size_t        sure    = mark(a, list, s, &f, covered), end = growing && sure < f.n ? f.at[sure] : n, at = 0;
	wc_buf       *b       = wc_buf_new(a, 4 * n + 16);

	for (size_t i = 0; i < f.n && f.at[i] < end; i++) {
		if (!covered[i])
			continue;
		wc_buf_add(b, s + at, f.at[i] - at);
		wc_buf_adds(b, "＊");
		at = f.end[i];
	}
	if (!at)
		return (wc_slice){s, end};
	wc_buf_add(b, s + at, end > at ? end - at : 0);
	return (wc_slice){b->s, b->len};
}
