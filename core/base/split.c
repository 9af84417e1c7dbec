/* Splitting Markdown at the best place before a limit. One look over the text up to the limit remembers the last place of each
 * kind; blocks (fenced code, tables) are passed over whole, and the one that crosses the limit is dealt with by itself. */
#include <wecomd/split.h>

#include <wecomd/text.h>

#include <stdbool.h>
#include <string.h>

#define WHOLE_MAX 4096     /* a longer link is none: no channel takes it, and looking for its end costs time at every '[' */

enum grade { CHARACTER, WORD, SENTENCE, LINE, PARAGRAPH, GRADES };

enum block_kind { NO_BLOCK, CODE, TABLE };

struct block {
	enum block_kind kind;
	size_t          start, end;     /* end: behind its last line */
	size_t          head;           /* bytes of the lines that a continued block begins with */
	size_t          fence;          /* CODE: length of the row of marks */
	char            mark;
};

struct look {
	const char  *s;
	size_t       n, limit;
	size_t       last[GRADES];      /* 0: none */
	struct block crossing;
};

static size_t line_end(const char *s, size_t n, size_t i)
{
	const char *nl = memchr(s + i, '\n', n - i);

	return nl ? (size_t)(nl - s) + 1 : n;
}

static size_t indent(const char *s, size_t end, size_t i)
{
	while (i < end && (s[i] == ' ' || s[i] == '\t' || s[i] == '>'))
		i++;
	return i;
}

static bool is_blank_line(const char *s, size_t start, size_t end)
{
	const char *p = s + start;
	size_t      n = end - start;

	wc_text_trim(&p, &n);
	return !n;
}

/* --- blocks ---------------------------------------------------------------------------------------------------------- */

/* The row of at least three marks that a line begins with; 0: none. */
static size_t fence_of(const char *s, size_t start, size_t end, char *mark)
{
	size_t i = indent(s, end, start), len = 0;

	if (i >= end || (s[i] != '`' && s[i] != '~'))
		return 0;
	for (*mark = s[i]; i + len < end && s[i + len] == *mark; len++)
		;
	if (len >= 3 && *mark == '`' && memchr(s + i + len, '`', end - i - len))
		return 0;     /* inline code that stands on a line of its own */
	return len >= 3 ? len : 0;
}

static size_t code_end(const char *s, size_t n, const struct block *b)
{
	char mark;

	for (size_t i = b->start + b->head; i < n; i = line_end(s, n, i)) {
		size_t end = line_end(s, n, i), len = fence_of(s, i, end, &mark), after = indent(s, end, i) + len;

		if (len >= b->fence && mark == b->mark && is_blank_line(s, after, end))
			return end;
	}
	return n;
}

/* "| --- | :-: |" */
static bool is_delimiter_row(const char *s, size_t start, size_t end)
{
	size_t i = indent(s, end, start), dashes = 0, bars = 0;

	for (; i < end; i++) {
		dashes += s[i] == '-';
		bars += s[i] == '|';
		if (!s[i] || !strchr("|-: \t\r\n", s[i]))
			return false;
	}
	return dashes && bars;
}

static bool has_bar(const char *s, size_t start, size_t end)
{
	return memchr(s + start, '|', end - start);
}

static size_t table_end(const char *s, size_t n, size_t i)
{
	while (i < n && has_bar(s, i, line_end(s, n, i)))
		i = line_end(s, n, i);
	return i;
}

/* The block whose first line begins at i, if one does. */
static struct block block_at(const char *s, size_t n, size_t i)
{
	struct block b   = {.start = i};
	size_t       end = line_end(s, n, i), next;

	if ((b.fence = fence_of(s, i, end, &b.mark))) {
		b.kind = CODE;
		b.head = end - i;
		b.end  = code_end(s, n, &b);
	} else if (end < n && has_bar(s, i, end) && is_delimiter_row(s, end, next = line_end(s, n, end))) {
		b.kind = TABLE;
		b.head = next - i;
		b.end  = table_end(s, n, next);
	}
	return b;
}

/* --- within a line --------------------------------------------------------------------------------------------------- */

static bool begins(const char *s, size_t i, size_t end, const char *with)
{
	size_t n = strlen(with);

	return end - i >= n && !memcmp(s + i, with, n);
}

/* Behind the "(…)" that stands at i; 0: there is none. */
static size_t target_end(const char *s, size_t i, size_t end)
{
	int depth = 0;

	for (; i < end && s[i] != '\n'; i++) {
		depth += s[i] == '(';
		depth -= s[i] == ')';
		if (!depth)
			return s[i] == ')' ? i + 1 : 0;
	}
	return 0;
}

/* "[text](target)" */
static size_t link_end(const char *s, size_t i, size_t end)
{
	int depth = 0;

	for (; i < end && s[i] != '\n'; i++) {
		depth += s[i] == '[';
		depth -= s[i] == ']';
		if (!depth)
			return i + 1 < end && s[i] == ']' && s[i + 1] == '(' ? target_end(s, i + 1, end) : 0;
	}
	return 0;
}

static size_t url_end(const char *s, size_t i, size_t end)
{
	if (!begins(s, i, end, "http://") && !begins(s, i, end, "https://"))
		return 0;
	while (i < end && s[i] > ' ' && s[i] < 0x7f && !strchr("<>\"`", s[i]))
		i++;
	return i;
}

static size_t inline_code_end(const char *s, size_t i, size_t end)
{
	size_t marks = 0, run;

	while (i + marks < end && s[i + marks] == '`')
		marks++;
	for (i += marks; i < end && s[i] != '\n'; i += run ? run : 1) {
		for (run = 0; i + run < end && s[i + run] == '`'; run++)
			;
		if (run == marks)
			return i + run;
	}
	return 0;
}

/* Behind what stands at i and must stay whole; 0: nothing such. */
static size_t whole_end(const char *s, size_t i, size_t end)
{
	switch (s[i]) {
	case '!':
		return i + 1 < end && s[i + 1] == '[' ? link_end(s, i + 1, end) : 0;
	case '[':
		return link_end(s, i, end);
	case '`':
		return inline_code_end(s, i, end);
	case 'h':
		return url_end(s, i, end);
	default:
		return 0;
	}
}

static size_t char_bytes(const char *s)
{
	unsigned char c = (unsigned char)*s;

	return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

/* What kind of place is behind the character at i of len bytes. */
static enum grade grade_behind(const char *s, size_t i, size_t len, size_t end)
{
	static const char *const ends[] = {"。", "！", "？", "；", "…"}, *const pauses[] = {"，", "、", "：", "　"};

	if (len == 1)
		return s[i] == ' ' || s[i] == '\t'                                                        ? WORD
		     : strchr(".!?;", s[i]) && i + 1 < end && (s[i + 1] == ' ' || s[i + 1] == '\n') ? SENTENCE
		                                                                                          : CHARACTER;
	for (size_t k = 0; k < sizeof ends / sizeof *ends; k++)
		if (begins(s, i, end, ends[k]))
			return SENTENCE;
	for (size_t k = 0; k < sizeof pauses / sizeof *pauses; k++)
		if (begins(s, i, end, pauses[k]))
			return WORD;
	return CHARACTER;
}

/* Looks through the line up to the limit. */
static void look_in_line(struct look *l, size_t i, size_t end)
{
	size_t whole, len;

	for (; i < end && i < l->limit; i += len) {
		whole = whole_end(l->s, i, end - i < WHOLE_MAX ? end : i + WHOLE_MAX);
		len   = whole ? whole - i : char_bytes(l->s + i);
		if (i + len > l->limit)
			return;
		l->last[whole ? CHARACTER : grade_behind(l->s, i, len, end)] = i + len;
	}
}

/* --- choosing -------------------------------------------------------------------------------------------------------- */

static void look_over(struct look *l)
{
	size_t i = 0, end;

	while (i < l->n && i < l->limit) {
		struct block b = block_at(l->s, l->n, i);

		if (b.kind && b.end > l->limit) {
			l->crossing = b;
			return;
		}
		end = b.kind ? b.end : line_end(l->s, l->n, i);
		if (!b.kind)
			look_in_line(l, i, end);
		if (end <= l->limit)
			l->last[is_blank_line(l->s, i, end) || (end < l->n && l->s[end] == '#') ? PARAGRAPH : LINE] = end;
		i = end;
	}
}

/* A better place is worth a shorter piece, up to a point. */
static size_t best_place(const struct look *l)
{
	static const size_t least[GRADES] = {[PARAGRAPH] = 2, [LINE] = 3, [SENTENCE] = 2, [WORD] = 2};
	size_t              longest       = 0;

	for (int g = PARAGRAPH; g > CHARACTER; g--)
		if (l->last[g] && l->last[g] >= l->limit / least[g])
			return l->last[g];
	for (int g = 0; g < GRADES; g++)
		if (l->last[g] > longest)
			longest = l->last[g];
	/* Nothing but one link or word that is longer than a message. */
	return longest ? longest : wc_utf8_cut(l->s, l->n, l->limit);
}

/* The last row of the block that ends by limit; 0: not even one behind the head does. */
static size_t last_row(const struct look *l, const struct block *b, size_t limit)
{
	size_t last = 0;

	for (size_t i = b->start + b->head; i < b->end; i = line_end(l->s, l->n, i)) {
		size_t end = line_end(l->s, l->n, i);

		if (end > limit)
			break;
		last = end;
	}
	return last;
}

/* Behind the line end at cut, when the cut is at the end of a row: what follows begins with a row then. */
static size_t behind_row(const struct look *l, size_t cut)
{
	if (l->s[cut - 1] != '\n') {
		cut += cut < l->n && l->s[cut] == '\r';
		cut += cut < l->n && l->s[cut] == '\n';
	}
	return cut;
}

/* Cuts within the block that crosses the limit, or before it when it is whole in the next piece. */
static size_t cut_block(struct look *l, wc_arena *a, size_t max, const char **closing, const char **opening)
{
	const struct block *b     = &l->crossing;
	size_t              size  = b->end - b->start, end_mark = b->kind == CODE ? b->fence + 1 : 0, cut;
	size_t              limit = l->limit > end_mark ? l->limit - end_mark : 0;

	if (b->start && (size <= max || b->start >= l->limit / 2))
		return b->start;
	cut = last_row(l, b, limit);
	if (!cut)
		cut = wc_utf8_cut(l->s, l->n, limit);
	/* A head with nothing behind it, or one that would fill half of each message, is not carried on. */
	if (cut <= b->start + b->head)
		return b->start ? b->start : cut;
	if (b->kind == TABLE)
		cut = behind_row(l, cut);
	if (b->kind == CODE)
		*closing = wc_printf(a, "%s%.*s", l->s[cut - 1] == '\n' ? "" : "\n", (int)b->fence, b->mark == '`' ? "``````````" : "~~~~~~~~~~");
	if (b->head <= max / 2 && b->fence <= 10 && cut < b->end)
		*opening = wc_strndup(a, l->s + b->start, b->head);
	return cut;
}

wc_splitter wc_split(const char *s, size_t n, size_t max)
{
	return (wc_splitter){s, n, max < WC_SPLIT_MIN ? WC_SPLIT_MIN : max, ""};
}

static void skip_breaks(wc_splitter *sp)
{
	while (sp->rest_n && (*sp->rest == '\n' || *sp->rest == '\r')) {
		sp->rest++;
		sp->rest_n--;
	}
}

static size_t without_blanks(const char *s, size_t n)
{
	while (n && (s[n - 1] == ' ' || (s[n - 1] >= '\t' && s[n - 1] <= '\r')))
		n--;
	return n;
}

/* By length: the text may hold any byte. */
static char *joined(wc_arena *a, const char *x, size_t x_n, const char *y, size_t y_n)
{
	char *s = wc_alloc(a, x_n + y_n + 1);

	memcpy(s, x, x_n);
	memcpy(s + x_n, y, y_n);
	return s;
}

static const char *next_piece(wc_splitter *sp, wc_arena *a, size_t *n)
{
	struct look l       = {.s = sp->rest, .n = sp->rest_n, .limit = sp->max};
	const char *closing = "", *opening = "", *text;
	size_t      cut, kept, head = strlen(sp->opening);
	bool        continued = head > 0;

	/* A block that is continued is looked at with its head before it, as the block that it is. */
	if (continued) {
		l.s = joined(a, sp->opening, head, sp->rest, sp->rest_n);
		l.n = head + sp->rest_n;
	}
	cut = l.n;
	if (l.n > l.limit) {
		look_over(&l);
		cut = l.crossing.kind ? cut_block(&l, a, sp->max, &closing, &opening) : best_place(&l);
		if (cut <= head)     /* no progress behind the head */
			cut = head + wc_utf8_cut(sp->rest, sp->rest_n, sp->max - head);
	}
	kept = *closing ? cut : without_blanks(l.s, cut);
	text = joined(a, l.s, kept, closing, strlen(closing));
	*n   = kept + strlen(closing);
	sp->rest += cut - head;
	sp->rest_n -= cut - head;
	sp->opening = opening;
	if (!*opening)
		skip_breaks(sp);
	return text;
}

const char *wc_split_next(wc_splitter *sp, wc_arena *a, size_t *n)
{
	const char *text, *before;

	/* Blanks that fill a message are none, nor is a table's head with nothing but blanks behind it. */
	do {
		before = sp->rest;
		if (is_blank_line(before, 0, sp->rest_n))
			return NULL;
		text = next_piece(sp, a, n);
	} while (is_blank_line(before, 0, (size_t)(sp->rest - before)));
	return text;
}
