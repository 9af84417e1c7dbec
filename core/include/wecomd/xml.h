/* The XML of WeCom's callbacks, once decrypted: events of apps, customer contact, kf and the archive. */
#pragma once

#include <stddef.h>

#include <wecomd/arena.h>
#include <wecomd/envelope.h>
#include <wecomd/err.h>
#include <wecomd/json.h>

#define WC_XML_MAX   (1u << 20)     /* bytes of a document */
#define WC_XML_DEPTH 16             /* elements in each other, with the root */
#define WC_XML_COUNT 10000          /* elements */

/* What stands in the root, whatever it is called, as an object that the arena keeps: an element that holds no other is its text, as it
 * stands; one that holds others is an object of them, and text between them is dropped. Of several with one name in one element the
 * member is an array, in their order. Attributes, comments and instructions count for nothing; control characters, which XML does not
 * know and members can type, are dropped. A document type (and with it every entity of its own), more than the bounds above, or
 * what is not well-formed UTF-8 XML is WC_E_ARG. All numbers come as text. */
int wc_xml_fields(wc_arena *a, wc_slice xml, json_t **fields, wc_err *e);

/* The text at a path ("MemChangeList.Item"), "" where there is none; of several the first. */
const char *wc_xml_text(const json_t *fields, const char *path);

/* How many elements stand at a path, and the text of one of them: the same for none, one and several. "" behind the last. */
size_t      wc_xml_count(const json_t *fields, const char *path);
const char *wc_xml_item(const json_t *fields, const char *path, size_t i);
