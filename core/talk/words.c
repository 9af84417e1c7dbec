/* Searching texts that are sealed: by keyed hashes of pairs of characters, in a FULLTEXT column.
 *
 * Chinese has no spaces, so the unit is the pair, also within Latin words: whatever stands together in a text is found by any stretch of it
 * of two characters or more. A search costs by how many messages hold a pair; of a question the rarest few are asked for, by a sample of
 * the newest messages, and where even the rarest is common the newest messages are simply gone through. What is found is opened and compared by
 * whoever shows it. */
#include "talk/parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORD       10          /* letters of a hash: 50 bits */
#define TEXT_MAX   20000       /* bytes of a text that are looked at */
#define SAMPLE     500         /* messages */
#define COMMON     50          /* of them: a pair that so many hold is not asked of the index */
#define PAIRS_MAX  24          /* of a question, that are ranked */
#define ASKED      4           /* pairs, the rarest */
#define GONE_MAX   20000       /* messages that are gone through at most */

/* --- characters ------------------------------------------------------------------------------------------------------- */

/* The next character of well-formed UTF-8. */
static uint32_t next_char(const char **p)
{
	const unsigned char *s = (const unsigned char *)*p;
	size_t               n = *s < 0x80 ? 1 : *s < 0xe0 ? 2 : *s < 0xf0 ? 3 : 4;
	uint32_t             c = n == 1 ? *s : *s & (0x7f >> n);

	for (size_t i = 1; i < n; i++)
		c = c << 6 | (s[i] & 0x3f);
	*p += n;
	return c;
}

/* As the search sees it: narrow and small; 0: it separates. */
static uint32_t folded(uint32_t c)
{
	if (c >= 0xff01 && c <= 0xff5e)
		c -= 0xfee0;
	if (c >= 'A' && c <= 'Z')
		c += 'a' - 'A';
	if (c < 0x80)
		return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ? c : 0;
	if ((c >= 0x80 && c <= 0xbf) || (c >= 0x2000 && c <= 0x206f) || (c >= 0x3000 && c <= 0x303f) || (c >= 0xff00 && c <= 0xff65))
		return 0;
	return c;
}

/* The folded characters, 0 where something separates; *n of them. */
static uint32_t *fold(wc_arena *a, const char *text, size_t *n)
{
	size_t      size = wc_utf8_cut(text, strlen(text), TEXT_MAX);
	uint32_t   *out  = wc_alloc(a, (size + 1) * sizeof *out);
	const char *end  = text + size;

	*n = 0;
	if (!wc_utf8_valid(text, size))
		return out;
	while (text < end) {
		uint32_t c = folded(next_char(&text));

		if (c || (*n && out[*n - 1]))
			out[(*n)++] = c;
	}
	return out;
}

/* --- pairs ------------------------------------------------------------------------------------------------------------ */

static const char *hash_of(wc_arena *a, uint32_t one, uint32_t two)
{
	static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";
	unsigned char     hash[WC_HASH_SIZE];
	char              pair[24], *word = wc_alloc(a, WORD + 1);
	uint64_t          bits = 0;

	snprintf(pair, sizeof pair, "%x.%x", one, two);
	wc_keyed_hash(hash, "talk.words", pair, NULL);
	memcpy(&bits, hash, 7);
	for (size_t i = 0; i < WORD; i++, bits >>= 5)
		word[i] = alphabet[bits & 31];
	return word;
}

struct pair {
	uint64_t both;
	size_t   place;
};

static int by_pair(const void *x, const void *y)
{
	const struct pair *p = x, *q = y;

	return p->both != q->both ? (p->both > q->both) - (p->both < q->both) : (p->place > q->place) - (p->place < q->place);
}

/* Each pair once, sorted. */
static struct pair *pairs_of(wc_arena *a, const char *text, size_t *n)
{
	size_t       chars, m = 0;
	uint32_t    *c   = fold(a, text, &chars);
	struct pair *all = wc_alloc(a, (chars + 1) * sizeof *all);

	for (size_t i = 0; i + 1 < chars; i++)
		if (c[i] && c[i + 1])
			all[m++] = (struct pair){(uint64_t)c[i] << 32 | c[i + 1], i};
	qsort(all, m, sizeof *all, by_pair);
	*n = 0;
	for (size_t i = 0; i < m && *n < WORDS_MAX; i++)
		if (!i || all[i].both != all[i - 1].both)
			all[(*n)++] = all[i];
	return all;
}

const char **words_of(wc_arena *a, const char *text, size_t *n)
{
	struct pair *all  = pairs_of(a, text, n);
	const char **list = wc_alloc(a, (*n + 1) * sizeof *list);

	for (size_t i = 0; i < *n; i++)
		list[i] = hash_of(a, (uint32_t)(all[i].both >> 32), (uint32_t)all[i].both);
	return list;
}

int words_add(wc_db *db, wc_arena *a, int64_t message, const char *text, wc_err *e)
{
	size_t       n    = 0;
	const char **list = text ? words_of(a, text, &n) : NULL;
	wc_buf      *all  = wc_buf_new(a, WORDS_MAX * (WORD + 1) + 1);

	for (size_t i = 0; i < n; i++) {
		wc_buf_adds(all, i ? " " : "");
		wc_buf_adds(all, list[i]);
	}
	return n ? (wc_db_exec(db, e, "INSERT IGNORE INTO message_words (message, words) VALUES (?, ?)", wc_int(message), wc_text(all->s)) < 0 ? -1 : 0) : 0;
}

/* Each stretch of letters in q stands somewhere in text. */
bool words_hold(wc_arena *a, const char *text, const char *q)
{
	size_t    n, m;
	uint32_t *t = fold(a, text, &n), *w = fold(a, q, &m);

	for (size_t from = 0, to; from < m; from = to + 1) {
		bool found = false;

		for (to = from; to < m && w[to];)
			to++;
		for (size_t i = 0; i + (to - from) <= n && !found; i++)
			found = !memcmp(t + i, w + from, (to - from) * sizeof *t);
		if (!found && to > from)
			return false;
	}
	return true;
}

/* --- asking ----------------------------------------------------------------------------------------------------------- */

struct rare {
	const char *word;
	size_t      seen;
};

static int by_seen(const void *x, const void *y)
{
	const struct rare *p = x, *q = y;

	return (p->seen > q->seen) - (p->seen < q->seen);
}

/* The words of q with how many of the newest messages hold each, the rarest first. */
static struct rare *rank(wc_arena *a, const char *q, size_t *n, wc_err *e)
{
	const char **list = words_of(a, q, n);
	struct rare *rare = wc_alloc(a, (*n + 1) * sizeof *rare);
	wc_rows      sample;

	*n = *n < PAIRS_MAX ? *n : PAIRS_MAX;
	if (wc_db_query(NULL, a, &sample, e, "SELECT LEFT(words, 5000) FROM message_words ORDER BY message DESC LIMIT ?", wc_int(SAMPLE)) < 0)
		return NULL;
	for (size_t i = 0; i < *n; i++) {
		rare[i].word = list[i];
		for (size_t r = 0; r < sample.n; r++)
			rare[i].seen += strstr(wc_row_text(&sample, r, 0), list[i]) != NULL;
	}
	qsort(rare, *n, sizeof *rare, by_seen);
	return rare;
}

static int ask_index(wc_arena *a, const struct rare *rare, size_t n, int64_t before, int64_t limit, wc_rows *rows, wc_err *e)
{
	wc_buf *ask = wc_buf_new(a, 256);

	for (size_t i = 0; i < n && i < ASKED && (!i || rare[i].seen < COMMON); i++) {
		wc_buf_adds(ask, i ? " +" : "+");
		wc_buf_adds(ask, rare[i].word);
	}
	return wc_db_query(NULL, a, rows, e,
	                   "SELECT message FROM message_words WHERE MATCH (words) AGAINST (? IN BOOLEAN MODE) AND message < ? ORDER BY message DESC LIMIT ?",
	                   wc_text(ask->s), wc_int(before), wc_int(limit));
}

static int go_through(wc_arena *a, const struct rare *rare, int64_t before, int64_t limit, wc_rows *rows, wc_err *e)
{
	return wc_db_query(NULL, a, rows, e,
	                   "SELECT message FROM (SELECT message, words FROM message_words WHERE message < ? ORDER BY message DESC LIMIT ?) newest"
	                   " WHERE LOCATE(?, words) ORDER BY message DESC LIMIT ?",
	                   wc_int(before), wc_int(GONE_MAX), wc_text(rare[0].word), wc_int(limit));
}

int words_find(wc_arena *a, const char *q, int64_t before, int64_t limit, wc_rows *rows, wc_err *e)
{
	size_t       n;
	struct rare *rare = rank(a, q, &n, e);

	*rows = (wc_rows){0};
	if (!rare || !n)
		return rare ? 0 : -1;
	if (rare[0].seen >= COMMON && (go_through(a, rare, before, limit, rows, e) < 0 || (int64_t)rows->n == limit))
		return (int64_t)rows->n == limit ? 0 : -1;
	return ask_index(a, rare, n, before, limit, rows, e);
}
