/* What the two readers of XML in this folder share. Private to core/crypt; the only users of expat. */
#pragma once

#include <wecomd/envelope.h>

#include <expat.h>

/* A copy without control characters: members can type them, WeCom passes them on inside CDATA, and XML does not know them. */
wc_slice xml_without_controls(wc_arena *a, wc_slice body);

/* UTF-8 whatever the declaration says: WeCom sends nothing else, and another encoding could hide bytes from the filter. Out of memory ends
 * the process. on_doctype is called with arg before anything of a document type is read. */
XML_Parser xml_parser(void *arg, XML_StartElementHandler on_start, XML_EndElementHandler on_end, XML_CharacterDataHandler on_text,
                      XML_StartDoctypeDeclHandler on_doctype);
