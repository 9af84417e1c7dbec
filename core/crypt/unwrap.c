/* Finds the ciphertext in a callback's body. The body is hostile and not yet covered by any signature: the XML reader
 * takes no document type (so no entities), no deep nesting, and one Encrypt that is a child of the root. */
#include "crypt/xml.h"

#include <wecomd/buf.h>
#include <wecomd/json.h>

#include <limits.h>
#include <string.h>

#define DEPTH_MAX 16

struct reader {
	XML_Parser  parser;
	wc_buf     *encrypt;
	int         depth;          /* 1 inside the root */
	bool        inside;         /* Encrypt is open */
	bool        found;
	const char *refused;        /* why the reader stopped; NULL: it did not */
};

static void refuse(struct reader *r, const char *why)
{
	r->refused = why;
	XML_StopParser(r->parser, XML_FALSE);
}

static void XMLCALL on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
	struct reader *r       = arg;
	bool           encrypt = ++r->depth == 2 && !strcmp(name, "Encrypt");

	(void)attributes;
	if (r->depth > DEPTH_MAX)
		refuse(r, "it is nested too deep");
	else if (r->inside)
		refuse(r, "Encrypt holds an element");
	else if (encrypt && r->found)
		refuse(r, "there is more than one Encrypt");
	else if (encrypt)
		r->inside = r->found = true;
}

static void XMLCALL on_end(void *arg, const XML_Char *name)
{
	struct reader *r = arg;

	(void)name;
	if (r->depth-- == 2)
		r->inside = false;
}

static void XMLCALL on_text(void *arg, const XML_Char *s, int n)
{
	struct reader *r = arg;

	if (r->inside)
		wc_buf_add(r->encrypt, s, (size_t)n);
}

static void XMLCALL on_doctype(void *arg, const XML_Char *name, const XML_Char *system, const XML_Char *public, int subset)
{
	(void)name, (void)system, (void)public, (void)subset;
	refuse(arg, "it has a document type");
}

static int from_xml(wc_arena *a, wc_slice body, wc_slice *encrypt, wc_err *e)
{
	struct reader r     = {.encrypt = wc_buf_new(a, body.n)};
	wc_slice      clean = xml_without_controls(a, body);
	bool          ok;

	r.parser = xml_parser(&r, on_start, on_end, on_text, on_doctype);
	ok       = XML_Parse(r.parser, clean.p, (int)clean.n, 1) == XML_STATUS_OK;
	XML_ParserFree(r.parser);
	if (r.refused)
		return wc_fail(e, WC_E_ARG, "the XML body is refused: %s", r.refused);
	if (!ok)
		return wc_fail(e, WC_E_ARG, "the body is not well-formed XML");
	*encrypt = (wc_slice){r.encrypt->s, r.encrypt->len};
	return 0;
}

static wc_slice without_leading_blanks(wc_slice s)
{
	for (; s.n && strchr(" \t\r\n", *s.p) && *s.p; s.p++)
		s.n--;
	return s;
}

/* Takes the text from the beginning of *s, and the blanks behind it. */
static bool takes(wc_slice *s, const char *text)
{
	size_t n = strlen(text);

	if (s->n < n || memcmp(s->p, text, n))
		return false;
	*s = without_leading_blanks((wc_slice){s->p + n, s->n - n});
	return true;
}

/* {"encrypt":"…"} and nothing else, without escapes, as nearly every callback comes: a fifth of the time of a whole callback's code went into
 * reading this as JSON. What looks different in any way is for the real reader. */
static bool is_bare(wc_slice s, wc_slice *encrypt)
{
	size_t n = 0;

	if (!takes(&s, "{") || !(takes(&s, "\"encrypt\"") || takes(&s, "\"Encrypt\"")) || !takes(&s, ":") || !s.n || *s.p != '"')
		return false;
	s.p++;
	s.n--;
	while (n < s.n && s.p[n] >= ' ' && s.p[n] <= '~' && s.p[n] != '"' && s.p[n] != '\\')
		n++;
	*encrypt = (wc_slice){s.p, n};
	s        = (wc_slice){s.p + n, s.n - n};
	return takes(&s, "\"") && takes(&s, "}") && !s.n;
}

static int from_json(wc_arena *a, wc_slice body, wc_slice *encrypt, wc_err *e)
{
	const json_t *root, *value;

	if (is_bare(body, encrypt))
		return 0;
	if (!(root = wc_json_parse(a, body.p, body.n, e)))
		return wc_wrap(e, "the body");
	value = json_object_get(root, "encrypt");
	if (!value)
		value = json_object_get(root, "Encrypt");
	*encrypt = (wc_slice){json_string_value(value), json_string_length(value)};
	return 0;
}

int wc_envelope_unwrap(wc_arena *a, wc_slice body, wc_slice *encrypt, bool *is_xml, wc_err *e)
{
	wc_slice found;
	char     first;

	body  = without_leading_blanks(body);
	first = body.n ? *body.p : 0;
	if (first != '<' && first != '{')
		return wc_fail(e, WC_E_ARG, "the body is neither XML nor JSON");
	if (body.n > INT_MAX)
		return wc_fail(e, WC_E_ARG, "the body is too long");
	if ((first == '<' ? from_xml : from_json)(a, body, &found, e) < 0)
		return -1;
	if (!found.n)
		return wc_fail(e, WC_E_ARG, "the body has no Encrypt");
	*encrypt = found;
	*is_xml  = first == '<';
	return 0;
}
