/* cmark reads Markdown, libxml2 HTML, libcsv tables; here stands only where to cut. Every format becomes headings and paragraphs, and
 * those become chunks in one way. */
#include "chunk.h"

#include <wecomd/buf.h>
#include <wecomd/text.h>

#include <cmark.h>
#include <csv.h>
#include <libxml/HTMLparser.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LEVELS       6
#define PARTS_MAX    (64u << 20)
#define PAIR_MAX     (64u << 10)      /* of one field of a table */

/* --- the cutter ----------------------------------------------------------------------------------------------------- */

struct cutter {
	wc_arena     *a;
	const char   *heading[LEVELS];
	wc_buf       *piece;          /* what the next chunk holds so far */
	size_t        chars;          /* of it */
	bool          only_overlap;   /* of it: nothing new yet */
	struct chunk *list;
	size_t        count, room;
};

static struct chunk *new_chunk(struct cutter *c)
{
	if (c->count == c->room) {
		struct chunk *old = c->list;

		c->room = c->room ? 2 * c->room : 64;
		c->list = wc_alloc(c->a, c->room * sizeof *c->list);
		if (old)
			memcpy(c->list, old, c->count * sizeof *old);
	}
	return &c->list[c->count++];
}

static const char *heading_path(struct cutter *c)
{
	wc_buf *path = wc_buf_new(c->a, 1024);

	for (size_t i = 0; i < LEVELS; i++)
		if (c->heading[i] && path->len + strlen(c->heading[i]) + 3 < 1024)
			wc_buf_addf(path, "%s%s", path->len ? " > " : "", c->heading[i]);
	return path->s;
}

static const char *const sentence_ends[] = {"。", "！", "？", "；", "\n", ". ", "! ", "? ", "; "};
static const char *const phrase_ends[]   = {"，", "、", "：", ", ", ": ", " "};

/* How many bytes of s, at most n, end behind the last of the marks; 0: none. */
static size_t cut_behind(const char *s, size_t n, const char *const *marks, size_t mark_count)
{
	size_t best = 0;

	for (size_t m = 0; m < mark_count; m++) {
		size_t len = strlen(marks[m]);

		for (size_t at = n; at >= len && at > best; at--)
			if (!memcmp(s + at - len, marks[m], len))
				best = at;
	}
	return best;
}

static size_t bytes_of_chars(const char *s, size_t n, size_t chars)
{
	size_t i = 0;

	while (i < n && chars) {
		i++;
		while (i < n && ((unsigned char)s[i] & 0xC0) == 0x80)
			i++;
		chars--;
	}
	return i;
}

/* The part of a long paragraph that goes into one chunk. */
static size_t cut_of(const char *s, size_t n, size_t chars)
{
	size_t most = bytes_of_chars(s, n, chars), cut;

	if (most == n)
		return n;
	cut = cut_behind(s, most, sentence_ends, sizeof sentence_ends / sizeof *sentence_ends);
	if (cut < most / 4)
		cut = cut_behind(s, most, phrase_ends, sizeof phrase_ends / sizeof *phrase_ends);
	return cut < most / 4 ? most : cut;
}

/* The last sentence of a piece, where it is short. */
static const char *overlap_of(wc_arena *a, const char *s, size_t n)
{
	size_t from = cut_behind(s, n ? n - 1 : 0, sentence_ends, sizeof sentence_ends / sizeof *sentence_ends);

	while (from < n && strchr(" \n", s[from]))
		from++;
	return wc_utf8_count(s + from, n - from) <= CHUNK_OVERLAP && from ? wc_strndup(a, s + from, n - from) : NULL;
}

static void end_chunk(struct cutter *c, bool goes_on)
{
	const char *overlap = goes_on ? overlap_of(c->a, c->piece->s, c->piece->len) : NULL;

	if (c->chars && !c->only_overlap)
		*new_chunk(c) = (struct chunk){.heading = heading_path(c), .text = wc_strndup(c->a, c->piece->s, c->piece->len)};
	wc_buf_clear(c->piece);
	c->chars        = 0;
	c->only_overlap = overlap;
	if (overlap) {
		wc_buf_adds(c->piece, overlap);
		c->chars = wc_utf8_count(overlap, strlen(overlap));
	}
}

static void add_piece(struct cutter *c, const char *s, size_t n, bool same_paragraph)
{
	if (c->chars && !(same_paragraph && c->only_overlap))
		wc_buf_addc(c->piece, '\n');
	wc_buf_add(c->piece, s, n);
	c->chars += wc_utf8_count(s, n) + 1;
	c->only_overlap = false;
}

static void add_paragraph(struct cutter *c, const char *s, size_t n)
{
	bool first = true;

	wc_text_trim(&s, &n);
	if (c->chars && !c->only_overlap && c->chars + wc_utf8_count(s, n) > CHUNK_CHARS)
		end_chunk(c, true);
	while (n) {
		size_t cut = cut_of(s, n, c->chars < CHUNK_CHARS ? CHUNK_CHARS - c->chars : 1);

		add_piece(c, s, cut, !first);
		first = false;
		s += cut, n -= cut;
		if (n)
			end_chunk(c, true);
	}
}

static void set_heading(struct cutter *c, size_t level, const char *s, size_t n)
{
	end_chunk(c, false);
	wc_text_trim(&s, &n);
	c->heading[level] = n ? wc_strndup(c->a, s, wc_utf8_cut(s, n, 200)) : NULL;
	for (size_t i = level + 1; i < LEVELS; i++)
		c->heading[i] = NULL;
}

/* Paragraphs end at an empty line. */
static void add_text(struct cutter *c, const char *s, size_t n)
{
	while (n) {
		const char *gap = memmem(s, n, "\n\n", 2);
		size_t      len = gap ? (size_t)(gap - s) : n;

		add_paragraph(c, s, len);
		len += gap ? 2 : 0;
		s += len, n -= len;
	}
}

/* --- Markdown ------------------------------------------------------------------------------------------------------- */

/* What a node says, without its marks; a link keeps its address. */
static void add_said(wc_buf *words, cmark_node *node, cmark_event_type event)
{
	cmark_node_type type    = cmark_node_get_type(node);
	const char     *literal = cmark_node_get_literal(node);

	if (event == CMARK_EVENT_ENTER && type == CMARK_NODE_ITEM)
		wc_buf_adds(words, "- ");
	else if (event == CMARK_EVENT_ENTER && (type == CMARK_NODE_SOFTBREAK || type == CMARK_NODE_LINEBREAK))
		wc_buf_addc(words, '\n');
	else if (event == CMARK_EVENT_ENTER && literal && (type == CMARK_NODE_TEXT || type == CMARK_NODE_CODE || type == CMARK_NODE_CODE_BLOCK))
		wc_buf_adds(words, literal);
	else if (event == CMARK_EVENT_EXIT && type == CMARK_NODE_LINK)
		wc_buf_addf(words, " (%s)", cmark_node_get_url(node));
	else if (event == CMARK_EVENT_EXIT && type == CMARK_NODE_PARAGRAPH)
		wc_buf_addc(words, '\n');
}

static wc_buf *said_by(wc_arena *a, cmark_node *node)
{
	wc_buf          *words = wc_buf_new(a, PARTS_MAX);
	cmark_iter      *iter  = cmark_iter_new(node);
	cmark_event_type event;

	while ((event = cmark_iter_next(iter)) != CMARK_EVENT_DONE)
		add_said(words, cmark_iter_get_node(iter), event);
	cmark_iter_free(iter);
	return words;
}

static void add_node(struct cutter *c, cmark_node *node)
{
	wc_buf *words = said_by(c->a, node);

	if (cmark_node_get_type(node) == CMARK_NODE_HEADING)
		set_heading(c, (size_t)cmark_node_get_heading_level(node) - 1, words->s, words->len);
	else
		add_paragraph(c, words->s, words->len);
}

static void add_markdown(struct cutter *c, wc_slice bytes)
{
	cmark_node *root = cmark_parse_document(bytes.p, bytes.n, CMARK_OPT_DEFAULT);

	for (cmark_node *node = cmark_node_first_child(root); node; node = cmark_node_next(node))
		add_node(c, node);
	cmark_node_free(root);
}

/* --- HTML ----------------------------------------------------------------------------------------------------------- */

static const char *const blocks[] = {"address", "article", "blockquote", "body", "dd", "div", "dl", "dt", "footer", "header", "hr", "li", "main", "ol", "p",
                                     "pre", "section", "table", "tr", "ul", NULL};
static const char *const unread[] = {"script", "style", "head", "nav", "noscript", "template", "svg", "iframe", "object", "form", NULL};

static bool is_one_of(const char *name, const char *const *list)
{
	while (*list && strcasecmp(name, *list))
		list++;
	return *list;
}

static size_t heading_level(const char *name)
{
	return strlen(name) == 2 && (*name == 'h' || *name == 'H') && name[1] >= '1' && name[1] <= '6' ? (size_t)(name[1] - '0') : 0;
}

static void flush(struct cutter *c, wc_buf *words)
{
	add_paragraph(c, words->s, words->len);
	wc_buf_clear(words);
}

/* White space of any kind and length is one space, as a browser shows it. */
static void add_words(wc_buf *words, const char *s)
{
	for (; *s; s++)
		if (!strchr(" \t\r\n\f", *s))
			wc_buf_addc(words, *s);
		else if (words->len && words->s[words->len - 1] != ' ')
			wc_buf_addc(words, ' ');
}

static void walk(struct cutter *c, wc_buf *words, const xmlNode *node)
{
	for (; node; node = node->next) {
		const char *name  = (const char *)node->name;
		size_t      level = node->type == XML_ELEMENT_NODE ? heading_level(name) : 0;

		if (node->type == XML_TEXT_NODE)
			add_words(words, (const char *)node->content);
		if (node->type != XML_ELEMENT_NODE || is_one_of(name, unread))
			continue;
		if (level || is_one_of(name, blocks))
			flush(c, words);
		walk(c, words, node->children);
		if (level) {
			set_heading(c, level - 1, words->s, words->len);
			wc_buf_clear(words);
		} else if (is_one_of(name, blocks)) {
			flush(c, words);
		} else if (!strcasecmp(name, "br") || !strcasecmp(name, "td") || !strcasecmp(name, "th")) {
			wc_buf_addc(words, ' ');
		}
	}
}

static int add_html(struct cutter *c, wc_slice bytes, wc_err *e)
{
	int       options = HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NONET | HTML_PARSE_COMPACT;
	htmlDocPtr doc    = htmlReadMemory(bytes.p, (int)bytes.n, NULL, "UTF-8", options);
	wc_buf   *words   = wc_buf_new(c->a, PARTS_MAX);

	if (!doc)
		return wc_fail(e, WC_E_ARG, "the document is no HTML");
	walk(c, words, xmlDocGetRootElement(doc));
	flush(c, words);
	xmlFreeDoc(doc);
	return 0;
}

/* --- tables --------------------------------------------------------------------------------------------------------- */

enum column { QUESTION, ANSWER, CATEGORY, LABEL, COLUMNS };

static const char *const column_names[COLUMNS][4] = {
	{"question", "问题", "问法", NULL}, {"answer", "答案", "回答", NULL}, {"category", "分类", "类别", NULL}, {"id", "编号", "标识", NULL}};

#define FIELDS_MAX 64

struct table {
	struct cutter *c;
	int            column[COLUMNS];     /* its number in a line; -1: the table has none */
	const char    *field[FIELDS_MAX];
	int            fields;
	size_t         line;
	wc_err        *e;
	bool           failed;
};

static void on_field(void *p, size_t n, void *ctx)
{
	struct table *t = ctx;
	const char   *s = p;

	wc_text_trim(&s, &n);
	if (n > PAIR_MAX && !t->failed) {
		t->failed = true;
		wc_fail(t->e, WC_E_ARG, "line %zu has a field of over %u KiB", t->line + 1, PAIR_MAX >> 10);
	}
	if (t->fields < FIELDS_MAX && !t->failed)
		t->field[t->fields++] = wc_strndup(t->c->a, s, n);
}

static void read_head(struct table *t)
{
	for (int column = 0; column < COLUMNS; column++)
		for (int i = t->column[column] = -1, f = 0; f < t->fields && i < 0; f++)
			if (is_one_of(t->field[f], column_names[column]))
				t->column[column] = i = f;
	if (t->column[QUESTION] >= 0 && t->column[ANSWER] >= 0)
		return;
	t->failed = true;
	wc_fail(t->e, WC_E_ARG, "the head line must name the columns question and answer (问题, 答案)");
}

static const char *field_of(const struct table *t, enum column column)
{
	int i = t->column[column];

	return i >= 0 && i < t->fields && *t->field[i] ? t->field[i] : NULL;
}

static void read_pair(struct table *t)
{
	const char *question = field_of(t, QUESTION), *answer = field_of(t, ANSWER);

	if (!question && !answer)
		return;
	if (question && answer) {
		*new_chunk(t->c) = (struct chunk){.heading = "", .question = question, .text = answer, .category = field_of(t, CATEGORY), .label = field_of(t, LABEL)};
		return;
	}
	t->failed = true;
	wc_fail(t->e, WC_E_ARG, "line %zu has %s without %s", t->line, question ? "a question" : "an answer", question ? "an answer" : "a question");
}

static void on_line(int end, void *ctx)
{
	struct table *t = ctx;

	(void)end;
	t->line++;
	if (!t->failed && t->line == 1)
		read_head(t);
	else if (!t->failed)
		read_pair(t);
	t->fields = 0;
}

static int add_table(struct cutter *c, wc_slice bytes, wc_err *e)
{
	struct table      t = {.c = c, .e = e};
	struct csv_parser parser;

	csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI | CSV_APPEND_NULL);
	if (csv_parse(&parser, bytes.p, bytes.n, on_field, on_line, &t) != bytes.n || csv_fini(&parser, on_field, on_line, &t)) {
		if (!t.failed)
			wc_fail(e, WC_E_ARG, "line %zu is torn: %s", t.line + 1, csv_strerror(csv_error(&parser)));
		t.failed = true;
	}
	csv_free(&parser);
	if (!t.failed && !t.line)
		return wc_fail(e, WC_E_ARG, "the table is empty");
	return t.failed ? -1 : 0;
}

/* --- all ------------------------------------------------------------------------------------------------------------ */

doc_format doc_format_of(const char *name)
{
	static const struct { const char *end; doc_format format; } ends[] = {
		{".md", DOC_MARKDOWN}, {".markdown", DOC_MARKDOWN}, {".txt", DOC_TEXT}, {".htm", DOC_HTML}, {".html", DOC_HTML}, {".csv", DOC_CSV}};
	size_t n = strlen(name);

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
		if (n > strlen(ends[i].end) && !strcasecmp(name + n - strlen(ends[i].end), ends[i].end))
			return ends[i].format;
	return 0;
}

static int check_text(wc_slice *bytes, wc_err *e)
{
	const char *s = bytes->p;

	if (bytes->n >= 3 && !memcmp(s, "\xEF\xBB\xBF", 3))
		*bytes = (wc_slice){s + 3, bytes->n - 3};
	s = bytes->p;
	for (size_t at = 0, line = 1; at < bytes->n; line++) {
		const char *end = memchr(s + at, '\n', bytes->n - at);
		size_t      n   = end ? (size_t)(end - s) + 1 - at : bytes->n - at;

		if (!wc_utf8_valid(s + at, n) || memchr(s + at, 0, n))
			return wc_fail(e, WC_E_ARG, "line %zu is no UTF-8 text", line);
		at += n;
	}
	return 0;
}

int chunks_of(wc_arena *a, doc_format format, wc_slice bytes, struct chunk **list, size_t *count, wc_err *e)
{
	struct cutter c  = {.a = a, .piece = wc_buf_new(a, PARTS_MAX)};
	int           rc = check_text(&bytes, e);

	if (rc == 0 && format == DOC_CSV)
		rc = add_table(&c, bytes, e);
	else if (rc == 0 && format == DOC_HTML)
		rc = add_html(&c, bytes, e);
	else if (rc == 0 && format == DOC_MARKDOWN)
		add_markdown(&c, bytes);
	else if (rc == 0)
		add_text(&c, bytes.p, bytes.n);
	end_chunk(&c, false);
	*list  = c.list;
	*count = c.count;
	return rc;
}
