/* Markdown as a person reads it in WeChat, which shows plain text: marks go, links keep their addresses, tables become lines. */
#include "kf.h"

#include <string.h>

static bool begins(const char *s, size_t n, const char *with)
{
	size_t w = strlen(with);

	return n >= w && !memcmp(s, with, w);
}

static bool is_rule(const char *s, size_t n)
{
	size_t marks = 0;

	for (size_t i = 0; i < n; i++) {
		if (s[i] != ' ' && s[i] != *s)
			return false;
		marks += s[i] == *s;
	}
	return marks >= 3 && strchr("-*_", *s);
}

/* "|---|:--:|" */
static bool is_table_rule(const char *s, size_t n)
{
	size_t dashes = 0;

	for (size_t i = 0; i < n; i++) {
		if (!strchr("|-: ", s[i]))
			return false;
		dashes += s[i] == '-';
	}
	return dashes >= 3 && memchr(s, '|', n);
}

/* --- within a line ---------------------------------------------------------------------------------------------------- */

static size_t position(const char *s, size_t n, size_t from, char c)
{
	const char *at = from < n ? memchr(s + from, c, n - from) : NULL;

	return at ? (size_t)(at - s) : n;
}

/* "[text](address)" at s: what it takes, 0 when it is none. */
static size_t add_link(wc_buf *out, const char *s, size_t n)
{
	size_t close = position(s, n, 1, ']'), end = position(s, n, close, ')'), url, url_n;

	if (close + 1 >= n || s[close + 1] != '(' || end == n)
		return 0;
	url   = close + 2;
	url_n = position(s, end, url, ' ') - url;     /* a title may stand behind it */
	wc_buf_add(out, s + 1, close - 1);
	if (url_n && (close - 1 != url_n || memcmp(s + 1, s + url, url_n))) {
		if (close > 1)
			wc_buf_addc(out, ' ');
		wc_buf_add(out, s + url, url_n);
		wc_buf_addc(out, ' ');
	}
	return end + 1;
}

static bool is_word(char c)
{
	return (unsigned char)c >= 0x80 || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* How many bytes of marks stand at s[i]: **, __ and ~~ always, a single * only around words, a backquote always. */
static size_t mark_at(const char *s, size_t n, size_t i)
{
	if (i + 1 < n && s[i] == s[i + 1] && (s[i] == '*' || s[i] == '_' || s[i] == '~'))
		return s[i] == '_' && i && i + 2 < n && is_word(s[i - 1]) && is_word(s[i + 2]) ? 0 : 2;
	if (s[i] == '`')
		return 1;
	if (s[i] == '*' && ((i + 1 < n && s[i + 1] != ' ') || (i && s[i - 1] != ' ')))
		return !(i && i + 1 < n && s[i - 1] >= '0' && s[i - 1] <= '9' && s[i + 1] >= '0' && s[i + 1] <= '9');
	return 0;
}

static void add_line(wc_buf *out, const char *s, size_t n)
{
	for (size_t i = 0, took; i < n; i += took) {
		took = 1;
		if (s[i] == '\\' && i + 1 < n && strchr("\\`*_{}[]()#+-.!|~>", s[i + 1])) {
			wc_buf_addc(out, s[i + 1]);
			took = 2;
		} else if (s[i] == '!' && i + 1 < n && s[i + 1] == '[' && (took = add_link(out, s + i + 1, n - i - 1))) {
			took++;
		} else if (s[i] == '[' && (took = add_link(out, s + i, n - i))) {
			;
		} else if ((took = mark_at(s, n, i))) {
			;
		} else {
			wc_buf_addc(out, s[i]);
			took = 1;
		}
	}
}

static void add_row(wc_buf *out, const char *s, size_t n)
{
	bool first = true;

	for (size_t i = 0, end; i < n; i = end + 1) {
		const char *cell = s + i;
		size_t      cell_n;

		end    = position(s, n, i, '|');
		cell_n = end - i;
		wc_text_trim(&cell, &cell_n);
		if (!cell_n)
			continue;
		if (!first)
			wc_buf_adds(out, "  ");
		add_line(out, cell, cell_n);
		first = false;
	}
}

/* --- lines ------------------------------------------------------------------------------------------------------------ */

static void add_block(wc_buf *out, const char *s, size_t n)
{
	size_t indent = strspn(s, " ");

	indent = indent < n ? indent : n;
	while (begins(s + indent, n - indent, "> "))
		s += indent + 2, n -= indent + 2, indent = 0;
	if (n - indent && s[indent] == '|') {
		if (!is_table_rule(s, n))
			add_row(out, s + indent, n - indent);
		return;
	}
	if (is_rule(s + indent, n - indent))
		return;
	if (n - indent && s[indent] == '#') {
		size_t marks = strspn(s + indent, "#");

		if (marks <= 6 && indent + marks < n && s[indent + marks] == ' ') {
			add_line(out, s + indent + marks + 1, n - indent - marks - 1);
			return;
		}
	}
	wc_buf_add(out, s, indent);
	s += indent, n -= indent;
	if (begins(s, n, "- ") || begins(s, n, "* ") || begins(s, n, "+ ")) {
		wc_buf_adds(out, "· ");
		s += 2, n -= 2;
	}
	add_line(out, s, n);
}

static bool is_dropped(const char *s, size_t n)
{
	size_t indent = strspn(s, " ");

	return indent < n && (is_rule(s + indent, n - indent) || is_table_rule(s, n));
}

const char *plain_text(wc_arena *a, const char *markdown)
{
	wc_buf     *out  = wc_buf_new(a, 2 * strlen(markdown) + 16);
	bool        code = false;
	const char *text;
	size_t      n;

	for (const char *s = markdown, *end; *s; s = *end ? end + 1 : end) {
		const char *line = s;
		size_t      line_n;

		end = s + strcspn(s, "\n");
		line_n = (size_t)(end - s);
		if (line_n && line[line_n - 1] == '\r')
			line_n--;
		if (begins(line + strspn(line, " "), line_n > strspn(line, " ") ? line_n - strspn(line, " ") : 0, "```")) {
			code = !code;
			continue;
		}
		if (code)
			wc_buf_add(out, line, line_n);
		else if (is_dropped(line, line_n))
			continue;
		else
			add_block(out, line, line_n);
		if (*end)
			wc_buf_addc(out, '\n');
	}
	text = out->s;
	n    = out->len;
	wc_text_trim(&text, &n);
	return wc_strndup(a, text, n);
}
