/* Decrypted callbacks in XML, as an object of texts. Who signed is known by now, but what members typed is in it: no document type, and
 * depth, length and number of elements have bounds. */
#include "crypt/xml.h"

#include <wecomd/buf.h>
#include <wecomd/text.h>
#include <wecomd/xml.h>

#include <stdlib.h>
#include <string.h>

wc_slice xml_without_controls(wc_arena *a, wc_slice body)
{
	char  *copy = wc_alloc(a, body.n);
	size_t n    = 0;

	for (size_t i = 0; i < body.n; i++) {
		unsigned char c = (unsigned char)body.p[i];

		if (c >= 0x20 || c == '\t' || c == '\n' || c == '\r')
			copy[n++] = (char)c;
	}
	return (wc_slice){copy, n};
}

XML_Parser xml_parser(void *arg, XML_StartElementHandler on_start, XML_EndElementHandler on_end, XML_CharacterDataHandler on_text,
                      XML_StartDoctypeDeclHandler on_doctype)
{
	static const XML_Memory_Handling_Suite memory = {wc_xalloc, wc_xrealloc, free};
	XML_Parser parser = XML_ParserCreate_MM("UTF-8", &memory, NULL);

	XML_SetUserData(parser, arg);
	XML_SetElementHandler(parser, on_start, on_end);
	XML_SetCharacterDataHandler(parser, on_text);
	XML_SetStartDoctypeDeclHandler(parser, on_doctype);
	return parser;
}

/* An element that is open. It becomes an object with its first child; until then, and perhaps for ever, it is a text. */
struct open_element {
	const char *name;
	json_t     *object;     /* in its parent already; NULL: none yet */
	wc_buf     *text;
};

struct reader {
	XML_Parser          parser;
	wc_arena           *a;
	size_t              max;
	int                 depth;                   /* 1 inside the root */
	int                 count;
	struct open_element open[WC_XML_DEPTH + 2];  /* open[1] is the root; the last is for one that is refused */
	const char         *refused;                 /* why the reader stopped; NULL: it did not */
};

static void refuse(struct reader *r, const char *why)
{
	r->refused = why;
	XML_StopParser(r->parser, XML_FALSE);
}

/* Beside one of the same name the member becomes an array. An array is never an element's own value, so it cannot be mistaken. */
static void add_to(json_t *parent, const char *name, json_t *value /* taken */)
{
	json_t *before = json_object_get(parent, name);

	if (!before)
		json_object_set_new(parent, name, value);
	else if (json_is_array(before))
		json_array_append_new(before, value);
	else
		json_object_set_new(parent, name, json_pack("[O, o]", before, value));
}

static void become_object(struct open_element *parent, struct open_element *element)
{
	if (element->object)
		return;
	element->object = json_object();
	add_to(parent->object, element->name, element->object);
}

static void XMLCALL on_start(void *arg, const XML_Char *name, const XML_Char **attributes)
{
	struct reader       *r = arg;
	struct open_element *element;

	(void)attributes;
	if (++r->depth > WC_XML_DEPTH) {
		refuse(r, "it is nested too deep");
		return;
	}
	if (++r->count > WC_XML_COUNT) {
		refuse(r, "it has too many elements");
		return;
	}
	element = &r->open[r->depth];
	if (r->depth == 1)
		return;     /* the root is an object from the beginning */
	if (r->depth > 2)
		become_object(element - 2, element - 1);
	element->name   = wc_strdup(r->a, name);
	element->object = NULL;
	if (!element->text)
		element->text = wc_buf_new(r->a, r->max);
	wc_buf_clear(element->text);
}

static void XMLCALL on_end(void *arg, const XML_Char *name)
{
	struct reader       *r       = arg;
	struct open_element *element = &r->open[r->depth--];
	json_t              *text;

	(void)name;
	if (r->refused || element == &r->open[1] || element->object)
		return;     /* an empty element ends even after it was refused */
	text = json_stringn(element->text->s, element->text->len);
	if (text)
		add_to(element[-1].object, element->name, text);
	else
		refuse(r, "a text is not UTF-8");
}

static void XMLCALL on_text(void *arg, const XML_Char *s, int n)
{
	struct reader *r = arg;

	if (!r->refused && r->depth > 1)
		wc_buf_add(r->open[r->depth].text, s, (size_t)n);
}

static void XMLCALL on_doctype(void *arg, const XML_Char *name, const XML_Char *system, const XML_Char *public, int subset)
{
	(void)name, (void)system, (void)public, (void)subset;
	refuse(arg, "it has a document type");
}

int wc_xml_fields(wc_arena *a, wc_slice xml, json_t **fields, wc_err *e)
{
	struct reader r = {.a = a, .max = xml.n};
	wc_slice      clean;
	bool          ok;

	if (xml.n > WC_XML_MAX)
		return wc_fail(e, WC_E_ARG, "the XML has more than %u bytes", WC_XML_MAX);
	clean            = xml_without_controls(a, xml);
	r.open[1].object = wc_json(a, "{}");
	r.parser         = xml_parser(&r, on_start, on_end, on_text, on_doctype);
	ok               = XML_Parse(r.parser, clean.p, (int)clean.n, 1) == XML_STATUS_OK;
	XML_ParserFree(r.parser);
	if (r.refused)
		return wc_fail(e, WC_E_ARG, "the XML is refused: %s", r.refused);
	if (!ok)
		return wc_fail(e, WC_E_ARG, "not well-formed XML");
	*fields = r.open[1].object;
	return 0;
}

size_t wc_xml_count(const json_t *fields, const char *path)
{
	const json_t *at = wc_json_at(fields, path);

	return json_is_array(at) ? json_array_size(at) : at != NULL;
}

const char *wc_xml_item(const json_t *fields, const char *path, size_t i)
{
	const json_t *at   = wc_json_at(fields, path);
	const char   *text = json_string_value(json_is_array(at) ? json_array_get(at, i) : i ? NULL : at);

	return text ? text : "";
}

const char *wc_xml_text(const json_t *fields, const char *path)
{
	return wc_xml_item(fields, path, 0);
}
